//! The result of a run: a table for people, one JSON object for programs.

use ple_train::metrics::{Metric, TaskMetrics};
use ple_train::{Ended, FitReport};
use serde_json::{Map, Value, json};

/// What a training example found.
pub(crate) struct Outcome {
    /// The model's name.
    pub model: &'static str,
    /// Learned values.
    pub parameters: usize,
    /// How the run went.
    pub report: FitReport,
    /// The metrics on the test rows.
    pub test: Vec<TaskMetrics>,
    /// The AUC of the true probabilities, where they are known.
    pub best_possible: Vec<Option<f64>>,
}

impl Outcome {
    /// The table at the end.
    pub(crate) fn print(&self) {
        let mut table = comfy_table::Table::new();
        table.load_style(comfy_table::presets::NOTHING);
        table.set_header(["task", "test AUC", "best possible", "log loss", "rows", "positives"]);
        for (metrics, best) in self.test.iter().zip(&self.best_possible) {
            let value =
                |metric| metrics.get(metric).map_or_else(|| "–".to_owned(), |value| value.to_string());
            table.add_row([
                metrics.task.clone(),
                value(Metric::Auc),
                best.map_or_else(|| "–".to_owned(), |best| format!("{best:.4}")),
                value(Metric::LogLoss),
                metrics.counts.rows.to_string(),
                metrics.counts.positives.to_string(),
            ]);
        }
        println!("{table}");
        let why = match &self.report.ended {
            Ended::LastEpoch => "the last epoch was reached".to_owned(),
            Ended::Stalled(reason) => reason.to_string(),
            Ended::Interrupted => "it was interrupted".to_owned(),
        };
        let best = self.report.best.map_or(0, |best| self.report.evaluations[best].epoch);
        println!(
            "ended because {why}; the weights are those of epoch {best}; {:.0} rows a second",
            self.report.rows_per_second()
        );
    }

    /// The same as one JSON object.
    pub(crate) fn json(&self) -> Value {
        let metrics = |tasks: &[TaskMetrics], best: &[Option<f64>]| {
            let task = |(index, metrics): (usize, &TaskMetrics)| {
                let value = |metric| metrics.get(metric).and_then(|measured| measured.value());
                let mut object = Map::new();
                object.insert("auc".to_owned(), json!(value(Metric::Auc)));
                object.insert("log_loss".to_owned(), json!(value(Metric::LogLoss)));
                if let Some(Some(best)) = best.get(index) {
                    object.insert("best_possible_auc".to_owned(), json!(best));
                }
                (metrics.task.clone(), Value::Object(object))
            };
            Value::Object(tasks.iter().enumerate().map(task).collect())
        };
        json!({
            "model": self.model,
            "test": metrics(&self.test, &self.best_possible),
            "validation": metrics(self.report.validation(), &[]),
            "epochs": self.report.epochs,
            "train_seconds": self.report.train_time.as_secs_f64(),
            "rows_per_second": self.report.rows_per_second(),
            "parameters": self.parameters,
        })
    }
}
