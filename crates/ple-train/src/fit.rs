//! A training run: epochs of steps, evaluations, early stopping, checkpoints, and the best weights at the end.

use std::path::PathBuf;
use std::time::{Duration, Instant};

use ple_data::{BatchPlan, BatchPosition, Batches, LastBatch, RowSource, Shuffle, TaskCounts, TaskType};
use ple_tensor::Workspace;

use crate::balance::Balancer;
use crate::checkpoint::{Position, RunFacts, check_writable, to_json};
use crate::early_stopping::{Decision, EarlyStopper, Snapshot, StopReason};
use crate::error::TrainError;
use crate::metrics::{LabelCounts, TaskMetrics};
use crate::observer::{Control, Evaluation, Observer, RunStart, StepProgress};
use crate::optimizer::Adam;
use crate::ranking_model::RankingModel;
use crate::seed::RunSeed;
use crate::train_config::{Every, TrainConfig};
use crate::train_step::{NonFiniteLoss, TrainState};

/// Batches that wait ready while one is trained on.
const PREFETCHED_BATCHES: usize = 4;

/// The data of a run, and where its checkpoints go.
#[derive(Clone, Debug)]
pub struct RunInput {
    /// The rows to learn from: a table in memory, or shards that are read anew in each epoch.
    pub train: RowSource,
    /// The rows that decide on stopping and on the best weights; without them the last weights are kept.
    pub validation: Option<RowSource>,
    /// A folder for a checkpoint at each evaluation, if one is wanted.
    pub checkpoints: Option<PathBuf>,
}

/// Why a run ended.
#[derive(Clone, Debug, PartialEq)]
pub enum Ended {
    /// It reached its last epoch.
    LastEpoch,
    /// Nothing that is watched improved any more.
    Stalled(StopReason),
    /// Its observer asked for it.
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
    /// Time spent on training steps, without evaluation.
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

    /// Rows trained on in a second, evaluation not counted.
    pub fn rows_per_second(&self) -> f64 {
        self.rows as f64 / self.train_time.as_secs_f64()
    }
}

/// Trains a model.
///
/// Runs in the rayon pool that it is called in; the result does not depend on its size.
///
/// ```
/// /// use ple_data::{GeneratorConfig, Vocabulary, generate_split};
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
/// Settings that are impossible, a task without positives, a watched metric that is undefined on the validation data, a
/// folder that cannot be written: all before the first step. A loss that is not finite: at once, with the model as it
/// was before that step.
pub fn fit(
    model: &mut RankingModel,
    input: &RunInput,
    config: &TrainConfig,
    observer: &mut dyn Observer,
) -> Result<FitReport, TrainError> {
    let mut stopper = check(model, input, config)?;
    let seed = RunSeed(config.seed);
    let shuffle = Shuffle::Seeded(seed.stream("shuffle", 0));
    let plan = BatchPlan { batch_size: config.batch_size, last_batch: LastBatch::Keep, shuffle };
    let steps_per_epoch = input.train.order(plan, 0).n_batches();
    observer.started(&RunStart {
        rows: (input.train.rows(), input.validation.as_ref().map_or(0, RowSource::rows)),
        steps_per_epoch,
        epochs: config.epochs,
        parameters: model.store.n_parameters(),
        early_stopping: stopper
            .as_ref()
            .map(|stopper| format!("{}; {}", stopper.describe(), stopper.describe_choice())),
    });

    let balancer = Balancer::new(&config.balance, model.model.tasks(), &mut model.store)?;
    let n_steps = config.epochs * steps_per_epoch as u64;
    let mut optimizer = Adam::new(config.optimizer.clone(), n_steps, &mut model.store)?;
    let mut run = Run::new(model.schema.n_tasks(), config, input);
    let mut workspace = Workspace::new();
    let mut best = None;
    let start = BatchPosition::default();
    let mut batches = Batches::new(&input.train, plan, start, config.epochs, PREFETCHED_BATCHES);
    let ended = 'run: {
        for epoch in 0..config.epochs {
            run.report.epochs = epoch + 1;
            let mut step_in_epoch = 0;
            let mut started = Instant::now();
            for batch in batches.by_ref().take(steps_per_epoch) {
                let batch = batch?;
                let dropout_seed = seed.stream("dropout", run.report.steps);
                let mut state = TrainState {
                    schema: &model.schema,
                    model: &model.model,
                    store: &mut model.store,
                    balancer: &balancer,
                    optimizer: &mut optimizer,
                    workspace: std::mem::take(&mut workspace),
                };
                let pass = state.forward_backward(&batch, dropout_seed);
                let pass = pass.map_err(|loss| run.non_finite(loss, model.model.tasks(), step_in_epoch))?;
                run.add(&pass.task_losses, batch.rows());
                let loss = pass.total;
                state.update(pass);
                workspace = state.workspace;
                step_in_epoch += 1;

                let progress = StepProgress {
                    epoch: epoch + 1,
                    step: step_in_epoch,
                    steps_per_epoch,
                    rows: run.report.rows,
                    loss,
                };
                let control = observer.stepped(&progress);
                let due = match config.evaluate_every {
                    Every::Epoch => step_in_epoch == steps_per_epoch,
                    Every::Steps(steps) => {
                        run.report.steps.is_multiple_of(steps) || run.report.steps == n_steps
                    }
                };
                if due || control == Control::Interrupt {
                    run.report.train_time += started.elapsed();
                    optimizer.catch_up_all(&mut model.store);
                    let decision = run.evaluate(model, input, stopper.as_mut(), &mut best, observer)?;
                    match (control, decision) {
                        (Control::Interrupt, _) => break 'run Ended::Interrupted,
                        (_, Decision::Stop(reason)) => break 'run Ended::Stalled(reason),
                        (_, Decision::Continue) => started = Instant::now(),
                    }
                }
            }
            run.report.train_time += started.elapsed();
        }
        Ended::LastEpoch
    };
    if let Some(snapshot) = &best {
        model.store.restore(snapshot);
    }
    run.report.ended = ended;
    Ok(run.report)
}

