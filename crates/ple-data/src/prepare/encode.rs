//! From typed raw values to the columns of the shards, with everything that was fitted.

use std::path::Path;
use std::sync::Arc;

use arrow_array::{ArrayRef, Float32Array, Int32Array, ListArray, UInt32Array};
use arrow_buffer::OffsetBuffer;
use arrow_schema::{ArrowError, Field};
use arrow_select::take::take;

use super::decode::{DecodedFeature, DecodedRows};
use super::encoder::Encoder;
use super::error::PrepareError;
use super::input::Part;
use super::prepared_table::TaskFacts;
use super::row_layout::{NumberColumn, RowLayout};
use super::transformation::{FittedKind, Transformation};
use crate::error::DataError;
use crate::moments::Moments;
use crate::output_columns::refuse_same_names;
use crate::parquet_file::Nulls;
use crate::schema::{FeatureKind, Label, TaskType};
use crate::space::Space;

/// Turns decoded rows into columns.
pub(crate) struct RowEncoder<'a> {
    transformation: &'a Transformation,
    layout: &'a RowLayout,
    /// The encoder of each feature.
    encoders: Vec<Option<&'a Encoder>>,
    /// The columns of a shard, in order.
    pub(crate) columns: Vec<ShardColumn>,
    /// Of the training rows that have a draw up to this one it is noted what their dense values become.
    pub(crate) noted_draw: Option<u64>,
}

/// A column of a shard.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ShardColumn {
    pub(crate) name: String,
    pub(crate) nulls: Nulls,
}

/// Some rows of one part as the columns of a shard.
pub(crate) struct EncodedRows {
    pub(crate) rows: usize,
    pub(crate) columns: Vec<ArrayRef>,
    pub(crate) tasks: Vec<TaskRows>,
    /// A number for each row that depends on its place in the input alone.
    pub(crate) draws: Vec<u64>,
    /// For each feature some raw values and what they become.
    pub(crate) scaled: Vec<Vec<(f64, f32)>>,
}

/// The rows of a chunk that belong to a task.
#[derive(Debug, Clone, Default)]
pub(crate) struct TaskRows {
    pub(crate) rows: u64,
    pub(crate) positives: u64,
    /// The labels, where they are numbers.
    pub(crate) labels: Vec<f32>,
}

/// What the rows of a part that belong to a task add up to. Labels are added in the order of the rows, so that the sums do
/// not depend on chunks.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct TaskTotals {
    rows: u64,
    positives: u64,
    labels: Moments,
}

impl TaskTotals {
    pub(crate) fn add(&mut self, chunk: &TaskRows) {
        self.rows += chunk.rows;
        self.positives += chunk.positives;
        chunk.labels.iter().for_each(|&label| self.labels.add(label.into()));
    }
}

impl<'a> RowEncoder<'a> {
    /// Refuses an output with two columns of one name; `out` is where it goes, for the message.
    pub(crate) fn new(
        transformation: &'a Transformation,
        layout: &'a RowLayout,
        out: &Path,
    ) -> Result<Self, DataError> {
        let mut columns = Vec::new();
        let mut push = |name: &str, nulls| columns.push(ShardColumn { name: name.to_owned(), nulls });
        transformation.schema.keys.iter().for_each(|key| push(key, Nulls::Allowed));
        for number in &layout.numbers {
            push(&layout.columns[number.column], number.nulls(&transformation.schema.labels));
        }
        for feature in &transformation.schema.features {
            push(&feature.name, Nulls::Never);
            if let FeatureKind::Sequence { weights: Some(weights), .. } = &feature.kind {
                push(weights, Nulls::Never);
            }
        }
        refuse_same_names(out, columns.iter().map(|column| column.name.as_str()))?;
        let encoders = transformation.features.iter();
        let encoders = encoders.map(|feature| transformation.encoder_of(feature)).collect();
        Ok(RowEncoder { transformation, layout, encoders, columns, noted_draw: None })
    }

    /// The good rows of a chunk, part by part.
    pub(crate) fn encode(&self, rows: &DecodedRows) -> Result<[EncodedRows; 3], DataError> {
        let [train, val, test] = Part::ALL.map(|part| {
            let noted_draw = self.noted_draw.filter(|_| part == Part::Train);
            self.encode_part(rows, &rows.rows[part as usize], noted_draw)
        });
        Ok([train?, val?, test?])
    }

