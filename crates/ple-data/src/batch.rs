//! The rows of one training step, column by column, in buffers that are filled again and again.

use std::ops::Range;

use ndarray::ArrayView2;

use crate::schema::{Feature, FeatureKind, FeatureSchema};
use crate::source_size::list_id_bytes;
use crate::table::Table;
use crate::table_contents::{SequenceColumn, TableContents};
use crate::user_lists::UserLists;

/// The ids of one sequence feature in a batch: row r has `ids[offsets[r]..offsets[r + 1]]`, possibly none.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct SequenceBatch {
    /// One offset more than the batch has rows; the first is 0.
    pub offsets: Vec<u32>,
    /// The ids of all rows, one after the other.
    pub ids: Vec<u32>,
    /// One weight for each id, if the feature has weights.
    pub weights: Option<Vec<f32>>,
}

/// The rows of one step, as the model wants them: one array of ids for each sparse feature, one matrix of dense
/// values, one array of labels and one of weights for each task.
///
/// An empty batch comes from [`Batch::new`] and is filled by [`Table::gather`], which uses its buffers again: after
/// the largest batch was seen, filling allocates nothing (sequences may grow until their longest batch was seen).
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Batch {
    rows: usize,
    n_dense: usize,
    sparse: Vec<u32>,
    sequences: Vec<SequenceBatch>,
    dense: Vec<f32>,
    labels: Vec<f32>,
    weights: Vec<f32>,
    copied: Copied,
}

/// Records on their way into a batch: memory that is used again, and no part of what a batch is.
#[derive(Debug, Clone, Default)]
struct Copied(Vec<u32>);

impl PartialEq for Copied {
    fn eq(&self, _: &Self) -> bool {
        true
    }
}

impl SequenceBatch {
    /// Appends the list of the next row.
    #[inline]
    pub(crate) fn push(&mut self, ids: &[u32], weights: Option<&[f32]>) {
        self.ids.extend_from_slice(ids);
        if let (Some(from), Some(to)) = (weights, &mut self.weights) {
            to.extend_from_slice(from);
        }
        let end = u32::try_from(self.ids.len()).expect("the ids of a batch fit into 32-bit offsets");
        self.offsets.push(end);
    }
}

impl Batch {
    /// A batch without rows, to be filled by [`Table::gather`].
    pub fn new() -> Self {
        Batch::default()
    }

    /// A batch without rows whose buffers have room for `rows` rows of a schema.
    pub fn with_capacity(schema: &FeatureSchema, rows: usize) -> Self {
        let sequence = |feature: &Feature| SequenceBatch {
            offsets: Vec::with_capacity(rows + 1),
            ids: Vec::new(),
            weights: matches!(feature.kind, FeatureKind::Sequence { weights: Some(_), .. }).then(Vec::new),
        };
        Batch {
            rows: 0,
            n_dense: schema.n_dense(),
            sparse: Vec::with_capacity(rows * schema.n_sparse()),
            sequences: schema.sequences().map(sequence).collect(),
            dense: Vec::with_capacity(rows * schema.n_dense()),
            labels: Vec::with_capacity(rows * schema.n_tasks()),
            weights: Vec::with_capacity(rows * schema.n_tasks()),
            copied: Copied::default(),
        }
    }

    /// Makes room for `rows` rows, to be filled part by part.
    pub(crate) fn start(&mut self, schema: &FeatureSchema, rows: usize) {
        self.rows = rows;
        self.n_dense = schema.n_dense();
        self.sparse.resize(rows * schema.n_sparse(), 0);
        self.labels.resize(rows * schema.n_tasks(), 0.0);
        self.weights.resize(rows * schema.n_tasks(), 0.0);
        self.dense.clear();
        self.sequences.resize_with(schema.n_sequences(), SequenceBatch::default);
        for (sequence, feature) in self.sequences.iter_mut().zip(schema.sequences()) {
            sequence.offsets.clear();
            sequence.offsets.push(0);
            sequence.ids.clear();
            match (&feature.kind, &mut sequence.weights) {
                (FeatureKind::Sequence { weights: Some(_), .. }, Some(weights)) => weights.clear(),
                (FeatureKind::Sequence { weights: Some(_), .. }, none) => *none = Some(Vec::new()),
                (_, weights) => *weights = None,
            }
        }
    }

    /// The number of rows.
    pub fn rows(&self) -> usize {
        self.rows
    }

    /// The ids `[rows]` of sparse feature `feature`, counted among the sparse ones.
    ///
    /// # Panics
    ///
    /// If there is no such feature.
    pub fn sparse(&self, feature: usize) -> &[u32] {
        &self.sparse[feature * self.rows..(feature + 1) * self.rows]
    }

    /// The ids of sequence feature `feature`, counted among the sequence ones.
    ///
    /// # Panics
    ///
    /// If there is no such feature.
    pub fn sequence(&self, feature: usize) -> &SequenceBatch {
        &self.sequences[feature]
    }

