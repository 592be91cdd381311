//! What a run reports of tasks of both types, recomputed from the predictions that it wrote, by the definitions alone.

#![allow(clippy::unwrap_used)]

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use ple_data::{Feature, FeatureSchema, Label, Space, TaskType, UnlabelledRows, read_csv};
use serde_json::Value;

/// The main example program, which cargo builds before it runs the tests of this crate.
fn ali_ccp() -> PathBuf {
    let tests = std::env::current_exe().unwrap();
    let name = format!("ali_ccp{}", std::env::consts::EXE_SUFFIX);
    let program = tests.parent().unwrap().parent().unwrap().join("examples").join(name);
    assert!(program.is_file(), "{}: build the examples first (cargo build --examples)", program.display());
    program
}

/// A click, minutes that are counted by weight where the click is above 0, and a number that never changes.
fn schema() -> FeatureSchema {
    let labels = vec![
        Label::new("click", TaskType::Classification),
        Label::new("minutes", TaskType::Regression)
            .in_space(Space::Where("click".into()))
            .weighted_by("trust"),
        Label::new("constant", TaskType::Regression),
    ];
    FeatureSchema::new(vec![Feature::sparse("user", 20, 4), Feature::dense("x")], labels, vec![]).unwrap()
}

fn write_data(folder: &Path) {
    for (part, rows, shift) in [("train", 600, 0), ("val", 200, 3), ("test", 300, 7)] {
        let mut text = "user,x,click,minutes,trust,constant\n".to_owned();
        for row in 0..rows {
            let (user, x) = ((row * 7 + shift) % 20, f64::from((row * 13 + shift) % 101) / 101.0);
            let click = u32::from((row * 5 + shift) % 3 == 0);
            let minutes = 2.0 * x + f64::from(user) / 10.0 + f64::from((row + shift) % 11) / 7.0;
            let trust = f64::from(1 + (row + shift) % 4) / 2.0;
            text += &format!("{user},{x},{click},{minutes},{trust},2.5\n");
        }
        std::fs::write(folder.join(format!("{part}.csv")), text).unwrap();
    }
    std::fs::write(folder.join("columns.json"), schema().to_json()).unwrap();
    let settings = r#"{"training": {"early_stopping": {"patience": 9, "decide_by": "minutes.rmse",
        "watch": {"each": ["click.auc", "minutes.rmse"]}}}}"#;
    std::fs::write(folder.join("settings.json"), settings).unwrap();
}

fn run(folder: &Path, more: &[&str]) -> Output {
    let mut command = Command::new(ali_ccp());
    command.arg("--data").arg(folder).arg("--schema").arg(folder.join("columns.json"));
    command.arg("--settings").arg(folder.join("settings.json")).arg("--out").arg(folder.join("out"));
    command.args(["--epochs", "2", "--batch-size", "50", "--json"]).args(more);
    command.arg("--predictions").arg(folder.join("predictions.parquet"));
    let output = command.output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    output
}

fn result(output: &Output) -> Value {
    let text = String::from_utf8_lossy(&output.stdout);
    serde_json::from_str(text.lines().last().unwrap()).unwrap()
}

/// The prediction, label and weight of each test row of a task.
fn rows(folder: &Path, task: usize) -> Vec<(f64, f64, f64)> {
    let names = ["click", "minutes", "constant"];
    let columns = names.map(Feature::dense).to_vec();
    let labels = vec![Label::new("none", TaskType::Regression)];
    let schema = FeatureSchema::new(columns, labels, vec![]).unwrap();
    let keys: [&str; 0] = [];
    let file = folder.join("predictions.parquet");
    let predictions: Vec<f32> = UnlabelledRows::open(&[file], &schema, &keys)
        .unwrap()
        .flat_map(|piece| piece.unwrap().dense(task).collect::<Vec<_>>())
        .collect();
    let test = read_csv(folder.join("test.csv"), &self::schema()).unwrap();
    assert_eq!(predictions.len(), test.rows());
    let of_labels = test.labels(task).zip(test.weights(task));
    predictions
        .into_iter()
        .zip(of_labels)
        .map(|(p, (y, w))| (f64::from(p), f64::from(y), f64::from(w)))
        .filter(|row| row.2 > 0.0)
        .collect()
}

fn mean(rows: &[(f64, f64, f64)], term: impl Fn(f64, f64) -> f64) -> f64 {
    let (sum, weight) =
        rows.iter().fold((0.0, 0.0), |(sum, weight), &(p, y, w)| (sum + w * term(p, y), weight + w));
    sum / weight
}

fn near(found: &Value, expected: f64, tolerance: f64) {
    let found = found.as_f64().unwrap();
    assert!((found - expected).abs() <= tolerance * expected.abs().max(1.0), "{found} for {expected}");
}

