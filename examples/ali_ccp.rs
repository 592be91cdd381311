//! The tutorial's PLE on Ali-CCP: generated rows by default, the real ones with `--data`.
//!
//! `cargo run --release -p ple-train --example ali_ccp`

#[path = "run/program/mod.rs"]
mod program;
#[path = "run/raw_inputs.rs"]
mod raw_inputs;
mod run;
#[path = "run/vocabulary.rs"]
mod vocabulary;
#[path = "run/warm_start.rs"]
mod warm_start;

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::Parser;
use ple_data::ali_ccp_raw::Prepared;
use ple_data::{
    DataError, FeatureSchema, GeneratorConfig, Label, ParquetShards, PreparedFolder, Roles, RowOrigin,
    RowSource, SourceSize, SplitFiles, StreamConfig, TaskType, ali_ccp_schema, generate_split,
    infer_schema_within, local_files, read_tables_keeping,
};
use ple_files::{MOST_TEXT_BYTES, read_text};
use ple_nn::MlpConfig;
use ple_train::checkpoint::files_in;
use ple_train::early_stopping::EarlyStopping;
use ple_train::metrics::{Measured, roc_auc};
use ple_train::{RunSeed, TrainConfig, TrainError, VocabularyFrom};
use program::failure::Failure;
use program::{Program, console, interrupts};
use raw_inputs::raw_inputs;
use run::memory::Planned;
use run::options::RunOptions;
use run::report::Outcome;
use run::result::ResultFolder;
use run::training::{Splits, train, train_model};
use vocabulary::VocabularyName;

/// Trains PLE (or another model) on Ali-CCP.
#[derive(Parser, Debug)]
#[command(
    name = "ali_ccp",
    after_help = "Examples:\n  ali_ccp --epochs 2 --json\n  ali_ccp --data DIR --stream --predictions test.parquet"
)]
struct Arguments {
    /// A folder (or, with --stream, a pattern) of files whose names say train, val and test, as in ali_ccp_train.csv or
    /// train-00000.parquet, or a folder that `cargo xtask data ali-ccp` or `data prepare` has prepared; without it rows are
    /// generated. Built with the feature `buckets` and with --stream, also s3://, gs:// or az://.
    #[arg(long)]
    data: Option<PathBuf>,
    /// Read Parquet files again in each epoch, a window at a time, rather than hold all rows in memory.
    #[arg(long, requires = "data")]
    stream: bool,
    /// Of a prepared folder, train on the lists of users too: all ids and weights of 109_14, 110_14, 127_14 and 150_14,
    /// joined to the rows when a batch is made. A row then reads some 500 ids rather than 20.
    #[arg(long, requires = "data", conflicts_with = "schema")]
    user_lists: bool,
    /// Let model.onnx read raw ids and numbers: the vocabularies and scales of a prepared folder become part of it.
    #[arg(long, requires = "data")]
    raw_inputs: bool,
    /// A feature schema as JSON; without one it is found in the files.
    #[arg(long, requires = "data")]
    schema: Option<PathBuf>,
    /// A trained model to start from; its rows of embedding tables go with their raw ids. Its settings are those of the model.
    /// One of a run's checkpoints (OUT/checkpoints/step-N) brings the optimiser's moments along.
    #[arg(long, requires_all = ["data", "from_data"])]
    from: Option<PathBuf>,
    /// The prepared folder that this model was trained on.
    #[arg(long, requires = "from")]
    from_data: Option<PathBuf>,
    /// Generated training rows; a tenth as many for validation and for test.
    #[arg(long, default_value_t = 2_000_000, conflicts_with = "data")]
    rows: usize,
    /// The vocabulary sizes of generated rows.
    #[arg(long, value_enum, default_value = "small", conflicts_with = "data")]
    vocabulary: VocabularyName,
    #[command(flatten)]
    run: RunOptions,
}

fn main() -> ExitCode {
    program::main::<Arguments>()
}

impl Program for Arguments {
    fn threads(&self) -> Option<usize> {
        self.run.threads
    }

