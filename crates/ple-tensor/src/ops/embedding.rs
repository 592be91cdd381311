//! The embedding layer as one operation: look-ups, pooled sequences, binned and raw dense values side by side in one
//! `[batch, input_dim]` matrix, and for the tables a gradient of the rows that were read.

use std::mem::take;
use std::ops::Range;

use ndarray::{Array2, ArrayView2, ArrayViewMut2, Axis, s};

use super::{Op, Operation};
use crate::backward::BackwardPass;
pub use crate::kernel::bags::Pooling;
use crate::kernel::bags::{Bags, pool};
use crate::kernel::gather::{Rows, gather};
use crate::kernel::prefetch::ROWS_AHEAD;
use crate::kernel::row_sums::{RowSums, add_bags};
use crate::kernel::rows::{for_each_block, row};
use crate::kernel::scratch::{Pool, Scratch};
use crate::kernel::team::for_each_in_parallel;
use crate::replay::Replay;
use crate::store::{MatrixId, ParamStore, TableId};
use crate::table::Table;
use crate::tape::{Mode, Tape};
use crate::var::Var;
use crate::workspace::{Workspace, emptied};

/// What fills a block of columns of the embedding matrix.
#[derive(Clone, Debug)]
pub enum Segment<'a> {
    /// One row of a table for each row of the batch.
    Lookup {
        /// The table.
        table: TableId,
        /// `[batch]` ids.
        ids: &'a [u32],
    },
    /// A pooled sequence of rows of a table.
    Bag {
        /// The table.
        table: TableId,
        /// `[batch + 1]`: the elements of row r are `offsets[r]..offsets[r + 1]`.
        offsets: &'a [u32],
        /// The elements' ids.
        ids: &'a [u32],
        /// The elements' weights, 1 without.
        weights: Option<&'a [f32]>,
        /// How elements are pooled.
        pooling: Pooling,
        /// The id of elements that do not count.
        padding: Option<u32>,
    },
    /// A dense value, by way of the bin that it falls in: bin i holds the values with i edges at or below them.
    Bins {
        /// The table, of one row more than there are edges.
        table: TableId,
        /// The edges, `[1, n]` ascending.
        edges: MatrixId,
        /// `[batch, 1]` values.
        values: ArrayView2<'a, f32>,
    },
    /// Dense values as they are.
    Dense {
        /// `[batch, n]` values.
        values: ArrayView2<'a, f32>,
    },
}

/// The embedding matrix: see [`Tape::embedding`].
#[derive(Debug)]
pub struct Embedding<'a> {
    /// Each segment with its columns of the result.
    pub segments: Vec<(Range<usize>, Segment<'a>)>,
    /// The form in which linear maps read it; none of a batch of few rows.
    pub(crate) factors: Option<Factors>,
}

/// An embedding matrix without the columns of look-ups in small tables: a product with those goes by rows of the table.
#[derive(Debug)]
pub(crate) struct Factors {
    /// The other columns, side by side, and padding that makes each row start a cache line.
    padded: Scratch,
    batch: usize,
    width: usize,
    /// For each segment its columns of `values`.
    pub(crate) places: Vec<Option<Range<usize>>>,
}

impl Factors {
    /// The columns that are left, `[batch, width]`.
    pub(crate) fn values(&self) -> ArrayView2<'_, f32> {
        let stride = self.width.next_multiple_of(LINE);
        let all = ArrayView2::from_shape((self.batch, stride), &self.padded).expect("whole rows");
        all.slice_move(s![.., ..self.width])
    }

    /// Some of them as rows of a table, one for each row of the batch.
    pub(crate) fn rows(&self, columns: &Range<usize>) -> Rows<'_> {
        let stride = self.width.next_multiple_of(LINE);
        Rows { values: &self.padded[columns.start..], stride, dim: columns.len() }
    }
}

/// Values to a cache line.
const LINE: usize = 16;

static VALUES: Pool = Pool::new();

/// Rows of a batch from which on there are factors.
const FEWEST_ROWS: usize = 64;

