//! The state machine of early stopping: what each evaluation changes, and what it says about it.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::watched::WatchedMetric;
use crate::error::TrainError;
use crate::metrics::{Best as BestValue, LabelCounts, Metric, TaskMetrics};

/// Early stopping of one run. Made by [`EarlyStopping::resolve`](super::EarlyStopping::resolve).
#[derive(Clone, Debug, PartialEq)]
pub struct EarlyStopper {
    patience: usize,
    watched: Vec<WatchedMetric>,
    score: Score,
    state: StopperState,
}

/// How an evaluation becomes the one number that chooses the best.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Score {
    /// The plain mean of the watched metrics, each of which is also watched by itself.
    Mean,
    /// The weighted mean of the watched metrics, which is all that is watched.
    WatchedMean(Vec<f64>),
    /// One of the watched metrics.
    One(usize),
    /// The mean over tasks of what the model explains, by metrics that need not be watched: for metrics of different kinds.
    Explained(Vec<WatchedMetric>),
}

/// What a checkpoint keeps of early stopping.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct StopperState {
    /// The number of evaluations so far.
    pub evaluations: usize,
    /// The progress of each thing that is watched.
    pub watched: Vec<Progress>,
    /// The best evaluation so far.
    pub best: Option<Best>,
}

/// The progress of one metric, or of the watched mean.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Progress {
    /// `TASK.METRIC`, or `mean` with the metrics and weights.
    pub name: String,
    /// The best value so far; none before the first that is defined.
    pub best: Option<f64>,
    /// The number of evaluations since then.
    pub stalled: usize,
}

/// The best evaluation.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Best {
    /// Which evaluation it was, counted from 1.
    pub evaluation: usize,
    /// The number that chose it: the mean of the watched metrics, or the one that decides.
    pub score: f64,
}

/// Whether to keep a copy of the weights as they are now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Snapshot {
    /// This evaluation is the best so far: keep the current weights, in place of any kept before.
    Take,
    /// An earlier evaluation is still the best (or none has a value yet).
    Leave,
}

/// Whether to train on.
#[derive(Clone, Debug, PartialEq)]
pub enum Decision {
    /// Something that is watched may still improve.
    Continue,
    /// Nothing has improved for as long as the patience lasts.
    Stop(StopReason),
}

/// Why a run was stopped; its text is a sentence for the end of a report.
#[derive(Clone, Debug, PartialEq)]
pub struct StopReason {
    /// What was watched.
    pub watched: Vec<String>,
    /// The evaluations without improvement.
    pub patience: usize,
    /// The best evaluation, if any had a value.
    pub best: Option<Best>,
}

/// What one evaluation means for the run.
#[derive(Clone, Debug, PartialEq)]
pub struct Verdict {
    /// The number of this evaluation, counted from 1.
    pub evaluation: usize,
    /// The watched metrics that are better than ever before.
    pub improved: Vec<String>,
    /// Whether this evaluation is the best so far.
    pub snapshot: Snapshot,
    /// Whether to train on.
    pub decision: Decision,
}

impl EarlyStopper {
    pub(super) fn new(patience: usize, watched: Vec<WatchedMetric>, score: Score) -> Self {
        let names = match &score {
            Score::WatchedMean(weights) => vec![mean_name(&watched, weights)],
            Score::Mean | Score::One(_) | Score::Explained(_) => {
                watched.iter().map(ToString::to_string).collect()
            }
        };
        let progress = names.into_iter().map(|name| Progress { name, best: None, stalled: 0 });
        let state = StopperState { evaluations: 0, watched: progress.collect(), best: None };
        Self { patience, watched, score, state }
    }

