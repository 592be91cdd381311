//! Work on blocks of rows, in parallel where there is enough of it: rows are independent, so the cut never shows in
//! the result.

use ndarray::{ArrayView1, ArrayView2, ArrayViewMut1, ArrayViewMut2, Axis, s};

use super::team::for_each_block_in_parallel;

/// Rows to a block: small enough for the block's values to stay in cache between the reads of one pass.
pub(crate) const BLOCK_ROWS: usize = 128;

/// Below so many elements a fork and join costs more than it saves, some 2 us where threads are awake.
const PARALLEL_WORK: usize = 1 << 10;

/// Calls `work` with the first row and the rows of each block of `matrix`. `cost` is the whole pass's work.
pub(crate) fn for_each_block(
    mut matrix: ArrayViewMut2<'_, f32>,
    cost: usize,
    work: impl Fn(usize, ArrayViewMut2<'_, f32>) + Sync,
) {
    if cost < PARALLEL_WORK {
        let blocks = matrix.axis_chunks_iter_mut(Axis(0), BLOCK_ROWS).enumerate();
        blocks.for_each(|(block, rows)| work(block * BLOCK_ROWS, rows));
    } else {
        for_each_block_in_parallel(matrix, BLOCK_ROWS, |block, rows| work(block * BLOCK_ROWS, rows));
    }
}

/// Calls `work` with the number and the values of each row of `matrix`.
pub(crate) fn for_each_row(matrix: ArrayViewMut2<'_, f32>, work: impl Fn(usize, &mut [f32]) + Sync) {
    let cost = matrix.len();
    for_each_block(matrix, cost, |first, mut rows| {
        rows.outer_iter_mut().enumerate().for_each(|(row, values)| work(first + row, slice_mut(values)));
    });
}

/// Calls `work` with runs of `out` and the same runs of the inputs, for work that does not ask where a row ends: whole
/// blocks where all of them lie without gaps, rows otherwise.
pub(crate) fn for_each_run<const N: usize>(
    out: ArrayViewMut2<'_, f32>,
    inputs: [ArrayView2<'_, f32>; N],
    work: impl Fn(&mut [f32], [&[f32]; N]) + Sync,
) {
    let cost = out.len();
    for_each_block(out, cost, |first, mut block| {
        let rows = first..first + block.nrows();
        let inputs = inputs.map(|input| input.slice_move(s![rows.clone(), ..]));
        let gapless = inputs.iter().all(|input| input.is_standard_layout());
        match block.as_slice_mut() {
            Some(out) if gapless => work(out, inputs.map(|input| input.to_slice().unwrap_or_default())),
            _ => {
                for (index, out) in block.outer_iter_mut().enumerate() {
                    work(slice_mut(out), inputs.each_ref().map(|input| row(input, index)));
                }
            }
        }
    });
}

/// One row of a view as a slice.
///
/// # Panics
/// If the columns are not adjacent in memory, which no value of a tape is.
#[inline(always)]
pub(crate) fn row<'v>(view: &ArrayView2<'v, f32>, row: usize) -> &'v [f32] {
    let values: ArrayView1<'v, f32> = (*view).index_axis_move(Axis(0), row);
    values.to_slice().expect("the columns of a value are adjacent")
}

/// One row of a mutable view as a slice.
#[inline(always)]
pub(crate) fn slice_mut(row: ArrayViewMut1<'_, f32>) -> &mut [f32] {
    row.into_slice().expect("the columns of a value are adjacent")
}
