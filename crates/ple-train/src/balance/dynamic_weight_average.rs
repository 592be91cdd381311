//! Dynamic weight average: a task whose loss comes down slowly counts more in the next epoch.

use ple_tensor::{Tape, Var};
use serde::{Deserialize, Serialize};

use super::strategy::{BalanceState, Site, StepLosses, Strategy, TaskBalance};
use crate::error::TrainError;

/// The sum of the losses with the weights `wᵢ = n exp(rᵢ / T) / Σ exp(rⱼ / T)` of n tasks, where `rᵢ` is the mean loss of task
/// i in the last epoch over that in the epoch before. In the first two epochs all weights are 1.
///
/// The larger the temperature T, the more alike the weights. A task without rows in one of the two epochs has r = 1.
///
/// Source: S. Liu, E. Johns and A. J. Davison, "End-to-End Multi-Task Learning with Attention", CVPR 2019, equation 7.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct DynamicWeightAverage {
    /// How alike the weights are; above 0.
    pub temperature: f64,
}

impl Default for DynamicWeightAverage {
    fn default() -> Self {
        Self { temperature: 2.0 }
    }
}

impl Strategy for DynamicWeightAverage {
    fn prepare(&self, site: Site<'_>) -> Result<Box<dyn TaskBalance>, TrainError> {
        if !(self.temperature.is_finite() && self.temperature > 0.0) {
            return Err(TrainError::Setting {
                setting: "balance: dynamic_weight_average: temperature".to_owned(),
                found: format!("{:?}", self.temperature),
                expected: "a finite number above 0".to_owned(),
            });
        }
        site.at_least_two("dynamic_weight_average")?;
        site.losses_from_0("dynamic_weight_average")?;
        let none = vec![0.0; site.objectives.len()];
        Ok(Box::new(Averages {
            temperature: self.temperature,
            epoch: 0.0,
            sums: none.clone(),
            counts: none.clone(),
            last: none.clone(),
            before: none,
        }))
    }
}

#[derive(Debug)]
struct Averages {
    temperature: f64,
    /// The epoch whose losses are summed.
    epoch: f64,
    /// The losses of this epoch, and their number.
    sums: Vec<f64>,
    counts: Vec<f64>,
    /// The mean losses of the epoch before this one and of that before it; 0 where there is none.
    last: Vec<f64>,
    before: Vec<f64>,
}

impl Averages {
    fn begin(&mut self, epoch: f64) {
        if epoch != self.epoch {
            let mean = |(sum, count): (&f64, &f64)| if *count > 0.0 { sum / count } else { 0.0 };
            let means = self.sums.iter().zip(&self.counts).map(mean).collect();
            self.before = std::mem::replace(&mut self.last, means);
            self.sums.fill(0.0);
            self.counts.fill(0.0);
            self.epoch = epoch;
        }
    }

    fn weights(&self) -> Vec<f64> {
        let rate =
            |(last, before): (&f64, &f64)| if *last > 0.0 && *before > 0.0 { last / before } else { 1.0 };
        let rates: Vec<f64> = self.last.iter().zip(&self.before).map(rate).collect();
        // Of the distance to the largest rate, so that no exponential overflows.
        let largest = rates.iter().copied().fold(0.0, f64::max);
        let powers: Vec<f64> = rates.iter().map(|rate| ((rate - largest) / self.temperature).exp()).collect();
        let scale = rates.len() as f64 / powers.iter().sum::<f64>();
        powers.iter().map(|power| power * scale).collect()
    }
}

impl TaskBalance for Averages {
    fn total(&mut self, tape: &mut Tape<'_>, step: &StepLosses<'_>) -> Var {
        self.begin(step.progress.epoch as f64);
        for (task, loss) in step.present() {
            let loss = f64::from(tape.scalar(loss));
            if loss.is_finite() {
                self.sums[task] += loss;
                self.counts[task] += 1.0;
            }
        }
        let weights = self.weights();
        step.weighted(tape, |task| weights[task] as f32)
    }

    fn state(&self) -> BalanceState {
        let fields = [
            ("epoch", vec![self.epoch]),
            ("sums", self.sums.clone()),
            ("counts", self.counts.clone()),
            ("last", self.last.clone()),
            ("before", self.before.clone()),
        ];
        BalanceState(fields.map(|(name, values)| (name.to_owned(), values)).into())
    }

    fn restore(&mut self, state: &BalanceState) -> Result<(), String> {
        let n_tasks = self.sums.len();
        self.epoch = state.get("epoch", 1)?[0];
        self.sums = state.get("sums", n_tasks)?;
        self.counts = state.get("counts", n_tasks)?;
        self.last = state.get("last", n_tasks)?;
        self.before = state.get("before", n_tasks)?;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::Averages;

    #[test]
    fn weights_are_those_of_the_formula() {
        let mut averages = Averages {
            temperature: 2.0,
            epoch: 0.0,
            sums: vec![0.0; 2],
            counts: vec![0.0; 2],
            last: vec![0.0; 2],
            before: vec![0.0; 2],
        };
        for (epoch, losses) in [(0.0, [1.0, 4.0]), (1.0, [0.5, 3.6]), (2.0, [0.4, 3.5])] {
            averages.begin(epoch);
            if epoch < 2.0 {
                assert_eq!(averages.weights(), [1.0, 1.0]);
            }
            // The mean of an epoch, in three steps.
            for _ in 0..3 {
                averages.sums.iter_mut().zip(losses).for_each(|(sum, loss)| *sum += loss);
                averages.counts.iter_mut().for_each(|count| *count += 1.0);
            }
        }
        let powers = [0.5_f64, 0.9].map(|rate| (rate / 2.0).exp());
        let expected = powers.map(|power| 2.0 * power / (powers[0] + powers[1]));
        for (found, expected) in averages.weights().iter().zip(expected) {
            assert!((found - expected).abs() < 1e-12, "{found} {expected}");
        }
    }
}