/// The rows of a batch for each row of a table that is multiplied whole, at least.
const READINGS_OF_A_ROW: usize = 2;

impl<'a> Tape<'a> {
    /// One `[batch, input_dim]` matrix from the segments, side by side in the order given.
    ///
    /// Its derivative never makes a whole-table gradient: each table gets a [`RowGradients`](crate::RowGradients) of the
    /// distinct rows that the batch read.
    ///
    /// # Panics
    /// If an id is outside its table, or the segments' batches differ from `batch`.
    ///
    /// ```
    /// use ndarray::array;
    /// use ple_tensor::{Mode, ParamStore, Segment, Tape, Workspace};
    ///
    /// let mut store = ParamStore::new();
    /// let table = store.add_table("table", 3, 2);
    /// store.table_row_mut(table, 2).copy_from_slice(&[5.0, 6.0]);
    /// let mut tape = Tape::new(&store, Workspace::new(), Mode::Evaluate);
    /// let y = tape.embedding(2, vec![Segment::Lookup { table, ids: &[2, 0] }]);
    /// assert_eq!(tape.value(y), array![[5.0, 6.0], [0.0, 0.0]]);
    /// ```
    pub fn embedding(&mut self, batch: usize, segments: impl IntoIterator<Item = Segment<'a>>) -> Var {
        let mut end = 0;
        let mut placed: Vec<(Range<usize>, Segment<'a>)> =
            emptied(std::mem::take(&mut self.workspace.segments));
        placed.extend(segments.into_iter().map(|segment| {
            let start = end;
            end += segment.width(self.store);
            let rows = segment.rows();
            assert_eq!(rows, batch, "a segment of {rows} rows in the embedding of a batch of {batch}");
            (start..end, segment)
        }));
        let mut value = self.workspace.matrix(batch, end);
        let mut embedding = Embedding { segments: placed, factors: None };
        // In evaluation the numbers of a row must not depend on those that it comes with.
        if batch < FEWEST_ROWS || self.mode == Mode::Evaluate {
            embedding.write(self.store, &mut value);
            return self.push(value, Op::Embedding(embedding));
        }
        embedding.factors = Some(embedding.factors_of_batch(batch, self.store));
        self.push_on_demand(value, Op::Embedding(embedding))
    }
}

impl<'a> Embedding<'a> {
    /// The number of columns.
    pub(crate) fn width(&self) -> usize {
        self.segments.last().map_or(0, |(columns, _)| columns.end)
    }

    /// Writes the whole matrix.
    pub(crate) fn write(&self, store: &ParamStore, value: &mut Array2<f32>) {
        write(&self.segments, store, value.view_mut());
    }