    /// The dense values `[rows, n_dense]`.
    pub fn dense(&self) -> ArrayView2<'_, f32> {
        ArrayView2::from_shape((self.rows, self.n_dense), &self.dense)
            .expect("gather fills rows * n_dense values")
    }

    /// The labels `[rows]` of one task.
    ///
    /// # Panics
    ///
    /// If there is no such task.
    pub fn labels(&self, task: usize) -> &[f32] {
        &self.labels[task * self.rows..(task + 1) * self.rows]
    }

    /// The weights `[rows]` of the rows in one task: 1 unless the schema says otherwise, 0 outside of the task.
    ///
    /// # Panics
    ///
    /// If there is no such task.
    pub fn weights(&self, task: usize) -> &[f32] {
        &self.weights[task * self.rows..(task + 1) * self.rows]
    }
}

/// The bytes of the buffers of a batch, by its rows and the ids in its lists.
pub(crate) fn batch_bytes(schema: &FeatureSchema, rows: u64, list_ids: u64) -> u64 {
    let columns = schema.n_sparse() + schema.n_dense() + 2 * schema.n_tasks() + schema.n_sequences();
    rows.saturating_mul(4 * columns as u64).saturating_add(list_ids.saturating_mul(list_id_bytes(schema)))
}

impl Table {
    /// Fills `batch` with the rows `indices`, in this order, reusing its buffers.
    ///
    /// # Panics
    ///
    /// If an index is not below [`Table::rows`], or the ids of one sequence feature do not fit into 32-bit offsets.
    ///
    /// # Examples
    ///
    /// ```
    /// # use ple_data::*;
    /// # let schema = FeatureSchema::new(
    /// #     vec![Feature::sparse("user", 10, 4), Feature::sparse("item", 20, 4)],
    /// #     vec![Label::new("click", TaskType::Classification)], vec![])?;
    /// # let columns = TableColumns {
    /// #     sparse: vec![1, 11, 2, 12, 3, 13], labels: vec![0.0, 1.0, 0.0], ..TableColumns::default() };
    /// # let table = Table::new(schema, columns)?;
    /// let mut batch = Batch::new();
    /// table.gather(&[2, 0], &mut batch);
    /// assert_eq!(batch.sparse(1), [13, 11]);
    /// assert_eq!(batch.weights(0), [1.0, 1.0]);
    /// # Ok::<(), DataError>(())
    /// ```
    pub fn gather(&self, indices: &[u32], batch: &mut Batch) {
        batch.start(self.schema(), indices.len());
        self.gather_part(indices, 0, batch);
    }

    /// Fills the rows from `first` on of a batch that has been [started](Batch::start); parts are filled in order, each
    /// from the window that its rows are in.
    pub(crate) fn gather_part(&self, indices: &[u32], first: usize, batch: &mut Batch) {
        let TableContents { records, sequences, .. } = self.contents();
        let (rows, layout) = (batch.rows, records.layout());
        for (block, chosen) in indices.chunks(BLOCK).enumerate() {
            let copied = &mut batch.copied.0;
            copied.clear();
            chosen.iter().for_each(|&index| copied.extend_from_slice(records.record(index as usize)));
            let rows_of_block = first + block * BLOCK..first + block * BLOCK + chosen.len();
            let copied = CopiedRecords { words: copied, width: layout.width().max(1) };
            copied.transpose(layout.sparse(), |id| id, &mut batch.sparse, rows, &rows_of_block);
            copied.transpose(layout.labels(), f32::from_bits, &mut batch.labels, rows, &rows_of_block);
            copied.transpose(layout.weights(), f32::from_bits, &mut batch.weights, rows, &rows_of_block);
            for record in copied.words.chunks_exact(copied.width) {
                batch.dense.extend(record[layout.dense()].iter().map(|&bits| f32::from_bits(bits)));
            }
        }
        if !layout.has_weights() {
            let of_tasks = batch.weights.chunks_exact_mut(rows.max(1));
            of_tasks.for_each(|weights| weights[first..first + indices.len()].fill(1.0));
        }
        // The last sequences may be lists of users.
        let n_of_rows = batch.sequences.len() - self.lists().map_or(0, UserLists::n_joined);
        let (of_rows, of_users) = batch.sequences.split_at_mut(n_of_rows);
        let (sources, own) = sequences.split_at(n_of_rows);
        for (source, target) in sources.iter().zip(of_rows) {
            gather_sequence(source, indices, target);
        }
        if let Some(lists) = self.lists() {
            lists.gather(records, own, indices, of_users);
        }
    }
}

/// The records that are copied before they are transposed. They lie at random places of memory, and copied one after the
/// other they are waited for together; the columns that are written from the copy get whole cache lines.
const BLOCK: usize = 64;

/// The records of a block.
struct CopiedRecords<'c> {
    words: &'c [u32],
    width: usize,
}

impl CopiedRecords<'_> {
    /// Writes some columns of the block into its rows of the columns of `target`, `[columns, rows]`.
    fn transpose<T>(
        &self,
        columns: Range<usize>,
        value: impl Fn(u32) -> T,
        target: &mut [T],
        rows: usize,
        block: &Range<usize>,
    ) {
        for (column, out) in columns.zip(target.chunks_exact_mut(rows)) {
            for (slot, record) in out[block.clone()].iter_mut().zip(self.words.chunks_exact(self.width)) {
                *slot = value(record[column]);
            }
        }
    }
}

fn gather_sequence(source: &SequenceColumn, indices: &[u32], target: &mut SequenceBatch) {
    for &index in indices {
        let span = source.span(index as usize);
        let weights = source.weights.as_ref().map(|weights| &weights[span.clone()]);
        target.push(&source.ids[span], weights);
    }
}
