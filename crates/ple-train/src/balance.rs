//! How the losses of several tasks become one.

use ndarray::arr2;
use ple_tensor::{Entry, MatrixId, ParamStore, Role, Tape, UncertaintyTerm, Var};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::error::TrainError;
use crate::objective::Objective;

/// The strategy that balances the tasks, as it is written in a configuration.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Balance {
    /// The mean of the losses, as in torch-rechub.
    Mean,
    /// The sum of the losses, each with a fixed weight, in the order of the tasks.
    Weights(Vec<f32>),
    /// Uncertainty weighting: `exp(-s) * loss + s / 2` for a negative log likelihood, `exp(-s) * loss / 2 + s / 2` for a
    /// squared distance (squared error, Huber), with one learned s a task that starts at 0 and has no weight decay. The
    /// total may be negative.
    ///
    /// Source: A. Kendall, Y. Gal and R. Cipolla, "Multi-Task Learning Using Uncertainty to Weigh Losses", CVPR 2018.
    #[default]
    Uwl,
}

/// A strategy in use, with its learned parameters if it has any.
#[derive(Clone, Debug)]
pub struct Balancer {
    strategy: Strategy,
}

#[derive(Clone, Debug)]
enum Strategy {
    Fixed(Vec<f32>),
    Uncertainty(Vec<(MatrixId, f32)>),
}

impl Balancer {
    /// Prepares a strategy for the tasks; what it learns becomes `balance.TASK.log_variance` in the store.
    ///
    /// # Errors
    /// [`TrainError::Setting`] for weights that do not fit the tasks, or with which nothing would be learned.
    pub fn new(balance: &Balance, tasks: &[Objective], store: &mut ParamStore) -> Result<Self, TrainError> {
        let strategy = match balance {
            Balance::Mean => Strategy::Fixed(vec![1.0 / tasks.len() as f32; tasks.len()]),
            Balance::Weights(weights) => {
                let valid = weights.len() == tasks.len()
                    && weights.iter().all(|weight| weight.is_finite() && *weight >= 0.0)
                    && weights.iter().any(|weight| *weight > 0.0);
                if !valid {
                    return Err(TrainError::Setting {
                        setting: "balance: weights".to_owned(),
                        found: format!("{weights:?}"),
                        expected: format!("{} finite numbers, none negative, not all 0", tasks.len()),
                    });
                }
                // Gradients are in proportion to it, and Adam takes those below 1e-17 for zero.
                let largest = weights.iter().copied().fold(0.0, f32::max);
                if largest < LEAST_WEIGHT {
                    return Err(TrainError::Setting {
                        setting: "the largest of balance: weights".to_owned(),
                        found: format!("{largest:e}"),
                        expected: format!("at least {LEAST_WEIGHT:e}, or nothing would be learned"),
                    });
                }
                Strategy::Fixed(weights.clone())
            }
            Balance::Uwl => Strategy::Uncertainty(
                tasks
                    .iter()
                    .map(|task| {
                        let name = log_variance_name(&task.task);
                        (log_variance(store, &name), task.loss.uncertainty_factor())
                    })
                    .collect(),
            ),
        };
        Ok(Self { strategy })
    }

    /// Records the total loss. A task without rows in the batch (`None`) adds nothing.
    pub fn total(&self, tape: &mut Tape<'_>, losses: &[Option<Var>]) -> Var {
        match &self.strategy {
            Strategy::Fixed(weights) => {
                let terms = losses.iter().zip(weights).filter_map(|(loss, &weight)| Some(((*loss)?, weight)));
                tape.weighted_sum(&terms.collect::<Vec<_>>())
            }
            Strategy::Uncertainty(parameters) => {
                let terms = losses.iter().zip(parameters).filter_map(|(loss, &(log_variance, factor))| {
                    Some(UncertaintyTerm { loss: (*loss)?, log_variance, factor })
                });
                tape.uncertainty(&terms.collect::<Vec<_>>())
            }
        }
    }
}

/// The least that the largest weight of a task may be.
const LEAST_WEIGHT: f32 = 1e-9;

/// What the names of all that a strategy learns begin with.
const PREFIX: &str = "balance.";

/// Whether a parameter is learned by a balancing strategy, and so is no part of the model.
pub(crate) fn is_of_balance(name: &str) -> bool {
    name.starts_with(PREFIX)
}

/// Whether a run with these settings, as JSON, may have a strategy that learns: one whose settings are not known may.
pub(crate) fn may_learn(training: &Value) -> bool {
    let balance = &training["balance"];
    balance.is_null() || balance == "uwl"
}

/// The name of the log variance of a task.
pub(crate) fn log_variance_name(task: &str) -> String {
    format!("{PREFIX}{task}.log_variance")
}

/// The parameter of that name, which is there already when a model is trained on.
fn log_variance(store: &mut ParamStore, name: &str) -> MatrixId {
    match store.entry(name) {
        Some(Entry::Block(block)) => store.blocks()[block].matrix,
        _ => store.add(name, arr2(&[[0.0]]), Role::NotDecayed),
    }
}
