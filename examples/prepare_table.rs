//! Makes Parquet shards, with numbers instead of raw ids, of any CSV or Parquet files.
//!
//! `cargo xtask data prepare --data PATH... --features FILE --out DIR`

#[path = "run/preparation.rs"]
mod preparation;
#[path = "run/program/mod.rs"]
mod program;
#[path = "run/progress.rs"]
mod progress;

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Args, Parser};
use ple_data::prepare::{
    BadRows, FeatureFile, Fitting, PrepareConfig, PreparePhase, PrepareProgress, PreparedTable, TableInput,
    TrainOrder, prepare_table,
};
use ple_data::{DataError, MemoryRoom, local_files};
use ple_files::Outputs;
use preparation::{BadRowsChoice, Preparation};
use program::failure::Failure;
use program::{Program, console};
use progress::Progress;

/// Prepares tables with raw ids: counts, numbers, scales, splits, and remembers how for new rows.
#[derive(Parser)]
#[command(
    name = "cargo xtask data prepare",
    after_help = "Examples:\n  cargo xtask data prepare --data log.csv --features features.toml --out prepared\n  cargo xtask data prepare --data day-2/ --extend prepared/schema.json --out prepared-2"
)]
struct Arguments {
    /// CSV or Parquet files, folders or patterns. Names that say train, val or test decide on the part.
    #[arg(
        long,
        num_args = 1..,
        required_unless_present_any = ["train", "val", "test"],
        conflicts_with_all = ["train", "val", "test"]
    )]
    data: Vec<PathBuf>,
    /// Files for training, whatever they are called. Needed where something is fitted, so not with --with.
    #[arg(long, num_args = 1.., required_unless_present_any = ["data", "with"])]
    train: Vec<PathBuf>,
    /// Files for validation, whatever they are called.
    #[arg(long, num_args = 1..)]
    val: Vec<PathBuf>,
    /// Files for test, whatever they are called.
    #[arg(long, num_args = 1..)]
    test: Vec<PathBuf>,
    #[command(flatten)]
    fitting: FittingOptions,
    /// Keep training rows in the order of the files. They are shuffled as a whole if not given.
    #[arg(long)]
    keep_order: bool,
    /// Decides on the order of the training rows.
    #[arg(long, default_value_t = 2020, conflicts_with = "keep_order")]
    seed: u64,
    /// The folder to make. It must not exist yet, or be empty.
    #[arg(long)]
    out: PathBuf,
    /// The most memory that the distinct ids may take, as in 8GB or 500MB; what the machine has without it.
    #[arg(long, value_name = "SIZE")]
    memory: Option<MemoryRoom>,
    #[command(flatten)]
    preparation: Preparation,
}

#[derive(Args)]
#[group(required = true, multiple = false)]
struct FittingOptions {
    /// A feature file (TOML): vocabularies and scalers are fitted to the training rows.
    #[arg(long)]
    features: Option<PathBuf>,
    /// The schema.json of prepared data: its vocabularies and scalers are applied as they are.
    #[arg(long)]
    with: Option<PathBuf>,
    /// The same, but ids that are new and frequent enough get numbers after the known ones.
    #[arg(long)]
    extend: Option<PathBuf>,
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
    let bad_rows = match arguments.preparation.bad_rows {
        BadRowsChoice::Fail => BadRows::Fail,
        BadRowsChoice::Skip => BadRows::Skip { limit: arguments.preparation.max_bad_rows },
    };
    let order = match arguments.keep_order {
        true => TrainOrder::AsInFiles,
        false => TrainOrder::Shuffled { seed: arguments.seed },
    };
    let memory = arguments.memory.unwrap_or_else(MemoryRoom::of_machine);
    let config = PrepareConfig { order, bad_rows, memory, ..PrepareConfig::default() };
    let FittingOptions { features, with, extend } = &arguments.fitting;
    let Arguments { data, train, val, test, out, .. } = arguments;
    let tables = [data, train, val, test].into_iter().flatten().chain(with).chain(extend);
    let inputs = tables.flat_map(|path| local_files(path));
    Outputs::new().new_folder(out, "--out").inputs(features).inputs(inputs).check()?;
    let input = match arguments.data.is_empty() {
        true => TableInput::of_parts(&arguments.train, &arguments.val, &arguments.test)?,
        false => TableInput::find(&arguments.data)?,
    };
    let features = features.as_ref().map(FeatureFile::read).transpose()?;
    let earlier = with.as_ref().or(extend.as_ref());
    let earlier = earlier.map(|path| PreparedTable::open(path)?.transformation()).transpose()?;
    let fitting = match (&features, &earlier, extend) {
        (Some(features), _, _) => Fitting::New(features),
        (None, Some(earlier), None) => Fitting::Apply(earlier),
        (None, Some(earlier), Some(_)) => Fitting::Extend(earlier),
        (None, None, _) => unreachable!("one of the three options is required"),
    };

    let passes = if matches!(fitting, Fitting::Apply(_)) { 1.0 } else { 2.0 };
    let passes = passes + if arguments.keep_order { 0.0 } else { 1.0 };
    let lines = Progress::new();
    let observe = |progress: PrepareProgress| lines.show(|| line(progress, passes, lines.seconds()));
    let summary = prepare_table(&input, fitting, &arguments.out, &config, &observe);
    lines.end();
    let summary = summary?;
    console::say(summary.to_string().trim_end_matches('\n'));
    let (megabytes, seconds) = (summary.bytes as f64 / 1e6, lines.seconds());
    console::say(format_args!(
        "{megabytes:.1} MB in {seconds:.1} s ({:.0} MB/s) into {}",
        megabytes / seconds,
        arguments.out.display()
    ));
    Ok(())
}

/// What progress says; each byte is read in so many passes.
fn line(progress: PrepareProgress, passes: f64, seconds: f64) -> String {
    let PrepareProgress { phase, done, total, rows } = progress;
    let phase = match phase {
        PreparePhase::Fitting => "counting ids".to_owned(),
        PreparePhase::Writing if rows == 0 => "encoding rows".to_owned(),
        PreparePhase::Writing | PreparePhase::Shuffling => format!("writing rows, {rows} so far"),
    };
    let rate = done as f64 / seconds;
    format!(
        "{phase}: {:.0}%, {:.0} MB/s, about {:.0} s more",
        100.0 * done as f64 / total.max(1) as f64,
        rate / passes / 1e6,
        (total - done) as f64 / rate.max(1.0)
    )
}
