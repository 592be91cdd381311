//! A run on its way: epochs of steps, evaluations, early stopping, checkpoints, and the best weights at the end. All of
//! its state is here and in the model; `resume.rs` puts it back.

use std::time::{Duration, Instant};

use ple_data::{Batch, BatchPlan, BatchPosition, Batches, LastBatch, PlannedBatch, RowSource, Shuffle};
use ple_tensor::{Workspace, Written, for_each_in_parallel, in_team};

use crate::balance::{Balancer, Progress};
use crate::checkpoint::{Position, RunFacts, RunFolder, to_json};
use crate::early_stopping::{Decision, EarlyStopper, Snapshot};
use crate::error::TrainError;
use crate::finite::{Extreme, NotFinite, first_in_state};
use crate::fit::{Ended, FitReport, RunInput, SaveEvery, instruction_set};
use crate::objective::Objective;
use crate::observer::{Control, Evaluation, Observer, RunStart, StepProgress};
use crate::optimizer::Optimizer;
use crate::ranking_model::RankingModel;
use crate::resume::RunState;
use crate::seed::RunSeed;
use crate::targets::Targets;
use crate::train_config::{Every, TrainConfig};
use crate::train_step::TrainState;

/// Batches that are gathered side by side, at most: each has memory of its own.
pub(crate) const MOST_BATCHES_TOGETHER: usize = 16;

/// A run between two steps.
pub(crate) struct Run<'a> {
    pub(crate) model: &'a mut RankingModel,
    pub(crate) input: &'a RunInput,
    pub(crate) config: &'a TrainConfig,
    pub(crate) optimizer: Optimizer,
    pub(crate) stopper: Option<EarlyStopper>,
    pub(crate) report: FitReport,
    /// The sum of each task's losses since the last evaluation, and their number.
    pub(crate) losses: Vec<(f64, u64)>,
    /// The best weights so far, and the step whose checkpoint holds them.
    pub(crate) best: Option<(ple_tensor::Snapshot, u64)>,
    pub(crate) folder: Option<RunFolder>,
    /// Whether the last step has an evaluation to come, which was interrupted.
    pub(crate) evaluation_to_come: bool,
    objectives: Vec<Objective>,
    pub(crate) balancer: Balancer,
    workspace: Workspace,
    plan: BatchPlan,
    steps_per_epoch: usize,
    last_save: Instant,
    /// Whether nothing is left to be trained.
    is_over: bool,
}

impl<'a> Run<'a> {
    pub(crate) fn new(
        model: &'a mut RankingModel,
        input: &'a RunInput,
        config: &'a TrainConfig,
        stopper: Option<EarlyStopper>,
    ) -> Result<Self, TrainError> {
        let shuffle = Shuffle::Seeded(RunSeed(config.seed).stream("shuffle", 0));
        let plan = BatchPlan { batch_size: config.batch_size, last_batch: LastBatch::Keep, shuffle };
        let steps_per_epoch = input.train.order(plan, 0).n_batches();
        let objectives = Objective::of_tasks(&model.model, &config.losses)?;
        let balancer = Balancer::new(&config.balance, &model.model, &objectives, &mut model.store)?;
        let n_steps = config.epochs.saturating_mul(steps_per_epoch as u64);
        let optimizer = Optimizer::new(config.optimizer.clone(), n_steps, &mut model.store)?;
        let facts = RunFacts {
            seed: config.seed,
            instruction_set: instruction_set(),
            config: to_json(config),
            data_fingerprint: fingerprint(&input.train),
            ..RunFacts::default()
        };
        let report = FitReport {
            ended: Ended::LastEpoch,
            epochs: 0,
            steps: 0,
            rows: 0,
            rows_before: 0,
            train_time: Duration::ZERO,
            evaluations: Vec::new(),
            best: None,
            facts,
        };
        Ok(Self {
            losses: vec![(0.0, 0); model.schema.n_tasks()],
            folder: input.checkpoints.as_ref().map(|checkpoints| RunFolder::new(&checkpoints.folder)),
            best: None,
            evaluation_to_come: false,
            workspace: Workspace::new(),
            last_save: Instant::now(),
            is_over: false,
            model,
            input,
            config,
            optimizer,
            stopper,
            report,
            objectives,
            balancer,
            plan,
            steps_per_epoch,
        })
    }

