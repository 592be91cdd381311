//! A training loop of one's own: batches, steps, evaluation, a saved model and its ONNX file, all with what is public.
//!
//! `cargo run --release -p ple-train --example own_loop -- FOLDER`

use std::collections::BTreeMap;
use std::error::Error;
use std::io::Write;
use std::path::PathBuf;

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
    TrainState, bank_input,
};

const EPOCHS: u64 = 3;

fn main() -> Result<(), Box<dyn Error>> {
    let folder = PathBuf::from(std::env::args().nth(1).unwrap_or_else(|| "target/own_loop".to_owned()));
    let mut out = std::io::stdout();
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
        let pass = state.forward_backward(batch?, progress)?;
        step += 1;
        if step % per_epoch == 0 {
            writeln!(
                out,
                "epoch {}: loss {:.4}, |g| {:.4}",
                progress.epoch + 1,
                pass.total,
                pass.gradients.norm()
            )?;
        }
        state.update(pass)?;
    }

    for task in ranking.evaluate(&test)? {
        writeln!(out, "{}: test AUC {}", task.task, task.primary())?;
    }
    ranking.save(&folder, &RunFacts { seed: seed.0, ..RunFacts::default() })?;
    let mut sample = Batch::new();
    test.gather(&(0..100).collect::<Vec<_>>(), &mut sample);
    let (model, store, features) = (ranking.model(), ranking.store(), ranking.model().features());
    let sample = bank_input(test.schema(), &sample);
    let input = ExportInput { model, store, features, sample, metadata: BTreeMap::new() };
    let report = export(&input, &ExportOptions::default(), &folder.join("model.onnx"))?;
    writeln!(out, "{} differs by at most {:.1e}", report.path.display(), report.largest_difference)?;
    Ok(())
}
