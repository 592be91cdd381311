//! Sums over the rows of a matrix, a value for each column: by blocks of rows in f32, the blocks in order in f64.

use std::ops::Range;

use ndarray::{ArrayView2, ArrayViewMut2};

use super::rows::BLOCK_ROWS;
use super::scratch::Pool;
use super::team::for_each_block_in_parallel;
use super::vectors::add_rows;

static BLOCKS: Pool = Pool::new();

/// Below so many values a fork and join costs more than it saves.
const PARALLEL_VALUES: usize = 1 << 10;

/// Sums over the rows, `width` of them. `add` adds the terms of a range of rows, in order, to the sums that it is given.
pub(crate) fn sum_rows(rows: usize, width: usize, add: impl Fn(Range<usize>, &mut [f32]) + Sync) -> Vec<f64> {
    let n_blocks = rows.div_ceil(BLOCK_ROWS);
    let mut blocks = BLOCKS.take(n_blocks * width);
    blocks.fill(0.0);
    let sum_block = |block: usize, sums: &mut [f32]| {
        let first = block * BLOCK_ROWS;
        add(first..rows.min(first + BLOCK_ROWS), sums);
    };
    if width == 0 {
        return Vec::new();
    }
    if rows * width < PARALLEL_VALUES {
        blocks.chunks_exact_mut(width).enumerate().for_each(|(block, sums)| sum_block(block, sums));
    } else {
        let blocks = ArrayViewMut2::from_shape((n_blocks, width), &mut blocks).expect("a row for each block");
        for_each_block_in_parallel(blocks, 1, |block, mut sums| {
            sum_block(block, sums.as_slice_mut().expect("a row without gaps"));
        });
    }
    let mut sums = vec![0.0; width];
    for block in blocks.chunks_exact(width) {
        sums.iter_mut().zip(block).for_each(|(sum, &part)| *sum += f64::from(part));
    }
    sums
}

/// Adds the column sums of `matrix` to the single row `target`.
pub(crate) fn add_column_sums(matrix: ArrayView2<'_, f32>, mut target: ArrayViewMut2<'_, f32>) {
    let sums = sum_rows(matrix.nrows(), matrix.ncols(), |rows, sums| add_rows(sums, rows, matrix));
    target.iter_mut().zip(sums).for_each(|(value, sum)| *value += sum as f32);
}

#[cfg(test)]
mod tests {
    use ndarray::{Array2, s};
    use proptest::prelude::*;

    use super::add_column_sums;

    proptest! {
        #[test]
        fn are_those_of_plain_sums(rows in 0_usize..900, width in 0_usize..40, seed: u32) {
            let value = |row: usize, column: usize| {
                let mixed = (row as u32 * 31 + column as u32 + seed).wrapping_mul(0x9E37_79B1);
                (mixed >> 8) as f32 / (1 << 23) as f32 - 1.0
            };
            let wide = Array2::from_shape_fn((rows, width + 3), |(row, column)| value(row, column));
            let matrix = wide.slice(s![.., 1..=width]);
            let mut sums = Array2::from_elem((1, width), 2.0);
            add_column_sums(matrix, sums.view_mut());
            for (column, sum) in sums.iter().enumerate() {
                let expected = 2.0 + matrix.column(column).iter().map(|&x| f64::from(x)).sum::<f64>();
                prop_assert!((f64::from(*sum) - expected).abs() < 1e-4, "{sum} for {expected}");
            }
        }
    }
}
