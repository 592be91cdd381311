//! Early stopping as a run meets it: what stops it, what is kept, and that nothing undefined is ever best.

#![allow(clippy::unwrap_used)]

use ple_data::TaskType;
use ple_train::TrainError;
use ple_train::early_stopping::{Decision, EarlyStopper, EarlyStopping, Snapshot, Watch};
use ple_train::metrics::{LabelCounts, Measured, Metric, TaskMetrics, Undefined};
use proptest::prelude::*;

/// One evaluation of a task with one metric.
fn task(name: &str, metric: Metric, value: Option<f64>) -> TaskMetrics {
    let types = [TaskType::Classification, TaskType::Regression];
    let task_type = types.into_iter().find(|&task| metric.fits(task)).unwrap();
    let measured = value.map_or(Measured::Undefined(Undefined::NotFinite), Measured::Value);
    TaskMetrics {
        task: name.into(),
        task_type,
        counts: LabelCounts::default(),
        values: [(metric, measured)].into(),
        groups: [].into(),
        served: None,
    }
}

fn auc_stopper(patience: usize, names: &[&str]) -> EarlyStopper {
    let tasks: Vec<_> = names.iter().map(|name| ((*name).to_owned(), TaskType::Classification)).collect();
    EarlyStopping::new(patience).resolve(&tasks).unwrap()
}

fn aucs(values: &[(&str, Option<f64>)]) -> Vec<TaskMetrics> {
    values.iter().map(|(name, value)| task(name, Metric::Auc, *value)).collect()
}

#[test]
fn it_goes_on_while_any_task_improves_and_keeps_the_best_mean() {
    let mut stopper = auc_stopper(2, &["a", "b"]);
    let runs = [((0.6, 0.6), Snapshot::Take), ((0.5, 0.65), Snapshot::Leave), ((0.5, 0.72), Snapshot::Take)];
    for ((a, b), snapshot) in runs {
        let verdict = stopper.observe(&aucs(&[("a", Some(a)), ("b", Some(b))]));
        assert_eq!((verdict.snapshot, verdict.decision), (snapshot, Decision::Continue));
    }
    assert_eq!(stopper.observe(&aucs(&[("a", Some(0.4)), ("b", Some(0.7))])).decision, Decision::Continue);
    let last = stopper.observe(&aucs(&[("a", Some(0.45)), ("b", Some(0.72))]));
    assert!(last.improved.is_empty(), "equal to the best is no improvement");
    let Decision::Stop(reason) = last.decision else { panic!("both have stalled for two evaluations") };
    assert_eq!(
        reason.to_string(),
        "none of a.auc, b.auc has improved for 2 evaluations; evaluation 3 was the best (0.6100)"
    );
}

#[test]
fn a_lower_error_is_better() {
    let tasks = [("price".to_owned(), TaskType::Regression)];
    let mut stopper = EarlyStopping::new(1).resolve(&tasks).unwrap();
    assert_eq!(stopper.observe(&[task("price", Metric::Mse, Some(2.0))]).snapshot, Snapshot::Take);
    assert_eq!(stopper.observe(&[task("price", Metric::Mse, Some(1.5))]).improved, ["price.mse"]);
    let last = stopper.observe(&[task("price", Metric::Mse, Some(1.6))]);
    let Decision::Stop(reason) = last.decision else { panic!("the patience of one is over") };
    assert_eq!(
        reason.to_string(),
        "price.mse has not improved for 1 evaluation; evaluation 2 was the best (1.5000)"
    );
}

#[test]
fn a_run_without_any_value_ends_too() {
    let mut stopper = auc_stopper(2, &["a"]);
    let nothing = aucs(&[("a", None)]);
    let first = stopper.observe(&nothing);
    assert_eq!((first.snapshot, first.decision), (Snapshot::Leave, Decision::Continue));
    let Decision::Stop(reason) = stopper.observe(&nothing).decision else { panic!("nothing improved twice") };
    assert_eq!(reason.to_string(), "a.auc has not improved for 2 evaluations; no evaluation had a value");
}

