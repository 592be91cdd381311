//! Loops over blocks of rows, in the widest vectors of the processor. Sums of a row go by fixed lanes, so that they are
//! the same in vectors of any width.
//!
//! A function takes as many rows as its caller has, since finding the instruction set costs as much as a narrow row.

use std::ops::Range;

use ndarray::{ArrayView2, ArrayViewMut2};

use super::instruction_set::multiversion;
use super::rows::{row, slice_mut};

/// `sum += x`.
#[inline(always)]
fn add(sum: &mut [f32], x: &[f32]) {
    sum.iter_mut().zip(x).for_each(|(sum, x)| *sum += x);
}

/// `sum += factor x`.
#[inline(always)]
fn add_scaled(sum: &mut [f32], factor: f32, x: &[f32]) {
    sum.iter_mut().zip(x).for_each(|(sum, x)| *sum += factor * x);
}

/// `Σ x y`, in 8 lanes that are added in order at the end.
#[inline(always)]
fn dot(x: &[f32], y: &[f32]) -> f32 {
    let mut lanes = [0.0; 8];
    let ((x, x_rest), (y, y_rest)) = (x.as_chunks::<8>(), y.as_chunks::<8>());
    for (x, y) in x.iter().zip(y) {
        for lane in 0..8 {
            lanes[lane] += x[lane] * y[lane];
        }
    }
    let rest: f32 = x_rest.iter().zip(y_rest).map(|(x, y)| x * y).sum();
    lanes.iter().sum::<f32>() + rest
}

multiversion! {
    /// `sum += x` for each of the rows.
    pub(crate) fn add_rows(sum: &mut [f32], rows: Range<usize>, x: ArrayView2<'_, f32>) {
        rows.for_each(|i| add(sum, row(&x, i)));
    }
}

