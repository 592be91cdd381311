//! The rows of one training step, column by column, in buffers that are filled again and again.

use ndarray::ArrayView2;

use crate::schema::{Feature, FeatureKind};
use crate::table::{SequenceColumn, Table};

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
    indices: Vec<u32>,
}

impl Batch {
    /// A batch without rows, to be filled by [`Table::gather`].
    pub fn new() -> Self {
        Batch::default()
    }

    /// A batch without rows whose buffers have room for `rows` rows of `table`.
    pub fn with_capacity(table: &Table, rows: usize) -> Self {
        let schema = table.schema();
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
            indices: Vec::with_capacity(rows),
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

    /// The row numbers in the table, so that predictions can be put back into file order.
    pub fn indices(&self) -> &[u32] {
        &self.indices
    }
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
        let schema = self.schema();
        let columns = self.columns();
        let rows = indices.len();
        batch.rows = rows;
        batch.n_dense = schema.n_dense();
        batch.indices.clear();
        batch.indices.extend_from_slice(indices);

        gather_transposed(&columns.sparse, schema.n_sparse(), indices, &mut batch.sparse);
        gather_transposed(&columns.labels, schema.n_tasks(), indices, &mut batch.labels);
        match &columns.weights {
            Some(weights) => gather_transposed(weights, schema.n_tasks(), indices, &mut batch.weights),
            None => {
                batch.weights.clear();
                batch.weights.resize(rows * schema.n_tasks(), 1.0);
            }
        }
        batch.dense.clear();
        for &index in indices {
            let start = index as usize * batch.n_dense;
            batch.dense.extend_from_slice(&columns.dense[start..start + batch.n_dense]);
        }
        batch.sequences.resize_with(columns.sequences.len(), SequenceBatch::default);
        for (source, target) in columns.sequences.iter().zip(&mut batch.sequences) {
            gather_sequence(source, indices, target);
        }
    }
}

/// The rows that are transposed together: their source lines stay in the first cache while each target column is
/// written a whole cache line at a time.
const BLOCK: usize = 16;

/// Copies the chosen rows of a `[rows, width]` matrix into `target` as `[width, chosen]`.
fn gather_transposed<T: Copy + Default>(source: &[T], width: usize, indices: &[u32], target: &mut Vec<T>) {
    let rows = indices.len();
    target.resize(rows * width, T::default());
    if width == 0 {
        return;
    }
    for (block, chosen) in indices.chunks(BLOCK).enumerate() {
        let first = block * BLOCK;
        for (column, out) in target.chunks_exact_mut(rows).enumerate() {
            for (slot, &index) in out[first..first + chosen.len()].iter_mut().zip(chosen) {
                *slot = source[index as usize * width + column];
            }
        }
    }
}

fn gather_sequence(source: &SequenceColumn, indices: &[u32], target: &mut SequenceBatch) {
    target.offsets.clear();
    target.ids.clear();
    target.offsets.push(0);
    match (&source.weights, &mut target.weights) {
        (None, weights) => *weights = None,
        (Some(_), Some(weights)) => weights.clear(),
        (Some(_), weights @ None) => *weights = Some(Vec::new()),
    }
    for &index in indices {
        let span = source.span(index as usize);
        target.ids.extend_from_slice(&source.ids[span.clone()]);
        if let (Some(from), Some(to)) = (&source.weights, &mut target.weights) {
            to.extend_from_slice(&from[span]);
        }
        target
            .offsets
            .push(u32::try_from(target.ids.len()).expect("the ids of a batch fit into 32-bit offsets"));
    }
}
