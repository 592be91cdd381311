//! The result of a run: a table for people, one JSON object for programs. Either has every metric that a task has, and
//! the reason of each that has no value.

use std::collections::BTreeSet;
use std::path::PathBuf;

use comfy_table::{Table, presets};
use ple_data::TaskType;
use ple_onnx::ExportReport;
use ple_train::metrics::{Measured, Metric, TaskMetrics};
use ple_train::{Ended, FitReport};
use serde_json::{Map, Value, json};

use crate::program::console;

/// What a training example found.
pub(crate) struct Outcome {
    /// The model's name.
    pub model: &'static str,
    /// Learned values of the model, without those of the balance of tasks.
    pub parameters: usize,
    /// How the run went.
    pub report: FitReport,
    /// The metrics on the test rows.
    pub test: Vec<TaskMetrics>,
    /// Where the model is.
    pub out: PathBuf,
    /// Its ONNX file.
    pub onnx: ExportReport,
    /// Where the predictions for the test rows are, if they were asked for.
    pub predictions: Option<PathBuf>,
    /// The AUC of the true probabilities, where they are known.
    pub best_possible: Vec<Option<Measured>>,
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

    /// A table for each type of task, why the run ended, and what comes next.
    fn print(&self) {
        for task_type in [TaskType::Classification, TaskType::Regression] {
            if let Some(table) = self.table(task_type) {
                console::say(format_args!("\n{table}"));
            }
        }
        for TaskMetrics { task, served, .. } in &self.test {
            if let Some(served) = served {
                console::say(format_args!("\n{task}: {served}"));
            }
        }
        for TaskMetrics { task, groups, .. } in &self.test {
            for (metric, groups) in groups.iter().filter(|(_, groups)| groups.have_left_out()) {
                console::say(format_args!("\n{task}, {}: {groups}", metric.heading()));
            }
        }
        let why = match &self.report.ended {
            Ended::LastEpoch if self.report.still_improved() => {
                "it reached its last epoch and still improved: more epochs may be better".to_owned()
            }
            Ended::LastEpoch => "it reached its last epoch".to_owned(),
            Ended::Stalled(reason) => reason.to_string(),
            Ended::Interrupted => "it was interrupted".to_owned(),
        };
        console::say(format_args!("\nThe run ended because {why}."));
        if let Some(best) = self.report.best {
            let best = &self.report.evaluations[best];
            console::say(format_args!("The weights are those of epoch {}, step {}.", best.epoch, best.step));
        }
        console::say(self.rows());
        let out = self.out.display();
        console::say(format_args!("The model is in {out}, with a picture of it in model.svg."));
        let ExportReport { bytes, nodes, precision, proved_rows, largest_difference, compared_keys, .. } =
            &self.onnx;
        console::say(format_args!(
            "As ONNX it is in model.onnx: {precision}, {nodes} nodes, {:.1} MB; in {proved_rows} test rows it differs from \
             this program by at most {largest_difference:.1e}.",
            *bytes as f64 / 1e6
        ));
        if *compared_keys > 0 {
            console::say(format_args!(
                "It reads raw ids: the {compared_keys} keys in the file are those of the vocabularies."
            ));
        }
        match &self.predictions {
            Some(path) => {
                console::say(format_args!("The predictions for the test rows are in {}.", path.display()));
            }
            None => console::say(
                "\nNext: --predictions FILE.parquet for the test rows' predictions, --help for everything else.",
            ),
        }
    }

    /// The test metrics of the tasks of a type, if there are any.
    fn table(&self, task_type: TaskType) -> Option<Table> {
        let tasks = self.test.iter().enumerate().filter(|(_, task)| task.task_type == task_type);
        let best = |index: usize| self.best_possible.get(index).copied().flatten();
        let known = tasks.clone().any(|(index, _)| best(index).is_some());
        // A metric that one task was asked for has a column, which is empty for the others.
        let metrics_of_any: BTreeSet<&Metric> =
            tasks.clone().flat_map(|(_, task)| task.values.keys()).collect();
        let mut table = Table::new();
        table.load_style(presets::NOTHING);
        for (index, metrics) in tasks {
            let mut row = vec![("task".to_owned(), metrics.task.clone())];
            for metric in &metrics_of_any {
                let test = if row.len() == 1 { "test " } else { "" };
                let measured = metrics.values.get(*metric).map(Measured::to_string).unwrap_or_default();
                row.push((format!("{test}{}", metric.heading()), measured));
                if row.len() == 2 && known {
                    let best = best(index).map_or_else(|| "not known".to_owned(), |best| best.to_string());
                    row.push(("best possible".to_owned(), best));
                }
            }
            row.push(("rows".to_owned(), metrics.counts.rows.to_string()));
            row.extend(labels(metrics).map(|(name, value)| (name.replace('_', " "), value)));
            row.push(("of".to_owned(), self.spaces[index].clone()));
            let (header, row): (Vec<_>, Vec<_>) = row.into_iter().unzip();
            table.set_header(header);
            table.add_row(row);
        }
        (table.row_count() > 0).then_some(table)
    }

