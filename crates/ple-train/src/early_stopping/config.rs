//! The configuration of early stopping, as it is written, and its check against the tasks of a run.

use ple_data::TaskType;
use serde::{Deserialize, Serialize};

use super::stopper::{EarlyStopper, Score};
use super::watched::WatchedMetric;
use crate::error::TrainError;
use crate::metrics::Metric;

/// When to stop, as it is written in a configuration.
///
/// # Examples
///
/// ```
/// use ple_data::TaskType::Classification;
/// use ple_train::early_stopping::EarlyStopping;
///
/// let tasks = [("click".to_owned(), Classification), ("conversion".to_owned(), Classification)];
/// let stopper = EarlyStopping::new(5).resolve(&tasks).unwrap();
/// assert_eq!(
///     stopper.describe(),
///     "stops when none of click.auc, conversion.auc (validation, higher is better) has improved for 5 evaluations"
/// );
/// assert_eq!(stopper.describe_choice(), "keeps the evaluation with the best mean of click.auc, conversion.auc");
///
/// let typo: EarlyStopping = serde_json::from_str(r#"{"patience": 3, "watch": {"each": ["click.acu"]}}"#).unwrap();
/// assert!(typo.resolve(&tasks).unwrap_err().to_string().ends_with("did you mean `auc`?"));
/// ```
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct EarlyStopping {
    /// The number of evaluations without any improvement after which the run stops; at least 1.
    pub patience: usize,
    /// What has to improve.
    #[serde(default)]
    pub watch: Watch,
    /// The watched metric that alone chooses the best evaluation, as `TASK.METRIC`. Without it their mean chooses, or, where
    /// they are of different kinds, the mean over their tasks of 1 - loss / loss of the best constant on the validation set:
    /// R2 of a regression, 1 - the normalised entropy of a classification.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub decide_by: Option<String>,
}

/// What has to improve for a run to go on.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Watch {
    /// The primary metric of every task; the run stops when all of them have stalled.
    #[default]
    Primary,
    /// A list of metrics as `TASK.METRIC`; the run stops when all of them have stalled.
    Each(Vec<String>),
    /// One number, the weighted mean of metrics of one kind, each as `TASK.METRIC` with its weight.
    Mean(Vec<(String, f64)>),
}

impl EarlyStopping {
    /// Watches the primary metric of every task.
    pub fn new(patience: usize) -> Self {
        Self { patience, watch: Watch::Primary, decide_by: None }
    }

    /// Checks the configuration against the names and types of the run's tasks.
    ///
    /// # Errors
    ///
    /// [`TrainError::Setting`] for a patience of 0, an empty list, a metric named twice, a weight that is not a
    /// positive number, or a `decide_by` that has no effect or is not watched; [`TrainError::MixedMetrics`]; and the
    /// errors of [`WatchedMetric::parse`].
    pub fn resolve(&self, tasks: &[(String, TaskType)]) -> Result<EarlyStopper, TrainError> {
        if self.patience == 0 {
            return Err(setting("patience", "0", "at least 1"));
        }
        let (watched, weights) = self.watched(tasks)?;
        if watched.is_empty() {
            return Err(setting("watch", "empty", "at least one metric"));
        }
        for (index, metric) in watched.iter().enumerate() {
            if watched[..index].contains(metric) {
                return Err(setting("watch", &format!("`{metric}` twice"), "each metric once"));
            }
        }
        let score = match (&self.decide_by, weights) {
            (Some(name), Some(_)) => {
                return Err(setting(
                    "decide_by",
                    &format!("`{name}`"),
                    "nothing, since the watched mean decides",
                ));
            }
            (Some(name), None) => {
                let decisive = WatchedMetric::parse(name, tasks)?;
                let place = watched.iter().position(|metric| *metric == decisive);
                let expected =
                    || setting("decide_by", &format!("`{name}`"), &format!("one of {}", list(&watched)));
                Score::One(place.ok_or_else(expected)?)
            }
            (None, weights) if watched.iter().any(|other| other.metric != watched[0].metric) => {
                if weights.is_some() {
                    return Err(TrainError::MixedMetrics {
                        watched: watched.iter().map(ToString::to_string).collect(),
                    });
                }
                Score::Explained(explained(&watched, tasks))
            }
            (None, Some(weights)) => Score::WatchedMean(weights),
            (None, None) => Score::Mean,
        };
        Ok(EarlyStopper::new(self.patience, watched, score))
    }

    /// The watched metrics, and the weights where their mean is what is watched.
    fn watched(
        &self,
        tasks: &[(String, TaskType)],
    ) -> Result<(Vec<WatchedMetric>, Option<Vec<f64>>), TrainError> {
        let parse = |name: &String| WatchedMetric::parse(name, tasks);
        match &self.watch {
            Watch::Primary => {
                let primary = |(task, kind): &(String, TaskType)| WatchedMetric {
                    task: task.clone(),
                    metric: Metric::primary(*kind),
                };
                Ok((tasks.iter().map(primary).collect(), None))
            }
            Watch::Each(names) => Ok((names.iter().map(parse).collect::<Result<_, _>>()?, None)),
            Watch::Mean(terms) => {
                for (name, weight) in terms {
                    if !(weight.is_finite() && *weight > 0.0) {
                        return Err(setting(
                            &format!("the weight of {name}"),
                            &weight.to_string(),
                            "a positive number",
                        ));
                    }
                }
                let watched = terms.iter().map(|(name, _)| parse(name)).collect::<Result<_, _>>()?;
                Ok((watched, Some(terms.iter().map(|(_, weight)| *weight).collect())))
            }
        }
    }
}

