//! Compares this project with PyTorch: each golden file is rebuilt, trained and compared, one line a file.
//!
//! `cargo xtask parity [--tables dense|exact] FILE...`

#![allow(clippy::print_stdout, clippy::print_stderr)]

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Parser, ValueEnum};
use ple_train::TableUpdates;
use ple_train::parity::{GoldenFile, ParityError, check_golden};

/// Compares models, gradients and training steps with what PyTorch computed.
#[derive(Parser)]
#[command(name = "cargo xtask parity")]
struct Arguments {
    /// How embedding tables are updated.
    #[arg(long, value_enum, default_value = "dense")]
    tables: Tables,
    /// Golden files.
    #[arg(required = true)]
    files: Vec<PathBuf>,
}

#[derive(Clone, Copy, ValueEnum)]
enum Tables {
    /// Every row at every step.
    Dense,
    /// The same numbers, by replay.
    Exact,
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let tables = match arguments.tables {
        Tables::Dense => TableUpdates::Dense,
        Tables::Exact => TableUpdates::Exact,
    };
    let mut code = ExitCode::SUCCESS;
    for path in &arguments.files {
        let result = GoldenFile::read(path).and_then(|golden| check_golden(&golden, tables));
        match result {
            Ok(report) => {
                println!("{report}");
                if !report.agrees() {
                    code = ExitCode::FAILURE;
                }
            }
            Err(error) => {
                eprintln!("error: {error}");
                code = ExitCode::from(match error {
                    ParityError::Read { .. } => 66,
                    ParityError::NotSupported { .. } => 2,
                    _ => 65,
                });
            }
        }
    }
    code
}