    /// How many rows were trained on, and how fast: the speed is that of this process.
    fn rows(&self) -> String {
        let FitReport { rows, rows_before, train_time, .. } = &self.report;
        let (here, seconds) = (rows - rows_before, train_time.as_secs_f64());
        let speed = format!("{seconds:.1} s of training, {:.0} a second.", here as f64 / seconds);
        match (rows_before, here) {
            (_, 0) => format!("{rows} rows, all of them before the run went on."),
            (0, _) => format!("{rows} rows in {speed}"),
            (before, _) => format!("{rows} rows, {before} of them before the run went on; {here} in {speed}"),
        }
    }

    /// The same as one JSON object.
    fn json(&self) -> Value {
        let metrics = |tasks: &[TaskMetrics], best: &[Option<Measured>]| {
            let task = |(index, metrics): (usize, &TaskMetrics)| {
                let best = best.get(index).copied().flatten();
                (metrics.task.clone(), task_json(metrics, best, &self.spaces[index]))
            };
            Value::Object(tasks.iter().enumerate().map(task).collect())
        };
        let FitReport { rows, rows_before, train_time, .. } = &self.report;
        json!({
            "model": self.model,
            "test": metrics(&self.test, &self.best_possible),
            "validation": metrics(self.report.validation(), &[]),
            "epochs": self.report.epochs,
            "rows": rows,
            "train_seconds": train_time.as_secs_f64(),
            "rows_per_second": (rows > rows_before).then(|| self.report.rows_per_second()),
            "parameters": self.parameters,
            "predictions": self.predictions,
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

/// What is known of the labels of a task besides their number: the positives, or mean and deviation.
fn labels(metrics: &TaskMetrics) -> impl Iterator<Item = (&'static str, String)> {
    let counts = metrics.counts;
    let positives = counts.positives.map(|positives| ("positives", positives.to_string()));
    let spread = counts.spread.into_iter().flat_map(|spread| {
        [("label_mean", spread.mean), ("label_deviation", spread.deviation)]
            .map(|(name, value)| (name, Measured::Value(value).to_string()))
    });
    positives.into_iter().chain(spread)
}

/// One task: its metrics by their names, its rows and labels, and under `undefined` why a metric has no value.
fn task_json(metrics: &TaskMetrics, best: Option<Measured>, space: &str) -> Value {
    let mut object = Map::new();
    let mut undefined = Map::new();
    let measured = metrics.values.iter().map(|(metric, measured)| (metric.to_string(), *measured));
    for (name, measured) in measured.chain(best.map(|best| ("best_possible_auc".to_owned(), best))) {
        object.insert(name.clone(), json!(measured.value()));
        if let Measured::Undefined(reason) = measured {
            undefined.insert(name, json!(reason.to_string()));
        }
    }
    if !metrics.groups.is_empty() {
        object.insert("groups".to_owned(), json!(metrics.groups));
    }
    if let Some(served) = &metrics.served {
        object.insert("served".to_owned(), json!(served));
    }
    object.insert("rows".to_owned(), json!(metrics.counts.rows));
    if let Some(positives) = metrics.counts.positives {
        object.insert("positives".to_owned(), json!(positives));
    }
    if metrics.task_type == TaskType::Regression {
        let spread = metrics.counts.spread;
        object.insert("label_mean".to_owned(), json!(spread.map(|spread| spread.mean)));
        object.insert("label_deviation".to_owned(), json!(spread.map(|spread| spread.deviation)));
    }
    object.insert("of".to_owned(), json!(space));
    if !undefined.is_empty() {
        object.insert("undefined".to_owned(), Value::Object(undefined));
    }
    Value::Object(object)
}

#[cfg(test)]
mod tests {
    use ple_data::TaskType;
    use ple_train::metrics::{Measured, TaskMetrics, Undefined};
    use serde_json::json;

    use super::task_json;

    #[test]
    fn a_classification_has_the_metrics_of_one() {
        let metrics = TaskMetrics::compute("click", TaskType::Classification, &[0.0, 1.0], &[0.0, 1.0], None);
        let value = task_json(&metrics, Some(Measured::Undefined(Undefined::NoRows)), "all rows");
        assert_eq!(value["auc"], 1.0);
        assert_eq!(value["undefined"], json!({ "best_possible_auc": "the task has no row" }));
        let expected = ["auc", "best_possible_auc", "log_loss", "of", "positives", "rows", "undefined"];
        assert!(value.as_object().unwrap().keys().eq(expected), "{value}");
    }

    #[test]
    fn a_regression_has_those_of_one() {
        let metrics = TaskMetrics::compute("price", TaskType::Regression, &[1.0, 2.0], &[3.0, 3.0], None);
        let expected = json!({
            "mse": 2.5, "rmse": 2.5_f64.sqrt(), "mae": 1.5, "r2": null, "rows": 2,
            "label_mean": 3.0, "label_deviation": 0.0, "of": "all rows",
            "undefined": { "r2": "all labels are equal" },
        });
        assert_eq!(task_json(&metrics, None, "all rows"), expected);
    }
}
