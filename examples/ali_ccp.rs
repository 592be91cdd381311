//! The tutorial's PLE on Ali-CCP: generated rows by default, the real ones with `--data`.
//!
//! `cargo run --release -p ple-train --example ali_ccp`

#![allow(clippy::print_stdout, clippy::print_stderr)]

mod run;

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::{Parser, ValueEnum};
use ple_data::{
    DataError, GeneratorConfig, Label, Roles, TaskType, Vocabulary, generate_split, infer_schema, read_table,
};
use ple_nn::MlpConfig;
use ple_train::TrainConfig;
use ple_train::early_stopping::EarlyStopping;
use ple_train::metrics::roc_auc;
use run::error::RunError;
use run::options::RunOptions;
use run::report::Outcome;
use run::training::{Tables, run_program, train};

/// Trains PLE (or another model) on Ali-CCP.
#[derive(Parser, Debug)]
#[command(
    name = "ali_ccp",
    after_help = "Examples:\n  ali_ccp --epochs 2 --json\n  ali_ccp --data DIR --model mmoe --predictions test.parquet"
)]
struct Arguments {
    /// A folder with ali_ccp_{train,val,test}[_sample].csv or .parquet; without it rows are generated.
    #[arg(long)]
    data: Option<PathBuf>,
    /// Generated training rows; a tenth as many for validation and for test.
    #[arg(long, default_value_t = 2_000_000, conflicts_with = "data")]
    rows: usize,
    /// The vocabulary sizes of generated rows.
    #[arg(long, value_enum, default_value = "small", conflicts_with = "data")]
    vocabulary: VocabularyName,
    #[command(flatten)]
    run: RunOptions,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum VocabularyName {
    /// Ali-CCP's.
    Full,
    /// Some 50,000 ids in all.
    Small,
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    run_program(&arguments.run, || run(&arguments))
}

fn run(arguments: &Arguments) -> Result<Outcome, RunError> {
    let options = &arguments.run;
    let model = options.model.config(MlpConfig::new([16]), MlpConfig::new([8]));
    // The tutorial's patience of 5 epochs out of 5 would never stop a run.
    let config = TrainConfig { early_stopping: EarlyStopping::new(2), ..TrainConfig::default() };
    let (model, config) = options.apply(model, config)?;
    let out = options.out("ali_ccp");
    match &arguments.data {
        Some(folder) => train(options, &out, read(folder)?, model, &config),
        None => {
            let vocabulary = match arguments.vocabulary {
                VocabularyName::Full => Vocabulary::Full,
                VocabularyName::Small => Vocabulary::Small,
            };
            let generator = GeneratorConfig { rows: arguments.rows, vocabulary, seed: config.seed };
            let held_out = arguments.rows / 10;
            eprintln!("generating {} rows", arguments.rows + 2 * held_out);
            let data = generate_split(&generator, held_out, held_out);
            let truth = data.test.probabilities;
            let best = |task: usize| {
                let scores: Vec<f32> = truth[task].iter().map(|&p| p as f32).collect();
                let labels: Vec<f32> = data.test.table.labels(task).collect();
                roc_auc(&scores, &labels, None).ok()
            };
            let best_possible = vec![best(0), best(1)];
            let tables =
                Tables { train: data.train.table, validation: data.val.table, test: data.test.table };
            let outcome = train(options, &out, tables, model, &config)?;
            Ok(Outcome { best_possible, ..outcome })
        }
    }
}

/// The three files of a folder, under a schema that all three of them fit.
fn read(folder: &Path) -> Result<Tables, DataError> {
    let file = |split: &str| {
        let names = ["_sample.csv", ".csv", "_sample.parquet", ".parquet"];
        let paths = names.map(|end| folder.join(format!("ali_ccp_{split}{end}")));
        paths.iter().find(|path| path.exists()).unwrap_or(&paths[1]).clone()
    };
    let paths = ["train", "val", "test"].map(file);
    let labels = vec![
        Label::new("click", TaskType::Classification),
        Label::in_column("conversion", "purchase", TaskType::Classification),
    ];
    let schema = infer_schema(&paths, &Roles { labels, keys: vec![], embedding_dim: 16 })?;
    eprintln!("no schema file: vocabulary sizes are the largest id over all three files, plus one");
    let [train, validation, test] = paths;
    Ok(Tables {
        train: read_table(&train, &schema)?,
        validation: read_table(&validation, &schema)?,
        test: read_table(&test, &schema)?,
    })
}