    fn run(&self) -> Result<(), Failure> {
        outcome(self)?.say(self.run.json);
        Ok(())
    }
}

fn outcome(arguments: &Arguments) -> Result<Outcome, Failure> {
    let options = &arguments.run;
    let model = options.model(MlpConfig::new([16]), MlpConfig::new([8]))?;
    // The tutorial's patience of 5 epochs out of 5 would never stop a run.
    let config = TrainConfig { early_stopping: EarlyStopping::new(2), ..TrainConfig::default() };
    let (model, config) = match &arguments.from {
        Some(from) => warm_start::settings(options, from, &model, config)?,
        None => options.apply(model, config)?,
    };
    let out = options.out("ali_ccp");
    interrupts::keep(options.kept_before_training(&out));
    let result = ResultFolder::open(options, &out, inputs(arguments))?;
    match &arguments.data {
        Some(folder) => {
            let planned = Planned { options, model: &model, config: &config };
            let splits = read(arguments, folder, &planned)?;
            match (&arguments.from, &arguments.from_data) {
                (Some(from), Some(from_data)) => {
                    let (model, moments) = warm_start::model(from, from_data, folder, RunSeed(config.seed))?;
                    train_model(options, &result, splits, model, moments.as_ref(), &config)
                }
                _ => train(options, &result, splits, model, &config),
            }
        }
        None => {
            let vocabulary = arguments.vocabulary.into();
            let generator = GeneratorConfig { rows: arguments.rows, vocabulary, seed: config.seed };
            let held_out = arguments.rows / 10;
            generator.check(held_out, held_out, options.room())?;
            let schema = ali_ccp_schema(&generator.vocabulary.sizes(), 16);
            let sizes =
                [arguments.rows, held_out, held_out].map(|rows| SourceSize::generated(&schema, rows as u64));
            let planned = Planned { options, model: &model, config: &config };
            planned.check(&schema, sizes, VocabularyFrom::Setting)?;
            console::note(format_args!("generating {} rows", arguments.rows + 2 * held_out));
            let data = generate_split(&generator, held_out, held_out);
            let truth = data.test.probabilities;
            let best = |task: usize| {
                let scores: Vec<f32> = truth[task].iter().map(|&p| p as f32).collect();
                let labels: Vec<f32> = data.test.table.labels(task).collect();
                Some(Measured::from(roc_auc(&scores, &labels, None)))
            };
            let best_possible = vec![best(0), best(1)];
            let [train_rows, validation, test] =
                [data.train.table, data.val.table, data.test.table].map(RowSource::from);
            let (raw_inputs, vocabulary) = (Vec::new(), VocabularyFrom::Setting);
            let splits = Splits { train: train_rows, validation, test, raw_inputs, vocabulary };
            let outcome = train(options, &result, splits, model, &config)?;
            Ok(Outcome { best_possible, ..outcome })
        }
    }
}

/// The files that are read, none of which an output may replace.
fn inputs(arguments: &Arguments) -> Vec<PathBuf> {
    let Arguments { data, schema, from, from_data, .. } = arguments;
    // Of a folder that is not prepared, the files that are named after a part; a table of predictions may lie beside them.
    let named = |path: &Path| match PreparedFolder::find(path) {
        Ok(None) => SplitFiles::find(path)
            .map(|files| files.all().into_iter().map(Path::to_owned).collect())
            .unwrap_or_default(),
        Ok(Some(_)) | Err(_) => local_files(path),
    };
    let data = [data, from_data].into_iter().flatten().flat_map(|path| named(path));
    let model = from.iter().flat_map(|folder| files_in(folder));
    data.chain(model).chain(schema.clone()).collect()
}