    fn factors_of_batch(&self, batch: usize, store: &ParamStore) -> Factors {
        let mut written: Vec<(Range<usize>, Segment<'a>)> = Vec::with_capacity(self.segments.len());
        let mut end = 0;
        let place = |(_, segment): &(Range<usize>, Segment<'a>)| {
            if let Segment::Lookup { table, ids } = *segment
                && store.table(table).rows * READINGS_OF_A_ROW <= batch
            {
                store.check_ids(table, ids);
                return None;
            }
            let place = end..end + segment.width(store);
            end = place.end;
            written.push((place.clone(), segment.clone()));
            Some(place)
        };
        let places = self.segments.iter().map(place).collect();
        let stride = end.next_multiple_of(LINE);
        let mut padded = VALUES.take(batch * stride);
        write(&written, store, ArrayViewMut2::from_shape((batch, stride), &mut padded).expect("whole rows"));
        Factors { padded, batch, width: end, places }
    }

    pub(crate) fn release(self, workspace: &mut Workspace) {
        workspace.segments = emptied(self.segments);
    }
}

/// Writes segments side by side.
fn write(segments: &[(Range<usize>, Segment<'_>)], store: &ParamStore, value: ArrayViewMut2<'_, f32>) {
    let cost = value.len();
    // Few rows at a time, so that the cache lines of the result are written while they are in cache.
    for_each_block(value, cost, |first, mut block| {
        for (number, mut rows) in block.axis_chunks_iter_mut(Axis(0), ROWS_AHEAD).enumerate() {
            for (columns, segment) in segments {
                segment.write(store, first + number * ROWS_AHEAD, &mut rows, columns);
            }
        }
    });
}

impl Segment<'_> {
    fn width(&self, store: &ParamStore) -> usize {
        match self {
            Segment::Dense { values } => values.ncols(),
            Segment::Lookup { table, .. } | Segment::Bag { table, .. } | Segment::Bins { table, .. } => {
                store.table(*table).dim
            }
        }
    }

    pub(crate) fn rows(&self) -> usize {
        match self {
            Segment::Lookup { ids, .. } => ids.len(),
            Segment::Bag { offsets, .. } => offsets.len() - 1,
            Segment::Bins { values, .. } | Segment::Dense { values } => values.nrows(),
        }
    }

    pub(crate) fn table(&self) -> Option<TableId> {
        match *self {
            Segment::Dense { .. } => None,
            Segment::Lookup { table, .. } | Segment::Bag { table, .. } | Segment::Bins { table, .. } => {
                Some(table)
            }
        }
    }

    /// Writes the rows of the batch from `first` on into the segment's columns of a block of the result.
    fn write(
        &self,
        store: &ParamStore,
        first: usize,
        block: &mut ArrayViewMut2<'_, f32>,
        columns: &Range<usize>,
    ) {
        let (rows, width) = block.dim();
        let out = block.as_slice_mut().expect("a block of whole rows");
        match self {
            Segment::Lookup { table, ids } => {
                store.check_ids(*table, &ids[first..first + rows]);
                gather(store.rows_of(*table), &ids[first..], out, width, columns.start);
            }
            Segment::Bins { table, edges, values } => {
                let edges = store.matrix(*edges);
                let mut bins = [0; ROWS_AHEAD];
                let bins = &mut bins[..rows];
                bins.iter_mut()
                    .enumerate()
                    .for_each(|(i, id)| *id = bin(edges, values[[first + i, 0]]) as u32);
                gather(store.rows_of(*table), bins, out, width, columns.start);
            }
            Segment::Dense { values } => {
                for (i, out) in out.chunks_exact_mut(width).enumerate() {
                    let values = values.row(first + i);
                    out[columns.clone()].iter_mut().zip(values).for_each(|(out, value)| *out = *value);
                }
            }
            Segment::Bag { table, .. } => {
                if let Some(bags) = self.bags() {
                    store.check_ids(*table, bags.largest_id(first..first + rows).as_slice());
                    pool(bags, store.rows_of(*table), first, out, width, columns.start);
                }
            }
        }
    }

    fn bags(&self) -> Option<Bags<'_>> {
        match *self {
            Segment::Bag { offsets, ids, weights, pooling, padding, .. } => {
                Some(Bags { offsets, ids, weights, pooling, padding })
            }
            _ => None,
        }
    }
}

/// The number of edges at or below a value.
fn bin(edges: ArrayView2<'_, f32>, value: f32) -> usize {
    row(&edges, 0).partition_point(|&edge| edge <= value)
}

impl Operation for Embedding<'_> {
    fn inputs(&self) -> Box<dyn Iterator<Item = Var> + '_> {
        Box::new(std::iter::empty())
    }

    fn learns(&self) -> bool {
        self.segments.iter().any(|(_, segment)| segment.table().is_some())
    }

    fn backward(&self, _: &Array2<f32>, gradient: &mut Array2<f32>, pass: &mut BackwardPass<'_, '_>) {
        accumulate_segments(&self.segments, gradient, pass);
    }

