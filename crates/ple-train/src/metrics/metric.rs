//! The metrics by name: which way is better, which tasks they apply to, and how each is computed.

use std::fmt;
use std::str::FromStr;

use ple_data::TaskType;
use serde::{Deserialize, Serialize};

use super::task_metrics::LabelCounts;
use super::undefined::Undefined;
use super::{log_loss, mae, mse, r2, rmse, roc_auc};
use crate::error::TrainError;

/// A metric, by the name that configurations and reports use.
///
/// # Examples
///
/// ```
/// use ple_train::metrics::{Direction, Metric};
///
/// let metric: Metric = "log_loss".parse().unwrap();
/// assert_eq!(metric, Metric::LogLoss);
/// assert_eq!(metric.direction(), Direction::LowerIsBetter);
/// assert!("logloss".parse::<Metric>().unwrap_err().to_string().contains("did you mean `log_loss`?"));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Metric {
    /// The area under the ROC curve, see [`roc_auc`].
    Auc,
    /// The log loss in nats, see [`log_loss`].
    LogLoss,
    /// The mean squared error, see [`mse`].
    Mse,
    /// The root of the mean squared error, see [`rmse`].
    Rmse,
    /// The mean absolute error, see [`mae`].
    Mae,
    /// The share of the labels' variance that the predictions explain, see [`r2`].
    R2,
}

/// Which way a metric improves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Direction {
    /// As for the AUC.
    HigherIsBetter,
    /// As for losses and errors.
    LowerIsBetter,
}

impl Direction {
    /// Whether the first value is strictly better than the second. NaN is never better than a number, and no number is
    /// better than NaN.
    pub fn is_better(self, value: f64, than: f64) -> bool {
        match self {
            Self::HigherIsBetter => value > than,
            Self::LowerIsBetter => value < than,
        }
    }
}

impl fmt::Display for Direction {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::HigherIsBetter => "higher is better",
            Self::LowerIsBetter => "lower is better",
        })
    }
}

impl Metric {
    /// Every metric.
    pub const ALL: [Self; 6] = [Self::Auc, Self::LogLoss, Self::Mse, Self::Rmse, Self::Mae, Self::R2];

    /// What stands above its column for people to read.
    pub fn heading(self) -> &'static str {
        match self {
            Self::Auc => "AUC",
            Self::LogLoss => "log loss",
            Self::Mse => "MSE",
            Self::Rmse => "RMSE",
            Self::Mae => "MAE",
            Self::R2 => "R2",
        }
    }

    /// The name in configurations and reports.
    pub fn name(self) -> &'static str {
        match self {
            Self::Auc => "auc",
            Self::LogLoss => "log_loss",
            Self::Mse => "mse",
            Self::Rmse => "rmse",
            Self::Mae => "mae",
            Self::R2 => "r2",
        }
    }

    /// Which way it improves.
    pub fn direction(self) -> Direction {
        match self {
            Self::Auc | Self::R2 => Direction::HigherIsBetter,
            Self::LogLoss | Self::Mse | Self::Rmse | Self::Mae => Direction::LowerIsBetter,
        }
    }

    /// The metrics of a type of task, the primary one first.
    pub fn of(task: TaskType) -> &'static [Self] {
        match task {
            TaskType::Classification => &[Self::Auc, Self::LogLoss],
            TaskType::Regression => &[Self::Mse, Self::Rmse, Self::Mae, Self::R2],
        }
    }

    /// The metric that a type of task is judged by unless another is named: AUC, or the mean squared error.
    pub fn primary(task: TaskType) -> Self {
        match task {
            TaskType::Classification => Self::Auc,
            TaskType::Regression => Self::Mse,
        }
    }

    /// The metric that is also the task's training loss: the log loss, or the mean squared error.
    pub fn loss(task: TaskType) -> Self {
        match task {
            TaskType::Classification => Self::LogLoss,
            TaskType::Regression => Self::Mse,
        }
    }

    /// Computes it from the model's outputs: logits for a classification, predictions for a regression.
    ///
    /// # Errors
    ///
    /// The reason for which it has no value on these rows.
    ///
    /// # Panics
    ///
    /// If the lengths differ, or a weight is negative.
    pub fn compute(self, outputs: &[f32], labels: &[f32], weights: Option<&[f32]>) -> Result<f64, Undefined> {
        match self {
            Self::Auc => roc_auc(outputs, labels, weights),
            Self::LogLoss => log_loss(outputs, labels, weights),
            Self::Mse => mse(outputs, labels, weights),
            Self::Rmse => rmse(outputs, labels, weights),
            Self::Mae => mae(outputs, labels, weights),
            Self::R2 => r2(outputs, labels, weights),
        }
    }

    /// Whether it will have a value on rows with these labels, whatever a model predicts: what can be known of a
    /// validation set before training.
    ///
    /// # Errors
    ///
    /// The reason for which it cannot have one.
    pub fn check_labels(self, counts: LabelCounts) -> Result<(), Undefined> {
        match self {
            _ if counts.rows == 0 => Err(Undefined::NoRows),
            Self::Auc if counts.positives == Some(0) => Err(Undefined::NoPositives),
            Self::Auc if counts.positives == Some(counts.rows) => Err(Undefined::NoNegatives),
            _ => Ok(()),
        }
    }
}

impl fmt::Display for Metric {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

impl FromStr for Metric {
    type Err = TrainError;

    /// Reads a name.
    ///
    /// # Errors
    ///
    /// [`TrainError::UnknownMetric`] with the nearest name and all known ones.
    fn from_str(name: &str) -> Result<Self, TrainError> {
        Self::ALL
            .into_iter()
            .find(|metric| metric.name() == name)
            .ok_or_else(|| TrainError::UnknownMetric { found: name.to_owned() })
    }
}

#[cfg(test)]
mod tests {
    use super::{LabelCounts, Metric, TaskType, Undefined};

    #[test]
    fn names_go_both_ways_and_equal_those_of_serde() {
        for metric in Metric::ALL {
            assert_eq!(metric.name().parse::<Metric>().unwrap(), metric);
            assert_eq!(serde_json::to_value(metric).unwrap(), metric.name());
        }
    }

    #[test]
    fn the_primary_metric_and_the_loss_belong_to_the_task() {
        for task in [TaskType::Classification, TaskType::Regression] {
            assert_eq!(Metric::of(task)[0], Metric::primary(task));
            assert!(Metric::of(task).contains(&Metric::loss(task)));
        }
    }

    #[test]
    fn labels_alone_tell_what_will_be_undefined() {
        let check = |metric: Metric, rows, positives| {
            metric.check_labels(LabelCounts { rows, positives: Some(positives), ..LabelCounts::default() })
        };
        assert_eq!(check(Metric::Auc, 10, 0), Err(Undefined::NoPositives));
        assert_eq!(check(Metric::Auc, 10, 10), Err(Undefined::NoNegatives));
        assert_eq!(check(Metric::Auc, 10, 3), Ok(()));
        assert_eq!(check(Metric::Mse, 10, 0), Ok(()));
        assert_eq!(check(Metric::LogLoss, 0, 0), Err(Undefined::NoRows));
    }
}