    fn encode_part(
        &self,
        decoded: &DecodedRows,
        rows: &[u32],
        noted_draw: Option<u64>,
    ) -> Result<EncodedRows, DataError> {
        let mut columns = Vec::with_capacity(self.columns.len());
        let mut noted = vec![Vec::new(); self.transformation.features.len()];
        let positions = UInt32Array::from(rows.to_vec());
        for key in &decoded.keys {
            let taken = take(key, &positions, None);
            columns.push(
                taken.map_err(|error: ArrowError| DataError::SchemaSyntax { detail: error.to_string() })?,
            );
        }
        for (number, values) in self.layout.numbers.iter().zip(&decoded.numbers) {
            columns.push(number.column(&self.transformation.schema.labels, values, rows));
        }
        let features = self.transformation.features.iter().zip(&decoded.features).zip(&self.encoders);
        for (number, ((feature, values), encoder)) in features.enumerate() {
            match (values, &feature.kind, encoder) {
                (DecodedFeature::Keys(keys), _, Some(encoder)) => {
                    let id = |&row: &u32| keys.get(row as usize).map_or(0, |key| encoder.id(&key));
                    columns.push(Arc::new(UInt32Array::from_iter_values(rows.iter().map(id))));
                }
                (DecodedFeature::Lists { offsets, keys, weights }, _, Some(encoder)) => {
                    let places =
                        || rows.iter().flat_map(|&row| offsets[row as usize]..offsets[row as usize + 1]);
                    let lengths = rows.iter().map(|&row| offsets[row as usize + 1] - offsets[row as usize]);
                    let ends = OffsetBuffer::from_lengths(lengths);
                    let id = |at: usize| keys.get(at).map_or(0, |key| encoder.id(&key));
                    let ids = UInt32Array::from_iter_values(places().map(id));
                    columns.push(list(ends.clone(), Arc::new(ids)));
                    if let Some(weights) = weights {
                        let weights = Float32Array::from_iter_values(places().map(|at| weights[at]));
                        columns.push(list(ends, Arc::new(weights)));
                    }
                }
                (DecodedFeature::Numbers(values), FittedKind::Dense { scaler, missing, arithmetic }, _) => {
                    let mut scaled = Vec::with_capacity(rows.len());
                    for &row in rows {
                        let present = Some(values[row as usize]).filter(|value| !value.is_nan());
                        let value = present.or(*missing).unwrap_or(0.0);
                        let result = scaler.scale_in(*arithmetic, value);
                        if !result.is_finite() {
                            let feature = feature.name.clone();
                            return Err(PrepareError::BeyondScale { feature, value }.into());
                        }
                        scaled.push(result);
                        if noted_draw.is_some_and(|most| decoded.draws[row as usize] <= most) {
                            noted[number].extend(present.map(|value| (value, result)));
                        }
                    }
                    columns.push(Arc::new(Float32Array::from(scaled)));
                }
                _ => unreachable!("a feature is decoded as its kind asks"),
            }
        }
        let draws = rows.iter().map(|&row| decoded.draws[row as usize]).collect();
        let tasks = self.count_tasks(decoded, rows);
        Ok(EncodedRows { rows: rows.len(), columns, tasks, draws, scaled: noted })
    }

    fn count_tasks(&self, decoded: &DecodedRows, rows: &[u32]) -> Vec<TaskRows> {
        let values_of = |column: &str| {
            let known = |number: &NumberColumn| self.layout.columns[number.column] == column;
            self.layout.numbers.iter().position(known).map(|number| &decoded.numbers[number])
        };
        let count = |label: &Label| {
            let values = values_of(label.column_name());
            let weight = label.weight.as_deref().and_then(values_of);
            let space = label.space.column().and_then(values_of);
            let mut task = TaskRows::default();
            for row in rows.iter().map(|&row| row as usize) {
                let value = values.map_or(f32::NAN, |values| values[row]);
                let is_inside = match &label.space {
                    Space::All => true,
                    Space::Labelled => !value.is_nan(),
                    Space::Where(_) => space.is_some_and(|space| space[row] > 0.0),
                };
                if is_inside && weight.is_none_or(|weight| weight[row] > 0.0) {
                    task.rows += 1;
                    task.positives += u64::from(value > 0.0);
                    if label.task == TaskType::Regression {
                        task.labels.push(value);
                    }
                }
            }
            task
        };
        self.transformation.schema.labels.iter().map(count).collect()
    }

    /// What `schema.json` says of tasks.
    pub(crate) fn task_facts(&self, totals: &[TaskTotals]) -> Vec<TaskFacts> {
        let labels = self.transformation.schema.labels.iter().zip(totals);
        let facts = labels.map(|(label, &TaskTotals { rows, positives, labels })| {
            let has_numbers = label.task == TaskType::Regression && rows > 0;
            TaskFacts {
                task: label.name.clone(),
                rows,
                positives,
                mean: has_numbers.then_some(labels.mean),
                deviation: has_numbers.then(|| labels.deviation()),
            }
        });
        facts.collect()
    }
}

impl NumberColumn {
    fn nulls(&self, labels: &[Label]) -> Nulls {
        let is_whole = |&task: &usize| labels[task].space == Space::All;
        match self.is_weight || self.label_of.iter().any(is_whole) {
            true => Nulls::Never,
            false => Nulls::Allowed,
        }
    }

    /// The values of some rows: whole numbers for the labels of classifications.
    fn column(&self, labels: &[Label], values: &[f32], rows: &[u32]) -> ArrayRef {
        let value = |&row: &u32| Some(values[row as usize]).filter(|value| !value.is_nan());
        let is_class = |&task: &usize| labels[task].task == TaskType::Classification;
        match !self.label_of.is_empty() && self.label_of.iter().all(is_class) {
            true => {
                Arc::new(rows.iter().map(|row| value(row).map(|value| value as i32)).collect::<Int32Array>())
            }
            false => Arc::new(rows.iter().map(value).collect::<Float32Array>()),
        }
    }
}

fn list(ends: OffsetBuffer<i32>, values: ArrayRef) -> ArrayRef {
    let field = Arc::new(Field::new_list_field(values.data_type().clone(), false));
    Arc::new(ListArray::new(field, ends, values, None))
}
