//! Rows in memory, by role and checked, laid out so that a shuffled batch touches few cache lines a row.

use std::sync::Arc;

use arrow_array::{ArrayRef, UInt32Array};
use arrow_select::concat::concat;
use arrow_select::take::take;

use crate::error::DataError;
use crate::schema::{FeatureKind, FeatureSchema, Label};
use crate::table_checks::{check_lengths, check_values};
use crate::user_lists::UserLists;

/// The ids (and weights) of one sequence feature, for all rows: row r has `ids[offsets[r]..offsets[r + 1]]`.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct SequenceColumn {
    /// One offset more than rows; the first is 0.
    pub offsets: Vec<usize>,
    /// The ids of all rows, one after the other.
    pub ids: Vec<u32>,
    /// One weight for each id, if the feature names a column of weights.
    pub weights: Option<Vec<f32>>,
}

/// The plain arrays that a [`Table`] is made of.
///
/// # Shapes
///
/// Row-major, so a row's values stand together: `sparse` `[rows, n_sparse]`, `dense` `[rows, n_dense]`, `labels`
/// and `weights` `[rows, n_tasks]`.
#[derive(Debug, Clone, Default)]
pub struct TableColumns {
    /// Ids of the sparse features.
    pub sparse: Vec<u32>,
    /// Values of the dense features.
    pub dense: Vec<f32>,
    /// One label for each task.
    pub labels: Vec<f32>,
    /// One weight for each task, if a label of the schema names a weight or a space, and 0 for a row outside of the space;
    /// else every row counts 1 in every task.
    pub weights: Option<Vec<f32>>,
    /// One for each sequence feature; of those that are [joined](UserLists), one for each that has own lists.
    pub sequences: Vec<SequenceColumn>,
    /// The user of each row where lists of users are [joined](UserLists) to the rows; else empty.
    pub users: Vec<u32>,
    /// One Arrow array of any type for each key.
    pub keys: Vec<ArrayRef>,
}

/// Rows in memory that agree with a [`FeatureSchema`]: every id is in its vocabulary, every number is finite,
/// every label of a classification is 0 or 1.
///
/// # Examples
///
/// ```
/// use ple_data::{Feature, FeatureSchema, Label, Table, TableColumns, TaskType};
///
/// let schema = FeatureSchema::new(
///     vec![Feature::sparse("user", 10, 4), Feature::sparse("item", 20, 4)],
///     vec![Label::new("click", TaskType::Classification)],
///     vec![],
/// )?;
/// let columns = TableColumns {
///     sparse: vec![1, 11, 2, 12, 3, 13], // user, item, user, item, ...
///     labels: vec![0.0, 1.0, 0.0],
///     ..TableColumns::default()
/// };
/// let table = Table::new(schema, columns)?;
/// assert_eq!(table.rows(), 3);
/// assert_eq!(table.positives(0), 1);
/// # Ok::<(), ple_data::DataError>(())
/// ```
#[derive(Debug, Clone)]
pub struct Table {
    schema: Arc<FeatureSchema>,
    rows: usize,
    columns: TableColumns,
    lists: Option<UserLists>,
}

impl Table {
    /// Checks arrays against a schema and takes them as a table. The number of rows is that of the labels.
    ///
    /// # Errors
    ///
    /// [`DataError::Length`] for an array of the wrong size, and the errors of the readers for a value that is not
    /// allowed; the "file" that they name is `table in memory`.
    pub fn new(schema: FeatureSchema, mut columns: TableColumns) -> Result<Self, DataError> {
        schema.validate()?;
        check_lengths(&schema, &columns)?;
        // As the readers do: a label of -0 is one of 0.
        columns.labels.iter_mut().for_each(|label| *label += 0.0);
        let table = Table::assembled(Arc::new(schema), columns);
        check_values(&table)?;
        Ok(table)
    }

    /// The same rows under another schema of the same layout, for example with other embedding dimensions.
    ///
    /// # Errors
    ///
    /// Those of [`Table::new`].
    pub fn with_schema(self, schema: FeatureSchema) -> Result<Self, DataError> {
        Table::new(schema, self.with_lists_copied().columns)
    }

    /// The number of rows.
    pub fn rows(&self) -> usize {
        self.rows
    }

    /// What the columns mean.
    pub fn schema(&self) -> &FeatureSchema {
        &self.schema
    }

    /// The arrays themselves.
    pub fn columns(&self) -> &TableColumns {
        &self.columns
    }