    /// Takes the metrics of one evaluation. A value improves only if it is strictly better than every one before it;
    /// one that is undefined never does, and the mean of a list with such a value is undefined too.
    pub fn observe(&mut self, evaluation: &[TaskMetrics]) -> Verdict {
        let values: Vec<Option<f64>> = self.watched.iter().map(|watched| watched.value(evaluation)).collect();
        let decisive = match &self.score {
            Score::One(index) => self.watched[*index].metric.best(),
            Score::Mean | Score::WatchedMean(_) => self.watched[0].metric.best(),
            Score::Explained(_) => BestValue::Highest,
        };
        let score = match &self.score {
            Score::Explained(metrics) => explained(metrics, evaluation),
            score => score.of(&values, decisive),
        };
        let observed = match self.score {
            Score::WatchedMean(_) => vec![score],
            Score::Mean | Score::One(_) | Score::Explained(_) => values,
        };
        self.state.evaluations += 1;

        let mut improved = Vec::new();
        for (index, value) in observed.into_iter().enumerate() {
            let best = self.watched[index].metric.best();
            let progress = &mut self.state.watched[index];
            match value {
                Some(value) if progress.best.is_none_or(|before| best.is_better(value, before)) => {
                    progress.best = Some(value);
                    progress.stalled = 0;
                    improved.push(progress.name.clone());
                }
                _ => progress.stalled += 1,
            }
        }

        let snapshot = match score {
            Some(score) if self.state.best.is_none_or(|before| decisive.is_better(score, before.score)) => {
                self.state.best = Some(Best { evaluation: self.state.evaluations, score });
                Snapshot::Take
            }
            _ => Snapshot::Leave,
        };
        Verdict { evaluation: self.state.evaluations, improved, snapshot, decision: self.decision() }
    }

    /// What the last evaluation decided; a resumed run asks this before it trains on.
    pub fn decision(&self) -> Decision {
        if self.state.watched.iter().any(|progress| progress.stalled < self.patience) {
            return Decision::Continue;
        }
        let watched = self.state.watched.iter().map(|progress| progress.name.clone()).collect();
        Decision::Stop(StopReason { watched, patience: self.patience, best: self.state.best })
    }

    /// Refuses a validation set on which a watched metric cannot have a value, before any time is spent on training.
    /// The counts are those of the validation set, per task, in the order of `tasks`.
    ///
    /// # Errors
    ///
    /// [`TrainError::WatchedUndefined`] for the first such metric.
    pub fn check_validation(&self, tasks: &[(String, LabelCounts)]) -> Result<(), TrainError> {
        for watched in &self.watched {
            let counts = tasks.iter().find(|(task, _)| *task == watched.task).map(|(_, counts)| *counts);
            watched
                .metric
                .check_labels(counts.unwrap_or_default())
                .map_err(|reason| TrainError::WatchedUndefined { watched: watched.to_string(), reason })?;
        }
        Ok(())
    }

    /// The metrics that evaluations have to give: those that are watched, and those that choose the best.
    pub fn needed(&self) -> impl Iterator<Item = &WatchedMetric> {
        let explained = match &self.score {
            Score::Explained(metrics) => &metrics[..],
            _ => &[],
        };
        self.watched.iter().chain(explained)
    }

    /// The best evaluation so far.
    pub fn best(&self) -> Option<Best> {
        self.state.best
    }

    /// What a checkpoint keeps.
    pub fn state(&self) -> &StopperState {
        &self.state
    }

    /// Goes on from a kept state.
    ///
    /// # Errors
    ///
    /// [`TrainError::OtherState`] if the state was kept while other metrics were watched.
    pub fn restore(&mut self, state: StopperState) -> Result<(), TrainError> {
        let names = |state: &StopperState| {
            state.watched.iter().map(|progress| progress.name.clone()).collect::<Vec<_>>().join(", ")
        };
        let (found, expected) = (names(&state), names(&self.state));
        if found != expected {
            return Err(TrainError::OtherState { what: "early stopping", found, expected });
        }
        self.state = state;
        Ok(())
    }

    /// One line for the start of a run: the set, the metrics, their direction and the patience.
    pub fn describe(&self) -> String {
        let (subject, verb) = match (&self.score, self.watched.as_slice()) {
            (Score::WatchedMean(weights), watched) => {
                let mean = mean_name(watched, weights);
                let best = watched[0].metric.best();
                (format!("the weighted {mean} (validation, {best})"), "has not improved")
            }
            (_, [_]) => (with_directions(&self.watched), "has not improved"),
            _ => (format!("none of {}", with_directions(&self.watched)), "has improved"),
        };
        format!("stops when {subject} {verb} for {}", evaluations(self.patience))
    }

