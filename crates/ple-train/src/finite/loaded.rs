//! What the values of a saved tensor may be: finite, and not below 0 where they are variances.

use std::path::Path;

use crate::checkpoint::StoredTensor;
use crate::error::TrainError;
use crate::optimizer::{MadeOf, slot_of};

/// Whether a tensor's values are variances or averages of squares.
fn is_variance(name: &str) -> bool {
    name.ends_with(".running_var") || slot_of(name).is_some_and(|(slot, _)| slot.made_of == MadeOf::Squares)
}

/// Fails at the first value of a tensor that no run could have saved.
///
/// # Errors
/// [`TrainError::CheckpointValue`].
pub(crate) fn check_loaded(path: &Path, name: &str, tensor: &StoredTensor) -> Result<(), TrainError> {
    let variance = is_variance(name);
    let valid = |value: &f32| value.is_finite() && !(variance && *value < 0.0);
    let Some(place) = tensor.values.iter().position(|value| !valid(value)) else { return Ok(()) };
    let width = tensor.shape.get(1..).map_or(1, |sides| sides.iter().product::<usize>().max(1));
    Err(TrainError::CheckpointValue {
        path: path.to_owned(),
        tensor: name.to_owned(),
        row: place / width,
        value: tensor.values[place],
        expected: if variance { "finite values of at least 0" } else { "finite values" },
    })
}
