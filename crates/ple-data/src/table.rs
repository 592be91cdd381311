//! Rows in memory, by role and checked.

use std::ops::Range;
use std::sync::Arc;

use arrow_array::{Array, ArrayRef, UInt32Array};
use arrow_select::take::take;

use crate::error::DataError;
use crate::records::{RecordLayout, Records};
use crate::row_origin::RowOrigin;
use crate::schema::FeatureSchema;
use crate::table_checks::{check_lengths, check_values};
use crate::table_contents::{SequenceColumn, TableContents, join_keys};
use crate::user_lists::UserLists;

/// The plain arrays that a [`Table`] is made from.
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
    /// One for each sequence feature.
    pub sequences: Vec<SequenceColumn>,
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
    contents: TableContents,
    lists: Option<UserLists>,
    origin: RowOrigin,
    /// The names of columns that are no part of the schema; their arrays are after those of its keys.
    kept: Arc<[String]>,
}

impl Table {
    /// Checks arrays against a schema and takes them as a table. The number of rows is that of the labels.
    ///
    /// # Errors
    ///
    /// [`DataError::Length`] for an array of the wrong size, and the errors of the readers for a value that is not
    /// allowed; the "file" that they name is `table in memory`.
    pub fn new(schema: FeatureSchema, columns: TableColumns) -> Result<Self, DataError> {
        schema.validate()?;
        check_lengths(&schema, &columns)?;
        let records = columns.records(&schema);
        let TableColumns { sequences, keys, .. } = columns;
        let table = Table::assembled(Arc::new(schema), TableContents { records, sequences, keys });
        check_values(&table)?;
        Ok(table)
    }

    /// The same rows under another schema of the same layout, for example with other embedding dimensions.
    ///
    /// # Errors
    ///
    /// Those of [`Table::new`].
    pub fn with_schema(self, schema: FeatureSchema) -> Result<Self, DataError> {
        let (origin, kept) = (self.origin.clone(), Arc::clone(&self.kept));
        let arrays = self.contents.keys[self.schema.keys.len()..].to_vec();
        let mut table = Table::new(schema, self.with_lists_copied()?.to_columns())?.with_origin(origin);
        table.contents.keys.extend(arrays);
        Ok(Table { kept, ..table })
    }

    /// The number of rows.
    pub fn rows(&self) -> usize {
        self.contents.rows()
    }

    /// What the columns mean.
    pub fn schema(&self) -> &FeatureSchema {
        &self.schema
    }

    /// A copy of the rows as plain arrays, without the lists of users that are [joined](UserLists) to them.
    pub fn to_columns(&self) -> TableColumns {
        let records = &self.contents.records;
        let layout = records.layout();
        let numbers = |of| records.columns(of).map(f32::from_bits).collect::<Vec<_>>();
        TableColumns {
            sparse: records.columns(layout.sparse()).collect(),
            dense: numbers(layout.dense()),
            labels: numbers(layout.labels()),
            weights: layout.has_weights().then(|| numbers(layout.weights())),
            sequences: self.contents.sequences.clone(),
            keys: self.keys().to_vec(),
        }
    }

