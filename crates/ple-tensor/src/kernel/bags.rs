//! Bags of rows: weighted rows of a table, summed for each row of the batch.
//!
//! A row of the batch may have some hundred elements, so the sum stays in registers and the rows of the elements that
//! follow are asked for ahead. Elements are added in their order, one after the other, whatever the instruction set.

use std::ops::Range;

use super::gather::Rows;
use super::instruction_set::multiversion;
use super::prefetch::{ROWS_AHEAD, prefetch};

/// How the embeddings of a sequence become one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pooling {
    /// `Σ wᵢ eᵢ / Σ wᵢ`, all weights 1 where none are given; zero for an empty sequence, and where all weights are zero.
    /// Weights of any size that 32 bits hold give their shares, whether or not their sum overflows.
    Mean,
    /// `Σ wᵢ eᵢ`.
    Sum,
}

/// The elements of each row of a batch.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Bags<'a> {
    /// `[batch + 1]`: the elements of row r are `offsets[r]..offsets[r + 1]`.
    pub(crate) offsets: &'a [u32],
    /// The elements' ids.
    pub(crate) ids: &'a [u32],
    /// The elements' weights, 1 without.
    pub(crate) weights: Option<&'a [f32]>,
    pub(crate) pooling: Pooling,
    /// The id of elements that do not count.
    pub(crate) padding: Option<u32>,
}

impl<'a> Bags<'a> {
    /// The largest id that counts among the elements of some rows.
    pub(crate) fn largest_id(&self, rows: Range<usize>) -> Option<u32> {
        let ids = &self.ids[self.offsets[rows.start] as usize..self.offsets[rows.end] as usize];
        match self.padding {
            None => ids.iter().max().copied(),
            Some(padding) => ids.iter().filter(|id| **id != padding).max().copied(),
        }
    }

    /// The elements of a row, with the number, the id and the factor of each that counts.
    ///
    /// An iterator rather than a function to be called back, whose code would not be compiled for the instruction set of
    /// the caller.
    #[inline(always)]
    pub(super) fn elements(self, row: usize) -> impl Iterator<Item = (usize, u32, f32)> + 'a {
        let elements = self.offsets[row] as usize..self.offsets[row + 1] as usize;
        let ids = &self.ids[elements.clone()];
        let weights = self.weights.map(|weights| &weights[elements.clone()]);
        let counts = move |id: u32| Some(id) != self.padding;
        let (unit, total) = match weights {
            _ if self.pooling == Pooling::Sum => (1.0, 1.0),
            None => (1.0, ids.iter().filter(|id| counts(**id)).count() as f32),
            Some(weights) => {
                let counted = ids.iter().zip(weights).filter(move |(id, _)| counts(**id));
                let sum = |unit: f32| counted.clone().map(|(_, weight)| weight * unit).sum::<f32>();
                let total = sum(1.0);
                match unit_of(total) {
                    1.0 => (1.0, total),
                    unit => (unit, sum(unit)),
                }
            }
        };
        let scale = if total == 0.0 { 0.0 } else { 1.0 / total };
        let counted = ids.iter().enumerate().filter(move |(_, id)| counts(**id));
        counted.map(move |(position, &id)| {
            let weight = weights.map_or(1.0, |weights| weights[position]);
            (elements.start + position, id, weight * unit * scale)
        })
    }
}

/// The power of two that weights are multiplied by before their shares are taken: 1, unless their sum is so large or so
/// small that it, or its inverse, would be no normal number. Shares do not depend on it, and a power of two changes no bit
/// of what is a normal number before and after.
#[inline(always)]
fn unit_of(total: f32) -> f32 {
    const LARGE: f32 = 1e30;
    const SMALL: f32 = 1e-30;
    const UP: f32 = (1_u128 << 100) as f32;
    match total.abs() {
        magnitude if magnitude > LARGE => 1.0 / UP,
        magnitude if magnitude < SMALL => UP,
        _ => 1.0,
    }
}

multiversion! {
    /// Writes the pooled rows of the bags from `first` on into the columns from `column` on of the rows of `out`, which
    /// are `width` values long.
    ///
    /// # Panics
    /// If an id has no row.
    pub(crate) fn pool(bags: Bags<'_>, table: Rows<'_>, first: usize, out: &mut [f32], width: usize, column: usize) {
        match table.dim {
            8 => pool_fixed::<8>(bags, table, first, out, width, column),
            16 => pool_fixed::<16>(bags, table, first, out, width, column),
            32 => pool_fixed::<32>(bags, table, first, out, width, column),
            64 => pool_fixed::<64>(bags, table, first, out, width, column),
            dim => {
                for (i, out) in out.chunks_exact_mut(width).enumerate() {
                    let out = &mut out[column..column + dim];
                    out.fill(0.0);
                    for (_, id, factor) in bags.elements(first + i) {
                        let row = &table.values[id as usize * table.stride..][..dim];
                        out.iter_mut().zip(row).for_each(|(out, value)| *out += factor * value);
                    }
                }
            }
        }
    }
}

