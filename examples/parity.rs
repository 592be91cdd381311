//! Compares this project with PyTorch: each golden file is rebuilt, trained and compared, one line a file.
//!
//! `cargo xtask parity [--tables dense|exact] [--onnx DIR [--precision NAME]] FILE...`
//!
//! `cargo xtask parity --aggregators FILE` compares aggregators of gradients, one line a method.

#[path = "run/onnx.rs"]
mod onnx;
#[path = "run/program/mod.rs"]
mod program;

use std::collections::BTreeMap;
use std::error::Error;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::{Parser, ValueEnum};
use onnx::write_onnx;
use ple_onnx::{ExportOptions, OnnxError, Precision};
use ple_train::TableUpdates;
use ple_train::parity::{GoldenFile, ParityError, check_aggregators, check_golden};
use program::failure::Failure;
use program::{Program, console};

/// Compares models, gradients and training steps with what PyTorch computed.
#[derive(Parser)]
#[command(name = "cargo xtask parity")]
struct Arguments {
    /// How embedding tables are updated.
    #[arg(long, value_enum, default_value = "dense")]
    tables: Tables,
    /// A folder: each model is written there as ONNX too, as it is before training, named after its golden file.
    #[arg(long, value_name = "DIR")]
    onnx: Option<PathBuf>,
    /// How exactly those files keep tables and weights: f32, f16 or int8.
    #[arg(long, default_value_t = Precision::F32, requires = "onnx")]
    precision: Precision,
    /// A file of Jacobians and what each method makes of them, in JSON: one line a method. Those that are not built are listed,
    /// and do not count.
    #[arg(long, value_name = "FILE")]
    aggregators: Option<PathBuf>,
    /// Golden files.
    #[arg(required_unless_present = "aggregators")]
    files: Vec<PathBuf>,
}

#[derive(Clone, Copy, ValueEnum)]
enum Tables {
    /// Every row at every step.
    Dense,
    /// The same numbers, by replay.
    Exact,
}

impl From<Tables> for TableUpdates {
    fn from(tables: Tables) -> Self {
        match tables {
            Tables::Dense => TableUpdates::Dense,
            Tables::Exact => TableUpdates::Exact,
        }
    }
}

fn main() -> ExitCode {
    program::main::<Arguments>()
}

impl Program for Arguments {
    fn run(&self) -> Result<(), Failure> {
        let mut exit_code = 0;
        if let Some(path) = &self.aggregators {
            match check_aggregators(path) {
                Ok(reports) => {
                    reports.iter().for_each(console::say);
                    exit_code = u8::from(reports.iter().any(|report| !report.agrees()));
                }
                Err(error) => {
                    console::note(format_args!("error: {error}"));
                    exit_code = exit_code_of(&error);
                }
            }
        }
        for path in &self.files {
            match check(path, self) {
                Ok(true) => {}
                Ok(false) => exit_code = 1,
                Err(error) => {
                    console::note(format_args!("error: {error}"));
                    exit_code = exit_code_of(error.as_ref());
                }
            }
        }
        match exit_code {
            0 => Ok(()),
            exit_code => Err(Failure::Said { exit_code }),
        }
    }
}

/// Checks one golden file, and says whether it agrees.
fn check(path: &Path, arguments: &Arguments) -> Result<bool, Box<dyn Error>> {
    let golden = GoldenFile::read(path)?;
    let report = check_golden(&golden, arguments.tables.into())?;
    console::say(&report);
    if let Some(folder) = &arguments.onnx {
        std::fs::create_dir_all(folder).map_err(|error| format!("{}: {error}", folder.display()))?;
        let file = folder.join(path.file_name().unwrap_or_default()).with_extension("onnx");
        let (model, rows) = golden.model()?;
        let options = ExportOptions { precision: arguments.precision, ..ExportOptions::default() };
        let written = write_onnx(&model, &rows, BTreeMap::new(), &options, &file)?;
        console::note(format_args!(
            "{}: {} nodes, differs by at most {:.1e} in {} rows",
            written.path.display(),
            written.nodes,
            written.largest_difference,
            written.proved_rows
        ));
    }
    Ok(report.agrees())
}

fn exit_code_of(error: &(dyn Error + 'static)) -> u8 {
    if let Some(error) = error.downcast_ref::<OnnxError>() {
        return error.exit_code();
    }
    match error.downcast_ref::<ParityError>() {
        Some(ParityError::Read { .. }) => 66,
        Some(ParityError::NotSupported { .. }) => 2,
        Some(_) => 65,
        None => 74,
    }
}
