//! An observer that keeps a run's losses and the time that a run spends after its last step.

use std::time::{Duration, Instant};

use ple_train::{Control, Evaluation, Observer, StepProgress};

/// Watches a run.
#[derive(Debug)]
pub(crate) struct Losses {
    /// The mean of the tasks' training losses before each evaluation.
    pub means: Vec<f64>,
    /// The time between steps and what the evaluations found, added up: where exact mode pays the rest of its debt.
    pub after_steps: Duration,
    last_step: Instant,
}

impl Losses {
    /// An observer that has seen nothing.
    pub(crate) fn new() -> Self {
        Self { means: Vec::new(), after_steps: Duration::ZERO, last_step: Instant::now() }
    }
}

impl Observer for Losses {
    fn stepped(&mut self, _progress: &StepProgress) -> Control {
        self.last_step = Instant::now();
        Control::Continue
    }

    fn evaluated(&mut self, evaluation: &Evaluation) {
        self.after_steps += self.last_step.elapsed();
        let losses = &evaluation.train_losses;
        self.means.push(losses.iter().flatten().sum::<f64>() / losses.len() as f64);
    }
}
