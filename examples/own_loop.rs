//! A training loop of one's own: batches, steps, evaluation, a saved model and its ONNX file, all with what is public.
//!
//! `cargo run --release -p ple-train --example own_loop -- target/own_loop`

#[path = "run/program/mod.rs"]
mod program;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::Parser;
use ple_data::{
    Batch, BatchPlan, BatchPosition, Batches, GeneratorConfig, LastBatch, RowSource, Shuffle, Vocabulary,
    generate_split,
};
use ple_nn::ModelConfig;
use ple_onnx::{ExportInput, ExportOptions, export};
use ple_tensor::Workspace;
use ple_train::checkpoint::RunFacts;
use ple_train::{
    Balance, Balancer, Objective, Optimizer, OptimizerConfig, Progress, RankingModel, RunSeed, Targets,
    TrainError, TrainState, bank_input,
};

use program::failure::Failure;
use program::{Program, console};

const EPOCHS: u64 = 3;

/// Trains PLE on generated rows with a loop of its own.
#[derive(Parser)]
#[command(name = "own_loop", after_help = "Example:\n  own_loop target/own_loop")]
struct Arguments {
    /// The folder for the trained model.
    folder: PathBuf,
}

fn main() -> ExitCode {
    program::main::<Arguments>()
}

impl Program for Arguments {
    fn run(&self) -> Result<(), Failure> {
        train(&self.folder)
    }
}

fn train(folder: &Path) -> Result<(), Failure> {
    let rows = GeneratorConfig { rows: 20_000, vocabulary: Vocabulary::Small, seed: 1 };
    let data = generate_split(&rows, 2_000, 2_000);
    let (train, test): (RowSource, _) = (data.train.table.into(), data.test.table);

    let seed = RunSeed(1);
    let mut ranking = RankingModel::new(test.schema().clone(), ModelConfig::default(), seed)?;
    let shuffle = Shuffle::Seeded(seed.stream("shuffle", 0));
    let plan = BatchPlan { batch_size: 256, last_batch: LastBatch::Keep, shuffle };
    let per_epoch = train.order(plan, 0).n_batches() as u64;

    let parts = ranking.parts_mut();
    let objectives = Objective::of_tasks(parts.model, &BTreeMap::new())?;
    let mut balancer = Balancer::new(&Balance::Pcgrad, parts.model, &objectives, parts.store)?;
    let mut optimizer = Optimizer::new(OptimizerConfig::default(), EPOCHS * per_epoch, parts.store)?;
    let mut state = TrainState {
        schema: parts.schema,
        model: parts.model,
        store: parts.store,
        objectives: &objectives,
        balancer: &mut balancer,
        optimizer: &mut optimizer,
        targets: Targets::default(),
        workspace: Workspace::new(),
    };
    let mut batches = Batches::new(&train, plan, BatchPosition { epoch: 0, batch: 0 }, EPOCHS, 1);
    let mut step = 0;
    while let Some(batch) = batches.next_batch(|group| group.iter_mut().for_each(|batch| batch.gather())) {
        let progress = Progress { seed, epoch: step / per_epoch, step };
        let pass = state.forward_backward(batch?, progress).map_err(TrainError::from)?;
        step += 1;
        if step % per_epoch == 0 {
            let (epoch, loss, norm) = (step / per_epoch, pass.total, pass.gradients.norm());
            console::say(format_args!("epoch {epoch}: loss {loss:.4}, |g| {norm:.4}"));
        }
        state.update(pass).map_err(TrainError::from)?;
    }

    for task in ranking.evaluate(&test)? {
        console::say(format_args!("{}: test AUC {}", task.task, task.primary()));
    }
    ranking.save(folder, &RunFacts { seed: seed.0, ..RunFacts::default() })?;
    let mut sample = Batch::new();
    test.gather(&(0..100).collect::<Vec<_>>(), &mut sample);
    let (model, store, features) = (ranking.model(), ranking.store(), ranking.model().features());
    let sample = bank_input(test.schema(), &sample);
    let input = ExportInput { model, store, features, sample, metadata: BTreeMap::new() };
    let report = export(&input, &ExportOptions::default(), &folder.join("model.onnx"))?;
    let (path, difference) = (report.path.display(), report.largest_difference);
    console::say(format_args!("{path} differs by at most {difference:.1e}"));
    Ok(())
}
