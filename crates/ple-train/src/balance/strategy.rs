//! What the file of a strategy gives: its settings with their checks, and what it does with a step's losses.

use std::collections::BTreeMap;
use std::fmt::Debug;

use ple_nn::Model;
use ple_tensor::{Gradients, ParamStore, Tape, Var, Workspace};
use serde::{Deserialize, Serialize};

use super::progress::Progress;
use crate::error::TrainError;
use crate::objective::Objective;

/// The settings of a strategy.
pub(super) trait Strategy {
    /// Prepares the strategy for tasks; what it learns by the run's optimiser becomes a parameter of the store.
    ///
    /// # Errors
    /// [`TrainError::Setting`] for what does not fit the tasks or the model.
    fn prepare(&self, site: Site<'_>) -> Result<Box<dyn TaskBalance>, TrainError>;

    /// The gradients of a step that there are at a time: of more than one, memory is foreseen for each.
    fn gradients_at_once(&self, _n_tasks: usize) -> usize {
        1
    }
}

/// Where a strategy is prepared.
pub(super) struct Site<'s> {
    pub(super) model: &'s Model,
    pub(super) objectives: &'s [Objective],
    pub(super) store: &'s mut ParamStore,
}

impl Site<'_> {
    /// Fails where there is one task, for a strategy that compares several.
    pub(super) fn at_least_two(&self, name: &str) -> Result<(), TrainError> {
        match self.objectives {
            [_, _, ..] => Ok(()),
            _ => Err(TrainError::Setting {
                setting: "balance".to_owned(),
                found: format!("`{name}`, and the model has one task"),
                expected: "at least two tasks, since it compares their gradients".to_owned(),
            }),
        }
    }

    /// Fails for losses that may be negative, for a strategy that asks how far a loss has come down.
    pub(super) fn losses_from_0(&self, name: &str) -> Result<(), TrainError> {
        match self.objectives.iter().find(|objective| objective.loss.may_be_negative()) {
            None => Ok(()),
            Some(Objective { task, loss }) => Err(TrainError::Setting {
                setting: "balance".to_owned(),
                found: format!("`{name}`, and the loss `{loss}` of `{task}` may be negative"),
                expected: "losses from 0 on, since it asks how far a loss has come down".to_owned(),
            }),
        }
    }

    /// Fails for a model that names no values which its tasks share.
    pub(super) fn shared_values(&self, name: &str) -> Result<(), TrainError> {
        match self.model.config().architecture.shares_values() {
            true => Ok(()),
            false => Err(TrainError::Setting {
                setting: "balance".to_owned(),
                found: format!(
                    "`{name}`, and the tasks of this {} share no last values",
                    self.model.config().architecture.name()
                ),
                expected:
                    "a model with shared experts or a shared bottom, such as ple, mmoe or shared-bottom"
                        .to_owned(),
            }),
        }
    }
}

/// A strategy in use.
pub(super) trait TaskBalance: Debug + Send + Sync {
    /// Records the total loss of a step. A task without rows in the batch (`None`) adds nothing.
    fn total(&mut self, tape: &mut Tape<'_>, step: &StepLosses<'_>) -> Var;

    /// The gradients of the step: those of the total and of the auxiliary losses, by one backward pass, unless the strategy
    /// looks at those of each task.
    fn gradients(&mut self, mut tape: Tape<'_>, total: Var, step: &StepLosses<'_>) -> (Gradients, Workspace) {
        let total = step.with_auxiliary(&mut tape, total);
        tape.backward(total)
    }

    /// What a run that goes on has to know.
    fn state(&self) -> BalanceState {
        BalanceState::default()
    }

    /// Goes on from a state.
    ///
    /// # Errors
    /// What is wrong with it.
    fn restore(&mut self, state: &BalanceState) -> Result<(), String> {
        match state.is_empty() {
            true => Ok(()),
            false => Err("it has the state of another balancing strategy".to_owned()),
        }
    }
}

/// The losses of a step.
#[derive(Debug)]
pub(crate) struct StepLosses<'s> {
    /// Those of the tasks that have rows in the batch.
    pub(crate) tasks: &'s [Option<Var>],
    /// Those of the model itself, such as a calibrator's. They are no tasks, and are added as they are.
    pub(crate) auxiliary: &'s [Var],
    /// The last values that several tasks read.
    pub(crate) shared: &'s [Var],
    /// When the step is taken.
    pub(crate) progress: Progress,
}

impl StepLosses<'_> {
    /// A total with the auxiliary losses.
    pub(super) fn with_auxiliary(&self, tape: &mut Tape<'_>, total: Var) -> Var {
        self.auxiliary
            .iter()
            .fold(total, |total, &auxiliary| tape.weighted_sum(&[(total, 1.0), (auxiliary, 1.0)]))
    }

    /// The tasks that have rows, with their losses.
    pub(super) fn present(&self) -> impl Iterator<Item = (usize, Var)> + '_ {
        self.tasks.iter().enumerate().filter_map(|(task, loss)| Some((task, (*loss)?)))
    }

    /// Records the sum of the tasks' losses, each times its weight.
    pub(super) fn weighted(&self, tape: &mut Tape<'_>, weight: impl Fn(usize) -> f32) -> Var {
        let terms: Vec<_> = self.present().map(|(task, loss)| (loss, weight(task))).collect();
        tape.weighted_sum(&terms)
    }
}

/// What a strategy keeps between steps besides parameters, by name: numbers that checkpoints hold.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(transparent)]
pub(crate) struct BalanceState(pub(super) BTreeMap<String, Vec<f64>>);

impl BalanceState {
    /// Whether there is nothing to keep.
    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The `n` finite numbers that are kept under a name.
    pub(super) fn get(&self, name: &str, n: usize) -> Result<Vec<f64>, String> {
        match self.0.get(name) {
            Some(values) if values.len() == n && values.iter().all(|value| value.is_finite()) => {
                Ok(values.clone())
            }
            _ => Err(format!("it has no {n} finite numbers `{name}` of the balancing strategy")),
        }
    }
}
