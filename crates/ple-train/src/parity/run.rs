//! One golden file run through the project's own training step.

use std::collections::BTreeMap;

use std::collections::HashSet;

use ndarray::{Array2, s};
use ple_data::{Batch, FeatureSchema};
use ple_nn::Model;
use ple_nn::rechub::{Layout, RechubColumns, rechub_name};
use ple_tensor::{Entry, Gradients, ParamStore, Workspace};

use super::compare::Report;
use super::golden::{GoldenBalance, GoldenFile, ParityError};
use super::rebuild::{batch, rebuild};
use crate::balance::{Balance, Balancer, Progress};
use crate::bridge::bank_input;
use crate::objective::Objective;
use crate::optimizer::{AdamConfig, Optimizer, OptimizerConfig, TableUpdates};
use crate::ranking_model::RankingModel;
use crate::seed::RunSeed;
use crate::targets::Targets;
use crate::train_step::TrainState;

/// Rebuilds the model of a golden file, runs its steps, and compares every value.
///
/// `tables` is [`TableUpdates::Dense`] or [`TableUpdates::Exact`]: the reference's Adam moves every row.
///
/// # Errors
/// A file that lacks a tensor, or whose configuration cannot be built.
pub fn check_golden(golden: &GoldenFile, tables: TableUpdates) -> Result<Report, ParityError> {
    let config = &golden.config;
    let name = golden.path.file_name().map_or_else(String::new, |name| name.to_string_lossy().into_owned());
    let mut report = Report::new(name, |group| golden.noise.get(group).copied().unwrap_or(0.0));

    let RankingModel { schema, model, mut store, .. } = rebuild(golden)?;
    let columns = golden.columns();
    let n_columns = columns.heads.len();
    let balance = match config.balance {
        GoldenBalance::Mean => Balance::Weights(vec![columns.weight; schema.n_tasks()]),
        GoldenBalance::Uwl => Balance::Uwl,
    };
    let objectives = Objective::of_tasks(&model, &BTreeMap::new()).map_err(|e| golden.model_error(e))?;
    let mut balancer =
        Balancer::new(&balance, &model, &objectives, &mut store).map_err(|e| golden.model_error(e))?;
    let adam = AdamConfig {
        learning_rate: config.lr,
        weight_decay: config.weight_decay,
        epsilon: config.eps,
        ..AdamConfig::default()
    };
    let adam = OptimizerConfig { tables, ..adam.into() };
    let mut optimizer =
        Optimizer::new(adam, config.steps as u64, &mut store).map_err(|error| golden.model_error(error))?;

    let batches =
        (0..config.steps).map(|step| batch(golden, &schema, step)).collect::<Result<Vec<_>, _>>()?;
    let Some(first) = batches.first() else { return Err(golden.model_error("config: steps is 0")) };
    let eval = golden.floats("out.eval", first.rows() * n_columns)?;
    report.compare("out.eval", "out.eval", predictions(&schema, &model, &store, first, &columns), eval);

    let mut state = TrainState {
        schema: &schema,
        model: &model,
        store: &mut store,
        objectives: &objectives,
        balancer: &mut balancer,
        optimizer: &mut optimizer,
        targets: Targets::default(),
        workspace: Workspace::new(),
    };
    for (step, batch) in batches.iter().enumerate() {
        let pass = state.forward_backward(batch, Progress::first(RunSeed(0)));
        let pass = pass.map_err(|first| golden.model_error(first.to_string()))?;
        let logits = pass.logits.rows().into_iter();
        let logits = logits.flat_map(|row| columns.heads.iter().map(move |&head| (head, row[head])));
        let outputs = logits.map(|(head, logit)| model.heads()[head].link.value(logit));
        let name = format!("batch{step}.out.train");
        report.compare("out.train", &name, outputs, golden.floats(&name, batch.rows() * n_columns)?);
        let name = format!("batch{step}.task_loss");
        let expected = golden.floats(&name, n_columns)?;
        // A head that learns from no label has no loss here.
        let losses = columns.heads.iter().zip(expected).filter_map(|(&head, &expected)| {
            let task = model.heads()[head].learns.task()?;
            Some((pass.task_losses[task].unwrap_or(0.0), expected))
        });
        let (losses, expected): (Vec<f32>, Vec<f32>) = losses.unzip();
        report.compare("loss", &name, losses, &expected);
        let name = format!("batch{step}.loss");
        report.compare("loss", &name, [pass.total], golden.floats(&name, 1)?);
        if step == 0 {
            let gradient = |entry: Entry| gradient_of(state.store, &pass.gradients, entry);
            compare_parameters(golden, &mut report, "grad", &model, state.store, gradient)?;
        }
        state.update(pass).map_err(|first| golden.model_error(first.to_string()))?;
    }
    let _ = optimizer.catch_up_all(&mut store);
    compare_parameters(golden, &mut report, "after", &model, &store, |entry| values_of(&store, entry))?;
    let eval = golden.floats("after.out.eval", first.rows() * n_columns)?;
    let outputs = predictions(&schema, &model, &store, first, &columns);
    report.compare("after.out.eval", "after.out.eval", outputs, eval);
    Ok(report)
}

