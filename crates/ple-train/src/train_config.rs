//! A run as it is written in a configuration.

use std::collections::BTreeMap;

use ple_nn::ModelConfig;
use serde::{Deserialize, Serialize};

use crate::balance::Balance;
use crate::early_stopping::EarlyStopping;
use crate::error::TrainError;
use crate::losses::Loss;
use crate::metrics::Metric;
use crate::optimizer::OptimizerConfig;

/// The settings of a training run. The defaults are the tutorial's.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct TrainConfig {
    /// The largest number of passes over the training rows.
    pub epochs: u64,
    /// Rows to a step.
    pub batch_size: usize,
    /// The seed that every random choice derives from.
    pub seed: u64,
    /// The optimiser.
    pub optimizer: OptimizerConfig,
    /// The losses of tasks where they are not the [default of the link](Loss::of), by the names of the tasks.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub losses: BTreeMap<String, Loss>,
    /// Metrics that evaluations give of tasks besides those of every task of their type, by the names of the tasks.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub metrics: BTreeMap<String, Vec<Metric>>,
    /// How the losses of several tasks become one.
    pub balance: Balance,
    /// When to stop before the last epoch, where there is validation data.
    pub early_stopping: EarlyStopping,
    /// When to evaluate, to decide on stopping, and to save a checkpoint.
    pub evaluate_every: Every,
}

/// A distance between two evaluations.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Every {
    /// At the end of each epoch.
    #[default]
    Epoch,
    /// After so many steps, and at the end of the run.
    Steps(u64),
}

impl Default for TrainConfig {
    fn default() -> Self {
        Self {
            epochs: 5,
            batch_size: 1024,
            seed: 2020,
            optimizer: OptimizerConfig::default(),
            losses: BTreeMap::new(),
            metrics: BTreeMap::new(),
            balance: Balance::default(),
            early_stopping: EarlyStopping::new(5),
            evaluate_every: Every::Epoch,
        }
    }
}

impl TrainConfig {
    /// Gives the tasks whose losses are named here the links of these losses, unless the model's settings name one.
    pub fn set_links(&self, model: &mut ModelConfig) {
        for (task, loss) in &self.losses {
            model.heads.entry(task.clone()).or_default().link.get_or_insert(loss.link());
        }
    }

    /// Checks the settings that need no data.
    ///
    /// # Errors
    /// [`TrainError::Setting`] with the first impossible one.
    pub fn check(&self) -> Result<(), TrainError> {
        let at_least = |setting: &str, value: u64, least: u64| match value >= least {
            true => Ok(()),
            false => Err(TrainError::Setting {
                setting: setting.to_owned(),
                found: value.to_string(),
                expected: format!("at least {least}"),
            }),
        };
        at_least("epochs", self.epochs, 1)?;
        // Batch norm has no variance of one row.
        at_least("batch_size", self.batch_size as u64, 2)?;
        if let Every::Steps(steps) = self.evaluate_every {
            at_least("evaluate_every: steps", steps, 1)?;
        }
        self.optimizer.check()
    }
}
