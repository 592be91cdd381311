//! Linear maps whose groups make one value each, as the last layers of towers do: dot products of rows, and multiples of
//! rows on the way back. A tile of a product would be empty but for one of its columns.

use std::ops::Range;

use ndarray::{ArrayView2, ArrayViewMut2};

use super::instruction_set::multiversion;
use super::rows::{row, slice_mut};
use super::vectors::{add_scaled, dot};

multiversion! {
    /// `y = x w + b` for each row of `y`, which is a block of the batch from row `first` on; `weights` has the column of
    /// one group after the other.
    pub(crate) fn dot_products(
        y: ArrayViewMut2<'_, f32>,
        first: usize,
        x: ArrayView2<'_, f32>,
        weights: &[f32],
        bias: Option<&[f32]>,
    ) {
        let fan_in = weights.len() / y.ncols();
        let mut y = y;
        for (i, y) in y.outer_iter_mut().enumerate() {
            let inputs = row(&x, first + i).chunks_exact(fan_in).zip(weights.chunks_exact(fan_in));
            for (group, (y, (x, w))) in slice_mut(y).iter_mut().zip(inputs).enumerate() {
                *y = bias.map_or(0.0, |bias| bias[group]) + dot(x, w);
            }
        }
    }
}

multiversion! {
    /// The sums over the rows of `dy x` for each group, and after them those of `dy`.
    pub(crate) fn add_weight_gradient(
        sums: &mut [f32],
        rows: Range<usize>,
        x: ArrayView2<'_, f32>,
        dy: ArrayView2<'_, f32>,
    ) {
        let (of_weights, of_biases) = sums.split_at_mut(x.ncols());
        let fan_in = x.ncols() / dy.ncols();
        for i in rows {
            let terms = row(&x, i).chunks_exact(fan_in).zip(row(&dy, i));
            let sums = of_weights.chunks_exact_mut(fan_in).zip(&mut *of_biases);
            for ((weights, bias), (x, &dy)) in sums.zip(terms) {
                add_scaled(weights, dy, x);
                *bias += dy;
            }
        }
    }
}

multiversion! {
    /// `dx += dy w` for each row of a block from row `first` on; only written if `fresh`.
    pub(crate) fn input_gradient(
        dx: ArrayViewMut2<'_, f32>,
        first: usize,
        fresh: bool,
        dy: ArrayView2<'_, f32>,
        weights: &[f32],
    ) {
        let (mut dx, fan_in) = (dx, weights.len() / dy.ncols());
        for (i, dx) in dx.outer_iter_mut().enumerate() {
            let groups = weights.chunks_exact(fan_in).zip(row(&dy, first + i));
            for (dx, (w, &dy)) in slice_mut(dx).chunks_exact_mut(fan_in).zip(groups) {
                if fresh {
                    dx.iter_mut().zip(w).for_each(|(dx, w)| *dx = dy * w);
                } else {
                    add_scaled(dx, dy, w);
                }
            }
        }
    }
}
