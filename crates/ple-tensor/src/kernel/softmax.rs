//! Softmax of narrow groups: column by column over a block of rows, so that vectors are full however few columns there
//! are.

use ndarray::{ArrayView2, ArrayViewMut2};

use super::instruction_set::multiversion;
use super::rows::{BLOCK_ROWS, row, slice_mut};
use super::transcendental::exp;

multiversion! {
    /// Softmax over the columns, in place; column c of the block's rows is `values[c * rows..(c + 1) * rows]`.
    pub(crate) fn softmax_columns(values: &mut [f32], rows: usize) {
        let (mut max, mut sum) = ([f32::NEG_INFINITY; BLOCK_ROWS], [0.0; BLOCK_ROWS]);
        let (max, sum) = (&mut max[..rows], &mut sum[..rows]);
        for column in values.chunks_exact(rows) {
            max.iter_mut().zip(column).for_each(|(max, &x)| *max = max.max(x));
        }
        for column in values.chunks_exact_mut(rows) {
            for ((x, max), sum) in column.iter_mut().zip(&*max).zip(&mut *sum) {
                *x = exp(*x - max);
                *sum += *x;
            }
        }
        sum.iter_mut().for_each(|sum| *sum = 1.0 / *sum);
        for column in values.chunks_exact_mut(rows) {
            column.iter_mut().zip(&*sum).for_each(|(x, inverse)| *x *= inverse);
        }
    }
}

multiversion! {
    /// `dx += y (dy - Σ y dy)` for each group of `width` neighbours in each row of a block from row `first` on; only
    /// written if `fresh`.
    pub(crate) fn softmax_gradient(
        dx: ArrayViewMut2<'_, f32>,
        first: usize,
        fresh: bool,
        y: ArrayView2<'_, f32>,
        dy: ArrayView2<'_, f32>,
        width: usize,
    ) {
        let mut dx = dx;
        for (i, dx) in dx.outer_iter_mut().enumerate() {
            let groups = row(&y, first + i).chunks_exact(width).zip(row(&dy, first + i).chunks_exact(width));
            for (dx, (y, dy)) in slice_mut(dx).chunks_exact_mut(width).zip(groups) {
                let product: f32 = y.iter().zip(dy).map(|(y, dy)| y * dy).sum();
                for (dx, (y, dy)) in dx.iter_mut().zip(y.iter().zip(dy)) {
                    let before = if fresh { 0.0 } else { *dx };
                    *dx = before + y * (dy - product);
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::{BLOCK_ROWS, softmax_columns};

    proptest! {
        #[test]
        fn is_the_plain_one_also_far_from_zero(
            rows in 1_usize..=BLOCK_ROWS,
            columns in 1_usize..9,
            largest in prop_oneof![Just(1.0_f32), Just(80.0), Just(3e4)],
            seed: u32,
        ) {
            let value = |index: usize| {
                let mixed = (index as u32 + seed).wrapping_mul(0x9E37_79B1);
                ((mixed >> 8) as f32 / (1 << 23) as f32 - 1.0) * largest
            };
            let inputs: Vec<f32> = (0..rows * columns).map(value).collect();
            let mut values = inputs.clone();
            softmax_columns(&mut values, rows);
            for row in 0..rows {
                let at = |column: usize| f64::from(inputs[column * rows + row]);
                let max = (0..columns).map(at).fold(f64::NEG_INFINITY, f64::max);
                let sum: f64 = (0..columns).map(|column| (at(column) - max).exp()).sum();
                for column in 0..columns {
                    let expected = (at(column) - max).exp() / sum;
                    let computed = f64::from(values[column * rows + row]);
                    prop_assert!((computed - expected).abs() < 2e-6, "{computed} for {expected}");
                }
            }
        }
    }
}