    /// The labels of one task, in row order.
    ///
    /// # Panics
    ///
    /// If there is no such task.
    pub fn labels(&self, task: usize) -> impl ExactSizeIterator<Item = f32> + '_ {
        let records = &self.contents.records;
        records.column(records.layout().labels(), task, "task").map(f32::from_bits)
    }

    /// The weights of the rows in one task, in row order; 1 where the schema names no weight.
    ///
    /// # Panics
    ///
    /// If there is no such task.
    pub fn weights(&self, task: usize) -> impl ExactSizeIterator<Item = f32> + '_ {
        let records = &self.contents.records;
        let layout = records.layout();
        // Where there are no weights, the labels are looked at in their place.
        let of = if layout.has_weights() { layout.weights() } else { layout.labels() };
        let weight = move |bits| if layout.has_weights() { f32::from_bits(bits) } else { 1.0 };
        records.column(of, task, "task").map(weight)
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
        let records = &self.contents.records;
        records.column(records.layout().dense(), feature, "dense feature").map(f32::from_bits)
    }

    /// The ids of one sparse feature (counted among the sparse ones), in row order.
    ///
    /// # Panics
    ///
    /// If there is no such feature.
    pub fn sparse(&self, feature: usize) -> impl ExactSizeIterator<Item = u32> + '_ {
        let records = &self.contents.records;
        records.column(records.layout().sparse(), feature, "sparse feature")
    }

    /// The lists of the sequence features, one column for each; of those that are [joined](UserLists), one for each of
    /// which rows have lists of their own.
    pub fn sequences(&self) -> &[SequenceColumn] {
        &self.contents.sequences
    }

    /// The key columns, one array for each key of the schema.
    pub fn keys(&self) -> &[ArrayRef] {
        &self.contents.keys[..self.schema.keys.len()]
    }

    /// The columns by which rows can be grouped besides the sparse features: the keys, and what was
    /// [kept](crate::read_tables_keeping).
    pub fn group_columns(&self) -> impl Iterator<Item = &str> {
        self.schema.keys.iter().chain(self.kept.iter()).map(String::as_str)
    }

    /// The array of such a column.
    pub(crate) fn group_array(&self, column: &str) -> Option<&ArrayRef> {
        let place = self.group_columns().position(|name| name == column)?;
        self.contents.keys.get(place)
    }

    /// The key columns with their names, as [`write_predictions`](crate::write_predictions) takes them.
    pub fn named_keys(&self) -> Vec<(String, ArrayRef)> {
        self.schema.keys.iter().cloned().zip(self.keys().iter().map(Arc::clone)).collect()
    }

    /// The key columns of some rows, in the order asked for.
    ///
    /// # Panics
    ///
    /// If an index is not below [`Table::rows`].
    pub fn key_batch(&self, indices: &[u32]) -> Vec<ArrayRef> {
        self.taken(self.keys(), indices)
    }

    fn taken(&self, arrays: &[ArrayRef], indices: &[u32]) -> Vec<ArrayRef> {
        if arrays.is_empty() {
            return Vec::new();
        }
        assert!(
            indices.iter().all(|&index| (index as usize) < self.rows()),
            "Table::key_batch: an index is not below {} rows",
            self.rows()
        );
        let positions = UInt32Array::from(indices.to_vec());
        let taken = |key: &ArrayRef| take(key, &positions, None).expect("the indices are in range");
        arrays.iter().map(taken).collect()
    }

    /// A table of some rows, in the order asked for; a row may be asked for twice.
    ///
    /// # Panics
    ///
    /// If an index is not below [`Table::rows`].
    pub fn select(&self, indices: &[u32]) -> Table {
        let contents = TableContents {
            records: self.contents.records.select(indices),
            sequences: self.contents.sequences.iter().map(|sequence| sequence.select(indices)).collect(),
            keys: self.taken(&self.contents.keys, indices),
        };
        let (lists, origin, kept) = (self.lists.clone(), self.origin.clone(), Arc::clone(&self.kept));
        Table { contents, schema: Arc::clone(&self.schema), lists, origin, kept }
    }

    /// Which transformation made the rows, as the files say that they were read from.
    pub fn origin(&self) -> &RowOrigin {
        &self.origin
    }

    /// The same rows, of which it is known where they come from.
    pub(crate) fn with_origin(self, origin: RowOrigin) -> Table {
        Table { origin, ..self }
    }

    /// The same rows under a schema without its last keys, which are columns that were kept: one that `kept` names for each.
    pub(crate) fn keeping(self, schema: Arc<FeatureSchema>, kept: Arc<[String]>) -> Table {
        debug_assert_eq!(schema.keys.len() + kept.len(), self.contents.keys.len());
        Table { schema, kept, ..self }
    }

    /// The schema by reference.
    pub(crate) fn schema_shared(&self) -> &Arc<FeatureSchema> {
        &self.schema
    }

    /// The names of the columns that were kept.
    pub(crate) fn kept(&self) -> &Arc<[String]> {
        &self.kept
    }

    /// The bytes of the rows in memory, and of the lists of users that are held beside them.
    pub(crate) fn bytes(&self) -> u64 {
        let of_sequence = |column: &SequenceColumn| {
            let weights = column.weights.as_ref().map_or(0, Vec::len);
            (8 * column.offsets.len() + 4 * column.ids.len() + 4 * weights) as u64
        };
        let sequences: u64 = self.contents.sequences.iter().map(of_sequence).sum();
        let keys: u64 = self.contents.keys.iter().map(|key| key.get_array_memory_size() as u64).sum();
        self.contents.records.bytes() + sequences + keys + self.lists.as_ref().map_or(0, UserLists::bytes)
    }

    /// The ids in the lists of all rows. Those in the lists of users are estimated: each user is taken to have the same number
    /// of rows.
    pub(crate) fn n_list_ids(&self) -> u64 {
        let own: u64 = self.contents.sequences.iter().map(|column| column.ids.len() as u64).sum();
        own + self.lists.as_ref().map_or(0, |lists| lists.n_ids_of_rows(self.rows() as u64))
    }

    /// Appends the rows of a table of the same schema but for their keys, which are given back.
    pub(crate) fn append_rows(&mut self, mut other: Table) -> Vec<ArrayRef> {
        let more = other.take_contents();
        self.contents.append(&more);
        more.keys
    }

    /// Replaces each key by its pieces, those of all rows together.
    pub(crate) fn join_keys(&mut self, keys: &[Vec<ArrayRef>]) -> Result<(), arrow_schema::ArrowError> {
        self.contents.keys = keys.iter().map(|pieces| join_keys(pieces)).collect::<Result<_, _>>()?;
        Ok(())
    }

    /// The rows as they are stored.
    pub(crate) fn contents(&self) -> &TableContents {
        &self.contents
    }

    /// Takes the rows out, and their memory to be used again; none are left.
    pub(crate) fn take_contents(&mut self) -> TableContents {
        std::mem::take(&mut self.contents)
    }

    /// A table of rows that were checked while they were made.
    pub(crate) fn assembled(schema: Arc<FeatureSchema>, contents: TableContents) -> Table {
        Table { schema, contents, lists: None, origin: RowOrigin::default(), kept: Arc::default() }
    }

    /// The same with the lists of users; the schema's last sequences are theirs.
    pub(crate) fn joined(schema: Arc<FeatureSchema>, contents: TableContents, lists: UserLists) -> Table {
        Table { schema, contents, lists: Some(lists), origin: RowOrigin::default(), kept: Arc::default() }
    }

    /// The lists of the users of the rows, if any are joined.
    pub(crate) fn lists(&self) -> Option<&UserLists> {
        self.lists.as_ref()
    }
}

