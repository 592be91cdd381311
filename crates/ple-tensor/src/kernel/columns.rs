//! Sums over the rows of a matrix, a value for each column: by blocks of rows in f32, the blocks in order in f64.

use ndarray::{ArrayView2, ArrayViewMut2};

use super::rows::{BLOCK_ROWS, row};

/// Adds `sum over rows of term(row)` to `sums`, one value for each column. `term` writes the row's terms.
pub(crate) fn sum_rows(rows: usize, width: usize, mut term: impl FnMut(usize, &mut [f32])) -> Vec<f64> {
    let mut sums = vec![0.0; width];
    let mut block = vec![0.0; width];
    for first in (0..rows).step_by(BLOCK_ROWS) {
        block.fill(0.0);
        for row in first..rows.min(first + BLOCK_ROWS) {
            term(row, &mut block);
        }
        sums.iter_mut().zip(&block).for_each(|(sum, &part)| *sum += f64::from(part));
    }
    sums
}

/// Adds the column sums of `matrix` to the single row `target`.
pub(crate) fn add_column_sums(matrix: ArrayView2<'_, f32>, mut target: ArrayViewMut2<'_, f32>) {
    let sums = sum_rows(matrix.nrows(), matrix.ncols(), |index, block| {
        block.iter_mut().zip(row(&matrix, index)).for_each(|(sum, value)| *sum += value);
    });
    target.iter_mut().zip(sums).for_each(|(value, sum)| *value += sum as f32);
}
