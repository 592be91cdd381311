//! A product with a transposed left matrix, computed as its own transpose: `cᵀ = bᵀ a`. Both matrices are read as they lie
//! then, and nothing has to be packed. It is the gradient of a weight, the sum over the rows of a batch.

#![allow(unsafe_code, reason = "tiles are addressed by pointers")]

use super::tile::{Kernels, Tile};
use super::{Product, Start, TASK_ROWS};
use crate::kernel::scratch::Pool;

static TURNED: Pool = Pool::new();

/// Products to an element that are done before the next rows: so many rows of a panel stay in the first cache beside
/// those of the other matrix.
const K_BLOCK: usize = 96;

/// Whether a product is best turned: the rows of both matrices lie in order, and are so short that a block of them lies
/// in few pages of memory and is soon read.
pub(super) fn is_turned(product: &Product<'_>) -> bool {
    const LONGEST_ROW: isize = 128;
    let (a, b) = (product.a.strides(), product.b.strides());
    a[0] == 1 && b[1] == 1 && a[1] <= LONGEST_ROW && b[0] <= LONGEST_ROW && product.a.ncols() > 1
}

/// The rows of one task.
///
/// # Safety
/// Nobody else may read or write the `m` rows of the result from `first` on, of which there are at most [`TASK_ROWS`].
pub(super) unsafe fn multiply_rows(kernels: &Kernels, product: &Product<'_>, first: usize, m: usize) {
    let Product { a, b, start, c } = product;
    let (k, n) = (a.ncols(), c.ncols());
    let (a_row, b_row) = (a.strides()[1] as usize, b.strides()[0] as usize);
    let c_row = c.strides()[0] as usize;
    let c = c.as_ptr().cast_mut().wrapping_add(first * c_row);
    let mut turned = TURNED.take(n * TASK_ROWS);
    match *start {
        Start::Zero => {}
        Start::Bias(bias) => {
            turned.chunks_exact_mut(TASK_ROWS).zip(bias).for_each(|(row, &bias)| row.fill(bias));
        }
        Start::Result => {
            for i in 0..m {
                // SAFETY: row i of the task's rows, which are the caller's.
                let row = unsafe { std::slice::from_raw_parts(c.wrapping_add(i * c_row), n) };
                row.iter().enumerate().for_each(|(j, &value)| turned[j * TASK_ROWS + i] = value);
            }
        }
    }
    let values = turned.as_mut_ptr();
    let panel_width = kernels.lanes * kernels.vectors;
    for first_k in (0..k).step_by(K_BLOCK) {
        let begins = first_k == 0 && matches!(start, Start::Zero);
        for panel in (0..m).step_by(panel_width) {
            let columns = panel_width.min(m - panel);
            for row in (0..n).step_by(kernels.rows) {
                let c = values.wrapping_add(row * TASK_ROWS + panel);
                let tile = Tile {
                    k: K_BLOCK.min(k - first_k),
                    a: b.as_ptr().wrapping_add(first_k * b_row + row),
                    a_row: 1,
                    a_column: b_row,
                    b: a.as_ptr().wrapping_add(first_k * a_row + first + panel),
                    b_row: a_row,
                    start: if begins { std::ptr::null() } else { c.cast_const() },
                    start_row: TASK_ROWS,
                    c,
                    c_row: TASK_ROWS,
                    columns,
                };
                // SAFETY: rows and columns are those of `b`, `a` and the turned rows, whose shapes `gemm_with` has
                // compared; and the processor has the kernels' instructions.
                unsafe { (kernels.direct)(kernels.rows.min(n - row), columns.div_ceil(kernels.lanes))(tile) }
            }
        }
    }
    for i in 0..m {
        // SAFETY: row i of the task's rows, which are the caller's.
        let row = unsafe { std::slice::from_raw_parts_mut(c.wrapping_add(i * c_row), n) };
        row.iter_mut().enumerate().for_each(|(j, value)| *value = turned[j * TASK_ROWS + i]);
    }
}
