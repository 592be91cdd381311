//! PCGrad: conflicts between the gradients of tasks are projected away.

use ple_tensor::{Gradients, Tape, Var, Workspace};
use rand::seq::SliceRandom;

use super::shared_gradients::weighted_on_shared;
use super::strategy::{Site, StepLosses, Strategy, TaskBalance};
use crate::aggregators::pcgrad_weights;
use crate::error::TrainError;

/// The sum of the tasks' gradients of shared parameters, each without what works against another one, over the other tasks in
/// an order that is drawn for each task and step: see [`pcgrad_weights`].
pub(super) struct Pcgrad;

impl Strategy for Pcgrad {
    fn prepare(&self, site: Site<'_>) -> Result<Box<dyn TaskBalance>, TrainError> {
        site.at_least_two("pcgrad")?;
        Ok(Box::new(Projections))
    }

    fn gradients_at_once(&self, n_tasks: usize) -> usize {
        n_tasks
    }
}

#[derive(Debug)]
struct Projections;

impl TaskBalance for Projections {
    fn total(&mut self, tape: &mut Tape<'_>, step: &StepLosses<'_>) -> Var {
        step.weighted(tape, |_| 1.0)
    }

    fn gradients(&mut self, tape: Tape<'_>, _: Var, step: &StepLosses<'_>) -> (Gradients, Workspace) {
        let mut random = step.progress.seed.generator("pcgrad", step.progress.step);
        weighted_on_shared(tape, step, |gramian| {
            pcgrad_weights(gramian, |_| {
                let mut order: Vec<usize> = (0..gramian.tasks()).collect();
                order.shuffle(&mut random);
                order
            })
        })
    }
}
