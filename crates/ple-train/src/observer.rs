//! What a run tells to whoever watches it. The libraries are silent: a program passes in what it wants to be told.

use std::path::Path;

use serde::{Deserialize, Serialize};

use crate::metrics::TaskMetrics;
use crate::resume::Resumed;

/// Whether a run goes on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Control {
    /// On to the next step.
    Continue,
    /// The run ends after this step, or in the middle of this evaluation. It saves its state where it has a folder for
    /// checkpoints; where it has none it is evaluated after a step. The model has its best weights so far.
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
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Evaluation {
    /// The epoch, counted from 1.
    pub epoch: u64,
    /// The steps done in the whole run.
    pub step: u64,
    /// The mean training loss of each task since the last evaluation; none of a task that had no row.
    pub train_losses: Vec<Option<f64>>,
    /// The metrics of each task on the validation data; empty without.
    pub validation: Vec<TaskMetrics>,
    /// The watched metrics that are better than ever before.
    pub improved: Vec<String>,
}

/// Watches a run. Every method has an empty body: implement those that matter.
pub trait Observer {
    /// Before the first step.
    fn started(&mut self, _start: &RunStart) {}

    /// After that, where the run goes on from a checkpoint.
    fn resumed(&mut self, _resumed: &Resumed) {}

    /// After each step; the answer says whether the run goes on.
    fn stepped(&mut self, _progress: &StepProgress) -> Control {
        Control::Continue
    }

    /// Before an evaluation of so many rows.
    fn evaluating(&mut self, _rows: usize) {}

    /// After each block of its rows; the answer says whether the run goes on. An evaluation that is interrupted is made
    /// when the run [goes on](crate::Start::GoOn).
    fn evaluated_rows(&mut self, _rows: usize) -> Control {
        Control::Continue
    }

    /// After each evaluation.
    fn evaluated(&mut self, _evaluation: &Evaluation) {}

    /// After each checkpoint, which is complete in this folder.
    fn saved(&mut self, _place: &Path) {}
}

/// Watches nothing.
impl Observer for () {}
