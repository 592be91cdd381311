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