    /// What is known before the first step.
    pub(crate) fn describe(&self) -> RunStart {
        let stopping =
            |stopper: &EarlyStopper| format!("{}; {}", stopper.describe(), stopper.describe_choice());
        RunStart {
            rows: (self.input.train.rows(), self.input.validation.as_ref().map_or(0, RowSource::rows)),
            steps_per_epoch: self.steps_per_epoch,
            epochs: self.config.epochs,
            parameters: self.model.store.n_parameters(),
            early_stopping: self.stopper.as_ref().map(stopping),
        }
    }

    /// Trains from where the run is to its end.
    pub(crate) fn train(&mut self, observer: &mut dyn Observer) -> Result<Ended, TrainError> {
        if let Some(Decision::Stop(reason)) = self.stopper.as_ref().map(EarlyStopper::decision) {
            return Ok(Ended::Stalled(reason));
        }
        if self.evaluation_to_come {
            match self.evaluate_and_save(observer)? {
                None => return Ok(Ended::Interrupted),
                Some(Decision::Stop(reason)) => return Ok(Ended::Stalled(reason)),
                Some(Decision::Continue) => {}
            }
        }
        let done = self.report.steps;
        let start =
            BatchPosition { epoch: done / self.per_epoch(), batch: (done % self.per_epoch()) as usize };
        let together = rayon::current_num_threads().min(MOST_BATCHES_TOGETHER);
        let mut batches = Batches::new(&self.input.train, self.plan, start, self.config.epochs, together);
        let mut started = Instant::now();
        while let Some(batch) = batches.next_batch(gather_in_team) {
            let control = self.step(batch?, observer)?;
            if self.evaluation_is_due() {
                self.report.train_time += started.elapsed();
                match (control, self.evaluate_and_save(observer)?) {
                    (Control::Interrupt, _) | (_, None) => return Ok(Ended::Interrupted),
                    (_, Some(Decision::Stop(reason))) => return Ok(Ended::Stalled(reason)),
                    (_, Some(Decision::Continue)) => started = Instant::now(),
                }
            } else if control == Control::Interrupt {
                self.report.train_time += started.elapsed();
                // An evaluation would be one that a run without an interruption does not have: where the run can go on,
                // there is none.
                match self.folder {
                    Some(_) => self.save(observer)?,
                    None => drop(self.evaluate(observer)?),
                }
                return Ok(Ended::Interrupted);
            } else if self.save_is_due() {
                self.report.train_time += started.elapsed();
                self.save(observer)?;
                started = Instant::now();
            }
        }
        self.report.train_time += started.elapsed();
        Ok(Ended::LastEpoch)
    }

    /// The model gets its best weights; the report is complete.
    pub(crate) fn finish(self, ended: Ended) -> FitReport {
        if let Some((snapshot, _)) = &self.best {
            self.model.store.restore(snapshot);
        }
        let mut report = FitReport { ended, ..self.report };
        // What a checkpoint needs to go on is no part of the finished model.
        report.facts.state = None;
        report
    }

    /// The tasks, and the most steps that the run takes.
    pub(crate) fn extent(&self) -> (usize, u64) {
        (self.losses.len(), self.config.epochs.saturating_mul(self.per_epoch()))
    }

    fn per_epoch(&self) -> u64 {
        self.steps_per_epoch as u64
    }