#[test]
fn the_report_is_what_the_predictions_say() {
    let folder = tempfile::tempdir().unwrap();
    write_data(folder.path());
    let output = run(folder.path(), &[]);
    let report = result(&output);
    assert_eq!(report["predictions"], folder.path().join("predictions.parquet").to_str().unwrap());

    let minutes = &report["test"]["minutes"];
    let of_minutes = rows(folder.path(), 1);
    let (mse, mae) = (mean(&of_minutes, |p, y| (p - y).powi(2)), mean(&of_minutes, |p, y| (p - y).abs()));
    let middle = mean(&of_minutes, |_, y| y);
    let variance = mean(&of_minutes, |_, y| (y - middle).powi(2));
    for (name, expected) in [
        ("mse", mse),
        ("rmse", mse.sqrt()),
        ("mae", mae),
        ("r2", 1.0 - mse / variance),
        ("label_mean", middle),
        ("label_deviation", variance.sqrt()),
    ] {
        near(&minutes[name], expected, 1e-9);
    }
    assert_eq!(minutes["rows"], of_minutes.len());
    assert_eq!(minutes["of"], "rows where click is above 0, weighed by trust");
    let keys = ["label_deviation", "label_mean", "mae", "mse", "of", "r2", "rmse", "rows"];
    assert!(minutes.as_object().unwrap().keys().eq(keys), "{minutes}");

    let click = &report["test"]["click"];
    let of_click = rows(folder.path(), 0);
    let log_loss = mean(&of_click, |p, y| -(y * p.ln() + (1.0 - y) * (1.0 - p).ln()));
    near(&click["log_loss"], log_loss, 1e-5);
    let pairs = of_click.iter().filter(|row| row.1 == 1.0).flat_map(|positive| {
        of_click.iter().filter(|row| row.1 == 0.0).map(|negative| match positive.0.total_cmp(&negative.0) {
            std::cmp::Ordering::Greater => 1.0,
            std::cmp::Ordering::Equal => 0.5,
            std::cmp::Ordering::Less => 0.0,
        })
    });
    let (n, sum) = pairs.fold((0.0, 0.0), |(n, sum), won| (n + 1.0, sum + won));
    near(&click["auc"], sum / n, 1e-4);
    assert_eq!(click["positives"], of_click.iter().filter(|row| row.1 == 1.0).count());

    // A metric without a value is null, beside its reason.
    let constant = &report["test"]["constant"];
    assert_eq!(constant["r2"], Value::Null);
    assert_eq!(constant["undefined"]["r2"], "all labels are equal");

    let text = String::from_utf8_lossy(&output.stdout);
    for part in ["test AUC", "test MSE", "RMSE", "MAE", "R2", "label mean", "– (all labels are equal)"] {
        assert!(text.contains(part), "{part} is not in\n{text}");
    }
    assert!(!text.contains("Next: --predictions"), "what was given is not proposed\n{text}");
    let notes = String::from_utf8_lossy(&output.stderr);
    assert!(notes.contains("task        minutes: regression over 200 training rows, rows where"), "{notes}");
    let row = notes.lines().find(|line| line.trim_start().starts_with("minutes  ")).unwrap();
    assert!(row.contains("  MSE ") && row.contains("  RMSE ") && !row.contains("AUC"), "{row}");
}

#[test]
fn a_run_that_had_ended_says_so_when_it_goes_on() {
    let folder = tempfile::tempdir().unwrap();
    write_data(folder.path());
    let first = result(&run(folder.path(), &[]));
    let output = run(folder.path(), &["--resume"]);
    let text = String::from_utf8_lossy(&output.stdout);
    assert!(text.contains("1200 rows, all of them before the run went on."), "{text}");
    let again = result(&output);
    assert_eq!(again["rows_per_second"], Value::Null);
    assert_eq!((&again["test"], &again["rows"]), (&first["test"], &first["rows"]));
}

#[test]
fn a_metric_of_one_task_has_a_column_of_its_own() {
    let folder = tempfile::tempdir().unwrap();
    let settings = r#"{"training": {"early_stopping": {"decide_by": "click.auc",
        "watch": {"each": ["click.auc", "click.ece@10"]}}}}"#;
    std::fs::write(folder.path().join("settings.json"), settings).unwrap();
    let mut command = Command::new(ali_ccp());
    command
        .arg("--settings")
        .arg(folder.path().join("settings.json"))
        .arg("--out")
        .arg(folder.path().join("out"));
    let output = command.args(["--rows", "20000", "--epochs", "1"]).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let text = String::from_utf8(output.stdout).unwrap();
    let lines: Vec<&str> =
        text.lines().skip_while(|line| !line.trim_start().starts_with("task")).take(3).collect();
    // The columns begin at the same place in each line.
    let cell = |line: &str, heading: &str| {
        let start = lines[0].find(heading).unwrap();
        line[start..].split("  ").next().unwrap().trim().to_owned()
    };
    for (line, task) in lines[1..].iter().zip(["click", "conversion"]) {
        assert_eq!((cell(line, "task"), cell(line, "rows")), (task.to_owned(), "2000".to_owned()), "{text}");
    }
    assert!(cell(lines[1], "ECE@10").parse::<f64>().is_ok(), "{text}");
    assert_eq!(cell(lines[2], "ECE@10"), "", "{text}");
}
