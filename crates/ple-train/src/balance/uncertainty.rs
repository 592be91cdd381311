//! Uncertainty weighting.

use ple_tensor::{MatrixId, Tape, UncertaintyTerm, Var};

use super::learned::{log_variance, log_variance_name};
use super::strategy::{Site, StepLosses, Strategy, TaskBalance};
use crate::error::TrainError;

/// `exp(-s) loss + s / 2` for a negative log likelihood, `exp(-s) loss / 2 + s / 2` for a squared distance, with one learned s
/// a task.
///
/// Source: A. Kendall, Y. Gal and R. Cipolla, "Multi-Task Learning Using Uncertainty to Weigh Losses", CVPR 2018.
pub(super) struct Uwl;

impl Strategy for Uwl {
    fn prepare(&self, site: Site<'_>) -> Result<Box<dyn TaskBalance>, TrainError> {
        let Site { objectives, store, .. } = site;
        let term = |objective: &crate::Objective| {
            let name = log_variance_name(&objective.task);
            (log_variance(store, &name), objective.loss.uncertainty_factor())
        };
        Ok(Box::new(Uncertainty { terms: objectives.iter().map(term).collect() }))
    }
}

#[derive(Debug)]
struct Uncertainty {
    /// The log variance of each task, and what its loss is multiplied by.
    terms: Vec<(MatrixId, f32)>,
}

impl TaskBalance for Uncertainty {
    fn total(&mut self, tape: &mut Tape<'_>, step: &StepLosses<'_>) -> Var {
        let term = |(task, loss): (usize, Var)| {
            let (log_variance, factor) = self.terms[task];
            UncertaintyTerm { loss, log_variance, factor }
        };
        tape.uncertainty(&step.present().map(term).collect::<Vec<_>>())
    }
}
