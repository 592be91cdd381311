//! The command line: one subcommand for each kind of measurement.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};

/// Measures one thing and prints one JSON object.
#[derive(Parser, Debug)]
#[command(name = "ple-bench")]
pub(crate) struct Options {
    /// Threads; all processors if it is 0.
    #[arg(long, global = true, default_value_t = 0)]
    pub threads: usize,
    /// What to measure.
    #[command(subcommand)]
    pub command: Command,
}

/// What can be measured.
#[derive(Subcommand, Debug)]
pub(crate) enum Command {
    /// One epoch of training.
    Train(Train),
    /// The preparation of raw files.
    Prepare(Prepare),
    /// Predictions of a new model, batch after batch.
    Infer(Infer),
    /// The metrics of a new model on a table.
    Evaluate(Evaluate),
    /// Where a training step's time goes, operation by operation.
    Profile(Profile),
    /// What the machine could do at most: multiply-adds, rows read, rows changed.
    Limits(Limits),
    /// A fixed piece of work, whose time shows whether the machine is disturbed.
    Control,
    /// Writes the rows as raw little-endian files, for programs in other languages.
    Export(Export),
    /// Writes the tutorial's model as ONNX, with weights of torch-rechub's model.
    Graph(Graph),
    /// What runs are said to need of memory, and what they take: twelve configurations.
    Memory(MemoryOfRuns),
}

/// Options of a training run.
#[derive(Args, Debug)]
pub(crate) struct Train {
    /// Which vocabularies.
    #[arg(long, value_enum, default_value = "full")]
    pub vocabulary: Vocabulary,
    /// Which model.
    #[arg(long, value_enum, default_value = "tutorial")]
    pub size: Size,
    /// Which rows of the tables a step changes.
    #[arg(long, value_enum, default_value = "lazy")]
    pub tables: Tables,
    /// Training rows.
    #[arg(long, default_value_t = 1_000_000)]
    pub rows: usize,
    /// Where the rows are.
    #[arg(long, value_enum, default_value = "memory")]
    pub source: Source,
    /// Which features the rows have.
    #[arg(long, value_enum, default_value = "tutorial")]
    pub features: Features,
}

/// Options of a preparation.
#[derive(Args, Debug)]
pub(crate) struct Prepare {
    /// Rows of the training part; a fifth as many of the test part.
    #[arg(long, default_value_t = 800_000)]
    pub rows: usize,
    /// The folder of the raw files, which are made if they are not there.
    #[arg(long)]
    pub raw: PathBuf,
}

/// Options of a profile.
#[derive(Args, Debug)]
pub(crate) struct Profile {
    /// Which vocabularies.
    #[arg(long, value_enum, default_value = "full")]
    pub vocabulary: Vocabulary,
    /// Which model.
    #[arg(long, value_enum, default_value = "tutorial")]
    pub size: Size,
    /// Steps that are measured.
    #[arg(long, default_value_t = 500)]
    pub steps: usize,
}

/// Options of inference.
#[derive(Args, Debug)]
pub(crate) struct Infer {
    /// Rows to a call.
    #[arg(long, default_value_t = 1024)]
    pub batch: usize,
    /// How long to measure.
    #[arg(long, default_value_t = 2.0)]
    pub seconds: f64,
}

/// Options of evaluation.
#[derive(Args, Debug)]
pub(crate) struct Evaluate {
    /// Rows of the table.
    #[arg(long, default_value_t = 1_000_000)]
    pub rows: usize,
}

/// Options of the limits.
#[derive(Args, Debug)]
pub(crate) struct Limits {
    /// Which model's multiply-adds are counted.
    #[arg(long, value_enum, default_value = "tutorial")]
    pub size: Size,
    /// How long to measure each of the three.
    #[arg(long, default_value_t = 1.0)]
    pub seconds: f64,
}

/// Options of the raw files.
#[derive(Args, Debug)]
pub(crate) struct Export {
    /// Which vocabularies.
    #[arg(long, value_enum, default_value = "full")]
    pub vocabulary: Vocabulary,
    /// Rows to write.
    #[arg(long, default_value_t = 1_000_000)]
    pub rows: usize,
    /// The folder, which is made if it is missing.
    #[arg(long)]
    pub out: PathBuf,
}

/// Options of the graph.
#[derive(Args, Debug)]
pub(crate) struct Graph {
    /// The weights, under torch-rechub's names: a safetensors file.
    #[arg(long)]
    pub weights: PathBuf,
    /// The ONNX file.
    #[arg(long)]
    pub out: PathBuf,
}

/// Options of the memory of runs.
#[derive(Args, Debug)]
pub(crate) struct MemoryOfRuns {
    /// One run by its number, in this process; without it each in a process of its own.
    #[arg(long)]
    pub case: Option<usize>,
    /// A folder for the rows of that run.
    #[arg(long, requires = "case")]
    pub folder: Option<PathBuf>,
    /// Make the rows, and nothing else: memory that was used for it is not given back before the process ends.
    #[arg(long, requires = "folder")]
    pub make: bool,
}

/// The sizes of the vocabularies.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Vocabulary {
    /// Ali-CCP's.
    Full,
    /// A thousandth of them, and at least 2.
    Small,
}

/// The sizes of the model.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Size {
    /// One level, experts of 16, towers of 8.
    Tutorial,
    /// Two levels, experts of 256, 128 and 64, towers of 8.
    Paper,
}

/// Where training rows are.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Source {
    /// In a table in memory.
    Memory,
    /// In Parquet shards, which are written before the measurement and read during it.
    Shards,
}

/// The features of training rows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Features {
    /// The tutorial's: one id in each field.
    Tutorial,
    /// All ids and weights of the fields with several: prepared from raw files with 500 common features a user.
    Lists,
}

/// Which rows of the tables a step changes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Tables {
    /// Those that the batch read.
    Lazy,
    /// The numbers of dense Adam, by replay.
    Exact,
    /// All of them.
    Dense,
}

#[cfg(test)]
mod tests {
    use super::Options;
    use clap::{CommandFactory, Parser};

    #[test]
    fn the_command_line_is_sound() {
        Options::command().debug_assert();
    }

    #[test]
    fn threads_stand_before_or_after_the_measurement() {
        let before = Options::try_parse_from(["ple-bench", "--threads", "2", "train"]).unwrap();
        let after = Options::try_parse_from(["ple-bench", "train", "--threads", "2"]).unwrap();
        assert_eq!((before.threads, after.threads), (2, 2));
    }
}
