//! The result of a run: a table for people, one JSON object for programs.

use std::path::PathBuf;

use ple_onnx::ExportReport;
use ple_train::metrics::{Metric, TaskMetrics};
use ple_train::{Ended, FitReport};
use serde_json::{Map, Value, json};

use super::terminal::cell;
use crate::program::console;

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
    /// Where the model is.
    pub out: PathBuf,
    /// Its ONNX file.
    pub onnx: ExportReport,
    /// The AUC of the true probabilities, where they are known.
    pub best_possible: Vec<Option<f64>>,
    /// The rows that each task counts, in words.
    pub spaces: Vec<String>,
}

impl Outcome {
    /// Prints it: the table, and as the last line an object where one is asked for.
    pub(crate) fn say(&self, json: bool) {
        self.print();
        if json {
            console::say_json(self.json());
        }
    }

    /// The table at the end, why the run ended, and what comes next.
    fn print(&self) {
        let known = self.best_possible.iter().any(Option::is_some);
        let mut table = comfy_table::Table::new();
        table.load_style(comfy_table::presets::NOTHING);
        let mut header = vec!["task", "test AUC", "log loss", "rows", "positives", "of"];
        if known {
            header.insert(2, "best possible");
        }
        table.set_header(header);
        for ((metrics, best), space) in self.test.iter().zip(&self.best_possible).zip(&self.spaces) {
            let value =
                |metric| metrics.get(metric).map_or_else(|| "–".to_owned(), |value| value.to_string());
            let mut row = vec![
                metrics.task.clone(),
                value(Metric::Auc),
                value(Metric::LogLoss),
                metrics.counts.rows.to_string(),
                metrics.counts.positives.to_string(),
                space.clone(),
            ];
            if known {
                row.insert(2, cell(*best));
            }
            table.add_row(row);
        }
        console::say(format_args!("\n{table}\n"));
        let why = match &self.report.ended {
            Ended::LastEpoch => "it reached its last epoch".to_owned(),
            Ended::Stalled(reason) => reason.to_string(),
            Ended::Interrupted => "it was interrupted".to_owned(),
        };
        console::say(format_args!("The run ended because {why}."));
        if let Some(best) = self.report.best {
            let best = &self.report.evaluations[best];
            console::say(format_args!("The weights are those of epoch {}, step {}.", best.epoch, best.step));
        }
        console::say(format_args!(
            "{} rows in {:.1} s of training, {:.0} a second.",
            self.report.rows,
            self.report.train_time.as_secs_f64(),
            self.report.rows_per_second()
        ));
        console::say(format_args!(
            "The model is in {}, with a picture of it in model.svg.",
            self.out.display()
        ));
        let ExportReport { bytes, nodes, precision, proved_rows, largest_difference, compared_keys, .. } =
            &self.onnx;
        console::say(format_args!(
            "As ONNX it is in model.onnx: {precision}, {nodes} nodes, {:.1} MB; in {proved_rows} test rows it differs from this program \
             by at most {largest_difference:.1e}.",
            *bytes as f64 / 1e6
        ));
        if *compared_keys > 0 {
            console::say(format_args!(
                "It reads raw ids: the {compared_keys} keys in the file are those of the vocabularies."
            ));
        }
        console::say(format_args!(
            "\nNext: --predictions FILE.parquet for the test rows' predictions, --help for everything else."
        ));
    }

    /// The same as one JSON object.
    fn json(&self) -> Value {
        let metrics = |tasks: &[TaskMetrics], best: &[Option<f64>]| {
            let task = |(index, metrics): (usize, &TaskMetrics)| {
                let value = |metric| metrics.get(metric).and_then(|measured| measured.value());
                let mut object = Map::new();
                object.insert("auc".to_owned(), json!(value(Metric::Auc)));
                object.insert("log_loss".to_owned(), json!(value(Metric::LogLoss)));
                object.insert("rows".to_owned(), json!(metrics.counts.rows));
                object.insert("positives".to_owned(), json!(metrics.counts.positives));
                object.insert("of".to_owned(), json!(self.spaces[index]));
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
            "onnx": {
                "bytes": self.onnx.bytes,
                "nodes": self.onnx.nodes,
                "precision": self.onnx.precision.name(),
                "proved_rows": self.onnx.proved_rows,
                "largest_difference": self.onnx.largest_difference,
            },
        })
    }
}
