//! The exact text and exit code of the errors that settings cause, each made by the call that a program makes; those of
//! checkpoints are in `checkpoint.rs`.

#![allow(clippy::unwrap_used)]

use ple_data::TaskType::{self, Classification, Regression};
use ple_data::{ParquetShards, StreamConfig, ali_ccp_schema};
use ple_train::early_stopping::{EarlyStopping, Watch};
use ple_train::metrics::{LabelCounts, Metric};
use ple_train::{AdamConfig, LearningRate, OptimizerConfig, RuleConfig, TrainError};

#[track_caller]
fn says(error: impl Into<TrainError>, exit_code: u8, text: &str) {
    let error = error.into();
    assert_eq!(error.to_string(), text);
    assert_eq!(error.exit_code(), exit_code);
}

fn tasks(tasks: &[(&str, TaskType)]) -> Vec<(String, TaskType)> {
    tasks.iter().map(|&(name, task)| (name.to_owned(), task)).collect()
}

/// What is said of a list of watched metrics.
#[track_caller]
fn refused(watch: &[&str], of: &[(&str, TaskType)]) -> TrainError {
    let watch = Watch::Each(watch.iter().map(|&name| name.to_owned()).collect());
    EarlyStopping { watch, ..EarlyStopping::new(3) }.resolve(&tasks(of)).unwrap_err()
}

/// The error of a watched mean of metrics of different kinds.
fn mixed_mean() -> TrainError {
    let watch = Watch::Mean(vec![("click.auc".to_owned(), 1.0), ("price.mse".to_owned(), 1.0)]);
    let config = EarlyStopping { watch, ..EarlyStopping::new(3) };
    config.resolve(&tasks(&[("click", Classification), ("price", Regression)])).unwrap_err()
}

#[test]
fn names_that_are_not_known() {
    says(
        "logloss".parse::<Metric>().unwrap_err(),
        2,
        "there is no metric `logloss`\nexpected: one of auc, log_loss, mse, rmse, mae, r2, pcoc, normalized_entropy, pr_auc, ece, gauc, ndcg\nnext: did you mean `log_loss`?",
    );
    says(
        refused(&["clik.auc"], &[("click", Classification), ("purchase", Classification)]),
        2,
        "there is no task `clik`\nexpected: one of click, purchase\nnext: did you mean `click`?",
    );
    says(
        refused(&["weather.auc"], &[("click", Classification)]),
        2,
        "there is no task `weather`\nexpected: one of click\nnext: choose one of these",
    );
}

#[test]
fn settings_of_metrics() {
    says(
        "ece@none".parse::<Metric>().unwrap_err(),
        2,
        "the metric `ece` is `ece@none`\nexpected: a number of bins from 1 to 10000, as in ece@15\nnext: correct the metric `ece`",
    );
    says(
        "log_loss@2".parse::<Metric>().unwrap_err(),
        2,
        "the metric `log_loss` is `log_loss@2`\nexpected: a name alone, since it has no settings\nnext: correct the metric `log_loss`",
    );
    says(
        refused(&["price.ece@20"], &[("price", Regression)]),
        2,
        "the metric `ece@20` does not apply to the task `price`\nexpected: one of mse, rmse, mae, r2\nnext: choose one of these for `price`",
    );
}

#[test]
fn watched_metrics() {
    says(
        refused(&["auc"], &[("click", Classification)]),
        2,
        "early stopping cannot watch `auc`\nexpected: a task and a metric, as in click.auc\nnext: correct the list of watched metrics",
    );
    says(
        refused(&["price.auc"], &[("price", Regression)]),
        2,
        "the metric `auc` does not apply to the task `price`\nexpected: one of mse, rmse, mae, r2\nnext: choose one of these for `price`",
    );
    says(
        mixed_mean(),
        2,
        "the watched metrics are of different kinds (click.auc, price.mse), so they have no mean\nexpected: metrics of one kind in the mean\nnext: watch `each` of them in the settings, or metrics of one kind",
    );
    let stopper = EarlyStopping::new(1).resolve(&tasks(&[("conversion", Classification)])).unwrap();
    let counts = LabelCounts { rows: 9, positives: Some(0), spread: None };
    says(
        stopper.check_validation(&[("conversion".to_owned(), counts)]).unwrap_err(),
        65,
        "early stopping watches conversion.auc, which is undefined on the validation set: no row has a positive label\nexpected: a validation set on which every watched metric has a value\nnext: use a larger validation set, or watch another metric",
    );
}

#[test]
fn settings_and_states() {
    says(
        EarlyStopping::new(0).resolve(&tasks(&[("click", Classification)])).unwrap_err(),
        2,
        "early_stopping: patience is 0\nexpected: at least 1\nnext: correct early_stopping: patience",
    );
    says(
        OptimizerConfig::from(AdamConfig { learning_rate: -0.5, ..AdamConfig::default() })
            .check()
            .unwrap_err(),
        2,
        "learning_rate is -0.5\nexpected: a finite number above 0\nnext: correct learning_rate",
    );
    says(
        OptimizerConfig { clip_norm: Some(0.0), ..OptimizerConfig::default() }.check().unwrap_err(),
        2,
        "clip_norm is 0\nexpected: a finite number above 0\nnext: correct clip_norm",
    );
    says(
        "cosin".parse::<LearningRate>().unwrap_err(),
        2,
        "there is no schedule `cosin`\nexpected: one of constant, cosine, step\nnext: did you mean `cosine`?",
    );
    says(
        "adma".parse::<RuleConfig>().unwrap_err(),
        2,
        "there is no optimiser `adma`\nexpected: one of adam, sgd, adagrad, rowwise_adagrad\nnext: did you mean `adam`?",
    );
    let stopper = |task| EarlyStopping::new(2).resolve(&tasks(&[(task, Classification)])).unwrap();
    says(
        stopper("b").restore(stopper("a").state().clone()).unwrap_err(),
        2,
        "the saved early stopping is that of a.auc\nexpected: b.auc\nnext: continue with the settings that the run was started with, or start anew",
    );
}

#[test]
fn data_errors_pass_through() {
    let schema = ali_ccp_schema(&[2; 23], 4);
    let open =
        || ParquetShards::open(&["no/such/train.parquet"], &schema, StreamConfig::default()).unwrap_err();
    let text = open().to_string();
    assert!(text.contains("no/such/train.parquet"), "{text}");
    says(open(), 66, &text);
}