    /// One step, of which the observer hears.
    fn step(&mut self, batch: &Batch, observer: &mut dyn Observer) -> Result<Control, TrainError> {
        let (epoch, step) =
            (self.report.steps / self.per_epoch() + 1, self.report.steps % self.per_epoch() + 1);
        self.report.epochs = epoch;
        let seed = RunSeed(self.config.seed);
        let progress = Progress { seed, epoch: epoch - 1, step: self.report.steps };
        let schema = &self.model.schema;
        let mut state = TrainState {
            schema,
            model: &self.model.model,
            store: &mut self.model.store,
            objectives: &self.objectives,
            balancer: &mut self.balancer,
            optimizer: &mut self.optimizer,
            targets: Targets::default(),
            workspace: std::mem::take(&mut self.workspace),
        };
        let not_finite = |first: NotFinite| {
            let extreme = if first.is_of_input() { Extreme::of(schema, batch) } else { None };
            TrainError::NotFinite(NotFinite { extreme, ..first.in_step(epoch, step) })
        };
        let pass = state.forward_backward(batch, progress).map_err(not_finite)?;
        self.report.steps += 1;
        self.report.rows += batch.rows() as u64;
        for ((sum, n), loss) in self.losses.iter_mut().zip(&pass.task_losses) {
            if let Some(loss) = loss {
                *sum += f64::from(*loss);
                *n += 1;
            }
        }
        let loss = pass.total;
        state.update(pass).map_err(not_finite)?;
        self.workspace = state.workspace;
        let (steps_per_epoch, rows) = (self.steps_per_epoch, self.report.rows);
        Ok(observer.stepped(&StepProgress { epoch, step: step as usize, steps_per_epoch, rows, loss }))
    }

    /// The error of a number that is not finite, after the last step.
    fn not_finite(&self, first: NotFinite) -> TrainError {
        let step = (self.report.steps.max(1) - 1) % self.per_epoch() + 1;
        TrainError::NotFinite(first.in_step(self.report.epochs.max(1), step))
    }

    /// An error of this moment of the run.
    fn in_step(&self, error: TrainError) -> TrainError {
        match error {
            TrainError::NotFinite(first) => self.not_finite(first),
            other => other,
        }
    }

    /// Brings all rows of the tables to this step.
    fn catch_up_all(&mut self) -> Result<(), TrainError> {
        let first = match self.optimizer.catch_up_all(&mut self.model.store) {
            Written::Finite => None,
            Written::Suspect => first_in_state(&self.model.store, Some(&self.optimizer)),
        };
        first.map_or(Ok(()), |first| Err(self.not_finite(first)))
    }

    fn evaluation_is_due(&self) -> bool {
        let steps = self.report.steps;
        match self.config.evaluate_every {
            Every::Epoch => steps.is_multiple_of(self.per_epoch()),
            Every::Steps(every) => {
                steps.is_multiple_of(every) || steps == self.config.epochs.saturating_mul(self.per_epoch())
            }
        }
    }

    fn save_is_due(&self) -> bool {
        match self.input.checkpoints.as_ref().map(|checkpoints| checkpoints.every) {
            None | Some(SaveEvery::Evaluation) => false,
            Some(SaveEvery::Steps(steps)) => self.report.steps.is_multiple_of(steps),
            Some(SaveEvery::Time(time)) => self.last_save.elapsed() >= time,
        }
    }

    /// Evaluates and saves a checkpoint; without a decision, one in which the evaluation is to come, since it was
    /// interrupted.
    fn evaluate_and_save(&mut self, observer: &mut dyn Observer) -> Result<Option<Decision>, TrainError> {
        let decision = self.evaluate(observer)?;
        self.evaluation_to_come = decision.is_none();
        let is_last = self.report.steps == self.config.epochs.saturating_mul(self.per_epoch());
        self.is_over = match decision {
            Some(Decision::Stop(_)) => true,
            Some(Decision::Continue) => is_last,
            None => false,
        };
        self.save(observer)?;
        Ok(decision)
    }

