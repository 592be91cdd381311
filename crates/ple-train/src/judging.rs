//! What evaluations of a model give besides the metrics that every task of a type has.

use crate::early_stopping::WatchedMetric;
use crate::error::TrainError;
use crate::metrics::Metric;
use crate::ranking_model::RankingModel;

impl RankingModel {
    /// Has every evaluation from here on give one more metric of a task, besides those that tasks of its type have.
    ///
    /// # Errors
    /// [`TrainError::UnknownTask`], or [`TrainError::MetricOfOtherType`] for a metric that does not fit the task.
    pub fn judge_by(&mut self, task: &str, metric: Metric) -> Result<(), TrainError> {
        self.judge_by_watched(&WatchedMetric::new(task, metric, &self.tasks())?);
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
