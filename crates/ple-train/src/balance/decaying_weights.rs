//! Weights that decay by epoch, as in the PLE paper.

use ple_tensor::{Tape, Var};
use serde::{Deserialize, Serialize};

use super::fixed::check_weights;
use super::strategy::{Site, StepLosses, Strategy, TaskBalance};
use crate::error::TrainError;

/// The sum of the losses, each times `w γ^t`: a weight and a decay for each task, in their order, and t epochs that are over.
///
/// A decay below 1 lets a task fade as training goes on, one above 1 lets it grow.
///
/// Source: H. Tang et al., "Progressive Layered Extraction (PLE)", RecSys 2020, equation 10.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DecayingWeights {
    /// The weights in the first epoch.
    pub weights: Vec<f32>,
    /// What they are multiplied by after each epoch, above 0.
    pub decay: Vec<f32>,
}

impl Strategy for DecayingWeights {
    fn prepare(&self, site: Site<'_>) -> Result<Box<dyn TaskBalance>, TrainError> {
        let n_tasks = site.objectives.len();
        check_weights("balance: decaying_weights: weights", &self.weights, n_tasks)?;
        let valid = |decay: &f32| decay.is_finite() && *decay > 0.0;
        match self.decay.len() == n_tasks && self.decay.iter().all(valid) {
            true => Ok(Box::new(self.clone())),
            false => Err(TrainError::Setting {
                setting: "balance: decaying_weights: decay".to_owned(),
                found: format!("{:?}", self.decay),
                expected: format!("{n_tasks} finite numbers above 0"),
            }),
        }
    }
}

impl DecayingWeights {
    fn weight(&self, task: usize, epoch: u64) -> f32 {
        (f64::from(self.weights[task]) * f64::from(self.decay[task]).powf(epoch as f64)) as f32
    }
}

impl TaskBalance for DecayingWeights {
    fn total(&mut self, tape: &mut Tape<'_>, step: &StepLosses<'_>) -> Var {
        step.weighted(tape, |task| self.weight(task, step.progress.epoch))
    }
}

#[cfg(test)]
mod tests {
    use super::DecayingWeights;

    #[test]
    fn the_weight_of_an_epoch_is_that_of_the_first_times_the_decay_so_often() {
        let weights = DecayingWeights { weights: vec![2.0, 0.5], decay: vec![0.5, 2.0] };
        let at = |epoch| [0, 1].map(|task| weights.weight(task, epoch));
        assert_eq!([at(0), at(1), at(3)], [[2.0, 0.5], [1.0, 1.0], [0.25, 4.0]]);
    }
}
