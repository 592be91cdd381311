//! A matrix cut into blocks of columns, each by itself: rows of a block start where cache lines do, and a block of a wide
//! matrix stays in cache.

use ndarray::{ArrayView2, ArrayViewMut2};

use super::rows::{for_each_block, row, slice_mut};
use super::scratch::{Pool, Scratch};

/// Columns to a block: six vectors of 8 or three of 16, which stay in registers.
pub(crate) const BLOCK: usize = 48;

static VALUES: Pool = Pool::new();

/// A matrix cut into blocks of columns: `[blocks, rows, BLOCK]`, padded with zeros.
#[derive(Debug)]
pub(crate) struct ColumnBlocks {
    values: Scratch,
    rows: usize,
}

impl ColumnBlocks {
    /// Copies a matrix whose columns are adjacent.
    pub(crate) fn of(matrix: ArrayView2<'_, f32>) -> Self {
        let (rows, columns) = matrix.dim();
        let n_rows = columns.div_ceil(BLOCK) * rows;
        let mut values = VALUES.take(n_rows * BLOCK);
        let all = ArrayViewMut2::from_shape((n_rows, BLOCK), &mut values).expect("whole rows");
        for_each_block(all, matrix.len(), |first, mut part| {
            let (mut block, mut number) = (first / rows, first % rows);
            for values in part.outer_iter_mut() {
                copy_padded(slice_mut(values), &row(&matrix, number)[block * BLOCK..]);
                number += 1;
                if number == rows {
                    (block, number) = (block + 1, 0);
                }
            }
        });
        Self { values, rows }
    }

    /// Block `number`, `[rows, BLOCK]`.
    pub(crate) fn block(&self, number: usize) -> &[f32] {
        &self.values[number * self.rows * BLOCK..][..self.rows * BLOCK]
    }
}

/// Copies the first values of a row, or all of them and zeros behind.
#[inline(always)]
fn copy_padded(block: &mut [f32], row: &[f32]) {
    match row.first_chunk::<BLOCK>() {
        Some(row) => block.copy_from_slice(row),
        None => {
            block[..row.len()].copy_from_slice(row);
            block[row.len()..].fill(0.0);
        }
    }
}

#[cfg(test)]
mod tests {
    use ndarray::{Array2, s};
    use proptest::prelude::*;

    use super::{BLOCK, ColumnBlocks};

    proptest! {
        #[test]
        fn blocks_have_the_columns_of_the_matrix(rows in 1_usize..300, columns in 1_usize..200) {
            let wide = Array2::from_shape_fn((rows, columns + 5), |(row, column)| (1 + row * 1000 + column) as f32);
            let matrix = wide.slice(s![.., 3..columns + 3]);
            let blocks = ColumnBlocks::of(matrix);
            for block in 0..columns.div_ceil(BLOCK) {
                for (index, &value) in blocks.block(block).iter().enumerate() {
                    let expected = matrix.get([index / BLOCK, block * BLOCK + index % BLOCK]);
                    prop_assert_eq!(value, expected.copied().unwrap_or(0.0));
                }
            }
        }
    }
}
