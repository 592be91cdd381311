//! Fixed weights, all alike or by task.

use ple_tensor::{Tape, Var};

use super::strategy::{Site, StepLosses, Strategy, TaskBalance};
use crate::error::TrainError;

/// The mean of the losses over all tasks, as in torch-rechub.
pub(super) struct Mean;

impl Strategy for Mean {
    fn prepare(&self, site: Site<'_>) -> Result<Box<dyn TaskBalance>, TrainError> {
        let n_tasks = site.objectives.len();
        Ok(Box::new(Fixed { weights: vec![1.0 / n_tasks as f32; n_tasks] }))
    }
}

/// The sum of the losses, each with its weight.
impl Strategy for Vec<f32> {
    fn prepare(&self, site: Site<'_>) -> Result<Box<dyn TaskBalance>, TrainError> {
        check_weights("balance: weights", self, site.objectives.len())?;
        Ok(Box::new(Fixed { weights: self.clone() }))
    }
}

/// The least that the largest weight of a task may be.
const LEAST_WEIGHT: f32 = 1e-9;

/// Fails for weights that do not fit the tasks, or with which nothing would be learned.
pub(super) fn check_weights(setting: &str, weights: &[f32], n_tasks: usize) -> Result<(), TrainError> {
    let valid = weights.len() == n_tasks
        && weights.iter().all(|weight| weight.is_finite() && *weight >= 0.0)
        && weights.iter().any(|weight| *weight > 0.0);
    if !valid {
        return Err(TrainError::Setting {
            setting: setting.to_owned(),
            found: format!("{weights:?}"),
            expected: format!("{n_tasks} finite numbers, none negative, not all 0"),
        });
    }
    // Gradients are in proportion to it, and Adam takes those below 1e-17 for zero.
    let largest = weights.iter().copied().fold(0.0, f32::max);
    if largest < LEAST_WEIGHT {
        return Err(TrainError::Setting {
            setting: format!("the largest of {setting}"),
            found: format!("{largest:e}"),
            expected: format!("at least {LEAST_WEIGHT:e}, or nothing would be learned"),
        });
    }
    Ok(())
}

#[derive(Debug)]
struct Fixed {
    weights: Vec<f32>,
}

impl TaskBalance for Fixed {
    fn total(&mut self, tape: &mut Tape<'_>, step: &StepLosses<'_>) -> Var {
        step.weighted(tape, |task| self.weights[task])
    }
}