    /// Evaluates, asks early stopping, and keeps the best weights. Nothing has changed where it is interrupted.
    fn evaluate(&mut self, observer: &mut dyn Observer) -> Result<Option<Decision>, TrainError> {
        self.catch_up_all()?;
        let validation = match &self.input.validation {
            Some(validation) => {
                observer.evaluating(validation.rows());
                let mut goes_on = |rows| observer.evaluated_rows(rows);
                let evaluated = self.model.evaluate_source_while(validation, &mut goes_on);
                match evaluated.map_err(|error| self.in_step(error))? {
                    Some(metrics) => metrics,
                    None => return Ok(None),
                }
            }
            None => Vec::new(),
        };
        let mean = |&(sum, n): &(f64, u64)| (n > 0).then(|| sum / n as f64);
        let train_losses = self.losses.iter().map(mean).collect();
        self.losses.fill((0.0, 0));
        let mut improved = Vec::new();
        let mut decision = Decision::Continue;
        if let Some(stopper) = &mut self.stopper {
            let verdict = stopper.observe(&validation);
            if verdict.snapshot == Snapshot::Take {
                // The earlier weights go first: never are three copies in memory.
                self.best = None;
                self.best = Some((self.model.store.snapshot(), self.report.steps));
                self.report.best = Some(self.report.evaluations.len());
            }
            self.report.facts.early_stopping = Some(to_json(stopper.state()));
            (improved, decision) = (verdict.improved, verdict.decision);
        }
        let FitReport { epochs, steps, .. } = self.report;
        self.report.facts.position = self.position();
        self.report.facts.metrics = to_json(&validation);
        let evaluation = Evaluation { epoch: epochs, step: steps, train_losses, validation, improved };
        observer.evaluated(&evaluation);
        self.report.evaluations.push(evaluation);
        Ok(Some(decision))
    }

    fn position(&self) -> Position {
        let FitReport { epochs, steps, rows, .. } = self.report;
        Position { epoch: epochs.max(1) - 1, step: steps, rows: rows % self.input.train.rows() as u64 }
    }

    /// Saves a checkpoint from which the run can go on, if it has a folder for them.
    fn save(&mut self, observer: &mut dyn Observer) -> Result<(), TrainError> {
        let Some(folder) = self.folder.clone() else { return Ok(()) };
        // In exact mode all rows are brought to this step: when that happens changes no bit, and no stamps are saved.
        self.catch_up_all()?;
        let best = self.best.as_ref().map(|(_, step)| *step);
        let state = RunState {
            saved: folder.newest()? + 1,
            rows: self.report.rows,
            validation_fingerprint: self.input.validation.as_ref().map(fingerprint),
            optimizer_steps: self.optimizer.matrix_steps(&self.model.store),
            carried: self.optimizer.carried_steps(&self.model.store),
            balance: self.balancer.state(),
            losses: self.losses.clone(),
            evaluation_to_come: self.evaluation_to_come,
            evaluations: self.report.evaluations.clone(),
            best: self.report.best,
            best_step: best,
            is_over: self.is_over,
        };
        let position = self.position();
        let facts = RunFacts { position, state: Some(to_json(&state)), ..self.report.facts.clone() };
        let place = folder.place(position.step);
        self.model.write(&place, &facts, Some(&self.optimizer)).map_err(|error| self.in_step(error))?;
        folder.prune(position.step, best)?;
        self.last_save = Instant::now();
        observer.saved(&place);
        Ok(())
    }
}

/// Gathers some batches, one on each thread.
fn gather_in_team(group: &mut [PlannedBatch]) {
    in_team(|| for_each_in_parallel(group, |_, batch| batch.gather()));
}

/// What identifies data in a manifest.
pub(crate) fn fingerprint(rows: &RowSource) -> String {
    hexadecimal(rows.fingerprint())
}

/// A hash as a manifest has it.
pub(crate) fn hexadecimal(hash: u64) -> String {
    format!("{hash:016x}")
}