    /// The labels of one task, in row order.
    ///
    /// # Panics
    ///
    /// If there is no such task.
    pub fn labels(&self, task: usize) -> impl ExactSizeIterator<Item = f32> + '_ {
        strided(&self.columns.labels, task, self.schema.n_tasks(), self.rows)
    }

    /// The weights of the rows in one task, in row order; 1 where the schema names no weight.
    ///
    /// # Panics
    ///
    /// If there is no such task.
    pub fn weights(&self, task: usize) -> impl ExactSizeIterator<Item = f32> + '_ {
        let n_tasks = self.schema.n_tasks();
        assert!(task < n_tasks, "Table::weights: task {task} of {n_tasks}");
        let weights = self.columns.weights.as_deref();
        (0..self.rows).map(move |row| weights.map_or(1.0, |weights| weights[row * n_tasks + task]))
    }

    /// The number of rows inside of the task (weight above 0) whose label is above 0.
    ///
    /// # Panics
    ///
    /// If there is no such task.
    pub fn positives(&self, task: usize) -> usize {
        self.labels(task)
            .zip(self.weights(task))
            .filter(|&(label, weight)| label > 0.0 && weight > 0.0)
            .count()
    }

    /// The number of rows inside of the task, which are those of a weight above 0.
    ///
    /// # Panics
    ///
    /// If there is no such task.
    pub fn rows_in_task(&self, task: usize) -> usize {
        self.weights(task).filter(|&weight| weight > 0.0).count()
    }

    /// The values of one dense feature (counted among the dense ones), in row order.
    ///
    /// # Panics
    ///
    /// If there is no such feature.
    pub fn dense(&self, feature: usize) -> impl ExactSizeIterator<Item = f32> + '_ {
        strided(&self.columns.dense, feature, self.schema.n_dense(), self.rows)
    }

    /// The ids of one sparse feature (counted among the sparse ones), in row order.
    ///
    /// # Panics
    ///
    /// If there is no such feature.
    pub fn sparse(&self, feature: usize) -> impl ExactSizeIterator<Item = u32> + '_ {
        strided(&self.columns.sparse, feature, self.schema.n_sparse(), self.rows)
    }

    /// The key columns, one array for each key of the schema.
    pub fn keys(&self) -> &[ArrayRef] {
        &self.columns.keys
    }

    /// The key columns with their names, as [`write_predictions`](crate::write_predictions) takes them.
    pub fn named_keys(&self) -> Vec<(String, ArrayRef)> {
        self.schema.keys.iter().cloned().zip(self.columns.keys.iter().map(Arc::clone)).collect()
    }

    /// The key columns of some rows, in the order asked for.
    ///
    /// # Panics
    ///
    /// If an index is not below [`Table::rows`].
    pub fn key_batch(&self, indices: &[u32]) -> Vec<ArrayRef> {
        if self.columns.keys.is_empty() {
            return Vec::new();
        }
        assert!(
            indices.iter().all(|&index| (index as usize) < self.rows),
            "Table::key_batch: an index is not below {} rows",
            self.rows
        );
        let positions = UInt32Array::from(indices.to_vec());
        let taken = |key: &ArrayRef| take(key, &positions, None).expect("the indices are in range");
        self.columns.keys.iter().map(taken).collect()
    }

    /// A table of some rows, in the order asked for; a row may be asked for twice.
    ///
    /// # Panics
    ///
    /// If an index is not below [`Table::rows`].
    pub fn select(&self, indices: &[u32]) -> Table {
        let source = &self.columns;
        let columns = TableColumns {
            sparse: select_rows(&source.sparse, self.schema.n_sparse(), indices),
            dense: select_rows(&source.dense, self.schema.n_dense(), indices),
            labels: select_rows(&source.labels, self.schema.n_tasks(), indices),
            weights: source
                .weights
                .as_ref()
                .map(|weights| select_rows(weights, self.schema.n_tasks(), indices)),
            sequences: source.sequences.iter().map(|sequence| sequence.select(indices)).collect(),
            users: select_rows(&source.users, usize::from(self.lists.is_some()), indices),
            keys: self.key_batch(indices),
        };
        Table { lists: self.lists.clone(), ..Table::assembled(Arc::clone(&self.schema), columns) }
    }

    /// Appends the rows of a table of the same schema.
    pub(crate) fn append(&mut self, mut other: Table) -> Result<(), arrow_schema::ArrowError> {
        let more = other.take_columns();
        for (key, more) in self.columns.keys.iter_mut().zip(&more.keys) {
            *key = join_keys(&[Arc::clone(key), Arc::clone(more)])?;
        }
        self.columns.append(more);
        self.rows = self.columns.rows(&self.schema);
        Ok(())
    }

    /// Takes the arrays out, to be used again; what is left has no rows.
    pub(crate) fn take_columns(&mut self) -> TableColumns {
        self.rows = 0;
        std::mem::take(&mut self.columns)
    }

    /// A table from arrays that were checked while they were made.
    pub(crate) fn assembled(schema: Arc<FeatureSchema>, columns: TableColumns) -> Table {
        let rows = columns.rows(&schema);
        Table { schema, rows, columns, lists: None }
    }

    /// The same with the lists of users; the schema's last sequences are theirs.
    pub(crate) fn joined(schema: Arc<FeatureSchema>, columns: TableColumns, lists: UserLists) -> Table {
        Table { lists: Some(lists), ..Table::assembled(schema, columns) }
    }

    /// The lists of the users of the rows, if any are joined.
    pub(crate) fn lists(&self) -> Option<&UserLists> {
        self.lists.as_ref()
    }
}

