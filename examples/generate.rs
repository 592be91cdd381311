//! Writes generated rows in the shape of Ali-CCP as three files: for training, validation and test.
//!
//! `cargo run --release -p ple-train --example generate -- --rows 1000000 --out target/generated`

#[path = "run/program/mod.rs"]
mod program;
#[path = "run/vocabulary.rs"]
mod vocabulary;

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Parser, ValueEnum};
use ple_data::{DataError, GeneratorConfig, MemoryRoom, generate_split, write_csv, write_parquet};
use ple_files::{FolderLock, Outputs};
use program::failure::Failure;
use program::{Program, console};
use vocabulary::VocabularyName;

/// Writes generated rows in the shape of Ali-CCP: ali_ccp_{train,val,test}_sample.csv or .parquet.
#[derive(Parser)]
#[command(
    name = "generate",
    after_help = "Examples:\n  generate --rows 1000000 --out target/generated\n  generate --vocabulary full --format parquet --out target/generated"
)]
struct Arguments {
    /// The folder to write to; made if it is not there.
    #[arg(long)]
    out: PathBuf,
    /// Training rows.
    #[arg(long, default_value_t = 100_000)]
    rows: usize,
    /// Validation rows; a tenth of the training rows if not given.
    #[arg(long)]
    val: Option<usize>,
    /// Test rows; a tenth of the training rows if not given.
    #[arg(long)]
    test: Option<usize>,
    /// The vocabulary sizes.
    #[arg(long, value_enum, default_value = "small")]
    vocabulary: VocabularyName,
    /// The format of the files.
    #[arg(long, value_enum, default_value = "csv")]
    format: Format,
    /// Row r is a function of the seed and r.
    #[arg(long, default_value_t = 2020)]
    seed: u64,
    /// The most memory that the rows may take, as in 8GB or 500MB; what the machine has without it.
    #[arg(long, value_name = "SIZE")]
    memory: Option<MemoryRoom>,
}

#[derive(Clone, Copy, ValueEnum)]
enum Format {
    /// Comma-separated values.
    Csv,
    /// Apache Parquet.
    Parquet,
}

fn main() -> ExitCode {
    program::main::<Arguments>()
}

impl Program for Arguments {
    fn run(&self) -> Result<(), Failure> {
        Ok(write_files(self)?)
    }
}

fn write_files(arguments: &Arguments) -> Result<(), DataError> {
    let out = &arguments.out;
    let config = GeneratorConfig {
        rows: arguments.rows,
        vocabulary: arguments.vocabulary.into(),
        seed: arguments.seed,
    };
    let tenth = config.rows.div_ceil(10);
    let (val, test) = (arguments.val.unwrap_or(tenth), arguments.test.unwrap_or(tenth));
    config.check(val, test, arguments.memory.unwrap_or_else(MemoryRoom::of_machine))?;
    let ending = match arguments.format {
        Format::Csv => "csv",
        Format::Parquet => "parquet",
    };
    let path = |part: &str| out.join(format!("ali_ccp_{part}_sample.{ending}"));
    let outputs = Outputs::new().folder(out, "--out");
    ["train", "val", "test"]
        .iter()
        .fold(outputs, |outputs, part| outputs.file(&path(part), "--out"))
        .check()?;
    let _lock = FolderLock::take(out)?;
    let split = generate_split(&config, val, test);
    for (part, generated) in [("train", &split.train), ("val", &split.val), ("test", &split.test)] {
        let table = &generated.table;
        let path = path(part);
        match arguments.format {
            Format::Csv => write_csv(table, &path)?,
            Format::Parquet => write_parquet(table, &path)?,
        }
        let (rows, clicks, purchases) = (table.rows(), table.positives(0), table.positives(1));
        console::say(format_args!("{}: {rows} rows, {clicks} clicks, {purchases} purchases", path.display()));
    }
    Ok(())
}
