//! Matrix products, cut so that each element of the result is one sum in one order: forward products by rows, weight
//! gradients by rows of the weight.

use ndarray::linalg::general_mat_mul;
use ndarray::parallel::prelude::*;
use ndarray::{ArrayView2, ArrayViewMut2, Axis, s};

use super::rows::for_each_block;

/// Rows of a weight gradient to a task.
const WEIGHT_ROWS: usize = 64;

/// `c = a b`, or `c += a b`: `[m, k]`, `[k, n]`, `[m, n]`.
pub(crate) fn gemm_nn(a: ArrayView2<'_, f32>, b: ArrayView2<'_, f32>, beta: f32, c: ArrayViewMut2<'_, f32>) {
    let cost = a.len() * b.ncols();
    for_each_block(c, cost, |first, mut block| {
        let rows = a.slice(s![first..first + block.nrows(), ..]);
        general_mat_mul(1.0, &rows, &b, beta, &mut block);
    });
}

/// `c += a bᵀ`: `[m, n]`, `[k, n]`, `[m, k]`. The gradient of a product's input.
pub(crate) fn gemm_nt(a: ArrayView2<'_, f32>, b: ArrayView2<'_, f32>, c: ArrayViewMut2<'_, f32>) {
    gemm_nn(a, b.reversed_axes(), 1.0, c);
}

/// `c += aᵀ b`: `[m, k]`, `[m, n]`, `[k, n]`. The gradient of a product's weight.
pub(crate) fn gemm_tn(a: ArrayView2<'_, f32>, b: ArrayView2<'_, f32>, mut c: ArrayViewMut2<'_, f32>) {
    let transposed = a.reversed_axes();
    let work = |(block, mut rows): (usize, ArrayViewMut2<'_, f32>)| {
        let first = block * WEIGHT_ROWS;
        let columns = transposed.slice(s![first..first + rows.nrows(), ..]);
        general_mat_mul(1.0, &columns, &b, 1.0, &mut rows);
    };
    let blocks = c.axis_chunks_iter_mut(Axis(0), WEIGHT_ROWS);
    if transposed.len() * b.ncols() < 1 << 20 {
        blocks.into_iter().enumerate().for_each(work);
    } else {
        blocks.into_par_iter().enumerate().for_each(work);
    }
}
