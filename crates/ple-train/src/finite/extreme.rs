//! The largest value of a batch: what is worth naming where the input may have made a step overflow.

use std::fmt;

use ple_data::{Batch, FeatureSchema};

/// The value of a batch with the largest magnitude.
#[derive(Clone, Debug, PartialEq)]
pub struct Extreme {
    /// The column.
    pub column: String,
    /// Its value there.
    pub value: f32,
    /// The row of the batch, counted from 0.
    pub row: usize,
}

/// A value of a smaller magnitude explains nothing.
const LEAST: f32 = 1e6;

impl Extreme {
    /// The largest magnitude among the dense values, the weights of lists, the labels and the row weights of a batch, if
    /// there is one that is worth a word. NaN is larger than any number.
    pub(crate) fn of(schema: &FeatureSchema, batch: &Batch) -> Option<Self> {
        let mut all: Vec<Self> = Vec::new();
        let mut add = |column: &str, values: &mut dyn Iterator<Item = (usize, f32)>| {
            let largest = values.max_by(|(_, a), (_, b)| magnitude(*a).total_cmp(&magnitude(*b)));
            all.extend(largest.map(|(row, value)| Self { column: column.to_owned(), value, row }));
        };
        for (feature, values) in schema.dense().zip(batch.dense().columns()) {
            add(&feature.name, &mut values.iter().copied().enumerate());
        }
        for (number, feature) in schema.sequences().enumerate() {
            let sequence = batch.sequence(number);
            let Some(weights) = &sequence.weights else { continue };
            let row = |element: usize| sequence.offsets.partition_point(|&end| end as usize <= element) - 1;
            let values = weights.iter().enumerate().map(|(element, &weight)| (row(element), weight));
            add(&format!("the weights of {}", feature.name), &mut values.collect::<Vec<_>>().into_iter());
        }
        for (task, label) in schema.labels.iter().enumerate() {
            let in_task = |(row, _): &(usize, f32)| batch.weights(task)[*row] != 0.0;
            add(label.column_name(), &mut batch.labels(task).iter().copied().enumerate().filter(in_task));
            if let Some(column) = &label.weight {
                add(
                    &format!("the row weights {column}"),
                    &mut batch.weights(task).iter().copied().enumerate(),
                );
            }
        }
        all.retain(|extreme| magnitude(extreme.value) >= LEAST);
        all.into_iter().max_by(|a, b| magnitude(a.value).total_cmp(&magnitude(b.value)))
    }
}

fn magnitude(value: f32) -> f32 {
    value.abs()
}

impl fmt::Display for Extreme {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { column, value, row } = self;
        write!(f, "the largest value of this batch is {value:e}, in row {row} of {column}")
    }
}