impl TableColumns {
    /// The number of rows, by the first kind of column that the schema has. Rows to be predicted have no labels.
    fn rows(&self, schema: &FeatureSchema) -> usize {
        let widths = [
            (self.labels.len(), schema.n_tasks()),
            (self.sparse.len(), schema.n_sparse()),
            (self.dense.len(), schema.n_dense()),
        ];
        match widths.into_iter().find(|&(_, width)| width > 0) {
            Some((values, width)) => values / width,
            None => self.sequences.first().map_or(0, |sequence| sequence.offsets.len() - 1),
        }
    }

    /// Empty columns of the right kinds for a schema.
    pub(crate) fn empty(schema: &FeatureSchema) -> Self {
        let sequence = |has_weights: bool| SequenceColumn {
            offsets: vec![0],
            ids: Vec::new(),
            weights: has_weights.then(Vec::new),
        };
        TableColumns {
            weights: schema.labels.iter().any(Label::has_row_weights).then(Vec::new),
            sequences: schema
                .sequences()
                .map(|feature| {
                    sequence(matches!(feature.kind, FeatureKind::Sequence { weights: Some(_), .. }))
                })
                .collect(),
            ..TableColumns::default()
        }
    }

    /// Removes all rows and makes room for `rows` new ones.
    pub(crate) fn clear_for(&mut self, schema: &FeatureSchema, rows: usize) {
        fn clear<T>(values: &mut Vec<T>, room: usize) {
            values.clear();
            values.reserve_exact(room);
        }
        clear(&mut self.sparse, rows * schema.n_sparse());
        clear(&mut self.dense, rows * schema.n_dense());
        clear(&mut self.labels, rows * schema.n_tasks());
        if let Some(weights) = &mut self.weights {
            clear(weights, rows * schema.n_tasks());
        }
        for sequence in &mut self.sequences {
            clear(&mut sequence.offsets, rows + 1);
            sequence.offsets.push(0);
            sequence.ids.clear();
            sequence.weights.iter_mut().for_each(Vec::clear);
        }
        self.users.clear();
        self.keys.clear();
    }

    /// Appends the rows of `other`, which was made for the same schema. Keys are not joined here.
    pub(crate) fn append(&mut self, other: TableColumns) {
        self.sparse.extend_from_slice(&other.sparse);
        self.dense.extend_from_slice(&other.dense);
        self.labels.extend_from_slice(&other.labels);
        self.users.extend_from_slice(&other.users);
        if let (Some(weights), Some(more)) = (&mut self.weights, &other.weights) {
            weights.extend_from_slice(more);
        }
        for (sequence, more) in self.sequences.iter_mut().zip(&other.sequences) {
            let base = sequence.ids.len();
            sequence.offsets.extend(more.offsets[1..].iter().map(|offset| base + offset));
            sequence.ids.extend_from_slice(&more.ids);
            if let (Some(weights), Some(more)) = (&mut sequence.weights, &more.weights) {
                weights.extend_from_slice(more);
            }
        }
    }
}

impl SequenceColumn {
    /// The span of one row in `ids` and `weights`.
    pub(crate) fn span(&self, row: usize) -> std::ops::Range<usize> {
        self.offsets[row]..self.offsets[row + 1]
    }

    fn select(&self, indices: &[u32]) -> SequenceColumn {
        let mut offsets = Vec::with_capacity(indices.len() + 1);
        offsets.push(0);
        let mut ids = Vec::new();
        let mut weights = self.weights.as_ref().map(|_| Vec::new());
        for &index in indices {
            let span = self.span(index as usize);
            ids.extend_from_slice(&self.ids[span.clone()]);
            if let (Some(target), Some(source)) = (&mut weights, &self.weights) {
                target.extend_from_slice(&source[span]);
            }
            offsets.push(ids.len());
        }
        SequenceColumn { offsets, ids, weights }
    }
}

/// Joins the pieces of one key column.
pub(crate) fn join_keys(pieces: &[ArrayRef]) -> Result<ArrayRef, arrow_schema::ArrowError> {
    let pieces: Vec<&dyn arrow_array::Array> = pieces.iter().map(AsRef::as_ref).collect();
    concat(&pieces)
}

fn strided<T: Copy>(
    values: &[T],
    column: usize,
    width: usize,
    rows: usize,
) -> impl ExactSizeIterator<Item = T> + '_ {
    assert!(column < width, "Table: column {column} of {width}");
    (0..rows).map(move |row| values[row * width + column])
}

fn select_rows<T: Copy>(values: &[T], width: usize, indices: &[u32]) -> Vec<T> {
    let mut selected = Vec::with_capacity(indices.len() * width);
    for &index in indices {
        let start = index as usize * width;
        selected.extend_from_slice(&values[start..start + width]);
    }
    selected
}
