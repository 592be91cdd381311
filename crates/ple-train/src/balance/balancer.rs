//! A strategy in use, as a training step sees it.

use ple_nn::Model;
use ple_tensor::{Gradients, ParamStore, Tape, Var, Workspace};

use super::list::Balance;
use super::strategy::{BalanceState, Site, StepLosses, TaskBalance};
use crate::error::TrainError;
use crate::objective::Objective;

/// A strategy in use, with what it has learned so far.
///
/// # Examples
///
/// ```
/// use std::collections::BTreeMap;
///
/// use ple_data::{GeneratorConfig, Vocabulary, generate};
/// use ple_nn::ModelConfig;
/// use ple_train::{Balance, Balancer, Objective, RankingModel, RunSeed};
///
/// let table = generate(&GeneratorConfig { rows: 10, vocabulary: Vocabulary::Small, seed: 1 }).table;
/// let model = RankingModel::new(table.schema().clone(), ModelConfig::default(), RunSeed(1))?;
/// let objectives = Objective::of_tasks(model.model(), &BTreeMap::new())?;
/// let mut store = model.store().clone();
/// Balancer::new(&Balance::Pcgrad, model.model(), &objectives, &mut store)?;
/// # Ok::<(), ple_train::TrainError>(())
/// ```
#[derive(Debug)]
pub struct Balancer {
    strategy: Box<dyn TaskBalance>,
}

impl Balancer {
    /// Prepares a strategy for the tasks of a model; what it learns becomes parameters `balance.TASK.NAME` of the store.
    ///
    /// # Errors
    /// [`TrainError::Setting`] for settings that do not fit the tasks or the model, or with which nothing would be learned.
    pub fn new(
        balance: &Balance,
        model: &Model,
        objectives: &[Objective],
        store: &mut ParamStore,
    ) -> Result<Self, TrainError> {
        let strategy = balance.strategy().prepare(Site { model, objectives, store })?;
        Ok(Self { strategy })
    }

    /// Records the total loss of the tasks, which reports show.
    pub(crate) fn total(&mut self, tape: &mut Tape<'_>, step: &StepLosses<'_>) -> Var {
        self.strategy.total(tape, step)
    }

    /// The gradients of the step.
    pub(crate) fn gradients(
        &mut self,
        tape: Tape<'_>,
        total: Var,
        step: &StepLosses<'_>,
    ) -> (Gradients, Workspace) {
        self.strategy.gradients(tape, total, step)
    }

    /// What a run that goes on has to know.
    pub(crate) fn state(&self) -> BalanceState {
        self.strategy.state()
    }

    /// Goes on from a state.
    ///
    /// # Errors
    /// What is wrong with it.
    pub(crate) fn restore(&mut self, state: &BalanceState) -> Result<(), String> {
        self.strategy.restore(state)
    }
}
