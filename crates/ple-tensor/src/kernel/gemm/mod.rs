//! Matrix products of any strides, on one kernel: forward products, and the gradients of their inputs and weights.
//!
//! The result is cut by rows, so that each element is one sum in one order, whatever the number of threads.

#![allow(unsafe_code, reason = "tiles are addressed by pointers")]

mod panels;
mod strips;
#[cfg(test)]
mod tests;
mod tile;

use ndarray::parallel::prelude::*;
use ndarray::{ArrayView2, ArrayViewMut2, Axis, s};

use self::panels::Panels;
use self::strips::Left;
use self::tile::{Kernels, PORTABLE, Tile};
use super::instruction_set::InstructionSet;
use super::prefetch::prefetch_scattered;

/// Rows of the result to a task: a multiple of every kernel's rows, few enough for two threads to share 376 rows evenly.
const TASK_ROWS: usize = 48;

/// Below so many multiply-adds a fork and join costs more than it saves.
const PARALLEL_WORK: usize = 1 << 18;

/// Products to an element that are done before the next columns: a panel of so many rows stays in the first cache.
const K_BLOCK: usize = 256;

/// What the elements of a result start with.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Start<'a> {
    /// Zero.
    Zero,
    /// A bias: one value for each column.
    Bias(&'a [f32]),
    /// What is there: the products are added to it.
    Result,
}

/// `c = start + a b`: `[m, k]`, `[k, n]`, `[m, n]`. Transposed views are as good as plain ones.
///
/// # Panics
/// If the shapes do not fit, or the columns of `c` are not adjacent.
pub(crate) fn gemm(
    a: ArrayView2<'_, f32>,
    b: ArrayView2<'_, f32>,
    start: Start<'_>,
    c: ArrayViewMut2<'_, f32>,
) {
    gemm_with(kernels(InstructionSet::in_use()), a, b, start, c);
}

fn kernels(set: InstructionSet) -> Kernels {
    match set {
        #[cfg(target_arch = "x86_64")]
        InstructionSet::Avx512 => tile::AVX512,
        #[cfg(target_arch = "x86_64")]
        InstructionSet::Avx2 => tile::AVX2,
        _ => PORTABLE,
    }
}

/// `kernels` have to be of a set that the processor has.
fn gemm_with(
    kernels: Kernels,
    a: ArrayView2<'_, f32>,
    b: ArrayView2<'_, f32>,
    start: Start<'_>,
    mut c: ArrayViewMut2<'_, f32>,
) {
    let ((m, k), n) = (a.dim(), b.ncols());
    assert!(
        b.nrows() == k && c.dim() == (m, n),
        "product of {:?} and {:?} into {:?}",
        a.dim(),
        b.dim(),
        c.dim()
    );
    if let Start::Bias(bias) = start {
        assert_eq!(bias.len(), n, "a bias for {n} columns");
    }
    if m == 0 || n == 0 {
        return;
    }
    if k == 0 {
        match start {
            Start::Zero => c.fill(0.0),
            Start::Bias(bias) => c.outer_iter_mut().for_each(|mut row| row.assign(&ndarray::aview1(bias))),
            Start::Result => {}
        }
        return;
    }
    assert!(n <= 1 || c.strides()[1] == 1, "the columns of a result are adjacent");
    let panels = Panels::pack(b, &kernels);
    let task = |(number, mut rows): (usize, ArrayViewMut2<'_, f32>)| {
        let first = number * TASK_ROWS;
        multiply_rows(&kernels, a.slice(s![first..first + rows.nrows(), ..]), &panels, start, &mut rows);
    };
    let chunks = c.axis_chunks_iter_mut(Axis(0), TASK_ROWS);
    if m * n * k < PARALLEL_WORK {
        chunks.into_iter().enumerate().for_each(task);
    } else {
        chunks.into_par_iter().enumerate().for_each(task);
    }
}

/// The rows of one task: block by block of k, panel by panel, tile by tile.
fn multiply_rows(
    kernels: &Kernels,
    a: ArrayView2<'_, f32>,
    panels: &Panels,
    start: Start<'_>,
    c: &mut ArrayViewMut2<'_, f32>,
) {
    let ((m, k), n) = (a.dim(), c.ncols());
    let panel_width = kernels.lanes * kernels.vectors;
    let c_row = c.strides()[0] as usize;
    let c_start = c.as_mut_ptr();
    for first_k in (0..k).step_by(K_BLOCK) {
        let block_k = K_BLOCK.min(k - first_k);
        let left = Left::new(a.slice(s![.., first_k..first_k + block_k]), kernels.rows);
        for (panel, first_column) in (0..n).step_by(panel_width).enumerate() {
            let columns = panel_width.min(n - first_column);
            let vectors = columns.div_ceil(kernels.lanes);
            let b = panels.panel(panel, first_k, vectors * kernels.lanes);
            assert!(b.len() >= block_k * vectors * kernels.lanes, "a packed panel holds the block");
            for (strip, first_row) in (0..m).step_by(kernels.rows).enumerate() {
                let rows = kernels.rows.min(m - first_row);
                let c = c_start.wrapping_add(first_row * c_row + first_column);
                let a_start = left.start.wrapping_add(strip * left.strip);
                if panel == 0 && left.scattered {
                    prefetch_scattered(
                        a_start.wrapping_add(left.strip),
                        kernels.rows.min(m - first_row - rows),
                        left.row,
                        block_k,
                    );
                }
                let (start, start_row) = match start {
                    _ if first_k > 0 => (c.cast_const(), c_row),
                    Start::Result => (c.cast_const(), c_row),
                    Start::Bias(bias) => (bias[first_column..].as_ptr(), 0),
                    Start::Zero => (std::ptr::null(), 0),
                };
                let tile = Tile {
                    k: block_k,
                    a: a_start,
                    a_row: left.row,
                    a_column: left.column,
                    b: b.as_ptr(),
                    start,
                    start_row,
                    c,
                    c_row,
                    columns,
                };
                // SAFETY: rows and columns are those of `a`, `b` and `c`, whose shapes `gemm_with` has compared; the
                // panel and the strips hold the block; `c` is borrowed exclusively; and the processor has the
                // kernels' instructions.
                unsafe { (kernels.kernel)(rows, vectors)(tile) }
            }
        }
    }
}