/// For each task of some metrics, once, what says which share of its loss the model explains.
fn explained(watched: &[WatchedMetric], tasks: &[(String, TaskType)]) -> Vec<WatchedMetric> {
    let tasks = tasks.iter().filter(|(task, _)| watched.iter().any(|metric| metric.task == *task));
    let metric = |(task, kind): &(String, TaskType)| {
        let metric = match kind {
            TaskType::Classification => Metric::NormalizedEntropy,
            TaskType::Regression => Metric::R2,
        };
        WatchedMetric { task: task.clone(), metric }
    };
    tasks.map(metric).collect()
}

fn setting(setting: &str, found: &str, expected: &str) -> TrainError {
    let setting = format!("early_stopping: {setting}");
    TrainError::Setting { setting, found: found.to_owned(), expected: expected.to_owned() }
}

fn list(watched: &[WatchedMetric]) -> String {
    watched.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests {
    use super::{EarlyStopping, TaskType, Watch};

    fn tasks() -> [(String, TaskType); 3] {
        let classification = TaskType::Classification;
        [
            ("click".into(), classification),
            ("buy".into(), classification),
            ("price".into(), TaskType::Regression),
        ]
    }

    fn each(names: &[&str]) -> Watch {
        Watch::Each(names.iter().map(|name| (*name).to_owned()).collect())
    }

    /// The description, or the first two lines of the error.
    fn outcome(patience: usize, watch: Watch, decide_by: Option<&str>) -> String {
        match (EarlyStopping { patience, watch, decide_by: decide_by.map(str::to_owned) }).resolve(&tasks()) {
            Ok(stopper) => format!("{}; {}", stopper.describe(), stopper.describe_choice()),
            Err(error) => error.to_string().lines().take(2).collect::<Vec<_>>().join(" / "),
        }
    }

    #[test]
    fn every_slip_is_refused_at_the_start() {
        let expected = "early_stopping: patience is 0 / expected: at least 1";
        assert_eq!(outcome(0, Watch::Primary, None), expected);
        assert_eq!(
            outcome(1, each(&[]), None),
            "early_stopping: watch is empty / expected: at least one metric"
        );
        assert_eq!(
            outcome(1, each(&["click.auc", "click.auc"]), None),
            "early_stopping: watch is `click.auc` twice / expected: each metric once"
        );
        assert_eq!(
            outcome(1, each(&["click.auc"]), Some("buy.auc")),
            "early_stopping: decide_by is `buy.auc` / expected: one of click.auc"
        );
        for weight in [0.0, -1.0, f64::NAN, f64::INFINITY] {
            let found = outcome(1, Watch::Mean(vec![("click.auc".into(), weight)]), None);
            assert!(found.ends_with("expected: a positive number"), "{found}");
        }
        let mean = Watch::Mean(vec![("click.auc".into(), 1.0), ("price.mse".into(), 1.0)]);
        assert!(outcome(1, mean.clone(), None).starts_with("the watched metrics are of different kinds"));
        assert_eq!(
            outcome(1, mean, Some("click.auc")),
            "early_stopping: decide_by is `click.auc` / expected: nothing, since the watched mean decides"
        );
    }

    #[test]
    fn the_description_says_what_will_happen() {
        assert_eq!(
            outcome(1, Watch::Primary, Some("price.mse")),
            "stops when none of click.auc, buy.auc (validation, higher is better), price.mse (validation, lower is \
             better) has improved for 1 evaluation; keeps the evaluation with the best price.mse"
        );
        assert!(
            outcome(1, Watch::Primary, None).ends_with(
                "keeps the evaluation with the best mean of 1 - click.normalized_entropy, 1 - buy.normalized_entropy, price.r2, of \
                 1 - loss / loss of the best constant, over the tasks that have a value"
            )
        );
        assert_eq!(
            outcome(3, each(&["click.log_loss"]), None),
            "stops when click.log_loss (validation, lower is better) has not improved for 3 evaluations; keeps the \
             evaluation with the best click.log_loss"
        );
        assert_eq!(
            outcome(3, Watch::Mean(vec![("click.auc".into(), 2.0), ("buy.auc".into(), 0.5)]), None),
            "stops when the weighted mean of click.auc (weight 2), buy.auc (weight 0.5) (validation, higher is \
             better) has not improved for 3 evaluations; keeps the evaluation with the best mean"
        );
    }

    #[test]
    fn unknown_keys_are_refused() {
        for text in [r#"{"patience": 1, "pateince": 2}"#, r#"{"patience": 1, "watch": {"al": []}}"#] {
            assert!(serde_json::from_str::<EarlyStopping>(text).is_err(), "{text}");
        }
    }
}