multiversion! {
    /// `y = Σ gate expert` for each row of `y`, which is a block of the batch from row `first` on.
    pub(crate) fn mix(
        y: ArrayViewMut2<'_, f32>,
        first: usize,
        gate: ArrayView2<'_, f32>,
        experts: &[ArrayView2<'_, f32>],
    ) {
        let mut y = y;
        for (i, y) in y.outer_iter_mut().enumerate() {
            let y = slice_mut(y);
            y.fill(0.0);
            for (&gate, expert) in row(&gate, first + i).iter().zip(experts) {
                add_scaled(y, gate, row(expert, first + i));
            }
        }
    }
}

multiversion! {
    /// `dgate += dy expert`, the product of rows, for each gate of a block from row `first` on.
    pub(crate) fn gate_gradient(
        dgate: ArrayViewMut2<'_, f32>,
        first: usize,
        experts: &[ArrayView2<'_, f32>],
        dy: ArrayView2<'_, f32>,
    ) {
        let mut dgate = dgate;
        for (i, dgate) in dgate.outer_iter_mut().enumerate() {
            for (dgate, expert) in slice_mut(dgate).iter_mut().zip(experts) {
                *dgate += dot(row(expert, first + i), row(&dy, first + i));
            }
        }
    }
}

multiversion! {
    /// `dx += gate dy` for each row of a block from row `first` on, under the gate of column `expert`.
    pub(crate) fn expert_gradient(
        dx: ArrayViewMut2<'_, f32>,
        first: usize,
        gate: ArrayView2<'_, f32>,
        expert: usize,
        dy: ArrayView2<'_, f32>,
    ) {
        let mut dx = dx;
        for (i, dx) in dx.outer_iter_mut().enumerate() {
            add_scaled(slice_mut(dx), row(&gate, first + i)[expert], row(&dy, first + i));
        }
    }
}

multiversion! {
    /// `y = max(x, 0)`; NaN stays NaN.
    pub(crate) fn relu(y: &mut [f32], x: &[f32]) {
        y.iter_mut().zip(x).for_each(|(y, &x)| *y = if x < 0.0 { 0.0 } else { x });
    }
}

multiversion! {
    /// `dx += dy` where `y > 0`.
    pub(crate) fn relu_gradient(dx: &mut [f32], y: &[f32], dy: &[f32]) {
        for ((dx, &y), &dy) in dx.iter_mut().zip(y).zip(dy) {
            *dx += if y > 0.0 { dy } else { 0.0 };
        }
    }
}

multiversion! {
    /// `sum += (x - mean)²` for each of the rows.
    pub(crate) fn add_squares(sum: &mut [f32], rows: Range<usize>, x: ArrayView2<'_, f32>, mean: &[f32]) {
        for i in rows {
            for ((sum, x), mean) in sum.iter_mut().zip(row(&x, i)).zip(mean) {
                *sum += (x - mean) * (x - mean);
            }
        }
    }
}

multiversion! {
    /// `y = (x - mean) scale + shift` for each row of a block from row `first` on.
    pub(crate) fn normalise(
        y: ArrayViewMut2<'_, f32>,
        first: usize,
        x: ArrayView2<'_, f32>,
        mean: &[f32],
        scale: &[f32],
        shift: &[f32],
    ) {
        let mut y = y;
        for (i, y) in y.outer_iter_mut().enumerate() {
            let columns = row(&x, first + i).iter().zip(mean).zip(scale).zip(shift);
            for (y, (((x, mean), scale), shift)) in slice_mut(y).iter_mut().zip(columns) {
                *y = (x - mean) * scale + shift;
            }
        }
    }
}

multiversion! {
    /// The sums of `dy`, and after them those of `dy x̂`, over the rows, with `x̂ = (x - mean) inverse`.
    pub(crate) fn add_normalised_products(
        sums: &mut [f32],
        rows: Range<usize>,
        dy: ArrayView2<'_, f32>,
        x: ArrayView2<'_, f32>,
        mean: &[f32],
        inverse: &[f32],
    ) {
        let (sums, products) = sums.split_at_mut(mean.len());
        for i in rows {
            let dy = row(&dy, i);
            add(sums, dy);
            let columns = dy.iter().zip(row(&x, i)).zip(mean).zip(inverse);
            for (sum, (((dy, x), mean), inverse)) in products.iter_mut().zip(columns) {
                *sum += dy * ((x - mean) * inverse);
            }
        }
    }
}

/// What the gradient of a normalised row needs for each column.
#[derive(Clone, Copy, Debug)]
pub(crate) struct NormaliseColumns<'a> {
    pub(crate) mean: &'a [f32],
    pub(crate) inverse: &'a [f32],
    pub(crate) gamma: &'a [f32],
    pub(crate) mean_dy: &'a [f32],
    pub(crate) mean_dy_x: &'a [f32],
}

multiversion! {
    /// `dx += gamma inverse (dy - mean_dy - x̂ mean_dy_x)` with `x̂ = (x - mean) inverse`, for each row of a block from
    /// row `first` on.
    pub(crate) fn normalise_gradient(
        dx: ArrayViewMut2<'_, f32>,
        first: usize,
        dy: ArrayView2<'_, f32>,
        x: ArrayView2<'_, f32>,
        columns: NormaliseColumns<'_>,
    ) {
        let n = dx.ncols();
        let NormaliseColumns { mean, inverse, gamma, mean_dy, mean_dy_x } = columns;
        let (mean, inverse, gamma) = (&mean[..n], &inverse[..n], &gamma[..n]);
        let (mean_dy, mean_dy_x) = (&mean_dy[..n], &mean_dy_x[..n]);
        let mut dx = dx;
        for (i, dx) in dx.outer_iter_mut().enumerate() {
            let (dx, dy, x) = (slice_mut(dx), &row(&dy, first + i)[..n], &row(&x, first + i)[..n]);
            for c in 0..n {
                let normalised = (x[c] - mean[c]) * inverse[c];
                let centred = dy[c] - mean_dy[c] - normalised * mean_dy_x[c];
                dx[c] += gamma[c] * inverse[c] * centred;
            }
        }
    }
}
