//! PLE on Census-Income (KDD), the public data set of the MMOE and PLE papers: over 50K, and never married.
//!
//! `cargo run --release -p ple-train --example census_income -- --data DIR`

#![cfg_attr(test, allow(clippy::unwrap_used))]

#[path = "run/program/mod.rs"]
mod program;
mod run;

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::Parser;
use ple_data::{
    DenseBins, FeatureKind, FeatureSchema, Label, Roles, SourceSize, Table, TaskType, infer_schema_within,
    quantile_edges, read_table, read_tables_keeping,
};
use ple_nn::{MlpConfig, ModelConfig, Norm};
use ple_train::early_stopping::EarlyStopping;
use ple_train::{Balance, LearningRate, OptimizerConfig, TrainConfig, TrainError, VocabularyFrom};
use program::Program;
use program::failure::Failure;
use program::interrupts;
use run::memory::Planned;
use run::options::RunOptions;
use run::report::Outcome;
use run::result::ResultFolder;
use run::training::{Splits, train};

/// Trains PLE (or another model) on Census-Income.
#[derive(Parser, Debug)]
#[command(
    name = "census_income",
    after_help = "Examples:\n  census_income --data DIR --seed 1\n  census_income --data DIR --bins 0 --model mmoe --json"
)]
struct Arguments {
    /// A folder with {train,val,test}.parquet and the label columns income and never_married.
    #[arg(long)]
    data: PathBuf,
    /// Quantile bins of each numeric column, each with an embedding; 0 for none.
    #[arg(long, default_value_t = 100)]
    bins: usize,
    /// The dimension of every embedding.
    #[arg(long, default_value_t = 16)]
    embedding_dim: usize,
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
    let expert = MlpConfig { dropout: 0.3, ..MlpConfig::new([128, 64]) };
    let tower = MlpConfig { dropout: 0.3, ..MlpConfig::new([16]) };
    let model = ModelConfig {
        norm: Norm::Batch,
        gate_norm: Norm::None,
        embedding_deviation: 0.05,
        embedding_dropout: 0.4,
        ..options.model(expert, tower)?
    };
    let config = TrainConfig {
        epochs: 20,
        batch_size: 1024,
        balance: Balance::Mean,
        optimizer: OptimizerConfig { schedule: LearningRate::Cosine, ..OptimizerConfig::default() },
        early_stopping: EarlyStopping::new(20),
        ..TrainConfig::default()
    };
    let (model, config) = options.apply(model, config)?;
    let out = options.out("census_income");
    interrupts::keep(options.kept_before_training(&out));
    let result = ResultFolder::open(options, &out, files(&arguments.data))?;
    let tables = read(arguments, &Planned { options, model: &model, config: &config })?;
    train(options, &result, tables, model, &config)
}

/// The files for training, validation and test.
fn files(folder: &Path) -> [PathBuf; 3] {
    ["train", "val", "test"].map(|split| folder.join(format!("{split}.parquet")))
}

/// The three files, under a schema that all of them fit; bins are cut at the quantiles of the training rows.
fn read(arguments: &Arguments, planned: &Planned<'_>) -> Result<Splits, TrainError> {
    let &Arguments { bins, embedding_dim, .. } = arguments;
    let paths = files(&arguments.data);
    let labels = vec![
        Label::new("income", TaskType::Classification),
        Label::new("never_married", TaskType::Classification),
    ];
    let roles = Roles { labels, keys: vec![], embedding_dim };
    let schema = infer_schema_within(&paths, &roles, planned.options.room())?;
    let size = |path: &PathBuf| SourceSize::of_files(&[path], &schema);
    let sizes = [size(&paths[0])?, size(&paths[1])?, size(&paths[2])?];
    planned.check(&schema, sizes, VocabularyFrom::Data)?;
    let train = read_table(&paths[0], &schema)?;
    let schema = with_bins(schema, &train, bins, embedding_dim)?;
    let tasks: Vec<_> = schema.labels.iter().map(|label| (label.name.clone(), label.task)).collect();
    let columns = planned.config.columns(&tasks)?;
    Ok(Splits {
        train: train.with_schema(schema.clone())?.into(),
        validation: read_tables_keeping(&paths[1..2], &schema, &columns)?.into(),
        test: read_tables_keeping(&paths[2..], &schema, &columns)?.into(),
        raw_inputs: Vec::new(),
        vocabulary: VocabularyFrom::Data,
    })
}

fn with_bins(
    schema: FeatureSchema,
    train: &Table,
    bins: usize,
    embedding_dim: usize,
) -> Result<FeatureSchema, TrainError> {
    let FeatureSchema { mut features, labels, keys } = schema;
    let dense = features.iter_mut().filter(|feature| matches!(feature.kind, FeatureKind::Dense { .. }));
    if bins > 0 {
        for (index, feature) in dense.enumerate() {
            let edges = quantile_edges(&train.dense(index).collect::<Vec<_>>(), bins);
            feature.kind = FeatureKind::Dense { bins: Some(DenseBins { edges, embedding_dim }) };
        }
    }
    Ok(FeatureSchema::new(features, labels, keys)?)
}
