//! Writes a saved model as ONNX in another form than the training did: fewer bits, raw inputs, packed inputs.
//!
//! `cargo run --release -p ple-train --example export -- --model target/ali_ccp --data rows.parquet --out model.onnx`

#[path = "run/onnx.rs"]
mod onnx;
#[path = "run/origin.rs"]
mod origin;
#[path = "run/program/mod.rs"]
mod program;
#[path = "run/raw_inputs.rs"]
mod raw_inputs;

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::{Parser, ValueEnum};
use onnx::write_onnx;
use ple_data::{MemoryRoom, PreparedFolder, UnlabelledRows, local_files};
use ple_files::FileError;
use ple_onnx::{ExportOptions, ExportReport, Inputs, Outputs, Precision, RawInput, check_path};
use ple_train::checkpoint::files_in;
use ple_train::{RankingModel, TrainError};
use program::failure::Failure;
use program::{Program, console};
use raw_inputs::raw_inputs;
use serde_json::json;

/// Writes a saved model as ONNX.
#[derive(Parser)]
#[command(
    name = "export",
    after_help = "Examples:\n  export --model target/ali_ccp --data rows.parquet --precision int8 --out model.onnx\n  export --model target/shop --data prepared/test --raw-inputs prepared --out model.onnx"
)]
struct Arguments {
    /// The folder that a run saved its model into.
    #[arg(long)]
    model: PathBuf,
    /// Parquet files with the columns that the model reads: files, folders or patterns; of a prepared folder its part `test`.
    /// The file is proved on the first 512 of their rows at most.
    #[arg(long, required = true, num_args = 1..)]
    data: Vec<PathBuf>,
    /// The ONNX file to write.
    #[arg(long)]
    out: PathBuf,
    /// How exactly it keeps tables and weights: f32, f16 or int8.
    #[arg(long, default_value_t = Precision::F32)]
    precision: Precision,
    /// Let it read raw ids and numbers, by the vocabularies and scales of this prepared folder.
    #[arg(long, value_name = "PREPARED")]
    raw_inputs: Option<PathBuf>,
    /// How a server hands the features over.
    #[arg(long, value_enum, default_value = "per-feature")]
    inputs: InputsName,
    /// How predictions come back.
    #[arg(long, value_enum, default_value = "per-task")]
    outputs: OutputsName,
    /// The most memory that the model may take, as in 8GB or 500MB; what the machine has without it.
    #[arg(long, value_name = "SIZE")]
    memory: Option<MemoryRoom>,
    /// Print the result as one JSON object.
    #[arg(long)]
    json: bool,
}

#[derive(Clone, Copy, ValueEnum)]
enum InputsName {
    /// One input for each feature, named after it.
    PerFeature,
    /// All ids as one matrix `ids`, all numbers as one matrix `dense`; a sequence on its own.
    Packed,
}

#[derive(Clone, Copy, ValueEnum)]
enum OutputsName {
    /// One output for each task, named after it.
    PerTask,
    /// One matrix `predictions` with a column for each task.
    Matrix,
}

fn main() -> ExitCode {
    program::main::<Arguments>()
}

impl Program for Arguments {
    fn run(&self) -> Result<(), Failure> {
        print(self, &export(self)?);
        Ok(())
    }
}

fn export(arguments: &Arguments) -> Result<ExportReport, Failure> {
    check_path(&arguments.out)?;
    let Arguments { model, data, raw_inputs: prepared, .. } = arguments;
    let data = data.iter().chain(prepared).flat_map(|path| local_files(path));
    ple_files::Outputs::new().file(&arguments.out, "--out").inputs(files_in(model)).inputs(data).check()?;
    let room = arguments.memory.unwrap_or_else(MemoryRoom::of_machine);
    let (model, manifest) = RankingModel::load_within(&arguments.model, room)?;
    let raw_inputs = match &arguments.raw_inputs {
        Some(folder) => encoders(folder, &model)?,
        None => Vec::new(),
    };
    let no_keys: [&str; 0] = [];
    let mut rows = UnlabelledRows::open(&arguments.data, model.schema(), &no_keys)?;
    origin::compare(&model, &rows)?;
    let sample = rows.next().transpose()?.expect("the readers refuse files without rows");
    let options = ExportOptions {
        inputs: match arguments.inputs {
            InputsName::PerFeature => Inputs::PerFeature,
            InputsName::Packed => Inputs::Packed,
        },
        outputs: match arguments.outputs {
            OutputsName::PerTask => Outputs::PerTask,
            OutputsName::Matrix => Outputs::Matrix,
        },
        precision: arguments.precision,
        raw_inputs,
        ..ExportOptions::default()
    };
    Ok(write_onnx(&model, &sample, manifest.provenance(), &options, &arguments.out)?)
}

/// The encoders of a prepared folder, which has to be that of the model's data.
fn encoders(folder: &Path, model: &RankingModel) -> Result<Vec<RawInput>, Failure> {
    let missing = || FileError::Missing { path: folder.join("schema.json") };
    let prepared = PreparedFolder::find(folder)?.ok_or_else(missing)?;
    if let Some(note) = model.check_transformation(folder, prepared.lineage()?.hash)? {
        console::note(note);
    }
    let schema = model.schema();
    let same_name = |name: &str| prepared.schema().features.iter().find(|feature| feature.name == name);
    for feature in &schema.features {
        if same_name(&feature.name).is_some_and(|other| other != feature) {
            return Err(Failure::from(TrainError::OtherState {
                what: "model's schema",
                found: format!("another feature `{}`", feature.name),
                expected: format!("that of {}", folder.display()),
            }));
        }
    }
    Ok(raw_inputs(&prepared, schema)?)
}

fn print(arguments: &Arguments, report: &ExportReport) {
    let ExportReport { bytes, nodes, precision, proved_rows, largest_difference, compared_keys, .. } = report;
    if arguments.json {
        let result = json!({
            "out": arguments.out, "bytes": bytes, "nodes": nodes, "precision": precision.name(), "proved_rows": proved_rows,
            "largest_difference": largest_difference, "compared_keys": compared_keys,
        });
        console::say_json(result);
        return;
    }
    console::say(format_args!(
        "{}: {precision}, {nodes} nodes, {:.1} MB; in {proved_rows} rows it differs from the model by at most \
         {largest_difference:.1e}",
        arguments.out.display(),
        *bytes as f64 / 1e6
    ));
    if *compared_keys > 0 {
        console::say(format_args!(
            "It reads raw ids: the {compared_keys} keys in the file are those of the vocabularies."
        ));
    }
}
