//! The embedding layer as one operation: look-ups, pooled sequences, binned and raw dense values side by side in one
//! `[batch, input_dim]` matrix, and for the tables a gradient of the rows that were read.

use std::ops::Range;

use ndarray::{Array2, ArrayView2, ArrayViewMut2};
use rayon::prelude::*;

use super::{Op, Operation};
use crate::gradients::RowGradients;
use crate::kernel::gather::gather;
use crate::kernel::prefetch::{ROWS_AHEAD, prefetch};
use crate::kernel::rows::{BLOCK_ROWS, for_each_block, row};
use crate::replay::Replay;
use crate::store::{MatrixId, ParamStore, TableId};
use crate::tape::{BackwardPass, Tape, Var};

/// How the embeddings of a sequence become one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pooling {
    /// `Σ wᵢ eᵢ / Σ wᵢ`, all weights 1 where none are given; zero for an empty sequence.
    Mean,
    /// `Σ wᵢ eᵢ`.
    Sum,
}

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
}

impl<'a> Tape<'a> {
    /// One `[batch, input_dim]` matrix from the segments, side by side in the order given.
    ///
    /// Its derivative never makes a whole-table gradient: each table gets a [`RowGradients`] of the distinct rows that
    /// the batch read.
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
    pub fn embedding(&mut self, batch: usize, segments: Vec<Segment<'a>>) -> Var {
        let mut end = 0;
        let segments: Vec<_> = segments
            .into_iter()
            .map(|segment| {
                let start = end;
                end += segment.width(self.store);
                let rows = segment.rows();
                assert_eq!(rows, batch, "a segment of {rows} rows in the embedding of a batch of {batch}");
                (start..end, segment)
            })
            .collect();
        let mut value = self.workspace.matrix(batch, end);
        let store = self.store;
        let cost = value.len();
        for_each_block(value.view_mut(), cost, |first, mut block| {
            for (columns, segment) in &segments {
                segment.write(store, first, &mut block, columns);
            }
        });
        self.push(value, Op::Embedding(Embedding { segments }))
    }
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

    fn rows(&self) -> usize {
        match self {
            Segment::Lookup { ids, .. } => ids.len(),
            Segment::Bag { offsets, .. } => offsets.len() - 1,
            Segment::Bins { values, .. } | Segment::Dense { values } => values.nrows(),
        }
    }

