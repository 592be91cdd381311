//! The gradient of a table: what the readings of each distinct row bring, summed in the order of the batch.
//!
//! A hash table finds the place of a row, so that the gradients are read in the order in which they lie in memory;
//! sorting the readings first would be slower, and would read them at random. Where the table has not many more rows than
//! the batch has readings, as with lists, each row of the table has a cell of its own and nothing is hashed.

use std::mem::take;

use crate::gradients::RowGradients;
use crate::kernel::bags::Bags;
use crate::kernel::instruction_set::multiversion;
use crate::kernel::places::Places;
use crate::kernel::prefetch::{ROWS_AHEAD, prefetch};

/// Sums into the gradients of one table.
#[derive(Debug)]
pub(crate) struct RowSums {
    places: Places,
    sums: RowGradients,
    dim: usize,
}

impl RowSums {
    /// Adds to `sums`, rows of `dim` values, up to `readings` readings of a table of `table_rows` rows; `cells` is memory
    /// to use.
    pub(crate) fn new(
        sums: RowGradients,
        dim: usize,
        readings: usize,
        table_rows: usize,
        cells: Vec<u64>,
    ) -> Self {
        let mut places = Places::new(cells, sums.rows.len() + readings, table_rows);
        for (place, &row) in sums.rows.iter().enumerate() {
            places.find_or_insert(row, place as u32);
        }
        Self { places, sums, dim }
    }

    /// The sums, and the memory of `new`.
    pub(crate) fn finish(self) -> (RowGradients, Vec<u64>) {
        (self.sums, self.places.into_cells())
    }

    /// Adds `factor gradient` to a row.
    pub(crate) fn add(&mut self, row: u32, factor: f32, gradient: &[f32]) {
        self.add_slice(row, gradient.iter().map(|value| factor * value));
    }

    /// For each i adds the values from `column` on of row i of `gradients`, whose rows are `width` long, to row
    /// `rows[i]`.
    pub(crate) fn add_columns(&mut self, rows: &[u32], gradients: &[f32], width: usize, column: usize) {
        match self.dim {
            8 => self.add_columns_fixed::<8>(rows, gradients, width, column),
            16 => self.add_columns_fixed::<16>(rows, gradients, width, column),
            32 => self.add_columns_fixed::<32>(rows, gradients, width, column),
            64 => self.add_columns_fixed::<64>(rows, gradients, width, column),
            dim => {
                for (&row, gradient) in rows.iter().zip(gradients.chunks_exact(width)) {
                    self.add_slice(row, gradient[column..column + dim].iter().copied());
                }
            }
        }
    }

    /// A sum whose length the compiler knows stays in registers.
    fn add_columns_fixed<const DIM: usize>(
        &mut self,
        rows: &[u32],
        gradients: &[f32],
        width: usize,
        column: usize,
    ) {
        for (index, (&row, gradient)) in rows.iter().zip(gradients.chunks_exact(width)).enumerate() {
            prefetch(gradients, (index + ROWS_AHEAD) * width + column, DIM);
            let Some(gradient) = gradient[column..].first_chunk::<DIM>() else { continue };
            let n = self.sums.rows.len();
            let place = self.places.find_or_insert(row, n as u32) as usize;
            if place == n {
                self.sums.rows.push(row);
                self.sums.values.extend_from_slice(gradient);
            } else if let Some(sum) = self.sums.values[place * DIM..].first_chunk_mut::<DIM>() {
                for lane in 0..DIM {
                    sum[lane] += gradient[lane];
                }
            }
        }
    }

    fn add_slice(&mut self, row: u32, gradient: impl Iterator<Item = f32>) {
        let n = self.sums.rows.len();
        let place = self.places.find_or_insert(row, n as u32) as usize;
        if place == n {
            self.sums.rows.push(row);
            self.sums.values.extend(gradient);
        } else {
            let sum = &mut self.sums.values[place * self.dim..][..self.dim];
            sum.iter_mut().zip(gradient).for_each(|(sum, value)| *sum += value);
        }
    }
}

