//! The exact text and exit code of the errors that settings cause; those of checkpoints are in `checkpoint.rs`.

#![allow(clippy::unwrap_used)]

use ple_train::TrainError;
use ple_train::metrics::{Metric, Undefined};

#[track_caller]
fn says(error: TrainError, exit_code: u8, text: &str) {
    assert_eq!(error.to_string(), text);
    assert_eq!(error.exit_code(), exit_code);
}

#[test]
fn names_that_are_not_known() {
    says(
        TrainError::UnknownMetric { found: "logloss".into() },
        2,
        "there is no metric `logloss`\nexpected: one of auc, log_loss, mse, rmse, mae\nnext: did you mean `log_loss`?",
    );
    says(
        TrainError::UnknownTask { found: "clik".into(), known: vec!["click".into(), "purchase".into()] },
        2,
        "there is no task `clik`\nexpected: one of click, purchase\nnext: did you mean `click`?",
    );
    says(
        TrainError::UnknownTask { found: "weather".into(), known: vec!["click".into()] },
        2,
        "there is no task `weather`\nexpected: one of click\nnext: choose one of these",
    );
}

#[test]
fn watched_metrics() {
    says(
        TrainError::WatchSyntax { found: "auc".into() },
        2,
        "early stopping cannot watch `auc`\nexpected: a task and a metric, as in click.auc\nnext: correct the list of watched metrics",
    );
    says(
        TrainError::MetricOfOtherType {
            task: "price".into(),
            metric: Metric::Auc,
            applicable: &[Metric::Mse, Metric::Mae],
        },
        2,
        "the metric `auc` does not apply to the task `price`\nexpected: one of mse, mae\nnext: choose one of these for `price`",
    );
    says(
        TrainError::MixedMetrics { watched: vec!["click.auc".into(), "price.mse".into()] },
        2,
        "the watched metrics are of different kinds (click.auc, price.mse), so they have no mean that could choose the best epoch\nexpected: the one that decides\nnext: set decide_by to one of them",
    );
    says(
        TrainError::WatchedUndefined { watched: "conversion.auc".into(), reason: Undefined::NoPositives },
        65,
        "early stopping watches conversion.auc, which is undefined on the validation set: no row has a positive label\nexpected: a validation set on which every watched metric has a value\nnext: use a larger validation set, or watch another metric",
    );
}

#[test]
fn settings_and_states() {
    says(
        TrainError::Setting { setting: "patience".into(), found: "0".into(), expected: "at least 1".into() },
        2,
        "patience is 0\nexpected: at least 1\nnext: correct patience",
    );
    says(
        TrainError::OtherState { what: "early stopping", found: "a.auc".into(), expected: "b.auc".into() },
        2,
        "the saved early stopping is that of a.auc\nexpected: b.auc\nnext: continue with the settings that the run was started with, or start anew",
    );
}

#[test]
fn data_errors_pass_through() {
    let error = ple_data::DataError::MissingFile { path: "train.csv".into() };
    let text = error.to_string();
    says(error.into(), 66, &text);
}
