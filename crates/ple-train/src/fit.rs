//! A training run as its caller sees it: what goes in, what comes out, and everything that is checked before the first
//! step. The run itself is in `run.rs`.

use std::path::PathBuf;
use std::time::Duration;

use ple_data::{RowSource, TaskCounts};
use ple_files::FolderLock;

use crate::carried_moments::CarriedMoments;
use crate::checkpoint::{EarlierRun, RunFacts, RunFolder};
use crate::early_stopping::{EarlyStopper, StopReason};
use crate::error::TrainError;
use crate::memory::check_run;
use crate::metrics::{LabelCounts, TaskMetrics};
use crate::objective::Objective;
use crate::observer::{Evaluation, Observer};
use crate::ranking_model::RankingModel;
use crate::run::Run;
use crate::train_config::TrainConfig;

/// The data of a run, and where its checkpoints go.
#[derive(Clone, Debug)]
pub struct RunInput {
    /// The rows to learn from: a table in memory, or shards that are read anew in each epoch.
    pub train: RowSource,
    /// The rows that decide on stopping and on the best weights; without them the last weights are kept.
    pub validation: Option<RowSource>,
    /// Where checkpoints go, and whether the run goes on from the last one.
    pub checkpoints: Option<Checkpoints>,
}

/// Where a run saves checkpoints, when, and how it begins.
///
/// Each is a folder `step-NNNNNNNN` of its own, complete from the moment at which its manifest appears, and a model that
/// [`RankingModel::load`] reads. The last two are kept, and the one with the best weights so far. Saving changes no bit
/// of a run.
#[derive(Clone, Debug, PartialEq)]
pub struct Checkpoints {
    /// The folder that they are in.
    pub folder: PathBuf,
    /// When to save, besides after each evaluation and where the observer interrupts the run.
    pub every: SaveEvery,
    /// How the run begins.
    pub start: Start,
}

/// When to save a checkpoint, besides after each evaluation.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum SaveEvery {
    /// At no other time.
    #[default]
    Evaluation,
    /// Whenever the number of steps can be divided by this one.
    Steps(u64),
    /// After the step at which so much time has passed since the last one.
    Time(Duration),
}

/// How a run begins.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Start {
    /// At its first step. Checkpoints of a run that is not over are not touched: such a folder is refused.
    #[default]
    Anew,
    /// At its first step; all checkpoints in the folder are removed before.
    Overwrite,
    /// After the newest checkpoint that verifies, to the bytes of a run that was never stopped. What has changed in
    /// between is judged: threads, paths and when to save are free; the number of epochs is free unless the learning
    /// rate follows it; anything else that could change a bit is refused.
    GoOn,
}

impl Checkpoints {
    /// Checkpoints in a folder at each evaluation, of a run that begins anew.
    pub fn new(folder: impl Into<PathBuf>) -> Self {
        Self { folder: folder.into(), every: SaveEvery::Evaluation, start: Start::Anew }
    }

    /// Takes the folder for this process, once everything else has been checked.
    fn take(&self) -> Result<FolderLock, TrainError> {
        let lock = FolderLock::take(&self.folder)?;
        let folder = RunFolder::new(&self.folder);
        match (self.start, folder.earlier_run()?) {
            (Start::Anew, Some(EarlierRun { place, step, is_over: false })) => {
                Err(TrainError::UnfinishedRun { path: place, step })
            }
            (Start::Overwrite, _) => folder.clear().map(|()| lock),
            _ => Ok(lock),
        }
    }

    fn check(&self) -> Result<(), TrainError> {
        match self.every {
            SaveEvery::Steps(0) => Err(TrainError::Setting {
                setting: "checkpoints: steps".to_owned(),
                found: "0".to_owned(),
                expected: "at least 1".to_owned(),
            }),
            _ => Ok(()),
        }
    }
}