#[test]
fn metrics_of_different_kinds_stop_together_and_one_decides() {
    let tasks = [("click".to_owned(), TaskType::Classification), ("price".to_owned(), TaskType::Regression)];
    let config = EarlyStopping { decide_by: Some("price.mse".into()), ..EarlyStopping::new(1) };
    let mut stopper = config.resolve(&tasks).unwrap();
    let both = |auc, mse| [task("click", Metric::Auc, Some(auc)), task("price", Metric::Mse, Some(mse))];
    assert_eq!(stopper.observe(&both(0.5, 3.0)).snapshot, Snapshot::Take);
    let better_auc = stopper.observe(&both(0.6, 3.5));
    assert_eq!((better_auc.snapshot, better_auc.decision), (Snapshot::Leave, Decision::Continue));
    assert_eq!(stopper.observe(&both(0.6, 2.0)).snapshot, Snapshot::Take);
    assert!(matches!(stopper.observe(&both(0.6, 2.0)).decision, Decision::Stop(_)));
    assert_eq!(stopper.best().unwrap().evaluation, 3);
}

/// One evaluation of the two tasks, with what chooses the best by default.
fn explained(entropy: Option<f64>, r2: Option<f64>) -> [TaskMetrics; 2] {
    let mut both = [task("click", Metric::Auc, Some(0.5)), task("price", Metric::Mse, Some(1.0))];
    for (task, (metric, value)) in
        both.iter_mut().zip([(Metric::NormalizedEntropy, entropy), (Metric::R2, r2)])
    {
        let measured = value.map_or(Measured::Undefined(Undefined::NoPositives), Measured::Value);
        task.values.insert(metric, measured);
    }
    both
}

#[test]
fn tasks_of_different_kinds_are_chosen_by_what_is_explained_of_each() {
    let tasks = [("click".to_owned(), TaskType::Classification), ("price".to_owned(), TaskType::Regression)];
    let mut stopper = EarlyStopping::new(9).resolve(&tasks).unwrap();
    let needed: Vec<String> = stopper.needed().map(ToString::to_string).collect();
    assert_eq!(needed, ["click.auc", "price.mse", "click.normalized_entropy", "price.r2"]);
    assert_eq!(stopper.observe(&explained(Some(0.9), Some(0.2))).snapshot, Snapshot::Take);
    assert!((stopper.best().unwrap().score - 0.15).abs() < 1e-12);
    // The click is better by less than the price is worse.
    assert_eq!(stopper.observe(&explained(Some(0.8), Some(0.05))).snapshot, Snapshot::Leave);
    assert_eq!(stopper.observe(&explained(Some(0.8), Some(0.15))).snapshot, Snapshot::Take);
    // A task without a value is left out; without any there is no best.
    assert_eq!(stopper.observe(&explained(None, Some(0.5))).snapshot, Snapshot::Take);
    assert_eq!(stopper.observe(&explained(None, None)).snapshot, Snapshot::Leave);
}

#[test]
fn a_value_that_is_nearer_to_its_best_improves() {
    let tasks = [("click".to_owned(), TaskType::Classification)];
    let watch = Watch::Each(vec!["click.pcoc".into()]);
    let mut stopper = EarlyStopping { watch, ..EarlyStopping::new(9) }.resolve(&tasks).unwrap();
    let observed = [1.5, 0.6, 0.5, 1.3]
        .map(|value| stopper.observe(&[task("click", Metric::Pcoc, Some(value))]).snapshot);
    assert_eq!(observed, [Snapshot::Take, Snapshot::Take, Snapshot::Leave, Snapshot::Take]);
}

#[test]
fn a_weighted_mean_is_watched_as_one_number() {
    let tasks = ["a", "b"].map(|name| (name.to_owned(), TaskType::Classification));
    let watch = Watch::Mean(vec![("a.auc".into(), 3.0), ("b.auc".into(), 1.0)]);
    let config = EarlyStopping { watch, ..EarlyStopping::new(1) };
    let mut stopper = config.resolve(&tasks).unwrap();
    assert_eq!(stopper.observe(&aucs(&[("a", Some(0.5)), ("b", Some(0.5))])).snapshot, Snapshot::Take);
    // b is better than ever, but the mean is not.
    let verdict = stopper.observe(&aucs(&[("a", Some(0.4)), ("b", Some(0.7))]));
    assert!(matches!(verdict.decision, Decision::Stop(_)));
    assert_eq!(stopper.best().unwrap().score, 0.5);
}

#[test]
fn an_undefined_metric_is_refused_before_training() {
    let stopper = auc_stopper(2, &["a", "b"]);
    let counts = |positives| LabelCounts { rows: 10, positives: Some(positives), spread: None };
    let fine = [("a".to_owned(), counts(1)), ("b".to_owned(), counts(9))];
    stopper.check_validation(&fine).unwrap();
    let one_class = [("a".to_owned(), counts(1)), ("b".to_owned(), counts(10))];
    let error = stopper.check_validation(&one_class).unwrap_err();
    let TrainError::WatchedUndefined { watched, reason } = error else { panic!("{error}") };
    assert_eq!((watched.as_str(), reason), ("b.auc", Undefined::NoNegatives));
    assert!(stopper.check_validation(&fine[..1]).is_err(), "a task without a validation set");
}