    fn table(&self) -> Option<TableId> {
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
                let ids = &ids[first..first + rows];
                store.check_ids(*table, ids);
                gather(store.rows_of(*table), ids, out, width, columns.start);
            }
            Segment::Bins { table, edges, values } => {
                let edges = store.matrix(*edges);
                let mut bins = [0; BLOCK_ROWS];
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
                for (i, out) in out.chunks_exact_mut(width).enumerate() {
                    let out = &mut out[columns.clone()];
                    out.fill(0.0);
                    self.for_each_element(first + i, |_, id, factor| {
                        let weights = store.table_row(*table, id as usize);
                        out.iter_mut().zip(weights).for_each(|(out, weight)| *out += factor * weight);
                    });
                }
            }
        }
    }

    /// Calls `visit` with the number, the id and the factor of each element that row `index` reads from the table.
    fn for_each_element(&self, index: usize, mut visit: impl FnMut(usize, u32, f32)) {
        if let Segment::Bag { offsets, ids, weights, pooling, padding, .. } = self {
            let elements = offsets[index] as usize..offsets[index + 1] as usize;
            let counted = || elements.clone().filter(|&element| Some(ids[element]) != *padding);
            let weight = |element: usize| weights.map_or(1.0, |weights| weights[element]);
            let scale = match pooling {
                Pooling::Sum => 1.0,
                Pooling::Mean => match counted().map(weight).sum::<f32>() {
                    0.0 => 0.0,
                    total => 1.0 / total,
                },
            };
            counted().for_each(|element| visit(element, ids[element], weight(element) * scale));
        }
    }

    /// Adds to `keys` what this segment reads from its table: the id in the upper half, in the lower half the number of
    /// the reading, counted on from `base`. Returns the number after the last.
    fn push_keys(&self, store: &ParamStore, base: usize, keys: &mut Vec<u64>) -> usize {
        let mut push = |id: usize, number: usize| keys.push((id as u64) << 32 | (base + number) as u64);
        match self {
            Segment::Dense { .. } => base,
            Segment::Lookup { ids, .. } => {
                ids.iter().enumerate().for_each(|(number, &id)| push(id as usize, number));
                base + ids.len()
            }
            Segment::Bins { edges, values, .. } => {
                let edges = store.matrix(*edges);
                values.iter().enumerate().for_each(|(number, &value)| push(bin(edges, value), number));
                base + values.nrows()
            }
            Segment::Bag { offsets, ids, .. } => {
                for index in 0..offsets.len() - 1 {
                    self.for_each_element(index, |element, id, _| push(id as usize, element));
                }
                base + ids.len()
            }
        }
    }

    /// The batch's row and the factor of a reading.
    fn reading(&self, number: usize) -> (usize, f32) {
        match self {
            Segment::Bag { offsets, .. } => {
                let index = offsets.partition_point(|&offset| offset as usize <= number) - 1;
                let mut factor = 0.0;
                self.for_each_element(index, |element, _, f| {
                    if element == number {
                        factor = f;
                    }
                });
                (index, factor)
            }
            _ => (number, 1.0),
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

    /// Sorts, for each table, the readings by id (and within an id by their order in the batch), and sums the
    /// gradients of each id in that order.
    fn backward(&self, _: &Array2<f32>, gradient: &Array2<f32>, pass: &mut BackwardPass<'_, '_>) {
        let mut tables: Vec<TableId> =
            self.segments.iter().filter_map(|(_, segment)| segment.table()).collect();
        tables.sort_unstable();
        tables.dedup();
        let store = pass.store;
        let mut jobs = Vec::with_capacity(tables.len());
        for table in tables {
            let dim = store.table(table).dim;
            let of_table = || self.segments.iter().filter(move |(_, segment)| segment.table() == Some(table));
            let readings: usize = of_table().map(|(_, segment)| segment.readings()).sum();
            let mut values = pass.workspace.floats(readings * dim);
            values.clear();
            let (keys, rows) = (pass.workspace.keys(readings), pass.workspace.ids(readings));
            jobs.push((table, keys, RowGradients { rows, values }));
        }
        jobs.par_iter_mut()
            .for_each(|(table, keys, sums)| self.sum_rows(store, *table, gradient, keys, sums));
        for (table, keys, sums) in jobs {
            pass.workspace.recycle_keys(keys);
            pass.accumulate_rows(table, sums);
        }
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
}

impl Embedding<'_> {
    fn sum_rows(
        &self,
        store: &ParamStore,
        table: TableId,
        gradient: &Array2<f32>,
        keys: &mut Vec<u64>,
        sums: &mut RowGradients,
    ) {
        let dim = store.table(table).dim;
        let gradient = gradient.view();
        let mut sources: Vec<(Range<usize>, usize, &Segment<'_>)> = Vec::new();
        for (columns, segment) in self.segments.iter().filter(|(_, segment)| segment.table() == Some(table)) {
            let base = sources.last().map_or(0, |(readings, ..)| readings.end);
            sources.push((base..segment.push_keys(store, base, keys), columns.start, segment));
        }
        keys.sort_unstable();
        let all = gradient.to_slice().expect("gradients are contiguous");
        let width = gradient.ncols();
        for (position, &key) in keys.iter().enumerate() {
            let (id, number) = ((key >> 32) as u32, key as u32 as usize);
            if sums.rows.last() != Some(&id) {
                sums.rows.push(id);
                sums.values.resize(sums.values.len() + dim, 0.0);
            }
            let (readings, column, segment) = match &sources[..] {
                [only] => only,
                several => several
                    .iter()
                    .find(|(readings, ..)| readings.contains(&number))
                    .expect("each reading is a segment's"),
            };
            if let (Some(&ahead), false) =
                (keys.get(position + ROWS_AHEAD), matches!(segment, Segment::Bag { .. }))
            {
                prefetch(all, (ahead as u32 as usize).saturating_sub(readings.start) * width + column, dim);
            }
            let (index, factor) = segment.reading(number - readings.start);
            let dy = &all[index * width + column..][..dim];
            let start = sums.values.len() - dim;
            sums.values[start..].iter_mut().zip(dy).for_each(|(sum, dy)| *sum += factor * dy);
        }
    }
}
