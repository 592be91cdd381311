//! What can go wrong outside of the program: settings, files, data, numbers. Each error is up to three lines: what was
//! found, what was expected, and the next step.

use std::path::PathBuf;

use ple_data::DataError;
use ple_files::FileError;
use ple_nn::{Link, NnError};
use ple_tensor::InstructionSetError;
use thiserror::Error;

use crate::balance::Balance;
use crate::finite::NotFinite;
use crate::losses::Loss;
use crate::metrics::{Metric, Undefined};
use crate::nearest::{hint, key_hint, list};
use crate::optimizer::{LearningRate, RuleConfig};

/// The errors of this crate. The variants carry facts; [`exit_code`](Self::exit_code) is what a program ends with.
///
/// # Examples
///
/// ```
/// use ple_train::TrainError;
/// use ple_train::metrics::Metric;
///
/// let error: TrainError = "acu".parse::<Metric>().unwrap_err();
/// assert!(error.to_string().starts_with("there is no metric `acu`\nexpected: one of auc, log_loss, "));
/// assert!(error.to_string().ends_with("\nnext: did you mean `auc`?"));
/// assert_eq!(error.exit_code(), 2);
/// ```
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum TrainError {
    /// Reading data failed.
    #[error(transparent)]
    Data(#[from] DataError),

    /// A model that cannot be built.
    #[error(transparent)]
    Model(#[from] NnError),

    /// The instruction set that is asked for cannot be used.
    #[error(transparent)]
    InstructionSet(#[from] InstructionSetError),

    /// All training rows of a classification task have the same label.
    #[error(
        "the task `{task}` has no label of {missing} in its {rows} training rows\nexpected: at least one of each class\nnext: check the label's column, or train on more rows"
    )]
    OneClass {
        /// The task.
        task: String,
        /// The rows of the task.
        rows: usize,
        /// The label that none of them has.
        missing: u8,
    },

    /// A request for predictions that is not what the model reads.
    #[error(
        "a request has {found}{place}\nexpected: {expected}\nnext: encode requests with the schema of the model"
    )]
    Request {
        /// What is wrong.
        found: String,
        /// Where it is, with a space before, or nothing.
        place: String,
        /// What would be right.
        expected: String,
    },

    /// A loss, a gradient, what a step wrote, or what a model predicts is NaN or infinite.
    #[error(transparent)]
    NotFinite(#[from] NotFinite),

    /// The tensors of a checkpoint are another model's.
    #[error("{}: the checkpoint is another model's: for {tensor} found {found}\nexpected: {expected}\nnext: load it with the configuration that it was saved with", path.display())]
    OtherModel {
        /// The folder.
        path: PathBuf,
        /// The tensor.
        tensor: String,
        /// What the checkpoint has.
        found: String,
        /// What the model needs.
        expected: String,
    },

    /// A metric's name is not known.
    #[error("there is no metric `{found}`\nexpected: one of {}\nnext: {}", list(&metric_names()), hint(found, &metric_names()))]
    UnknownMetric {
        /// The name found.
        found: String,
    },

    /// The name of a balancing strategy is not known.
    #[error(
        "there is no balance `{found}`\nexpected: one of {}\nnext: {}",
        list(Balance::NAMES),
        hint(found, Balance::NAMES)
    )]
    UnknownBalance {
        /// The name found.
        found: String,
    },

    /// A loss's name is not known.
    #[error("there is no loss `{found}`\nexpected: one of {}\nnext: {}", list(&loss_names()), hint(found, &loss_names()))]
    UnknownLoss {
        /// The name found.
        found: String,
    },

    /// An optimiser's name is not known.
    #[error("there is no optimiser `{found}`\nexpected: one of {}\nnext: {}", list(&rule_names()), hint(found, &rule_names()))]
    UnknownOptimizer {
        /// The name found.
        found: String,
    },

    /// The name of a schedule of the learning rate is not known.
    #[error("there is no schedule `{found}`\nexpected: one of {}\nnext: {}", list(&schedule_names()), hint(found, &schedule_names()))]
    UnknownSchedule {
        /// The name found.
        found: String,
    },

    /// What an optimiser has kept is not what the one of the settings keeps.
    #[error(
        "{}: what the optimiser keeps of {parameter} is that of `{found}`, and the settings say `{expected}`\nexpected: a checkpoint of `{expected}`\nnext: choose `{found}` in the settings, or begin without what the optimiser of that checkpoint has kept",
        path.display()
    )]
    OtherOptimizer {
        /// The checkpoint.
        path: PathBuf,
        /// The parameter.
        parameter: String,
        /// The optimiser that has kept it.
        found: &'static str,
        /// The optimiser that the settings name.
        expected: &'static str,
    },

    /// A loss that is not for the link of the task's head.
    #[error(
        "the loss of `{task}` is `{loss}`, which is for the link `{}`; the model's is `{}`\nexpected: one of {}\nnext: choose one of these, or make {} the link of `{task}` in the settings of the model",
        loss.link().name(),
        link.name(),
        list(&losses_of(*link)),
        loss.link().name()
    )]
    LossOfOtherLink {
        /// The task.
        task: String,
        /// Its loss.
        loss: Loss,
        /// The link of its head.
        link: Link,
    },

    /// Labels that a loss has no meaning for.
    #[error(
        "the labels of `{task}` go from {least} to {most}\nexpected: {expected}, for the loss `{loss}`\nnext: correct the label's column, or choose another loss"
    )]
    LabelOfLoss {
        /// The task.
        task: String,
        /// Its loss.
        loss: Loss,
        /// The least label of the training rows.
        least: f32,
        /// The largest one.
        most: f32,
        /// What the labels have to be.
        expected: &'static str,
    },

    /// A task's name is not known.
    #[error("there is no task `{found}`\nexpected: one of {}\nnext: {}", list(known), hint(found, known))]
    UnknownTask {
        /// The name found.
        found: String,
        /// The tasks of this run.
        known: Vec<String>,
    },

    /// A watched metric is not written as a task and a metric.
    #[error(
        "early stopping cannot watch `{found}`\nexpected: a task and a metric, as in click.auc\nnext: correct the list of watched metrics"
    )]
    WatchSyntax {
        /// What was found.
        found: String,
    },

    /// A metric was asked of a task of another type.
    #[error(
        "the metric `{metric}` does not apply to the task `{task}`\nexpected: one of {}\nnext: choose one of these for `{task}`",
        list(applicable)
    )]
    MetricOfOtherType {
        /// The task.
        task: String,
        /// The metric.
        metric: Metric,
        /// The metrics that apply to the task.
        applicable: Vec<Metric>,
    },

    /// The mean of the watched metrics has no meaning, and nothing says which of them decides.
    #[error(
        "the watched metrics are of different kinds ({}), so they have no mean\nexpected: metrics of one kind in the mean\nnext: watch `each` of them in the settings, or metrics of one kind",
        list(watched)
    )]
    MixedMetrics {
        /// What is watched.
        watched: Vec<String>,
    },

    /// A watched metric cannot have a value on the validation set.
    #[error(
        "early stopping watches {watched}, which is undefined on the validation set: {reason}\nexpected: a validation set on which every watched metric has a value\nnext: use a larger validation set, or watch another metric"
    )]
    WatchedUndefined {
        /// The task and the metric.
        watched: String,
        /// Why it has no value.
        reason: Undefined,
    },

    /// A setting has a value that it cannot have, or that has no effect.
    #[error("{setting} is {found}\nexpected: {expected}\nnext: correct {setting}")]
    Setting {
        /// The name of the setting.
        setting: String,
        /// Its value.
        found: String,
        /// The values that it may have.
        expected: String,
    },

    /// The saved state of a run does not belong to its settings.
    #[error(
        "the saved {what} is that of {found}\nexpected: {expected}\nnext: continue with the settings that the run was started with, or start anew"
    )]
    OtherState {
        /// Which part of the state.
        what: &'static str,
        /// What it was saved for.
        found: String,
        /// What the settings ask for.
        expected: String,
    },

    /// Numbers were made by another transformation than those that a model was trained on.
    #[error(
        "{what}: found the transformation {found}\nexpected: {expected}, which made the rows of {model}\nnext: take the folder that the model was trained on, or prepare the raw rows with its schema.json: data prepare --with SCHEMA.json"
    )]
    OtherTransformation {
        /// The file, the folder, or what else has the numbers.
        what: String,
        /// The hash of its transformation, shortened.
        found: String,
        /// The model or the checkpoint, in words.
        model: String,
        /// The hash of its transformation, shortened.
        expected: String,
    },

    /// There is no checkpoint that a run could go on from.
    #[error("{}: there is no checkpoint to go on from\nexpected: a folder in which a run has saved at least one\nnext: check the path, or start anew", path.display())]
    NothingToResume {
        /// The folder.
        path: PathBuf,
    },

    /// A run would begin anew where the checkpoints of one are that is not over.
    #[error("{}: the run that has saved this is not over; it had taken {step} steps\nexpected: for a new run a folder without checkpoints, or with those of a run that is over\nnext: go on with it (--resume), or begin anew over it (--overwrite), which removes its checkpoints", path.display())]
    UnfinishedRun {
        /// Its newest checkpoint.
        path: PathBuf,
        /// The steps that it had taken.
        step: u64,
    },

    /// A file has the name of one of a run's, and is of another origin, or damaged.
    #[error("{}: this is not what a run has saved, or it is damaged\nexpected: the result of an earlier run, or no file of this name\nnext: choose another folder, or move the file away", path.display())]
    NotOfARun {
        /// The file.
        path: PathBuf,
    },

    /// A run cannot go on from a checkpoint, because it would be another run.
    #[error("{}: when this was saved, {what} was {was}; now it is {now}\nexpected: a run that goes on as it began (free are threads, paths, when to save, and epochs where the learning rate does not follow them)\nnext: go back to {was}, or start anew", path.display())]
    OtherRun {
        /// The checkpoint.
        path: PathBuf,
        /// What has changed.
        what: String,
        /// What it was.
        was: String,
        /// What it is now.
        now: String,
    },

    /// A file or folder cannot be written or read, or is not what it should be.
    #[error(transparent)]
    File(#[from] FileError),

    /// A folder holds no checkpoint, or one whose saving was cut off.
    #[error("{}: there is no manifest.json, so this is no complete checkpoint\nexpected: a folder that a run has saved\nnext: check the path, or take an earlier checkpoint", path.display())]
    CheckpointMissing {
        /// The folder.
        path: PathBuf,
    },

    /// A file that the manifest names is not there.
    #[error("{}: the file is missing, and manifest.json names it\nexpected: every file of the checkpoint in one folder\nnext: copy the checkpoint again, or take an earlier one", path.display())]
    CheckpointFileMissing {
        /// The file.
        path: PathBuf,
    },

    /// A file of a checkpoint is longer or shorter than it was.
    #[error("{}: found {found} bytes\nexpected: {expected}, as manifest.json says\nnext: copy the checkpoint again, or take an earlier one", path.display())]
    CheckpointSize {
        /// The file.
        path: PathBuf,
        /// Its size in bytes.
        found: u64,
        /// The size that was saved.
        expected: u64,
    },

    /// The values of a tensor are not those that were saved.
    #[error("{}: the values of `{tensor}` are damaged\nexpected: the hash {expected}, found {found}\nnext: copy the checkpoint again, or take an earlier one", path.display())]
    CheckpointTensor {
        /// The file.
        path: PathBuf,
        /// The tensor.
        tensor: String,
        /// The hash of its values, in hexadecimal.
        found: String,
        /// The hash that was saved.
        expected: String,
    },

    /// A tensor of a checkpoint has a value that no run could have saved.
    #[error("{}: `{tensor}` has {value:?} in row {row}\nexpected: {expected}\nnext: take a checkpoint from before the training diverged, or train anew", path.display())]
    CheckpointValue {
        /// The folder.
        path: PathBuf,
        /// The tensor.
        tensor: String,
        /// The row of the tensor, counted from 0.
        row: usize,
        /// The value.
        value: f32,
        /// What values it may have.
        expected: &'static str,
    },

    /// The schema or the configuration in a checkpoint's manifest is not valid.
    #[error("{}: the {what} that was saved is not valid: {detail}\nexpected: what a run of this version saves\nnext: take another checkpoint; this one was changed after it was saved", path.display())]
    CheckpointConfig {
        /// The manifest.
        path: PathBuf,
        /// `feature schema`, `configuration of the model` or `state of the run`.
        what: &'static str,
        /// What is wrong with it.
        detail: String,
    },

    /// Another part of a checkpoint is not what was saved.
    #[error("{}: {detail}\nexpected: the bytes that were saved\nnext: copy the checkpoint again, or take an earlier one", path.display())]
    CheckpointDamaged {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        detail: String,
    },

    /// A manifest names a file that is not inside its own folder.
    #[error("{}: the name `{name}` leads out of the folder\nexpected: the plain name of a file beside manifest.json\nnext: do not use this checkpoint; it was not written by this program", path.display())]
    CheckpointName {
        /// The manifest.
        path: PathBuf,
        /// The name found.
        name: String,
    },

    /// A manifest is of a form that this version does not know.
    #[error("{}: the format version is {found}\nexpected: {expected}\nnext: read the checkpoint with the version of the program that wrote it", path.display())]
    CheckpointVersion {
        /// The manifest.
        path: PathBuf,
        /// The version found.
        found: String,
        /// The version that this program reads.
        expected: u32,
    },

    /// A manifest has a key too many or too few, or a value of another type.
    #[error("{}: {detail}\nexpected: the keys of format version {version}\nnext: {}", path.display(), key_hint(detail))]
    CheckpointKey {
        /// The manifest.
        path: PathBuf,
        /// What the parser said.
        detail: String,
        /// The format version of the manifest.
        version: u32,
    },
}

impl TrainError {
    /// The same error, where so many rows were predicted before those that it counts.
    pub fn after_rows(self, rows: usize) -> Self {
        match self {
            Self::NotFinite(first) => Self::NotFinite(first.after_rows(rows)),
            other => other,
        }
    }
}

fn metric_names() -> Vec<&'static str> {
    Metric::all().iter().map(Metric::name).collect()
}

fn loss_names() -> Vec<&'static str> {
    Loss::all().iter().map(Loss::name).collect()
}

fn rule_names() -> Vec<&'static str> {
    RuleConfig::all().iter().map(RuleConfig::name).collect()
}

fn schedule_names() -> Vec<&'static str> {
    LearningRate::all().iter().map(LearningRate::name).collect()
}

fn losses_of(link: Link) -> Vec<&'static str> {
    Loss::all().iter().filter(|loss| loss.link() == link).map(Loss::name).collect()
}
