//! One metric of one task, as early stopping names it: `click.auc`.

use std::fmt;

use ple_data::TaskType;

use crate::error::TrainError;
use crate::metrics::{Metric, TaskMetrics};

/// A metric of a task of this run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WatchedMetric {
    /// The name of the task.
    pub task: String,
    /// The metric, which applies to the type of the task.
    pub metric: Metric,
}

impl WatchedMetric {
    /// Reads `TASK.METRIC` and checks both against the tasks of the run. The task's name may contain dots itself.
    ///
    /// # Errors
    ///
    /// [`TrainError::WatchSyntax`], [`TrainError::UnknownTask`], [`TrainError::UnknownMetric`] or
    /// [`TrainError::MetricOfOtherType`].
    pub fn parse(text: &str, tasks: &[(String, TaskType)]) -> Result<Self, TrainError> {
        // The name of a task or of a column may have dots.
        let names = tasks.iter().map(|(task, _)| &task[..]);
        let known = names.filter(|task| text.strip_prefix(task).is_some_and(|rest| rest.starts_with('.')));
        let split = known.max_by_key(|task| task.len()).map(|task| (task, &text[task.len() + 1..]));
        let Some((task, metric)) = split.or_else(|| text.rsplit_once('.')) else {
            return Err(TrainError::WatchSyntax { found: text.to_owned() });
        };
        // An unknown task is said before an unknown metric.
        task_type(task, tasks)?;
        Self::new(task, metric.parse()?, tasks)
    }

    /// Checks a task and a metric against the tasks of the run.
    ///
    /// # Errors
    ///
    /// [`TrainError::UnknownTask`] or [`TrainError::MetricOfOtherType`].
    pub fn new(task: &str, metric: Metric, tasks: &[(String, TaskType)]) -> Result<Self, TrainError> {
        let task_type = task_type(task, tasks)?;
        if !metric.fits(task_type) {
            let applicable = Metric::all().into_iter().filter(|metric| metric.fits(task_type)).collect();
            return Err(TrainError::MetricOfOtherType { task: task.to_owned(), metric, applicable });
        }
        Ok(Self { task: task.to_owned(), metric })
    }

    /// Its value in an evaluation, or `None` where it is undefined or the task was not evaluated.
    pub fn value(&self, evaluation: &[TaskMetrics]) -> Option<f64> {
        evaluation.iter().find(|task| task.task == self.task)?.get(&self.metric)?.value()
    }
}

impl fmt::Display for WatchedMetric {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.task, self.metric)
    }
}

fn task_type(task: &str, tasks: &[(String, TaskType)]) -> Result<TaskType, TrainError> {
    tasks.iter().find(|(name, _)| name == task).map(|(_, task_type)| *task_type).ok_or_else(|| {
        let known = tasks.iter().map(|(name, _)| name.clone()).collect();
        TrainError::UnknownTask { found: task.to_owned(), known }
    })
}

#[cfg(test)]
mod tests {
    use super::{Metric, TaskType, WatchedMetric};

    fn error(text: &str) -> String {
        let tasks =
            [("click".to_owned(), TaskType::Classification), ("a.b".to_owned(), TaskType::Regression)];
        match WatchedMetric::parse(text, &tasks) {
            Ok(watched) => format!("ok {watched}"),
            Err(error) => error.to_string().lines().next().unwrap().to_owned(),
        }
    }

    #[test]
    fn a_task_and_a_metric_are_read_and_checked() {
        assert_eq!(error("click.auc"), "ok click.auc");
        assert_eq!(error("a.b.mae"), "ok a.b.mae");
        assert_eq!(error("auc"), "early stopping cannot watch `auc`");
        assert_eq!(error("clck.auc"), "there is no task `clck`");
        assert_eq!(error("click.acu"), "there is no metric `acu`");
        assert_eq!(error("a.b.auc"), "the metric `auc` does not apply to the task `a.b`");
    }

    #[test]
    fn a_task_that_was_not_evaluated_has_no_value() {
        assert_eq!(WatchedMetric { task: "click".into(), metric: Metric::Auc }.value(&[]), None);
    }
}
