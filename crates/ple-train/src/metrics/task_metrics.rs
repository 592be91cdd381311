//! Everything that an evaluation says of one task, ready for a report, a checkpoint or early stopping.

use std::borrow::Borrow;
use std::collections::BTreeMap;
use std::fmt;

use ple_data::TaskType;
use serde::{Deserialize, Serialize};

use super::computed::{Computed, GroupCounts};
use super::metric::Metric;
use super::rows::Rows;
use super::served::ServedMetrics;
use super::undefined::Undefined;
use super::weighted_mean::weighted_mean;

/// The rows of a set that belong to a task, and what their labels are like: how many of a classification are positive,
/// or how those of a regression are spread.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct LabelCounts {
    /// Rows whose weight is not 0.
    pub rows: usize,
    /// Those of them with a label of at least 0.5; none of a regression, whose labels are neither positive nor negative.
    pub positives: Option<usize>,
    /// How the labels of a regression are spread; none of a classification, and none without rows.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub spread: Option<LabelSpread>,
}

/// Where the labels of a regression lie, each counted by its row's weight.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct LabelSpread {
    /// Their mean, `m = sum w y / sum w`.
    pub mean: f64,
    /// Their standard deviation, the root of `sum w (y - m)^2 / sum w`: the RMSE of the mean as every prediction.
    pub deviation: f64,
}

impl LabelCounts {
    /// Counts the rows of one task.
    ///
    /// # Panics
    ///
    /// If the lengths differ, or the weight of a regression's row is negative.
    pub fn of(task_type: TaskType, labels: &[f32], weights: Option<&[f32]>) -> Self {
        if let Some(weights) = weights {
            assert_eq!(labels.len(), weights.len(), "LabelCounts: one weight for each label");
        }
        let inside = |row: &usize| weights.is_none_or(|weights| weights[*row] != 0.0);
        let rows = (0..labels.len()).filter(inside);
        match task_type {
            TaskType::Classification => {
                let (mut n_rows, mut positives) = (0, 0);
                rows.for_each(|row| {
                    n_rows += 1;
                    positives += usize::from(labels[row] >= 0.5);
                });
                Self { rows: n_rows, positives: Some(positives), spread: None }
            }
            TaskType::Regression => {
                Self { rows: rows.count(), positives: None, spread: LabelSpread::of(labels, weights) }
            }
        }
    }
}

impl LabelSpread {
    fn of(labels: &[f32], weights: Option<&[f32]>) -> Option<Self> {
        let mean = weighted_mean(labels, labels, weights, |_, label| label).ok()?;
        let variance = weighted_mean(labels, labels, weights, |_, label| (label - mean).powi(2)).ok()?;
        Some(Self { mean, deviation: variance.sqrt() })
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

/// Four decimals by default, in powers of ten where that would be all zeros or more than nine digits; or a dash and the
/// reason.
impl fmt::Display for Measured {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let decimals = f.precision().unwrap_or(4);
        match self {
            Self::Value(value) if *value != 0.0 && !(5e-5..1e9).contains(&value.abs()) => {
                write!(f, "{value:.decimals$e}")
            }
            Self::Value(value) => write!(f, "{value:.decimals$}"),
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
/// assert_eq!((click.counts.rows, click.counts.positives), (3, Some(2)));
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
    /// The rows that were counted, and their labels.
    pub counts: LabelCounts,
    /// The metrics that it was judged by; those of a classification are taken of its logits.
    pub values: BTreeMap<Metric, Measured>,
    /// The groups of those metrics that are taken in groups.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub groups: BTreeMap<Metric, GroupCounts>,
    /// Those of the probabilities that are served, where they are others.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub served: Option<ServedMetrics>,
}

impl TaskMetrics {
    /// Computes the metrics that every task of the type has from the model's outputs: logits for a classification, predictions
    /// for a regression. Rows of weight 0 are outside of the task.
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
        let rows = Rows { outputs, labels, weights, groups: None };
        Self::of(task, task_type, &rows, Metric::of(task_type), &BTreeMap::new())
    }

    /// Computes the metrics that are named. `groups` has the rows' groups by each [column](Metric::column) that one of them
    /// declares; those of `rows` are not looked at.
    ///
    /// # Panics
    ///
    /// As [`TaskMetrics::compute`], and if the groups by a column are missing.
    pub fn of(
        task: &str,
        task_type: TaskType,
        rows: &Rows<'_>,
        metrics: &[Metric],
        groups: &BTreeMap<String, Vec<u32>>,
    ) -> Self {
        let Rows { labels, weights, .. } = *rows;
        let of_metric = |metric: &Metric| metric.column().map(|column| &groups[column][..]);
        let (mut values, mut counts_of_groups) = (BTreeMap::new(), BTreeMap::new());
        for metric in metrics {
            let Computed { value, groups } = metric.compute(&Rows { groups: of_metric(metric), ..*rows });
            values.insert(metric.clone(), Measured::from(value));
            counts_of_groups.extend(groups.map(|groups| (metric.clone(), groups)));
        }
        let served = match task_type {
            TaskType::Classification => ServedMetrics::of(rows, &values, of_metric),
            TaskType::Regression => None,
        };
        Self {
            task: task.to_owned(),
            task_type,
            counts: LabelCounts::of(task_type, labels, weights),
            values,
            groups: counts_of_groups,
            served,
        }
    }

    /// A metric of this task, or `None` if it was not judged by it.
    pub fn get(&self, metric: impl Borrow<Metric>) -> Option<Measured> {
        self.values.get(metric.borrow()).copied()
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
    use super::{LabelCounts, LabelSpread, Measured, Metric, TaskMetrics, TaskType, Undefined};

    fn classification() -> TaskMetrics {
        TaskMetrics::compute("click", TaskType::Classification, &[0.0, 0.0], &[0.0, 0.0], None)
    }

    #[test]
    fn rows_outside_of_the_task_are_not_counted() {
        let (labels, weights) = ([1.0, 1.0, 0.0], Some(&[0.0, 2.0, 1.0][..]));
        let counts = LabelCounts::of(TaskType::Classification, &labels, weights);
        assert_eq!(counts, LabelCounts { rows: 2, positives: Some(1), spread: None });
    }

    #[test]
    fn the_labels_of_a_regression_have_a_spread_and_no_positives() {
        let (labels, weights) = ([9.0, 1.0, 4.0], Some(&[0.0, 2.0, 1.0][..]));
        let counts = LabelCounts::of(TaskType::Regression, &labels, weights);
        let spread = LabelSpread { mean: 2.0, deviation: 2.0_f64.sqrt() };
        assert_eq!(counts, LabelCounts { rows: 2, positives: None, spread: Some(spread) });
        assert_eq!(LabelCounts::of(TaskType::Regression, &[], None), LabelCounts::default());
    }

    /// Checkpoints of before have no spread.
    #[test]
    fn counts_are_read_as_they_were_written_before() {
        let counts: LabelCounts = serde_json::from_str(r#"{"rows": 3, "positives": 1}"#).unwrap();
        assert_eq!(counts, LabelCounts { rows: 3, positives: Some(1), spread: None });
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
        assert_eq!(Measured::Value(-1.5e30).to_string(), "-1.5000e30");
        assert_eq!(Measured::Value(1e-320).to_string(), "9.9999e-321");
        assert_eq!(Measured::Value(0.0).to_string(), "0.0000");
        assert_eq!(Measured::Undefined(Undefined::NoRows).to_string(), "– (the task has no row)");
        assert_eq!(Measured::from(Ok(f64::NAN)), Measured::Undefined(Undefined::NotFinite));
    }
}
