//! Writes generated files in the raw format of Ali-CCP, as `prepare_ali_ccp` reads them.
//!
//! `cargo xtask data generate-ali-ccp --out DIR`

#[path = "run/program/mod.rs"]
mod program;

use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Instant;

use clap::Parser;
use ple_data::ali_ccp_raw::{GeneratedRawPart, RawFiles, RawGeneratorConfig, generate_ali_ccp};
use ple_data::{DataError, Vocabulary};
use ple_files::{FolderLock, Outputs};
use program::failure::Failure;
use program::{Program, console};

/// Writes raw files in Ali-CCP's format, of any size, whose truth is known.
#[derive(Parser)]
#[command(
    name = "cargo xtask data generate-ali-ccp",
    after_help = "Examples:\n  cargo xtask data generate-ali-ccp --out target/raw\n  cargo xtask data generate-ali-ccp --out target/raw --rows 10000000 --users 500000 --full"
)]
struct Arguments {
    /// The folder to write the four files into; made if it is not there.
    #[arg(long)]
    out: PathBuf,
    /// Rows of the training part.
    #[arg(long, default_value_t = 100_000)]
    rows: u64,
    /// Rows of the test part; half of the training part's if not given.
    #[arg(long)]
    test_rows: Option<u64>,
    /// Users of the training part; a twentieth of its rows if not given.
    #[arg(long)]
    users: Option<u64>,
    /// Common features of a user, on average.
    #[arg(long, default_value_t = 500)]
    features_per_user: usize,
    /// The vocabulary sizes of the real data instead of smaller ones.
    #[arg(long)]
    full: bool,
    /// The seed: everything is a function of it and of the sizes.
    #[arg(long, default_value_t = 2020)]
    seed: u64,
}

fn main() -> ExitCode {
    program::main::<Arguments>()
}

impl Program for Arguments {
    fn run(&self) -> Result<(), Failure> {
        Ok(generate(self)?)
    }
}

fn generate(arguments: &Arguments) -> Result<(), DataError> {
    let rows = arguments.rows;
    let config = RawGeneratorConfig {
        rows,
        test_rows: arguments.test_rows.unwrap_or(rows / 2),
        users: arguments.users.unwrap_or(rows / 20),
        features_per_user: arguments.features_per_user,
        vocabulary: if arguments.full { Vocabulary::Full } else { Vocabulary::Small },
        seed: arguments.seed,
    };
    let out = &arguments.out;
    let outputs = Outputs::new().folder(out, "--out");
    RawFiles::in_folder(out)
        .all()
        .iter()
        .fold(outputs, |outputs, file| outputs.file(file, "--out"))
        .check()?;
    let _lock = FolderLock::take(out)?;
    let (rows, test_rows) = (config.rows, config.test_rows);
    console::note(format_args!("generating {rows} rows and {test_rows} test rows into {}", out.display()));
    let started = Instant::now();
    let generated = generate_ali_ccp(&config, out)?;
    console::say("part         rows     users    clicks  purchases  without click      MB");
    for (name, part) in [("train", generated.train), ("test", generated.test)] {
        let GeneratedRawPart { rows, users, clicks, purchases, purchases_without_click, bytes } = part;
        console::say(format_args!(
            "{name:<5} {rows:>11} {users:>9} {clicks:>9} {purchases:>10} {purchases_without_click:>14} {:>7.1}",
            bytes as f64 / 1e6
        ));
    }
    let (megabytes, seconds) =
        ((generated.train.bytes + generated.test.bytes) as f64 / 1e6, started.elapsed().as_secs_f64());
    console::say(format_args!("{megabytes:.1} MB in {seconds:.1} s ({:.0} MB/s)", megabytes / seconds));
    Ok(())
}