fn predictions(
    schema: &FeatureSchema,
    model: &Model,
    store: &ParamStore,
    batch: &Batch,
    columns: &RechubColumns,
) -> Vec<f32> {
    let (predictions, _) = model.predict(store, &bank_input(schema, batch), Workspace::new());
    let rows = predictions.rows().into_iter();
    rows.flat_map(|row| columns.heads.iter().map(move |&head| row[head]).collect::<Vec<_>>()).collect()
}

/// Compares every parameter under its name in torch-rechub, and that the file names no other.
fn compare_parameters(
    golden: &GoldenFile,
    report: &mut Report,
    group: &str,
    model: &Model,
    store: &ParamStore,
    ours: impl Fn(Entry) -> Array2<f32>,
) -> Result<(), ParityError> {
    let mut compared = HashSet::new();
    let mut uncertainty = Vec::new();
    for &entry in store.entries() {
        let name = store.entry_name(entry);
        let values = ours(entry);
        match rechub_name(&model.config().architecture, name) {
            None => uncertainty.extend(values.iter().copied()),
            // Running statistics have no gradient.
            Some((theirs, _)) if group == "grad" && theirs.contains(".running_") => {}
            Some((theirs, layout)) => {
                let expected = golden.floats(&format!("{group}.{theirs}"), values.len())?;
                let values = if layout == Layout::Transposed { values.reversed_axes() } else { values };
                report.compare(group, &format!("{group}.{theirs}"), values.iter().copied(), expected);
                compared.insert(theirs);
            }
        }
    }
    if golden.config.balance == GoldenBalance::Uwl {
        let name = format!("{group}.uwl");
        report.compare(group, &name, uncertainty.iter().copied(), golden.floats(&name, uncertainty.len())?);
        compared.insert("uwl".to_owned());
    }
    let prefix = format!("{group}.");
    let unknown = golden.names(&prefix).find(|name| !compared.contains(*name) && *name != "out.eval");
    match unknown {
        None => Ok(()),
        Some(name) => {
            Err(golden.tensor_error(&format!("{group}.{name}"), "the model has no such parameter".into()))
        }
    }
}

fn values_of(store: &ParamStore, entry: Entry) -> Array2<f32> {
    match entry {
        Entry::Table(table) => store.table_rows(table).slice(s![.., ..store.table(table).dim]).to_owned(),
        Entry::Block(block) => {
            let block = &store.blocks()[block];
            store.matrix(block.matrix).slice(s![.., block.columns.clone()]).to_owned()
        }
    }
}

/// A parameter's gradient in its shape; zero where it received none.
fn gradient_of(store: &ParamStore, gradients: &Gradients, entry: Entry) -> Array2<f32> {
    match entry {
        Entry::Table(id) => {
            let table = store.table(id);
            let mut dense = Array2::zeros((table.rows, table.dim));
            if let Some(rows) = gradients.table(id) {
                for (&row, values) in rows.rows.iter().zip(rows.values.chunks_exact(table.dim)) {
                    dense.row_mut(row as usize).iter_mut().zip(values).for_each(|(d, v)| *d = *v);
                }
            }
            dense
        }
        Entry::Block(block) => {
            let block = &store.blocks()[block];
            match gradients.matrix(block.matrix) {
                Some(gradient) => gradient.slice(s![.., block.columns.clone()]).to_owned(),
                None => Array2::zeros((store.matrix(block.matrix).nrows(), block.columns.len())),
            }
        }
    }
}
