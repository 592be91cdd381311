//! GradNorm: weights with which all tasks pull alike at the values that they share.

use ple_tensor::{Tape, Var};
use serde::{Deserialize, Serialize};

use super::strategy::{BalanceState, Site, StepLosses, Strategy, TaskBalance};
use crate::error::TrainError;

/// The sum of the losses with learned weights, whose sum stays the number of tasks.
///
/// The weights follow the gradient of `Σ |wᵢ nᵢ - n̄ rᵢ^alpha|` by an Adam of their own: `nᵢ` is the length of task i's gradient
/// at the values that tasks share, `n̄` the mean of `wᵢ nᵢ`, and `rᵢ` how far the task's loss has come down, `Lᵢ / Lᵢ(0)` over
/// the mean of these. A task that learns slowly pulls harder, the more so the larger alpha is.
///
/// Two tasks train at .84 of the rows a second of the mean, in the main job.
///
/// Source: Z. Chen et al., "GradNorm: Gradient Normalization for Adaptive Loss Balancing", ICML 2018, with the gradients at
/// shared values in place of those of the last shared layer's weights.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct GradNorm {
    /// How much harder a slow task pulls; from 0 on.
    pub alpha: f64,
    /// The learning rate of the weights, above 0.
    pub learning_rate: f64,
}

impl Default for GradNorm {
    fn default() -> Self {
        Self { alpha: 1.5, learning_rate: 0.025 }
    }
}

impl Strategy for GradNorm {
    fn prepare(&self, site: Site<'_>) -> Result<Box<dyn TaskBalance>, TrainError> {
        let setting = |name: &str, found: f64, expected: &str| {
            Err(TrainError::Setting {
                setting: format!("balance: grad_norm: {name}"),
                found: format!("{found:?}"),
                expected: expected.to_owned(),
            })
        };
        if !(self.alpha.is_finite() && self.alpha >= 0.0) {
            return setting("alpha", self.alpha, "a finite number from 0");
        }
        if !(self.learning_rate.is_finite() && self.learning_rate > 0.0) {
            return setting("learning_rate", self.learning_rate, "a finite number above 0");
        }
        site.at_least_two("grad_norm")?;
        site.losses_from_0("grad_norm")?;
        site.shared_values("grad_norm")?;
        let n_tasks = site.objectives.len();
        Ok(Box::new(Weights {
            settings: self.clone(),
            weights: vec![1.0; n_tasks],
            first: vec![0.0; n_tasks],
            second: vec![0.0; n_tasks],
            steps: vec![0.0; n_tasks],
            first_losses: vec![0.0; n_tasks],
        }))
    }
}

/// The least weight before weights are scaled to their sum.
const LEAST_WEIGHT: f64 = 1e-3;

#[derive(Debug)]
struct Weights {
    settings: GradNorm,
    weights: Vec<f64>,
    /// Adam's moments, and the steps of each task.
    first: Vec<f64>,
    second: Vec<f64>,
    steps: Vec<f64>,
    /// The loss of each task where it first had rows; 0 before.
    first_losses: Vec<f64>,
}

/// A task that has rows in the batch.
struct Pull {
    task: usize,
    loss: f64,
    /// The length of its gradient at the shared values.
    length: f64,
}

impl TaskBalance for Weights {
    fn total(&mut self, tape: &mut Tape<'_>, step: &StepLosses<'_>) -> Var {
        let total = step.weighted(tape, |task| self.weights[task] as f32);
        let present: Vec<_> = step.present().collect();
        let mut pulls = Vec::with_capacity(present.len());
        for (task, loss) in present {
            let mut square = 0.0;
            for gradient in tape.gradient_at(loss, step.shared).into_iter().flatten() {
                square += gradient.iter().map(|&value| f64::from(value) * f64::from(value)).sum::<f64>();
                tape.recycle(gradient);
            }
            pulls.push(Pull { task, loss: f64::from(tape.scalar(loss)), length: square.sqrt() });
        }
        // The weights of this step are those from before it, so that the total is what was recorded.
        if pulls.iter().all(|pull| pull.loss.is_finite() && pull.length.is_finite()) {
            self.follow(&pulls);
        }
        total
    }

    fn state(&self) -> BalanceState {
        let fields = [
            ("weights", &self.weights),
            ("first_moments", &self.first),
            ("second_moments", &self.second),
            ("steps", &self.steps),
            ("first_losses", &self.first_losses),
        ];
        BalanceState(fields.into_iter().map(|(name, values)| (name.to_owned(), values.clone())).collect())
    }