/// Why a run ended.
#[derive(Clone, Debug, PartialEq)]
pub enum Ended {
    /// It reached its last epoch.
    LastEpoch,
    /// Nothing that is watched improved any more.
    Stalled(StopReason),
    /// Its observer asked for it. With a folder for checkpoints the state is saved there, and a run that
    /// [goes on](Start::GoOn) ends with the bytes of one that was not interrupted.
    Interrupted,
}

/// What a run came to. The model has the best weights then, or the last ones without validation data.
#[derive(Clone, Debug)]
pub struct FitReport {
    /// Why it ended.
    pub ended: Ended,
    /// Epochs begun.
    pub epochs: u64,
    /// Steps taken.
    pub steps: u64,
    /// Rows trained on.
    pub rows: u64,
    /// How many of them before the run went on from a checkpoint.
    pub rows_before: u64,
    /// Time spent on training steps since then, without evaluation.
    pub train_time: Duration,
    /// Every evaluation, in order.
    pub evaluations: Vec<Evaluation>,
    /// The evaluation whose weights were kept, by its position; none without validation data.
    pub best: Option<usize>,
    /// What a checkpoint of the result says of the run.
    pub facts: RunFacts,
}

impl FitReport {
    /// The validation metrics of the weights that were kept.
    pub fn validation(&self) -> &[TaskMetrics] {
        self.best.map_or(&[], |best| &self.evaluations[best].validation)
    }

    /// Whether the run reached its last epoch while something that is watched still improved, or the last evaluation was the
    /// best: more epochs may be better then.
    pub fn still_improved(&self) -> bool {
        let last = self.evaluations.last();
        let is_best = self.best.is_some_and(|best| best + 1 == self.evaluations.len());
        self.ended == Ended::LastEpoch && (is_best || last.is_some_and(|last| !last.improved.is_empty()))
    }

    /// Rows trained on in a second, evaluation not counted.
    pub fn rows_per_second(&self) -> f64 {
        (self.rows - self.rows_before) as f64 / self.train_time.as_secs_f64()
    }
}

/// Trains a model.
///
/// Runs in the rayon pool that it is called in; the result does not depend on its size.
///
/// ```
/// use ple_data::{GeneratorConfig, Vocabulary, generate_split};
/// use ple_nn::ModelConfig;
/// use ple_train::{RankingModel, RunInput, RunSeed, TrainConfig, fit};
///
/// let generator = GeneratorConfig { rows: 2_000, vocabulary: Vocabulary::Small, seed: 1 };
/// let data = generate_split(&generator, 500, 500);
/// let mut model = RankingModel::new(data.train.table.schema().clone(), ModelConfig::default(), RunSeed(1))?;
/// let input = RunInput {
///     train: data.train.table.into(),
///     validation: Some(data.val.table.into()),
///     checkpoints: None,
/// };
/// let config = TrainConfig { epochs: 2, batch_size: 256, ..TrainConfig::default() };
/// let report = fit(&mut model, &input, &config, &mut ())?;
/// assert_eq!(report.evaluations.len(), 2);
/// # Ok::<(), ple_train::TrainError>(())
/// ```
///
/// # Errors
/// Settings that are impossible, a task whose labels are all 0 or all 1, a watched metric that is undefined on the validation data, a
/// folder that cannot be written, less memory than the run needs, rows of another transformation than the model's: all before
/// the first step. A loss that is not finite: at once, with the model as it
/// was before that step. Where the run [goes on](Start::GoOn): no checkpoint, or settings or data that are not those of
/// the run that saved it.
pub fn fit(
    model: &mut RankingModel,
    input: &RunInput,
    config: &TrainConfig,
    observer: &mut dyn Observer,
) -> Result<FitReport, TrainError> {
    run(model, None, input, config, observer)
}

