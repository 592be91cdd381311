//! From typed raw values to the columns of the shards, with everything that was fitted.

use std::path::Path;
use std::sync::Arc;

use arrow_array::{ArrayRef, Float32Array, Int32Array, ListArray, UInt32Array};
use arrow_buffer::OffsetBuffer;
use arrow_schema::{ArrowError, Field};
use arrow_select::take::take;

use super::decode::{DecodedFeature, DecodedRows};
use super::encoder::Encoder;
use super::input::Part;
use super::prepared_table::TaskFacts;
use super::row_layout::{NumberColumn, RowLayout};
use super::transformation::{FittedKind, Transformation};
use crate::error::DataError;
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
    /// The rows and positives of each task.
    pub(crate) tasks: Vec<(u64, u64)>,
    /// A number for each row that depends on its place in the input alone.
    pub(crate) draws: Vec<u64>,
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
        Ok(RowEncoder { transformation, layout, encoders, columns })
    }

    /// The good rows of a chunk, part by part.
    pub(crate) fn encode(&self, rows: &DecodedRows) -> Result<[EncodedRows; 3], DataError> {
        let [train, val, test] = Part::ALL.map(|part| self.encode_part(rows, &rows.rows[part as usize]));
        Ok([train?, val?, test?])
    }

    fn encode_part(&self, decoded: &DecodedRows, rows: &[u32]) -> Result<EncodedRows, DataError> {
        let mut columns = Vec::with_capacity(self.columns.len());
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
        for ((feature, values), encoder) in features {
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
                (DecodedFeature::Numbers(values), FittedKind::Dense { scaler, missing }, _) => {
                    let mut scaled = Vec::with_capacity(rows.len());
                    for &row in rows {
                        let value = Some(values[row as usize]).filter(|value| !value.is_nan());
                        let value = value.or(*missing).unwrap_or(0.0);
                        let result = scaler.scale(value);
                        if !result.is_finite() {
                            return Err(beyond_scale(&feature.name, value));
                        }
                        scaled.push(result);
                    }
                    columns.push(Arc::new(Float32Array::from(scaled)));
                }
                _ => unreachable!("a feature is decoded as its kind asks"),
            }
        }
        let draws = rows.iter().map(|&row| decoded.draws[row as usize]).collect();
        Ok(EncodedRows { rows: rows.len(), columns, tasks: self.count_tasks(decoded, rows), draws })
    }

    /// The rows and positives of each task.
    fn count_tasks(&self, decoded: &DecodedRows, rows: &[u32]) -> Vec<(u64, u64)> {
        let values_of = |column: &str| {
            let known = |number: &NumberColumn| self.layout.columns[number.column] == column;
            self.layout.numbers.iter().position(known).map(|number| &decoded.numbers[number])
        };
        let count = |label: &Label| {
            let values = values_of(label.column_name());
            let weight = label.weight.as_deref().and_then(values_of);
            let space = label.space.column().and_then(values_of);
            let (mut n, mut positives) = (0, 0);
            for row in rows.iter().map(|&row| row as usize) {
                let value = values.map_or(f32::NAN, |values| values[row]);
                let is_inside = match &label.space {
                    Space::All => true,
                    Space::Labelled => !value.is_nan(),
                    Space::Where(_) => space.is_some_and(|space| space[row] > 0.0),
                };
                if is_inside && weight.is_none_or(|weight| weight[row] > 0.0) {
                    n += 1;
                    positives += u64::from(value > 0.0);
                }
            }
            (n, positives)
        };
        self.transformation.schema.labels.iter().map(count).collect()
    }

    /// What `schema.json` says of tasks, from counts.
    pub(crate) fn task_facts(&self, counts: &[(u64, u64)]) -> Vec<TaskFacts> {
        let labels = self.transformation.schema.labels.iter().zip(counts);
        labels
            .map(|(label, &(rows, positives))| TaskFacts { task: label.name.clone(), rows, positives })
            .collect()
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

/// The error for a value that its scaler takes beyond 32 bits.
pub(crate) fn beyond_scale(feature: &str, value: f32) -> DataError {
    DataError::FeatureSetting {
        feature: feature.to_owned(),
        setting: "scale",
        found: format!("a scale that takes the value {value:e} beyond 32 bits"),
        expected: "values nearer to those of the training rows",
    }
}
