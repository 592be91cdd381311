//! From tables to a trained, tested and saved model.

use std::path::Path;
use std::process::ExitCode;
use std::sync::Arc;

use ple_data::{Table, write_predictions};
use ple_nn::ModelConfig;
use ple_train::checkpoint::check_writable;
use ple_train::{FitReport, RankingModel, RunInput, RunSeed, TrainConfig, TrainError, fit};

use super::options::RunOptions;
use super::report::Outcome;
use super::terminal::Terminal;

/// Runs a program in a pool of the threads asked for, prints what it found, and gives back its exit code.
pub(crate) fn run_program(
    options: &RunOptions,
    program: impl FnOnce() -> Result<Outcome, TrainError> + Send,
) -> ExitCode {
    let pool = rayon::ThreadPoolBuilder::new().num_threads(options.threads.unwrap_or(0)).build();
    let result = match pool {
        Ok(pool) => pool.install(program),
        Err(error) => {
            eprintln!("error: {error}");
            return ExitCode::from(2);
        }
    };
    match result {
        Ok(outcome) => {
            outcome.print();
            if options.json {
                println!("{}", outcome.json());
            }
            ExitCode::SUCCESS
        }
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::from(error.exit_code())
        }
    }
}

/// The three tables of a run.
pub(crate) struct Tables {
    /// The rows to learn from.
    pub train: Table,
    /// The rows that decide on stopping.
    pub validation: Table,
    /// The rows that nothing is chosen on.
    pub test: Table,
}

/// Trains, restores the best weights, evaluates on the test rows, and saves into `out`.
pub(crate) fn train(
    options: &RunOptions,
    out: &Path,
    tables: Tables,
    model: ModelConfig,
    config: &TrainConfig,
) -> Result<Outcome, TrainError> {
    check_writable(out)?;
    let mut model = RankingModel::new(tables.train.schema().clone(), model, RunSeed(config.seed))?;
    let tasks: Vec<String> = model.tasks().into_iter().map(|(name, _)| name).collect();
    let mut terminal = Terminal::new(tasks.clone());
    banner(&terminal, &model, &tables, config);

    let input = RunInput {
        train: Arc::new(tables.train),
        validation: Some(Arc::new(tables.validation)),
        checkpoints: Some(out.join("checkpoints")),
    };
    let report: FitReport = fit(&mut model, &input, config, &mut terminal)?;
    let test = model.evaluate(&tables.test);
    model.save(out, &report.facts)?;
    if let Some(path) = &options.predictions {
        let keys: Vec<_> =
            model.schema().keys.iter().cloned().zip(tables.test.keys().iter().map(Arc::clone)).collect();
        write_predictions(path, &tasks, &model.predict(&tables.test), &keys)?;
    }
    Ok(Outcome {
        model: model.model().config().architecture.name(),
        parameters: model.store().n_parameters(),
        report,
        test,
        best_possible: vec![None; tasks.len()],
    })
}

fn banner(terminal: &Terminal, model: &RankingModel, tables: &Tables, config: &TrainConfig) {
    let rows = [&tables.train, &tables.validation, &tables.test].map(Table::rows);
    terminal.line(&format!(
        "{} with {} parameters; {} training, {} validation and {} test rows; seed {}; {} threads; {}",
        model.model().config().architecture.name(),
        model.store().n_parameters(),
        rows[0],
        rows[1],
        rows[2],
        config.seed,
        rayon::current_num_threads(),
        ple_train::instruction_set(),
    ));
    for (task, (name, _)) in model.tasks().iter().enumerate() {
        let (positives, rows) = (tables.train.positives(task), tables.train.rows_in_task(task));
        let rate = 100.0 * positives as f64 / rows as f64;
        terminal.line(&format!("{name}: {positives} of {rows} training rows are positive ({rate:.2}%)"));
    }
}