/// Trains a model as [`fit`] does, from the moments that an earlier run left: usually those of the checkpoint that the model
/// comes from, [carried over](CarriedMoments::carried_over) to new vocabularies as [the model](RankingModel::carried_over) is.
///
/// Bias correction counts the steps that made them; the schedule of the learning rate begins anew. Where the run
/// [goes on](Start::GoOn) from a checkpoint of its own, the moments are those of that checkpoint.
///
/// # Errors
/// As [`fit`], and [`TrainError::OtherModel`] where the moments are those of other parameters.
pub fn fit_with_moments(
    model: &mut RankingModel,
    moments: &CarriedMoments,
    input: &RunInput,
    config: &TrainConfig,
    observer: &mut dyn Observer,
) -> Result<FitReport, TrainError> {
    run(model, Some(moments), input, config, observer)
}

fn run(
    model: &mut RankingModel,
    moments: Option<&CarriedMoments>,
    input: &RunInput,
    config: &TrainConfig,
    observer: &mut dyn Observer,
) -> Result<FitReport, TrainError> {
    let stopper = check(model, input, config)?;
    let _lock = input.checkpoints.as_ref().map(Checkpoints::take).transpose()?;
    // What the rows say is what the model has learned from here on.
    model.transformation = model.transformation.or(input.train.origin().hash());
    model.judge_as(config)?;
    model.standardize_labels(&input.train);
    let mut run = Run::new(model, input, config, stopper)?;
    if let Some(moments) = moments {
        run.optimizer.begin_with(&mut run.model.store, moments)?;
    }
    let resumed = run.resume()?;
    observer.started(&run.describe());
    if let Some(resumed) = &resumed {
        observer.resumed(resumed);
    }
    let ended = run.train(observer)?;
    Ok(run.finish(ended))
}

/// Everything that can be found wrong before the first step.
fn check(
    model: &RankingModel,
    input: &RunInput,
    config: &TrainConfig,
) -> Result<Option<EarlyStopper>, TrainError> {
    config.check()?;
    config.judged_by(&model.tasks())?;
    model.check_source(&input.train, "training")?;
    model.check_origin(input.train.origin())?;
    if input.train.rows() < 2 {
        return Err(TrainError::Setting {
            setting: "the number of training rows".to_owned(),
            found: input.train.rows().to_string(),
            expected: "at least 2".to_owned(),
        });
    }
    for (task, objective) in Objective::of_tasks(&model.model, &config.losses)?.iter().enumerate() {
        objective.check_labels(task, &input.train)?;
    }
    for (task, label) in model.schema.labels.iter().enumerate() {
        let TaskCounts { rows, positives } = input.train.task_counts(task);
        if let Some(positives) = positives.filter(|&positives| positives == 0 || positives == rows) {
            let missing = u8::from(positives == 0);
            return Err(TrainError::OneClass { task: label.name.clone(), rows, missing });
        }
    }
    let stopper = match &input.validation {
        None => None,
        Some(validation) => {
            model.check_source(validation, "validation")?;
            model.check_origin(validation.origin())?;
            input.train.origin().clone().add(validation.origin())?;
            let stopper = config.early_stopping.resolve(&model.tasks())?;
            let counts = model.schema.labels.iter().enumerate().map(|(task, label)| {
                let TaskCounts { rows, positives } = validation.task_counts(task);
                (label.name.clone(), LabelCounts { rows, positives, spread: None })
            });
            stopper.check_validation(&counts.collect::<Vec<_>>())?;
            let columns = config.columns(&model.tasks())?;
            validation.keeping(&columns.iter().map(String::as_str).collect::<Vec<_>>())?;
            model.check_columns(validation)?;
            Some(stopper)
        }
    };
    check_run(model, input, config)?;
    if let Some(checkpoints) = &input.checkpoints {
        checkpoints.check()?;
    }
    Ok(stopper)
}

/// The instruction set that kernels run on. The same seed gives the same bytes for any number of threads; AVX2 and AVX-512
/// give the same bytes, the portable instruction set its own.
pub fn instruction_set() -> String {
    ple_tensor::InstructionSet::in_use().to_string()
}
