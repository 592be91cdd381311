//! Sums of rows that ids name: what look-ups in small tables add to the rows of a batch.

use ndarray::ArrayViewMut2;

use super::instruction_set::multiversion;
use super::rows::slice_mut;

/// Columns to a block of values that are added up: twelve vectors of 8 or six of 16, which stay in registers.
pub(crate) const WIDE_BLOCK: usize = 96;

/// What a look-up adds to the rows of a batch.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Addends<'a> {
    /// `[batch]` ids.
    pub(crate) ids: &'a [u32],
    /// What each row of the table adds, `[rows, WIDE_BLOCK]`.
    pub(crate) values: &'a [f32],
}

multiversion! {
    /// Adds to the rows of a block, the first of which is row `first` of the batch, those that its ids name, in the order of
    /// the look-ups. There are at most [`WIDE_BLOCK`] columns.
    pub(crate) fn add_named_rows(block: ArrayViewMut2<'_, f32>, first: usize, addends: &[Addends<'_>]) {
        let mut block = block;
        for (index, row) in block.outer_iter_mut().enumerate() {
            let row = slice_mut(row);
            let mut sum = [0.0; WIDE_BLOCK];
            for Addends { ids, values } in addends {
                let id = ids[first + index] as usize;
                if let Some(values) = values[id * WIDE_BLOCK..].first_chunk::<WIDE_BLOCK>() {
                    for lane in 0..WIDE_BLOCK {
                        sum[lane] += values[lane];
                    }
                }
            }
            row.iter_mut().zip(sum).for_each(|(value, sum)| *value += sum);
        }
    }
}

#[cfg(test)]
mod tests {
    use ndarray::{Array2, s};
    use proptest::prelude::*;

    use super::{Addends, WIDE_BLOCK, add_named_rows};

    proptest! {
        /// In the order of the look-ups, and beside the columns nothing is written.
        #[test]
        fn rows_are_added_in_order(
            columns in 0_usize..=WIDE_BLOCK,
            first in 0_usize..4,
            ids in proptest::collection::vec(proptest::collection::vec(0_u32..7, 24), 0..6),
        ) {
            let values: Vec<f32> = (0..7 * WIDE_BLOCK).map(|i| (i % 31) as f32 / 7.0 - 2.0).collect();
            let addends: Vec<_> = ids.iter().map(|ids| Addends { ids, values: &values }).collect();
            let before = Array2::from_shape_fn((20, columns + 3), |(row, column)| (row + 3 * column) as f32 / 5.0);
            let mut after = before.clone();
            add_named_rows(after.slice_mut(s![.., 1..columns + 1]), first, &addends);
            for ((row, column), &value) in after.indexed_iter() {
                let sum = match (1..columns + 1).contains(&column) {
                    true => ids.iter().fold(0.0, |sum, ids| {
                        sum + values[ids[first + row] as usize * WIDE_BLOCK + column - 1]
                    }),
                    false => 0.0,
                };
                prop_assert_eq!(value, before[[row, column]] + sum);
            }
        }
    }
}
