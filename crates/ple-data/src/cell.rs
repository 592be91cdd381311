//! The rules for a single value (id, dense, label, weight), the same for every file format.

use std::path::Path;

use crate::error::DataError;
use crate::place::Place;
use crate::schema::TaskType;

/// What is wrong with one value, before it is known where the value stands.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum CellFault {
    Id { value: i128, vocab_size: usize },
    NotFinite { value: f64 },
    NotBinary { value: f64 },
    NegativeWeight { value: f64 },
    Missing { expected: &'static str },
    NotANumber { value: String, expected: &'static str },
    Lengths { weights_column: String, ids: usize, weights: usize },
}

/// What a sparse or sequence cell holds, for messages.
pub(crate) const AN_ID: &str = "an integer id from 0";
/// What a dense cell holds, for messages.
pub(crate) const A_NUMBER: &str = "a number";

impl CellFault {
    /// The error that says where the value stands.
    pub(crate) fn at(self, path: &Path, place: Place, column: &str) -> DataError {
        let path = path.to_path_buf();
        let column = column.to_string();
        match self {
            CellFault::Id { value, vocab_size } => {
                DataError::IdOutOfVocabulary { path, place, column, value, vocab_size }
            }
            CellFault::NotFinite { value } => DataError::NotFinite { path, place, column, value },
            CellFault::NotBinary { value } => DataError::LabelNotBinary { path, place, column, value },
            CellFault::NegativeWeight { value } => DataError::NegativeWeight { path, place, column, value },
            CellFault::Missing { expected } => DataError::MissingValue { path, place, column, expected },
            CellFault::NotANumber { value, expected } => {
                DataError::BadNumber { path, place, column, value, expected }
            }
            CellFault::Lengths { weights_column, ids, weights } => {
                DataError::SequenceLengths { path, place, column, weights_column, ids, weights }
            }
        }
    }
}

/// Accepts an id that lies in the vocabulary.
pub(crate) fn check_id<T>(value: T, vocab_size: usize) -> Result<u32, CellFault>
where
    T: Copy + TryInto<u32> + Into<i128>,
{
    match value.try_into() {
        Ok(id) if (id as usize) < vocab_size => Ok(id),
        _ => Err(CellFault::Id { value: value.into(), vocab_size }),
    }
}

/// Narrows a dense value to f32 and accepts it if it is finite before and after.
pub(crate) fn check_dense(value: f64) -> Result<f32, CellFault> {
    let narrow = value as f32;
    if narrow.is_finite() { Ok(narrow) } else { Err(CellFault::NotFinite { value }) }
}

/// Accepts the label of a task: 0 or 1 for a classification, any finite number for a regression.
pub(crate) fn check_label(value: f64, task: TaskType) -> Result<f32, CellFault> {
    // Adding 0 makes a negative zero positive, so that it reads the same from every file format.
    let label = check_dense(value)? + 0.0;
    match task {
        TaskType::Classification if value != 0.0 && value != 1.0 => Err(CellFault::NotBinary { value }),
        _ => Ok(label),
    }
}

/// Accepts the weight of a row, or of an id in a list: 0 or any positive finite number.
pub(crate) fn check_weight(value: f64) -> Result<f32, CellFault> {
    let weight = check_dense(value)?;
    if weight < 0.0 { Err(CellFault::NegativeWeight { value }) } else { Ok(weight) }
}
