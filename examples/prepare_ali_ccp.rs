//! Makes Parquet shards, or torch-rechub's CSV files, of the raw files of Ali-CCP.
//!
//! `cargo xtask data ali-ccp --raw DIR --out DIR`

#[path = "run/preparation.rs"]
mod preparation;
#[path = "run/program/mod.rs"]
mod program;
#[path = "run/progress.rs"]
mod progress;

use std::path::PathBuf;
use std::process::ExitCode;

use clap::Parser;
use ple_data::DataError;
use ple_data::ali_ccp_raw::{
    BadLines, RawConfig, RawFiles, RawPhase, RawProgress, prepare_ali_ccp, prepare_ali_ccp_compat,
};
use ple_files::Outputs;
use preparation::{BadRowsChoice, Preparation};
use program::failure::Failure;
use program::{Program, console};
use progress::Progress;

/// Prepares the raw files of Ali-CCP: joins, counts, numbers, scales, splits, shuffles.
#[derive(Parser)]
#[command(
    name = "cargo xtask data ali-ccp",
    after_help = "Examples:\n  cargo xtask data ali-ccp --raw ali-ccp --out ali-ccp-parquet\n  cargo xtask data ali-ccp --raw ali-ccp --out ali-ccp-csv --compat"
)]
struct Arguments {
    /// The folder with sample_skeleton_{train,test}.csv and common_features_{train,test}.csv.
    #[arg(long)]
    raw: PathBuf,
    /// The folder to make. It must not exist yet, or be empty.
    #[arg(long)]
    out: PathBuf,
    /// Write ali_ccp_{train,val,test}.csv as torch-rechub's script does, instead of Parquet.
    #[arg(long)]
    compat: bool,
    /// How often an id has to occur in the training rows to have a number of its own.
    #[arg(long, default_value_t = 10)]
    min_count: u32,
    /// Decides the order of the rows and the halves of the test part.
    #[arg(long, default_value_t = 2020)]
    seed: u64,
    #[command(flatten)]
    preparation: Preparation,
}

fn main() -> ExitCode {
    program::main::<Arguments>()
}

impl Program for Arguments {
    fn threads(&self) -> Option<usize> {
        self.preparation.threads
    }

    fn run(&self) -> Result<(), Failure> {
        Ok(prepare(self)?)
    }
}

fn prepare(arguments: &Arguments) -> Result<(), DataError> {
    let bad_lines = match arguments.preparation.bad_rows {
        BadRowsChoice::Fail => BadLines::Fail,
        BadRowsChoice::Skip => BadLines::Skip { limit: arguments.preparation.max_bad_rows },
    };
    let config =
        RawConfig { min_count: arguments.min_count, seed: arguments.seed, bad_lines, ..RawConfig::default() };
    let files = RawFiles::in_folder(&arguments.raw).all();
    Outputs::new().new_folder(&arguments.out, "--out").inputs(files).check()?;
    let lines = Progress::new();
    let observe = |progress: RawProgress| lines.show(|| line(progress, lines.seconds()));
    let (raw, out) = (&arguments.raw, &arguments.out);
    let summary = match arguments.compat {
        true => prepare_ali_ccp_compat(raw, out, &config, &observe),
        false => prepare_ali_ccp(raw, out, &config, &observe),
    };
    lines.end();
    let summary = summary?;
    console::say(summary.to_string().trim_end_matches('\n'));
    let megabytes = summary.parts.iter().map(|part| part.bytes).sum::<u64>() as f64 / 1e6;
    let seconds = lines.seconds();
    console::say(format_args!(
        "{megabytes:.1} MB in {seconds:.1} s ({:.0} MB/s) into {}",
        megabytes / seconds,
        out.display()
    ));
    Ok(())
}

fn line(progress: RawProgress, seconds: f64) -> String {
    let RawProgress { phase, done, total } = progress;
    let phase = match phase {
        RawPhase::Reading(file) => format!("reading {file}"),
        RawPhase::Vocabularies => "counting and numbering ids".to_owned(),
        RawPhase::WritingCommon => "writing common features".to_owned(),
        RawPhase::WritingRows => "writing rows".to_owned(),
    };
    let rate = done as f64 / seconds;
    // Half of the work is reading, half is writing, so a raw byte counts twice.
    format!(
        "{phase}: {:.0}%, {:.0} MB/s, about {:.0} s more",
        100.0 * done as f64 / total as f64,
        rate / 2e6,
        (total - done) as f64 / rate.max(1.0)
    )
}
