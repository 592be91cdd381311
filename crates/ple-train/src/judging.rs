//! What evaluations of a model give besides the metrics that every task of a type has.

use ple_data::{RowSource, TaskType};

use crate::early_stopping::{EarlyStopper, WatchedMetric};
use crate::error::TrainError;
use crate::metrics::Metric;
use crate::ranking_model::RankingModel;
use crate::scored::columns;
use crate::train_config::TrainConfig;

impl RankingModel {
    /// Has every evaluation from here on give one more metric of a task, besides those that tasks of its type have.
    ///
    /// # Errors
    /// [`TrainError::UnknownTask`], or [`TrainError::MetricOfOtherType`] for a metric that does not fit the task.
    pub fn judge_by(&mut self, task: &str, metric: Metric) -> Result<(), TrainError> {
        self.judge_by_watched(&WatchedMetric::new(task, metric, &self.tasks())?);
        Ok(())
    }

    /// The same with all metrics that a run of these settings gives, as [`fit`](crate::fit) does itself.
    ///
    /// # Errors
    /// Those of [`TrainConfig::judged_by`].
    pub fn judge_as(&mut self, config: &TrainConfig) -> Result<(), TrainError> {
        let asked = config.judged_by(&self.tasks())?;
        asked.iter().for_each(|asked| self.judge_by_watched(asked));
        Ok(())
    }

    /// Fails unless rows have every column that the model's metrics declare, so that it can be evaluated on them.
    ///
    /// # Errors
    /// Those of [`RowSource::keeping`].
    pub fn check_columns(&self, rows: &RowSource) -> Result<(), TrainError> {
        rows.keeping(&columns(&self.metrics))?;
        Ok(())
    }

    pub(crate) fn judge_by_watched(&mut self, watched: &WatchedMetric) {
        let tasks = self.schema.labels.iter().zip(&mut self.metrics);
        let of_task = tasks.filter(|(label, _)| label.name == watched.task);
        for (_, metrics) in of_task.filter(|(_, metrics)| !metrics.contains(&watched.metric)) {
            metrics.push(watched.metric.clone());
        }
    }
}

impl TrainConfig {
    /// The metrics that evaluations give besides those of every task: [those that are named](TrainConfig::metrics) and those
    /// that early stopping watches. Where what it watches cannot be made sense of, [`fit`](crate::fit) says so if there is
    /// validation data.
    ///
    /// # Errors
    /// [`TrainError::UnknownTask`] or [`TrainError::MetricOfOtherType`] for a metric that is named.
    pub fn judged_by(&self, tasks: &[(String, TaskType)]) -> Result<Vec<WatchedMetric>, TrainError> {
        let named = self.metrics.iter().flat_map(|(task, metrics)| {
            metrics.iter().map(move |metric| WatchedMetric::new(task, metric.clone(), tasks))
        });
        let mut all: Vec<WatchedMetric> = named.collect::<Result<_, _>>()?;
        let stopper = self.early_stopping.resolve(tasks).ok();
        all.extend(stopper.iter().flat_map(EarlyStopper::needed).cloned());
        Ok(all)
    }

    /// The columns by which evaluations of a run group rows: what a reader has to [keep](ple_data::read_tables_keeping), unless
    /// they are features or keys.
    ///
    /// # Errors
    /// Those of [`TrainConfig::judged_by`].
    pub fn columns(&self, tasks: &[(String, TaskType)]) -> Result<Vec<String>, TrainError> {
        let judged = self.judged_by(tasks)?;
        let mut columns: Vec<String> =
            judged.iter().filter_map(|judged| judged.metric.column().map(str::to_owned)).collect();
        columns.sort_unstable();
        columns.dedup();
        Ok(columns)
    }
}