impl TableColumns {
    /// The records of the rows, for arrays of the right lengths.
    fn records(&self, schema: &FeatureSchema) -> Records {
        let layout = RecordLayout::of(schema);
        let rows = self.labels.len() / schema.n_tasks();
        let mut records = Records::empty(layout);
        let words = records.grow(rows);
        let weights = self.weights.as_deref().unwrap_or(&[]);
        for (row, record) in words.chunks_exact_mut(layout.width()).enumerate() {
            let ids = layout.sparse();
            record[ids.clone()].copy_from_slice(&self.sparse[row * ids.len()..][..ids.len()]);
            put(record, layout.dense(), &self.dense, row);
            put(record, layout.labels(), &self.labels, row);
            put(record, layout.weights(), weights, row);
            // As the readers do: a label of -0 is one of 0.
            record[layout.labels()]
                .iter_mut()
                .for_each(|bits| *bits = (f32::from_bits(*bits) + 0.0).to_bits());
        }
        records
    }
}

/// Writes the values of one row, as many as there are places, into its record.
fn put(record: &mut [u32], places: Range<usize>, values: &[f32], row: usize) {
    let n = places.len();
    for (word, value) in record[places].iter_mut().zip(&values[row * n..][..n]) {
        *word = value.to_bits();
    }
}