    fn restore(&mut self, state: &BalanceState) -> Result<(), String> {
        let n_tasks = self.weights.len();
        self.weights = state.get("weights", n_tasks)?;
        self.first = state.get("first_moments", n_tasks)?;
        self.second = state.get("second_moments", n_tasks)?;
        self.steps = state.get("steps", n_tasks)?;
        self.first_losses = state.get("first_losses", n_tasks)?;
        Ok(())
    }
}

impl Weights {
    /// One step of the weights. A task without rows keeps its weight but for the common scale.
    fn follow(&mut self, pulls: &[Pull]) {
        for pull in pulls {
            let first_loss = &mut self.first_losses[pull.task];
            if *first_loss == 0.0 {
                *first_loss = pull.loss;
            }
        }
        let n = pulls.len() as f64;
        if pulls.len() < 2 || pulls.iter().any(|pull| self.first_losses[pull.task] <= 0.0) {
            return;
        }
        let left = |pull: &Pull| pull.loss / self.first_losses[pull.task];
        let mean_left = pulls.iter().map(left).sum::<f64>() / n;
        let mean_pull = pulls.iter().map(|pull| self.weights[pull.task] * pull.length).sum::<f64>() / n;
        let slope = |pull: &Pull| {
            let rate = if mean_left > 0.0 { left(pull) / mean_left } else { 1.0 };
            let aim = mean_pull * rate.max(0.0).powf(self.settings.alpha);
            let distance = self.weights[pull.task] * pull.length - aim;
            if distance == 0.0 { 0.0 } else { distance.signum() * pull.length }
        };
        let slopes: Vec<(usize, f64)> = pulls.iter().map(|pull| (pull.task, slope(pull))).collect();
        for (task, slope) in slopes {
            self.adam(task, slope);
        }
        let n_tasks = self.weights.len() as f64;
        let scale = n_tasks / self.weights.iter().sum::<f64>();
        self.weights.iter_mut().for_each(|weight| *weight *= scale);
    }

    fn adam(&mut self, task: usize, slope: f64) {
        let (beta1, beta2) = (0.9, 0.999);
        self.steps[task] += 1.0;
        self.first[task] = beta1 * self.first[task] + (1.0 - beta1) * slope;
        self.second[task] = beta2 * self.second[task] + (1.0 - beta2) * slope * slope;
        let first = self.first[task] / (1.0 - f64::powf(beta1, self.steps[task]));
        let second = self.second[task] / (1.0 - f64::powf(beta2, self.steps[task]));
        if second > 0.0 {
            let weight = self.weights[task] - self.settings.learning_rate * first / second.sqrt();
            self.weights[task] = weight.max(LEAST_WEIGHT);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{GradNorm, Pull, Weights};

    fn weights(alpha: f64) -> Weights {
        Weights {
            settings: GradNorm { alpha, learning_rate: 0.02 },
            weights: vec![1.0; 2],
            first: vec![0.0; 2],
            second: vec![0.0; 2],
            steps: vec![0.0; 2],
            first_losses: vec![0.0; 2],
        }
    }

    #[test]
    fn all_tasks_come_to_pull_alike() {
        let mut weights = weights(1.5);
        for _ in 0..2_000 {
            weights.follow(&[
                Pull { task: 0, loss: 1.0, length: 3.0 },
                Pull { task: 1, loss: 5.0, length: 1.0 },
            ]);
        }
        let pulls = [3.0 * weights.weights[0], weights.weights[1]];
        assert!((pulls[0] / pulls[1] - 1.0).abs() < 0.1, "{pulls:?}");
        assert!((weights.weights.iter().sum::<f64>() - 2.0).abs() < 1e-12);
    }

    #[test]
    fn a_slow_task_pulls_harder() {
        let mut weights = weights(1.0);
        let at = |loss| [Pull { task: 0, loss, length: 1.0 }, Pull { task: 1, loss: 1.0, length: 1.0 }];
        weights.follow(&at(1.0));
        // The first task's loss is halved, the other one's stays: their rates are 2/3 and 4/3.
        for _ in 0..2_000 {
            weights.follow(&at(0.5));
        }
        let ratio = weights.weights[1] / weights.weights[0];
        assert!((ratio - 2.0).abs() < 0.2, "{ratio}");
    }

    #[test]
    fn a_task_without_rows_stays() {
        let mut weights = weights(1.0);
        weights.follow(&[Pull { task: 1, loss: 1.0, length: 4.0 }]);
        assert_eq!(weights.weights, [1.0, 1.0]);
    }
}