/// The parts of a data set, under a schema that all of them fit.
fn read(arguments: &Arguments, folder: &Path, planned: &Planned<'_>) -> Result<Splits, TrainError> {
    let prepared = match PreparedFolder::find(folder)? {
        // Lists and vocabularies are asked of a prepared folder, which this one is not.
        None if arguments.user_lists || arguments.raw_inputs => {
            Some(PreparedFolder::AliCcp(Box::new(Prepared::open(folder)?)))
        }
        found => found,
    };
    let files = match &prepared {
        Some(prepared) => {
            let shards = |part: &'static str| match prepared.shards(part)? {
                shards if shards.is_empty() => {
                    Err(DataError::MissingPart { path: folder.to_path_buf(), part })
                }
                shards => Ok(shards),
            };
            SplitFiles { train: shards("train")?, validation: shards("val")?, test: shards("test")? }
        }
        None => SplitFiles::find(folder)?,
    };
    let lists = match &prepared {
        Some(PreparedFolder::AliCcp(prepared)) if arguments.user_lists => Some(prepared.user_lists()?),
        Some(PreparedFolder::AliCcp(prepared))
            if prepared.schema.common.lists.iter().any(|list| list.of_users) =>
        {
            console::note("the lists of users are left out; --user-lists joins them to the rows");
            None
        }
        // The rows of a table have all of their lists themselves.
        _ => None,
    };
    let schema = match (&arguments.schema, &prepared) {
        (Some(path), _) => read_schema(path)?,
        (None, Some(prepared)) => prepared.schema().clone(),
        (None, None) => {
            let labels = vec![
                Label::new("click", TaskType::Classification),
                Label::in_column("conversion", "purchase", TaskType::Classification),
            ];
            console::note("no schema file: vocabulary sizes are the largest id over all files, plus one");
            let roles = Roles { labels, keys: vec![], embedding_dim: 16 };
            infer_schema_within(&files.all(), &roles, planned.options.room())?
        }
    };
    if !arguments.stream {
        let size = |files: &[PathBuf]| SourceSize::of_files(files, &schema);
        let sizes = [size(&files.train)?, size(&files.validation)?, size(&files.test)?];
        planned.check(&schema, sizes, VocabularyFrom::Data)?;
    }
    // Shards are read again for what an evaluation asks for; of tables it is kept.
    let part = |files: &[PathBuf], columns: &[String]| -> Result<RowSource, DataError> {
        let config = StreamConfig::default();
        Ok(match (arguments.stream, &lists) {
            (true, Some(lists)) => ParquetShards::open_joined(files, &schema, lists, config)?.into(),
            (true, None) => ParquetShards::open(files, &schema, config)?.into(),
            (false, Some(lists)) => lists.read_tables_keeping(files, &schema, columns)?.into(),
            (false, None) => read_tables_keeping(files, &schema, columns)?.into(),
        })
    };
    let tasks: Vec<_> = schema.labels.iter().map(|label| (label.name.clone(), label.task)).collect();
    let columns = planned.config.columns(&tasks)?;
    let (train, validation, test) =
        (part(&files.train, &[])?, part(&files.validation, &columns)?, part(&files.test, &columns)?);
    // Another schema may ask for other rows of a task.
    let recorded = prepared.as_ref().filter(|_| arguments.schema.is_none());
    compare_parts([("train", &train), ("val", &validation), ("test", &test)], recorded)?;
    let raw_inputs = match &prepared {
        Some(prepared) if arguments.raw_inputs => raw_inputs(prepared, train.schema())?,
        _ => Vec::new(),
    };
    Ok(Splits { train, validation, test, raw_inputs, vocabulary: VocabularyFrom::Data })
}

/// Compares where the parts come from, and what is recorded of them in a prepared folder with what was read.
fn compare_parts(parts: [(&str, &RowSource); 3], recorded: Option<&PreparedFolder>) -> Result<(), DataError> {
    let mut origin = RowOrigin::default();
    for (name, rows) in parts {
        origin.add(rows.origin())?;
        recorded.map_or(Ok(()), |recorded| recorded.check_counts(name, rows))?;
    }
    if let Some(note) = origin.note() {
        console::note(note);
    }
    Ok(())
}

fn read_schema(path: &Path) -> Result<FeatureSchema, DataError> {
    let text = read_text(path, MOST_TEXT_BYTES)?;
    FeatureSchema::from_json(&text)
}
