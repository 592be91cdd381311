//! The options of the training examples.

use std::path::{Path, PathBuf};
use std::time::Duration;

use clap::builder::{PossibleValue, TypedValueParser};
use clap::{Args, ValueEnum};
use ple_data::MemoryRoom;
use ple_nn::{Architecture, MlpConfig, ModelConfig, ModelName};
use ple_onnx::Precision;
use ple_train::metrics::Metric;
use ple_train::{Balance, Loss, SaveEvery, TableUpdates, TrainConfig, TrainError};

use super::optimizer_options::OptimizerOptions;
use super::settings::read_settings;
use crate::program::failure::Failure;
use crate::program::interrupts;

/// Options that every training example takes.
#[derive(Args, Clone, Debug)]
pub(crate) struct RunOptions {
    /// The model; ple without it.
    #[arg(long, value_parser = ModelNames)]
    pub model: Option<String>,
    /// The largest number of epochs.
    #[arg(long)]
    pub epochs: Option<u64>,
    /// Rows to a step.
    #[arg(long)]
    pub batch_size: Option<usize>,
    /// The seed of every random choice.
    #[arg(long)]
    pub seed: Option<u64>,
    #[command(flatten)]
    pub optimizer: OptimizerOptions,
    /// Which rows of the embedding tables a step changes.
    #[arg(long, value_enum)]
    pub tables: Option<TablesName>,
    /// How the losses of the tasks become one step: mean, uwl, pcgrad, mgda or grad_norm; those with settings of their own
    /// stand in a settings file, see docs/tutorial.md.
    #[arg(long, value_parser = parse_balance)]
    pub balance: Option<Balance>,
    /// The loss of a task, as in minutes=huber@2, and with it the link of its predictions: see docs/tutorial.md. May be given
    /// for several tasks.
    #[arg(long, value_name = "TASK=LOSS", value_parser = parse_loss)]
    pub loss: Vec<(String, Loss)>,
    /// A further metric of a task, as in click=ece@20: see docs/tutorial.md. May be given several times.
    #[arg(long, value_name = "TASK=METRIC", value_parser = parse_metric)]
    pub metric: Vec<(String, Metric)>,
    /// A JSON file with any of the settings of model and training, as `{"model": {...}, "training": {...}}`.
    #[arg(long)]
    pub settings: Option<PathBuf>,
    /// Threads; all processors without it. The result does not depend on it.
    #[arg(long)]
    pub threads: Option<usize>,
    /// The most memory that the run may take, as in 8GB or 500MB; what the machine has without it. A run that needs more is
    /// refused before it starts.
    #[arg(long, value_name = "SIZE")]
    pub memory: Option<MemoryRoom>,
    /// The folder for the trained model.
    #[arg(long)]
    pub out: Option<PathBuf>,
    /// Go on from the newest checkpoint in OUT/checkpoints, to the bytes of a run that was never stopped.
    #[arg(long)]
    pub resume: bool,
    /// Begin anew where the checkpoints in OUT are of a run that is not over; they are removed.
    #[arg(long, conflicts_with = "resume")]
    pub overwrite: bool,
    /// Save a checkpoint every so many steps (500), seconds (30s) or minutes (10m) too, not after evaluations alone.
    #[arg(long, value_parser = parse_save_every)]
    pub checkpoint_every: Option<SaveEvery>,
    /// How exactly model.onnx keeps tables and weights: f32, f16 or int8.
    #[arg(long, default_value_t = Precision::F32)]
    pub precision: Precision,
    /// A Parquet file for the test rows' predictions.
    #[arg(long)]
    pub predictions: Option<PathBuf>,
    /// Print the result as one JSON object, in the last line of standard output.
    #[arg(long)]
    pub json: bool,
}

impl RunOptions {
    /// The model of the name that was given, with experts (or a bottom) and towers of the given form.
    pub(crate) fn model(&self, expert: MlpConfig, tower: MlpConfig) -> Result<ModelConfig, Failure> {
        let name = self.model.as_deref().unwrap_or("ple");
        let architecture = Architecture::named(name, expert, tower).map_err(TrainError::from)?;
        Ok(ModelConfig { architecture, ..ModelConfig::default() })
    }

