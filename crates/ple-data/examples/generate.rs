//! Writes generated rows in the shape of Ali-CCP as three files: for training, validation and test.
//!
//! `cargo run --release -p ple-data --example generate -- --rows 1000000 --out generated`

#![allow(clippy::print_stdout, clippy::print_stderr)]

use std::error::Error;
use std::path::PathBuf;
use std::process::ExitCode;

use ple_data::{GeneratorConfig, Table, Vocabulary, generate_split, write_csv, write_parquet};

const USAGE: &str = "\
Writes generated rows in the shape of Ali-CCP: ali_ccp_{train,val,test}_sample.csv (or .parquet).

  --rows N               training rows (default 100000)
  --val N                validation rows (default: a tenth of the training rows)
  --test N               test rows (default: a tenth of the training rows)
  --seed S               row r is a function of the seed and r (default 2020)
  --vocabulary NAME      small (about 50,000 ids in all; the default) or full (those of Ali-CCP)
  --format NAME          csv (the default) or parquet
  --out DIR              the folder to write to; it is made if need be

Examples:
  cargo run --release -p ple-data --example generate -- --rows 1000000 --out generated
  cargo run --release -p ple-data --example generate -- --vocabulary full --format parquet --out generated";

/// The exit code of a wrong command line.
const USAGE_ERROR: u8 = 2;
/// The exit code of a folder or file that could not be written.
const OUTPUT_ERROR: u8 = 74;

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    if arguments.iter().any(|argument| argument == "--help" || argument == "-h") {
        println!("{USAGE}");
        return ExitCode::SUCCESS;
    }
    let options = match Options::parse(&arguments) {
        Ok(options) => options,
        Err(message) => {
            eprintln!("{message}\n\n{USAGE}");
            return ExitCode::from(USAGE_ERROR);
        }
    };
    match write_files(&options) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{error}");
            ExitCode::from(OUTPUT_ERROR)
        }
    }
}

/// What the command line asks for.
struct Options {
    config: GeneratorConfig,
    val: usize,
    test: usize,
    format: Format,
    out: PathBuf,
}

#[derive(Clone, Copy)]
enum Format {
    Csv,
    Parquet,
}

impl Options {
    fn parse(arguments: &[String]) -> Result<Options, String> {
        let mut config = GeneratorConfig { rows: 100_000, vocabulary: Vocabulary::Small, seed: 2020 };
        let (mut val, mut test, mut format, mut out) = (None, None, Format::Csv, None);
        let mut rest = arguments.iter();
        while let Some(name) = rest.next() {
            let value = rest.next().ok_or_else(|| format!("{name} has no value"))?;
            match name.as_str() {
                "--rows" => config.rows = number(name, value)?,
                "--val" => val = Some(number(name, value)?),
                "--test" => test = Some(number(name, value)?),
                "--seed" => config.seed = number(name, value)?,
                "--vocabulary" => config.vocabulary = vocabulary(value)?,
                "--format" => format = file_format(value)?,
                "--out" => out = Some(PathBuf::from(value)),
                _ => return Err(format!("there is no option {name}")),
            }
        }
        let tenth = config.rows.div_ceil(10);
        let out = out.ok_or("--out is missing: name the folder to write to")?;
        Ok(Options { config, val: val.unwrap_or(tenth), test: test.unwrap_or(tenth), format, out })
    }
}

fn number<T: std::str::FromStr>(name: &str, value: &str) -> Result<T, String> {
    value.parse().map_err(|_| format!("{name} {value}: expected a whole number from 0"))
}

fn vocabulary(value: &str) -> Result<Vocabulary, String> {
    match value {
        "small" => Ok(Vocabulary::Small),
        "full" => Ok(Vocabulary::Full),
        _ => Err(format!("--vocabulary {value}: expected small or full")),
    }
}

fn file_format(value: &str) -> Result<Format, String> {
    match value {
        "csv" => Ok(Format::Csv),
        "parquet" => Ok(Format::Parquet),
        _ => Err(format!("--format {value}: expected csv or parquet")),
    }
}

fn write_files(options: &Options) -> Result<(), Box<dyn Error>> {
    std::fs::create_dir_all(&options.out).map_err(|error| format!("{}: {error}", options.out.display()))?;
    let split = generate_split(&options.config, options.val, options.test);
    for (part, generated) in [("train", &split.train), ("val", &split.val), ("test", &split.test)] {
        let table = &generated.table;
        let path = match options.format {
            Format::Csv => options.out.join(format!("ali_ccp_{part}_sample.csv")),
            Format::Parquet => options.out.join(format!("ali_ccp_{part}_sample.parquet")),
        };
        match options.format {
            Format::Csv => write_csv(table, &path)?,
            Format::Parquet => write_parquet(table, &path)?,
        }
        println!("{}: {}", path.display(), described(table));
    }
    Ok(())
}

fn described(table: &Table) -> String {
    let (clicks, purchases) = (table.positives(0), table.positives(1));
    format!("{} rows, {clicks} clicks, {purchases} purchases", table.rows())
}
