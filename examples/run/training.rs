//! From tables to a trained, tested and saved model, and its ONNX file.

use std::path::Path;

use ple_data::{Label, RowSource, TaskCounts, TaskType, write_predictions};
use ple_nn::ModelConfig;
use ple_onnx::{ExportOptions, RawInput};
use ple_train::checkpoint::to_json;
use ple_train::{
    CarriedMoments, Ended, RankingModel, RunInput, RunSeed, TrainConfig, VocabularyFrom, fit,
    fit_with_moments, instruction_set,
};

use super::memory;
use super::onnx::write_onnx;
use super::options::RunOptions;
use super::report::Outcome;
use super::result::ResultFolder;
use super::settings::{differences, of_file};
use super::terminal::Terminal;
use crate::program::failure::Failure;
use crate::program::interrupts;

/// The three parts of a run's data.
pub(crate) struct Splits {
    /// The rows to learn from.
    pub train: RowSource,
    /// The rows that decide on stopping.
    pub validation: RowSource,
    /// The rows that nothing is chosen on.
    pub test: RowSource,
    /// The features that model.onnx reads as the raw data have them.
    pub raw_inputs: Vec<RawInput>,
    /// Who decides on the sizes of the vocabularies.
    pub vocabulary: VocabularyFrom,
}

/// Trains, restores the best weights, evaluates on the test rows, and saves the result, with a picture of the
/// model, and the model as ONNX.
pub(crate) fn train(
    options: &RunOptions,
    result: &ResultFolder,
    data: Splits,
    model: ModelConfig,
    config: &TrainConfig,
) -> Result<Outcome, Failure> {
    let settings = options.settings.as_deref();
    memory::checked(options, &data, &model, config).map_err(|error| of_file(settings, error))?;
    let (schema, seed) = (data.train.schema().clone(), RunSeed(config.seed));
    let model = RankingModel::new_within(schema, model, seed, options.room())
        .map_err(|error| of_file(settings, error))?;
    train_model(options, result, data, model, None, config)
}

/// The same from a model that there is already, and the moments of an optimiser if there are any.
pub(crate) fn train_model(
    options: &RunOptions,
    result: &ResultFolder,
    data: Splits,
    mut model: RankingModel,
    moments: Option<&CarriedMoments>,
    config: &TrainConfig,
) -> Result<Outcome, Failure> {
    let out = result.path();
    let tasks: Vec<String> = model.tasks().into_iter().map(|(name, _)| name).collect();
    // Training adds those of the balance of tasks.
    let parameters = model.store().n_parameters();
    let mut terminal = Terminal::new(tasks.clone());
    let memory = memory::checked(options, &data, model.model().config(), config)?;
    model.allow(options.room());
    model.judge_as(config).map_err(|error| of_file(options.settings.as_deref(), error))?;
    // The test rows are judged when the training is over, and found wanting before it begins.
    model.check_columns(&data.test)?;
    banner(&terminal, &model, &data, config, out, &memory);

    let input = RunInput {
        train: data.train,
        validation: Some(data.validation),
        checkpoints: Some(result.checkpoints().clone()),
    };
    let report = interrupts::asking("ending after this step, or in this evaluation, and saving", || {
        let report = match moments {
            None => fit(&mut model, &input, config, &mut terminal),
            Some(moments) => fit_with_moments(&mut model, moments, &input, config, &mut terminal),
        };
        let report = report.map_err(|error| of_file(options.settings.as_deref(), error))?;
        let at = match report.ended {
            Ended::Interrupted => format!("in epoch {}, after step {}", report.epochs, report.steps),
            Ended::LastEpoch | Ended::Stalled(_) => "after the last step".to_owned(),
        };
        let (checkpoints, next) = (out.join("checkpoints"), interrupts::command_to_go_on());
        interrupts::keep(format!("{at}; the run is saved in {}\nnext: {next}", checkpoints.display()));
        Ok(report)
    })?;
    let test = model.evaluate_source(&data.test)?;
    let manifest = result.publish(&model, &report.facts)?;
    model.draw(&out.join("model.svg"))?;
    let mut metadata = manifest.provenance();
    metadata.insert("ple.test_metrics".to_owned(), to_json(&test).to_string());
    let onnx = out.join("model.onnx");
    let sample = data.test.windows().next().transpose()?.expect("the readers refuse data without rows");
    let (precision, raw_inputs) = (options.precision, data.raw_inputs);
    let form = ExportOptions { precision, raw_inputs, ..ExportOptions::default() };
    let onnx = write_onnx(&model, &sample, metadata, &form, &onnx)?;
    if let Some(path) = &options.predictions {
        let keys = match &data.test {
            RowSource::Memory(table) => table.named_keys(),
            RowSource::Shards(_) => Vec::new(),
        };
        write_predictions(path, &model.heads(), &model.predict_source(&data.test)?, &keys)?;
    }
    Ok(Outcome {
        model: model.model().config().architecture.name(),
        parameters,
        report,
        test,
        out: out.to_owned(),
        onnx,
        predictions: options.predictions.clone(),
        best_possible: vec![None; tasks.len()],
        spaces: model.schema().labels.iter().map(Label::space_text).collect(),
    })
}