    fn define(&self, replay: &Replay<'_>) -> Array2<f64> {
        let batch = self.segments.first().map_or(0, |(_, segment)| segment.rows());
        let width = self.segments.last().map_or(0, |(columns, _)| columns.end);
        let mut y = Array2::zeros((batch, width));
        for (columns, segment) in &self.segments {
            for index in 0..batch {
                for (offset, column) in columns.clone().enumerate() {
                    let at = |table, id: usize| replay.table(table)[[id, offset]];
                    y[[index, column]] = match segment {
                        Segment::Lookup { table, ids } => at(*table, ids[index] as usize),
                        Segment::Dense { values } => f64::from(values[[index, offset]]),
                        Segment::Bins { table, edges, values } => {
                            let value = f64::from(values[[index, 0]]);
                            at(*table, replay.matrix(*edges).iter().filter(|&&edge| edge <= value).count())
                        }
                        Segment::Bag { table, offsets, ids, weights, pooling, padding } => {
                            let (mut sum, mut total) = (0.0, 0.0);
                            for element in offsets[index] as usize..offsets[index + 1] as usize {
                                if Some(ids[element]) != *padding {
                                    let weight = weights.map_or(1.0, |weights| f64::from(weights[element]));
                                    sum += weight * at(*table, ids[element] as usize);
                                    total += weight;
                                }
                            }
                            if *pooling == Pooling::Mean && total != 0.0 { sum / total } else { sum }
                        }
                    };
                }
            }
        }
        y
    }
}

impl Segment<'_> {
    /// The largest number of readings from a table.
    fn readings(&self) -> usize {
        match self {
            Segment::Bag { ids, .. } => ids.len(),
            Segment::Dense { .. } => 0,
            Segment::Lookup { .. } | Segment::Bins { .. } => self.rows(),
        }
    }

    /// Adds the gradient of its columns to the sums of the rows that it reads.
    fn sum_rows(
        &self,
        store: &ParamStore,
        columns: &Range<usize>,
        gradient: &Array2<f32>,
        sums: &mut RowSums,
    ) {
        let width = gradient.ncols();
        let all = gradient.as_slice().expect("gradients are contiguous");
        match self {
            Segment::Dense { .. } => {}
            Segment::Lookup { ids, .. } => sums.add_columns(ids, all, width, columns.start),
            Segment::Bins { edges, values, .. } => {
                let edges = store.matrix(*edges);
                for (dy, &value) in all.chunks_exact(width).zip(values) {
                    sums.add(bin(edges, value) as u32, 1.0, &dy[columns.clone()]);
                }
            }
            Segment::Bag { .. } => {
                if let Some(bags) = self.bags() {
                    add_bags(sums, bags, all, width, columns.start);
                }
            }
        }
    }
}

/// Sums, for each table, the gradients of each row that was read, in the order of the segments and of the batch.
/// `gradient` is that of the segments' columns.
pub(crate) fn accumulate_segments(
    segments: &[(Range<usize>, Segment<'_>)],
    gradient: &Array2<f32>,
    pass: &mut BackwardPass<'_, '_>,
) {
    let mut tables: Vec<TableId> = segments.iter().filter_map(|(_, segment)| segment.table()).collect();
    tables.sort_unstable();
    tables.dedup();
    let store = pass.store;
    let of_table = |table| segments.iter().filter(move |(_, segment)| segment.table() == Some(table));
    let mut sums: Vec<_> = tables
        .into_iter()
        .map(|table| {
            let readings: usize = of_table(table).map(|(_, segment)| segment.readings()).sum();
            let Table { rows, dim, .. } = *store.table(table);
            let sums = pass.workspace.row_gradients(readings.min(rows), dim);
            (table, readings, sums, pass.workspace.cells())
        })
        .collect();
    for_each_in_parallel(&mut sums, |_, (table, readings, rows, cells)| {
        let Table { rows: table_rows, dim, .. } = *store.table(*table);
        let mut sums = RowSums::new(take(rows), dim, *readings, table_rows, take(cells));
        of_table(*table).for_each(|(columns, segment)| segment.sum_rows(store, columns, gradient, &mut sums));
        (*rows, *cells) = sums.finish();
    });
    for (table, _, rows, cells) in sums {
        pass.workspace.recycle_cells(cells);
        pass.accumulate_rows(table, rows);
    }
}