    /// One more line for the start: which evaluation's weights are kept.
    pub fn describe_choice(&self) -> String {
        let by = match &self.score {
            Score::One(index) => self.watched[*index].to_string(),
            Score::Mean if self.watched.len() == 1 => self.watched[0].to_string(),
            Score::Mean => format!("mean of {}", list(&self.watched)),
            Score::WatchedMean(_) => "mean".to_owned(),
            Score::Explained(metrics) => format!(
                "mean of {}, of 1 - loss / loss of the best constant, over the tasks that have a value",
                metrics.iter().map(explained_name).collect::<Vec<_>>().join(", ")
            ),
        };
        format!("keeps the evaluation with the best {by}")
    }
}

impl Score {
    /// The number for these values of the watched metrics, or `None` if one that it needs has no value.
    fn of(&self, values: &[Option<f64>], best: BestValue) -> Option<f64> {
        let mean = |weights: &mut dyn Iterator<Item = f64>| {
            let (mut sum, mut total) = (0.0, 0.0);
            for (value, weight) in values.iter().zip(weights) {
                sum += weight * if values.len() == 1 { (*value)? } else { best.for_mean((*value)?) };
                total += weight;
            }
            Some(sum / total)
        };
        match self {
            Self::One(index) => values[*index],
            Self::Explained(_) => None,
            Self::Mean => mean(&mut std::iter::repeat(1.0)),
            Self::WatchedMean(weights) => mean(&mut weights.iter().copied()),
        }
        .filter(|score| score.is_finite())
    }
}

/// The mean over tasks of 1 - loss / loss of the best constant: R2 of a regression, 1 - the normalised entropy of a
/// classification. A task whose labels are all alike has none, and is left out of every evaluation of the run.
fn explained(metrics: &[WatchedMetric], evaluation: &[TaskMetrics]) -> Option<f64> {
    let share = |watched: &WatchedMetric| {
        let value = watched.value(evaluation)?;
        Some(if watched.metric == Metric::NormalizedEntropy { 1.0 - value } else { value })
    };
    let shares: Vec<f64> = metrics.iter().filter_map(share).collect();
    (!shares.is_empty()).then(|| shares.iter().sum::<f64>() / shares.len() as f64)
}

fn explained_name(watched: &WatchedMetric) -> String {
    match watched.metric {
        Metric::NormalizedEntropy => format!("1 - {watched}"),
        _ => watched.to_string(),
    }
}

impl fmt::Display for StopReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.watched.as_slice() {
            [one] => write!(f, "{one} has not improved for {}", evaluations(self.patience))?,
            many => write!(f, "none of {} has improved for {}", many.join(", "), evaluations(self.patience))?,
        }
        match self.best {
            Some(best) => write!(f, "; evaluation {} was the best ({:.4})", best.evaluation, best.score),
            None => write!(f, "; no evaluation had a value"),
        }
    }
}

fn evaluations(count: usize) -> String {
    if count == 1 { "1 evaluation".to_owned() } else { format!("{count} evaluations") }
}

fn list(watched: &[WatchedMetric]) -> String {
    watched.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ")
}

/// The metrics, with their direction after each group that shares it.
fn with_directions(watched: &[WatchedMetric]) -> String {
    let groups = watched.chunk_by(|a, b| a.metric.best() == b.metric.best());
    let groups = groups.map(|group| format!("{} (validation, {})", list(group), group[0].metric.best()));
    groups.collect::<Vec<_>>().join(", ")
}

fn mean_name(watched: &[WatchedMetric], weights: &[f64]) -> String {
    let terms = watched.iter().zip(weights).map(|(metric, weight)| format!("{metric} (weight {weight})"));
    format!("mean of {}", terms.collect::<Vec<_>>().join(", "))
}