/// Everything that can be found wrong before the first step.
fn check(
    model: &RankingModel,
    input: &RunInput,
    config: &TrainConfig,
) -> Result<Option<EarlyStopper>, TrainError> {
    config.check()?;
    model.check_source(&input.train, "training")?;
    if input.train.rows() < 2 {
        return Err(TrainError::Setting {
            setting: "the number of training rows".to_owned(),
            found: input.train.rows().to_string(),
            expected: "at least 2".to_owned(),
        });
    }
    for (task, label) in model.schema.labels.iter().enumerate() {
        let TaskCounts { rows, positives } = input.train.task_counts(task);
        if label.task == TaskType::Classification && positives == 0 {
            return Err(TrainError::NoPositives { task: label.name.clone(), rows });
        }
    }
    let stopper = match &input.validation {
        None => None,
        Some(validation) => {
            model.check_source(validation, "validation")?;
            let stopper = config.early_stopping.resolve(&model.tasks())?;
            let counts = model.schema.labels.iter().enumerate().map(|(task, label)| {
                let TaskCounts { rows, positives } = validation.task_counts(task);
                (label.name.clone(), LabelCounts { rows, positives })
            });
            stopper.check_validation(&counts.collect::<Vec<_>>())?;
            Some(stopper)
        }
    };
    if let Some(folder) = &input.checkpoints {
        check_writable(folder)?;
    }
    Ok(stopper)
}

/// What a run adds up on its way.
struct Run {
    report: FitReport,
    losses: Vec<(f64, u64)>,
    checkpoint: Option<PathBuf>,
}

impl Run {
    fn new(n_tasks: usize, config: &TrainConfig, input: &RunInput) -> Self {
        let facts = RunFacts {
            seed: config.seed,
            instruction_set: instruction_set(),
            config: to_json(config),
            data_fingerprint: format!("{:016x}", input.train.fingerprint()),
            ..RunFacts::default()
        };
        let report = FitReport {
            ended: Ended::LastEpoch,
            epochs: 0,
            steps: 0,
            rows: 0,
            train_time: Duration::ZERO,
            evaluations: Vec::new(),
            best: None,
            facts,
        };
        Self { report, losses: vec![(0.0, 0); n_tasks], checkpoint: None }
    }

    fn add(&mut self, losses: &[Option<f32>], rows: usize) {
        self.report.steps += 1;
        self.report.rows += rows as u64;
        for ((sum, n), loss) in self.losses.iter_mut().zip(losses) {
            if let Some(loss) = loss {
                *sum += f64::from(*loss);
                *n += 1;
            }
        }
    }

    fn non_finite(&self, loss: NonFiniteLoss, tasks: &[ple_nn::TaskSpec], step: usize) -> TrainError {
        let (tensor, row) = match loss.first {
            Some(first) => (first.tensor, first.row),
            None => ("the total loss".to_owned(), 0),
        };
        TrainError::NonFiniteLoss {
            task: loss.task.map_or_else(|| "all tasks together".to_owned(), |task| tasks[task].name.clone()),
            epoch: self.report.epochs,
            step: step as u64 + 1,
            tensor,
            row,
        }
    }

    /// Evaluates, asks early stopping, keeps the best weights, and saves a checkpoint.
    fn evaluate(
        &mut self,
        model: &RankingModel,
        input: &RunInput,
        stopper: Option<&mut EarlyStopper>,
        best: &mut Option<ple_tensor::Snapshot>,
        observer: &mut dyn Observer,
    ) -> Result<Decision, TrainError> {
        let validation = match &input.validation {
            Some(validation) => {
                observer.evaluating(validation.rows());
                model.evaluate_source(validation)?
            }
            None => Vec::new(),
        };
        let train_losses = self.losses.iter().map(|(sum, n)| sum / *n as f64).collect();
        self.losses.fill((0.0, 0));
        let mut improved = Vec::new();
        let mut decision = Decision::Continue;
        if let Some(stopper) = stopper {
            let verdict = stopper.observe(&validation);
            if verdict.snapshot == Snapshot::Take {
                *best = Some(model.store.snapshot());
                self.report.best = Some(self.report.evaluations.len());
            }
            self.report.facts.early_stopping = Some(to_json(stopper.state()));
            (improved, decision) = (verdict.improved, verdict.decision);
        }
        let FitReport { epochs, steps, rows, .. } = self.report;
        let position = Position { epoch: epochs - 1, step: steps, rows: rows % input.train.rows() as u64 };
        self.report.facts.position = position;
        self.report.facts.metrics = to_json(&validation);
        let evaluation = Evaluation { epoch: epochs, step: steps, train_losses, validation, improved };
        observer.evaluated(&evaluation);
        self.report.evaluations.push(evaluation);
        if let Some(folder) = &input.checkpoints {
            let folder = folder.join(format!("step-{steps:08}"));
            model.save(&folder, &self.report.facts)?;
            if let Some(previous) = self.checkpoint.replace(folder) {
                // The new checkpoint is complete: the one before it only costs space.
                let _ = std::fs::remove_dir_all(previous);
            }
        }
        Ok(decision)
    }
}

/// The instruction set that products run on, which decides the last bits of a run.
pub fn instruction_set() -> String {
    ple_tensor::InstructionSet::in_use().to_string()
}
