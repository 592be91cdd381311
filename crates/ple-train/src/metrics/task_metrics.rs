//! Everything that an evaluation says of one task, ready for a report, a checkpoint or early stopping.

use std::collections::BTreeMap;
use std::fmt;

use ple_data::TaskType;
use serde::{Deserialize, Serialize};

use super::metric::Metric;
use super::undefined::Undefined;

/// How many rows of a set belong to a task, and how many of those are positive.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct LabelCounts {
    /// Rows whose weight is not 0.
    pub rows: usize,
    /// Those of them with a label of at least 0.5; of no meaning for a regression.
    pub positives: usize,
}

impl LabelCounts {
    /// Counts the rows of one task.
    ///
    /// # Panics
    ///
    /// If the lengths differ.
    pub fn of(labels: &[f32], weights: Option<&[f32]>) -> Self {
        if let Some(weights) = weights {
            assert_eq!(labels.len(), weights.len(), "LabelCounts: one weight for each label");
        }
        let mut counts = Self::default();
        for (row, label) in labels.iter().enumerate() {
            if weights.is_none_or(|weights| weights[row] != 0.0) {
                counts.rows += 1;
                counts.positives += usize::from(*label >= 0.5);
            }
        }
        counts
    }
}

/// A metric's value, or the reason for which it has none. In JSON: a number, or the name of the reason.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Measured {
    /// A finite value.
    Value(f64),
    /// No value.
    Undefined(Undefined),
}

impl Measured {
    /// The value, where there is one.
    pub fn value(self) -> Option<f64> {
        match self {
            Self::Value(value) => Some(value),
            Self::Undefined(_) => None,
        }
    }
}

impl From<Result<f64, Undefined>> for Measured {
    fn from(result: Result<f64, Undefined>) -> Self {
        match result {
            Ok(value) if value.is_finite() => Self::Value(value),
            Ok(_) => Self::Undefined(Undefined::NotFinite),
            Err(reason) => Self::Undefined(reason),
        }
    }
}

/// Four decimals by default, or a dash and the reason.
impl fmt::Display for Measured {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Value(value) => write!(f, "{value:.*}", f.precision().unwrap_or(4)),
            Self::Undefined(reason) => write!(f, "– ({reason})"),
        }
    }
}

/// What an evaluation says of one task.
///
/// # Examples
///
/// ```
/// use ple_data::TaskType;
/// use ple_train::metrics::{Measured, Metric, TaskMetrics, Undefined};
///
/// let logits = [-2.0, 0.5, 1.0];
/// let click = TaskMetrics::compute("click", TaskType::Classification, &logits, &[0.0, 1.0, 1.0], None);
/// assert_eq!(click.get(Metric::Auc), Some(Measured::Value(1.0)));
/// assert_eq!((click.counts.rows, click.counts.positives), (3, 2));
///
/// // Conversions are judged over clicks alone, and here all of those are conversions.
/// let weights = Some(&[0.0, 1.0, 1.0][..]);
/// let conversion = TaskMetrics::compute("conversion", TaskType::Classification, &logits, &[0.0, 1.0, 1.0], weights);
/// assert_eq!(conversion.get(Metric::Auc), Some(Measured::Undefined(Undefined::NoNegatives)));
/// ```
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TaskMetrics {
    /// The name of the task.
    pub task: String,
    /// Its type, which decides the metrics that it has.
    pub task_type: TaskType,
    /// The rows and positives that were counted.
    pub counts: LabelCounts,
    /// The metrics of this type of task.
    pub values: BTreeMap<Metric, Measured>,
}

impl TaskMetrics {
    /// Computes every metric of the task from the model's outputs: logits for a classification, predictions for a
    /// regression. Rows of weight 0 are outside of the task.
    ///
    /// # Panics
    ///
    /// If the lengths differ, or a weight is negative.
    pub fn compute(
        task: &str,
        task_type: TaskType,
        outputs: &[f32],
        labels: &[f32],
        weights: Option<&[f32]>,
    ) -> Self {
        let metrics = Metric::of(task_type).iter();
        let values =
            metrics.map(|metric| (*metric, metric.compute(outputs, labels, weights).into())).collect();
        Self { task: task.to_owned(), task_type, counts: LabelCounts::of(labels, weights), values }
    }

    /// A metric of this task, or `None` if the metric does not apply to its type.
    pub fn get(&self, metric: Metric) -> Option<Measured> {
        self.values.get(&metric).copied()
    }

    /// The task's loss on these rows: its log loss, or its mean squared error.
    pub fn loss(&self) -> Measured {
        self.of_its_type(Metric::loss(self.task_type))
    }

    /// What the task is judged by: its AUC, or its mean squared error.
    pub fn primary(&self) -> Measured {
        self.of_its_type(Metric::primary(self.task_type))
    }

    fn of_its_type(&self, metric: Metric) -> Measured {
        self.get(metric).unwrap_or(Measured::Undefined(Undefined::NoRows))
    }
}

#[cfg(test)]
mod tests {
    use super::{LabelCounts, Measured, Metric, TaskMetrics, TaskType, Undefined};

    fn classification() -> TaskMetrics {
        TaskMetrics::compute("click", TaskType::Classification, &[0.0, 0.0], &[0.0, 0.0], None)
    }

    #[test]
    fn rows_outside_of_the_task_are_not_counted() {
        let counts = LabelCounts::of(&[1.0, 1.0, 0.0], Some(&[0.0, 2.0, 1.0]));
        assert_eq!(counts, LabelCounts { rows: 2, positives: 1 });
    }

    #[test]
    fn a_task_has_the_metrics_of_its_type() {
        let task = TaskMetrics::compute("price", TaskType::Regression, &[1.0, 2.0], &[1.0, 4.0], None);
        assert_eq!(task.loss(), Measured::Value(2.0));
        assert_eq!(task.get(Metric::Auc), None);
        assert_eq!(classification().primary(), Measured::Undefined(Undefined::NoPositives));
        assert_eq!(classification().loss(), Measured::Value(2.0_f64.ln()));
    }

    #[test]
    fn json_keeps_the_reason() {
        let json = serde_json::to_string(&classification()).unwrap();
        assert!(json.contains(r#""auc":"no_positives""#), "{json}");
        assert_eq!(serde_json::from_str::<TaskMetrics>(&json).unwrap(), classification());
    }

    #[test]
    fn a_value_prints_as_itself_and_a_missing_one_as_its_reason() {
        assert_eq!(Measured::Value(0.61124).to_string(), "0.6112");
        assert_eq!(format!("{:.2}", Measured::Value(0.61124)), "0.61");
        assert_eq!(Measured::Undefined(Undefined::NoRows).to_string(), "– (the task has no row)");
        assert_eq!(Measured::from(Ok(f64::NAN)), Measured::Undefined(Undefined::NotFinite));
    }
}
