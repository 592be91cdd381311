//! What a run tells to whoever watches it. The libraries are silent: a program passes in what it wants to be told.

use crate::metrics::TaskMetrics;

/// Whether a run goes on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Control {
    /// On to the next step.
    Continue,
    /// The run ends after this step, and keeps its best weights.
    Interrupt,
}

/// What is known before the first step.
#[derive(Clone, Debug)]
pub struct RunStart {
    /// Rows of training and of validation data.
    pub rows: (usize, usize),
    /// Steps in an epoch.
    pub steps_per_epoch: usize,
    /// The largest number of epochs.
    pub epochs: u64,
    /// Learned values.
    pub parameters: usize,
    /// What early stopping watches, and what it keeps; none without validation data.
    pub early_stopping: Option<String>,
}

/// Where a run is.
#[derive(Clone, Copy, Debug)]
pub struct StepProgress {
    /// The epoch, counted from 1.
    pub epoch: u64,
    /// The steps done in this epoch.
    pub step: usize,
    /// The steps in an epoch.
    pub steps_per_epoch: usize,
    /// Rows trained on so far, in the whole run.
    pub rows: u64,
    /// The total loss of this step.
    pub loss: f32,
}

/// What an evaluation found.
#[derive(Clone, Debug)]
pub struct Evaluation {
    /// The epoch, counted from 1.
    pub epoch: u64,
    /// The steps done in the whole run.
    pub step: u64,
    /// The mean training loss of each task since the last evaluation.
    pub train_losses: Vec<f64>,
    /// The metrics of each task on the validation data; empty without.
    pub validation: Vec<TaskMetrics>,
    /// The watched metrics that are better than ever before.
    pub improved: Vec<String>,
}

/// Watches a run. Every method has an empty body: implement those that matter.
pub trait Observer {
    /// Before the first step.
    fn started(&mut self, _start: &RunStart) {}

    /// After each step; the answer says whether the run goes on.
    fn stepped(&mut self, _progress: &StepProgress) -> Control {
        Control::Continue
    }

    /// Before an evaluation of so many rows.
    fn evaluating(&mut self, _rows: usize) {}

    /// After each evaluation.
    fn evaluated(&mut self, _evaluation: &Evaluation) {}
}

/// Watches nothing.
impl Observer for () {}