/// What is about to happen; the settings are those that differ from the tutorial's.
fn banner(
    terminal: &Terminal,
    model: &RankingModel,
    data: &Splits,
    config: &TrainConfig,
    out: &Path,
    memory: &str,
) {
    let [train, validation, test] = [&data.train, &data.validation, &data.test].map(RowSource::rows);
    let (schema, parameters) = (model.schema(), model.store().n_parameters());
    terminal.line(&format!("rows        {train} training, {validation} validation, {test} test"));
    if let RowSource::Shards(shards) = &data.train {
        let (groups, per_window) = shards.groups();
        terminal.line(&format!(
            "streamed    {} training files with {} row groups, of which {per_window} are shuffled at a time",
            shards.files().len(),
            groups.len(),
        ));
    }
    terminal.line(&format!(
        "features    {} sparse, {} sequence, {} dense; {} ids in all",
        schema.n_sparse(),
        schema.n_sequences(),
        schema.n_dense(),
        schema.features.iter().filter_map(ple_data::Feature::vocab_size).sum::<usize>(),
    ));
    for (task, (name, kind)) in model.tasks().iter().enumerate() {
        let TaskCounts { rows, positives } = data.train.task_counts(task);
        let space = schema.labels[task].space_text();
        let what = match kind {
            TaskType::Regression => format!("regression over {rows} training rows, {space}"),
            TaskType::Classification => {
                let positives = positives.unwrap_or(0);
                let rate = 100.0 * positives as f64 / rows as f64;
                format!("{positives} of {rows} training rows are positive ({rate:.2}%), {space}")
            }
        };
        terminal.line(&format!("task        {name}: {what}"));
    }
    terminal.line(&format!(
        "model       {}, {parameters} parameters, {} MB with {}",
        model.model().config().architecture.name(),
        (4 * (parameters + config.optimizer.n_kept(model.store()))).div_ceil(1_000_000),
        config.optimizer.keeps(),
    ));
    terminal.line(memory);
    terminal.line(&format!(
        "run         at most {} epochs of batches of {}, seed {}, {} threads, {}",
        config.epochs,
        config.batch_size,
        config.seed,
        rayon::current_num_threads(),
        instruction_set(),
    ));
    let tutorial = (ModelConfig::default(), TrainConfig::default());
    let differences =
        differences(&to_json(&tutorial), &to_json(&(model.model().config(), config)), "default");
    for (position, difference) in differences.iter().filter(|text| !text.starts_with("seed")).enumerate() {
        let heading = if position == 0 { "settings" } else { "" };
        terminal.line(&format!("{heading:<12}{difference}"));
    }
    terminal.line(&format!("results     {}", out.display()));
}