#[test]
fn a_state_of_other_metrics_is_refused() {
    let state = auc_stopper(2, &["a"]).state().clone();
    let error = auc_stopper(2, &["a", "b"]).restore(state).unwrap_err().to_string();
    assert!(
        error.starts_with("the saved early stopping is that of a.auc\nexpected: a.auc, b.auc\n"),
        "{error}"
    );
}

/// Values as evaluations give them, some undefined.
fn value() -> impl Strategy<Value = Option<f64>> {
    prop::option::weighted(0.8, (0_u32..20).prop_map(|step| f64::from(step) / 20.0))
}

proptest! {
    #[test]
    fn it_stops_exactly_when_no_task_improved_for_the_patience(
        evaluations in prop::collection::vec((value(), value()), 1..40),
        patience in 1_usize..5,
    ) {
        let mut stopper = auc_stopper(patience, &["a", "b"]);
        let mut history: [Vec<Option<f64>>; 2] = [Vec::new(), Vec::new()];
        let mut means: Vec<Option<f64>> = Vec::new();
        for (a, b) in evaluations {
            let verdict = stopper.observe(&aucs(&[("a", a), ("b", b)]));
            history[0].push(a);
            history[1].push(b);
            means.push(a.zip(b).map(|(a, b)| (a + b) / 2.0));

            // The last evaluation that was better than all before it, for each task and for the mean.
            let last_best = |values: &[Option<f64>]| {
                let improves = |index: &usize| {
                    let before = values[..*index].iter().flatten().copied().fold(f64::NEG_INFINITY, f64::max);
                    values[*index].is_some_and(|value| value > before)
                };
                (0..values.len()).rev().find(improves).map_or(0, |index| index + 1)
            };
            let n = means.len();
            let stalled = history.iter().all(|values| n - last_best(values) >= patience);
            prop_assert_eq!(matches!(verdict.decision, Decision::Stop(_)), stalled);
            prop_assert_eq!(verdict.snapshot == Snapshot::Take, last_best(&means) == n);
            prop_assert_eq!(stopper.best().map_or(0, |best| best.evaluation), last_best(&means));
        }
    }

    #[test]
    fn a_run_that_is_cut_anywhere_goes_on_the_same(
        evaluations in prop::collection::vec((value(), value()), 1..20),
        cut in 0_usize..20,
    ) {
        let mut whole = auc_stopper(3, &["a", "b"]);
        let mut first = auc_stopper(3, &["a", "b"]);
        for (index, (a, b)) in evaluations.into_iter().enumerate() {
            // Odd values, so that a rounding on the way through JSON would show.
            let odd = |value: Option<f64>| value.map(|value| value / 3.0 + 1e-17);
            let evaluation = aucs(&[("a", odd(a)), ("b", odd(b))]);
            if index == cut {
                let json = serde_json::to_string(first.state()).unwrap();
                let mut second = auc_stopper(3, &["a", "b"]);
                second.restore(serde_json::from_str(&json).unwrap()).unwrap();
                first = second;
            }
            prop_assert_eq!(whole.observe(&evaluation), first.observe(&evaluation));
        }
        prop_assert_eq!(whole, first);
    }
}

/// Two tasks that miss it in opposite directions have no mean of 1.
#[test]
fn a_mean_of_metrics_that_are_best_at_a_number_is_one_of_distances() {
    let watch = Watch::Each(vec!["a.pcoc".into(), "b.pcoc".into()]);
    let tasks = ["a", "b"].map(|name| (name.to_owned(), TaskType::Classification));
    let mut stopper = EarlyStopping { watch, ..EarlyStopping::new(9) }.resolve(&tasks).unwrap();
    assert!(stopper.describe().contains("a.pcoc, b.pcoc (validation, nearer to 1 is better)"));
    let both = |a, b| [task("a", Metric::Pcoc, Some(a)), task("b", Metric::Pcoc, Some(b))];
    assert_eq!(stopper.observe(&both(0.5, 1.5)).snapshot, Snapshot::Take);
    assert_eq!(stopper.observe(&both(0.75, 0.75)).snapshot, Snapshot::Take);
    assert_eq!(stopper.observe(&both(1.5, 0.5)).snapshot, Snapshot::Leave);
    assert_eq!(stopper.best().unwrap().score, 1.25);
}