multiversion! {
    /// For each bag adds the values from `column` on of its row of `gradients`, whose rows are `width` long, times the
    /// factor of each element, to the row of that element.
    pub(crate) fn add_bags(
        sums: &mut RowSums,
        bags: Bags<'_>,
        gradients: &[f32],
        width: usize,
        column: usize,
    ) {
        match sums.dim {
            8 => add_bags_fixed::<8>(sums, bags, gradients, width, column),
            16 => add_bags_fixed::<16>(sums, bags, gradients, width, column),
            32 => add_bags_fixed::<32>(sums, bags, gradients, width, column),
            64 => add_bags_fixed::<64>(sums, bags, gradients, width, column),
            dim => {
                for (index, gradient) in gradients.chunks_exact(width).enumerate() {
                    let gradient = &gradient[column..column + dim];
                    for (_, id, factor) in bags.elements(index) {
                        sums.add(id, factor, gradient);
                    }
                }
            }
        }
    }
}

/// The gradient of a bag stays in registers, as its length is known to the compiler.
#[inline(always)]
fn add_bags_fixed<const DIM: usize>(
    sums: &mut RowSums,
    bags: Bags<'_>,
    gradients: &[f32],
    width: usize,
    column: usize,
) {
    let RowSums { places, sums, .. } = sums;
    for (index, gradient) in gradients.chunks_exact(width).enumerate() {
        let Some(&gradient) = gradient[column..].first_chunk::<DIM>() else { continue };
        for (_, id, factor) in bags.elements(index) {
            let n = sums.rows.len();
            let place = places.find_or_insert(id, n as u32) as usize;
            if place == n {
                sums.rows.push(id);
                sums.values.extend_from_slice(&gradient.map(|value| factor * value));
            } else if let Some(sum) = sums.values[place * DIM..].first_chunk_mut::<DIM>() {
                for lane in 0..DIM {
                    sum[lane] += factor * gradient[lane];
                }
            }
        }
    }
}

impl RowGradients {
    /// The sum of two gradients of one table of dimension `dim`.
    pub(crate) fn merge(mut self, other: &RowGradients, dim: usize) -> RowGradients {
        let mut sums = RowSums::new(take(&mut self), dim, other.rows.len(), usize::MAX, Vec::new());
        sums.add_columns(&other.rows, &other.values, dim, 0);
        sums.finish().0
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::prelude::*;

    use super::{RowGradients, RowSums};

    proptest! {
        #[test]
        fn sums_are_those_of_a_map(
            dim in prop_oneof![1_usize..20, Just(32), Just(64)],
            offset in 0_usize..5,
            ids in proptest::collection::vec(prop_oneof![0_u32..8, 0_u32..u32::MAX], 0..300),
        ) {
            let width = dim + 2 * offset;
            let gradients: Vec<f32> = (0..ids.len() * width).map(|i| (i % 13) as f32 - 6.0).collect();
            let (first, second) = ids.split_at(ids.len() / 2);
            let (first_dy, second_dy) = gradients.split_at(first.len() * width);
            let mut sums = RowSums::new(RowGradients::default(), dim, ids.len(), usize::MAX, Vec::new());
            sums.add_columns(first, first_dy, width, offset);
            for (&id, dy) in second.iter().zip(second_dy.chunks(width)) {
                sums.add(id, 2.0, &dy[offset..offset + dim]);
            }
            let (sums, _) = sums.finish();

            let mut expected: BTreeMap<u32, Vec<f32>> = BTreeMap::new();
            for (index, (&id, dy)) in ids.iter().zip(gradients.chunks(width)).enumerate() {
                let factor = if index < first.len() { 1.0 } else { 2.0 };
                let sum = expected.entry(id).or_insert_with(|| vec![0.0; dim]);
                sum.iter_mut().zip(&dy[offset..]).for_each(|(sum, dy)| *sum += factor * dy);
            }
            prop_assert_eq!(sums.rows.len(), expected.len());
            for (id, values) in sums.rows.iter().zip(sums.values.chunks(dim)) {
                prop_assert_eq!(values, &expected[id][..]);
            }
            let doubled = sums.clone().merge(&sums, dim);
            prop_assert_eq!(&doubled.rows, &sums.rows);
            prop_assert!(doubled.values.iter().zip(&sums.values).all(|(d, s)| *d == 2.0 * s));
        }
    }
}