/// A sum whose length the compiler knows stays in registers.
#[inline(always)]
fn pool_fixed<const DIM: usize>(
    bags: Bags<'_>,
    table: Rows<'_>,
    first: usize,
    out: &mut [f32],
    width: usize,
    column: usize,
) {
    for (i, out) in out.chunks_exact_mut(width).enumerate() {
        let mut sum = [0.0; DIM];
        for (element, id, factor) in bags.elements(first + i) {
            if let Some(&ahead) = bags.ids.get(element + ROWS_AHEAD) {
                prefetch(table.values, ahead as usize * table.stride, DIM);
            }
            if let Some(row) = table.values[id as usize * table.stride..].first_chunk::<DIM>() {
                for lane in 0..DIM {
                    sum[lane] += factor * row[lane];
                }
            }
        }
        out[column..column + DIM].copy_from_slice(&sum);
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::{Bags, Pooling, pool};
    use crate::gradients::RowGradients;
    use crate::kernel::gather::Rows;
    use crate::kernel::row_sums::{RowSums, add_bags};

    proptest! {
        /// Both ways give the bits of the plain loop in the order of the elements, whatever the width of the rows.
        #[test]
        fn bags_are_summed_in_order(
            dim in prop_oneof![1_usize..20, Just(32), Just(64)],
            gap in 0_usize..3,
            bags in proptest::collection::vec(proptest::collection::vec((0_u32..9, -2.0_f32..2.0), 0..40), 1..6),
            is_mean in any::<bool>(),
            is_weighted in any::<bool>(),
            padding in prop_oneof![Just(None), Just(Some(3_u32))],
            table_rows in prop_oneof![Just(9_usize), Just(1 << 20)],
        ) {
            let (stride, width) = (dim + gap, dim + 2 * gap);
            let values: Vec<f32> = (0..9 * stride).map(|i| (i % 7) as f32 / 3.0 - 1.0).collect();
            let offsets: Vec<u32> = std::iter::once(0)
                .chain(bags.iter().scan(0, |end, bag| { *end += bag.len() as u32; Some(*end) }))
                .collect();
            let (ids, weights): (Vec<u32>, Vec<f32>) = bags.iter().flatten().copied().unzip();
            let pooling = if is_mean { Pooling::Mean } else { Pooling::Sum };
            let weights = is_weighted.then_some(&weights[..]);
            let all = Bags { offsets: &offsets, ids: &ids, weights, pooling, padding };
            let gradients: Vec<f32> = (0..bags.len() * width).map(|i| (i % 13) as f32 / 6.0 - 1.0).collect();

            let mut out = vec![7.0; bags.len() * width];
            pool(all, Rows { values: &values, stride, dim }, 0, &mut out, width, gap);
            let mut sums = RowSums::new(RowGradients::default(), dim, ids.len(), table_rows, Vec::new());
            add_bags(&mut sums, all, &gradients, width, gap);
            let (sums, _) = sums.finish();

            let mut rows: Vec<(u32, Vec<f32>)> = Vec::new();
            for (index, bag) in bags.iter().enumerate() {
                let counted: Vec<(u32, f32)> = bag.iter().filter(|(id, _)| Some(*id) != padding)
                    .map(|&(id, weight)| (id, if is_weighted { weight } else { 1.0 })).collect();
                let total: f32 = counted.iter().map(|(_, weight)| weight).sum();
                let scale = if !is_mean { 1.0 } else if total == 0.0 { 0.0 } else { 1.0 / total };
                let mut expected = vec![0.0_f32; dim];
                for (id, weight) in counted {
                    let factor = weight * scale;
                    let row = &values[id as usize * stride..][..dim];
                    expected.iter_mut().zip(row).for_each(|(sum, value)| *sum += factor * value);
                    let dy = gradients[index * width + gap..][..dim].iter().map(|dy| factor * dy);
                    match rows.iter_mut().find(|(row, _)| *row == id) {
                        Some((_, sum)) => sum.iter_mut().zip(dy).for_each(|(sum, dy)| *sum += dy),
                        None => rows.push((id, dy.collect())),
                    }
                }
                let out = &out[index * width..][..width];
                prop_assert_eq!(&out[gap..gap + dim], &expected[..]);
                prop_assert!(out[..gap].iter().chain(&out[gap + dim..]).all(|other| *other == 7.0));
            }
            prop_assert_eq!(&sums.rows, &rows.iter().map(|(row, _)| *row).collect::<Vec<_>>());
            prop_assert_eq!(&sums.values, &rows.into_iter().flat_map(|(_, sum)| sum).collect::<Vec<_>>());
        }

        /// Weights of any magnitude, whose sum may overflow or be no normal number, have the shares of a computation in
        /// 64 bits.
        #[test]
        fn shares_do_not_depend_on_the_size_of_weights(
            weights in proptest::collection::vec(
                prop_oneof![Just(0.0_f32), Just(1e-45), Just(f32::MAX), (-149_i32..128).prop_map(|e| (f64::from(e)).exp2() as f32)],
                1..6,
            ),
            scale in -45_i32..38,
        ) {
            let together: Vec<f32> = weights.iter().map(|weight| weight.min(1.0) * 10_f32.powi(scale)).collect();
            for weights in [&weights, &together] {
                let ids: Vec<u32> = (0..weights.len() as u32).collect();
                let offsets = [0, ids.len() as u32];
                let bags = Bags { offsets: &offsets, ids: &ids, weights: Some(weights), pooling: Pooling::Mean, padding: None };
                let total: f64 = weights.iter().map(|&weight| f64::from(weight)).sum();
                for (element, id, factor) in bags.elements(0) {
                    let expected = if total == 0.0 { 0.0 } else { f64::from(weights[element]) / total };
                    prop_assert!((f64::from(factor) - expected).abs() < 1e-6, "{id}: {factor} for {expected} of {weights:?}");
                }
            }
        }
    }
}