    /// The defaults of a program, changed by the settings file and then by the options.
    pub(crate) fn apply(
        &self,
        model: ModelConfig,
        training: TrainConfig,
    ) -> Result<(ModelConfig, TrainConfig), Failure> {
        let training = self.optimizer.choose(training);
        let (mut model, mut training) = match &self.settings {
            Some(path) => read_settings(path, model, training)?,
            None => (model, training),
        };
        training.epochs = self.epochs.unwrap_or(training.epochs);
        training.batch_size = self.batch_size.unwrap_or(training.batch_size);
        training.seed = self.seed.unwrap_or(training.seed);
        self.optimizer.apply(&mut training.optimizer)?;
        if let Some(tables) = self.tables {
            training.optimizer.tables = tables.into();
        }
        if let Some(balance) = &self.balance {
            training.balance = balance.clone();
        }
        training.losses.extend(self.loss.iter().cloned());
        for (task, metric) in &self.metric {
            let of_task = training.metrics.entry(task.clone()).or_default();
            if !of_task.contains(metric) {
                of_task.push(metric.clone());
            }
        }
        training.set_links(&mut model);
        training.check()?;
        Ok((model, training))
    }

    /// What a signal leaves before the first step.
    pub(crate) fn kept_before_training(&self, out: &Path) -> String {
        match self.resume {
            false => "before the first step; nothing was saved".to_owned(),
            true => format!(
                "before the first step; the checkpoints in {} are as they were\nnext: {}",
                out.join("checkpoints").display(),
                interrupts::command_to_go_on()
            ),
        }
    }

    /// What the run may take.
    pub(crate) fn room(&self) -> MemoryRoom {
        self.memory.unwrap_or_else(MemoryRoom::of_machine)
    }

    /// The folder for the trained model.
    pub(crate) fn out(&self, program: &str) -> PathBuf {
        self.out.clone().unwrap_or_else(|| Path::new("target").join(program))
    }
}

/// Reads the name of a model: `--help` lists them, and a name that is none of theirs is answered with the nearest.
#[derive(Clone)]
struct ModelNames;

impl TypedValueParser for ModelNames {
    type Value = String;

    fn parse_ref(
        &self,
        command: &clap::Command,
        argument: Option<&clap::Arg>,
        value: &std::ffi::OsStr,
    ) -> Result<String, clap::Error> {
        let name = |name: &str| {
            let none = || MlpConfig::new([]);
            Architecture::named(name, none(), none()).map(|_| name.to_owned())
        };
        name.parse_ref(command, argument, value)
    }

    fn possible_values(&self) -> Option<Box<dyn Iterator<Item = PossibleValue> + '_>> {
        let value = |model: ModelName| PossibleValue::new(model.name).help(model.what);
        Some(Box::new(Architecture::known().into_iter().map(value)))
    }
}

/// Steps, seconds or minutes between two checkpoints.
fn parse_save_every(text: &str) -> Result<SaveEvery, String> {
    let (number, unit) = text.split_at(text.trim_end_matches(['s', 'm']).len());
    match (number.parse::<u64>(), unit) {
        (Ok(0), _) | (Err(_), _) => {
            Err("expected a number of steps, or of seconds or minutes as in 30s or 10m".to_owned())
        }
        (Ok(steps), "") => Ok(SaveEvery::Steps(steps)),
        (Ok(seconds), "s") => Ok(SaveEvery::Time(Duration::from_secs(seconds))),
        (Ok(minutes), "m") => Ok(SaveEvery::Time(Duration::from_secs(minutes.saturating_mul(60)))),
        (Ok(_), unit) => Err(format!("`{unit}` is no unit of time here; expected s or m")),
    }
}

/// A balancing strategy by name.
fn parse_balance(text: &str) -> Result<Balance, String> {
    text.parse().map_err(|error: TrainError| error.to_string())
}

/// A task and its loss.
fn parse_loss(text: &str) -> Result<(String, Loss), String> {
    let (task, loss) =
        text.split_once('=').ok_or("expected a task and a loss, as in minutes=huber@2".to_owned())?;
    let loss = loss.parse::<Loss>().map_err(|error| error.to_string())?;
    Ok((task.to_owned(), loss))
}

/// A task and a metric.
fn parse_metric(text: &str) -> Result<(String, Metric), String> {
    let (task, metric) =
        text.split_once('=').ok_or("expected a task and a metric, as in click=ece@20".to_owned())?;
    let metric = metric.parse::<Metric>().map_err(|error| error.to_string())?;
    Ok((task.to_owned(), metric))
}

/// The updates of embedding tables by name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum TablesName {
    /// The rows that the batch read.
    Lazy,
    /// The numbers of dense updates, by replay of the steps that a row missed.
    Exact,
    /// Every row at every step.
    Dense,
}

impl From<TablesName> for TableUpdates {
    fn from(name: TablesName) -> Self {
        match name {
            TablesName::Lazy => TableUpdates::Lazy,
            TablesName::Exact => TableUpdates::Exact,
            TablesName::Dense => TableUpdates::Dense,
        }
    }
}
