//! A transposed left matrix, packed into strips of as many rows as a tile has: in memory its rows are far apart, in a
//! strip the values of one product lie side by side.

use ndarray::ArrayView2;

use crate::kernel::prefetch::prefetch;
use crate::kernel::scratch::{Pool, Scratch};

static STRIPS: Pool = Pool::new();

/// The left matrix of a task and a block of k, as the tiles read it: element (i, p) of strip s is
/// `s * strip + i * row + p * column` values after the start.
pub(super) struct Left {
    /// Keeps the packed values while tiles read them.
    _packed: Option<Scratch>,
    pub(super) start: *const f32,
    pub(super) strip: usize,
    pub(super) row: usize,
    pub(super) column: usize,
    /// Whether the rows are pieces of longer ones, so that the processor does not guess where the next one begins.
    pub(super) scattered: bool,
}

impl Left {
    /// As it lies, or packed into strips of `rows` rows where the neighbours in a row are not neighbours in memory.
    pub(super) fn new(a: ArrayView2<'_, f32>, rows: usize) -> Self {
        let (row, column) = (a.strides()[0] as usize, a.strides()[1] as usize);
        if column == 1 || a.ncols() == 1 {
            let scattered = row >= 2 * a.ncols();
            return Self { _packed: None, start: a.as_ptr(), strip: rows * row, row, column, scattered };
        }
        let (m, k) = a.dim();
        let mut packed = STRIPS.take(m.next_multiple_of(rows) * k);
        match rows {
            4 => pack::<4>(a, &mut packed),
            6 => pack::<6>(a, &mut packed),
            8 => pack::<8>(a, &mut packed),
            _ => unreachable!("tiles have 4, 6 or 8 rows"),
        }
        Self {
            start: packed.as_ptr(),
            _packed: Some(packed),
            strip: rows * k,
            row: 1,
            column: rows,
            scattered: false,
        }
    }
}

/// Columns between the one in hand and the one that is fetched: they lie so far apart that the processor does not guess.
const COLUMNS_AHEAD: usize = 6;

fn prefetch_column(a: &ArrayView2<'_, f32>, p: usize) {
    if p < a.ncols()
        && let Some(column) = a.column(p).to_slice()
    {
        prefetch(column, 0, column.len());
    }
}

/// Copies column after column, cut into pieces of `ROWS` values, one for each strip.
fn pack<const ROWS: usize>(a: ArrayView2<'_, f32>, packed: &mut [f32]) {
    let k = a.ncols();
    for (p, column) in a.columns().into_iter().enumerate() {
        prefetch_column(&a, p + COLUMNS_AHEAD);
        let Some(column) = column.to_slice() else {
            for (i, &value) in column.iter().enumerate() {
                packed[i / ROWS * ROWS * k + p * ROWS + i % ROWS] = value;
            }
            continue;
        };
        let (pieces, rest) = column.as_chunks::<ROWS>();
        for (strip, piece) in pieces.iter().enumerate() {
            packed[strip * ROWS * k + p * ROWS..][..ROWS].copy_from_slice(piece);
        }
        if !rest.is_empty() {
            packed[pieces.len() * ROWS * k + p * ROWS..][..rest.len()].copy_from_slice(rest);
        }
    }
}
