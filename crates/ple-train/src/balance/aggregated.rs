//! Strategies that are an aggregator of the tasks' gradients.

use ple_tensor::{Gradients, Tape, Var, Workspace};

use super::shared_gradients::weighted_on_shared;
use super::strategy::{Site, StepLosses, Strategy, TaskBalance};
use crate::aggregators::Aggregator;
use crate::error::TrainError;

/// Shared parameters get what an aggregator makes of the tasks' gradients.
pub(super) struct Aggregated(pub(super) Aggregator);

impl Strategy for Aggregated {
    fn prepare(&self, site: Site<'_>) -> Result<Box<dyn TaskBalance>, TrainError> {
        site.at_least_two(self.0.name())?;
        Ok(Box::new(InUse(self.0.clone())))
    }

    fn gradients_at_once(&self, n_tasks: usize) -> usize {
        n_tasks
    }
}

#[derive(Debug)]
struct InUse(Aggregator);

impl TaskBalance for InUse {
    fn total(&mut self, tape: &mut Tape<'_>, step: &StepLosses<'_>) -> Var {
        step.weighted(tape, |_| 1.0)
    }

    fn gradients(&mut self, tape: Tape<'_>, _: Var, step: &StepLosses<'_>) -> (Gradients, Workspace) {
        weighted_on_shared(tape, step, |gramian| self.0.weights(gramian))
    }
}
