//! Links and losses of tasks: what a run learns by, what it predicts, and that all ways to a prediction agree.

#![allow(clippy::unwrap_used)]

use std::collections::BTreeMap;

use ple_data::{Feature, FeatureSchema, Label, Table, TableColumns, TaskType};
use ple_nn::{BankInput, HeadConfig, LabelScale, Link, ModelConfig};
use ple_train::early_stopping::EarlyStopping;
use ple_train::metrics::Metric;
use ple_train::{
    AdamConfig, FitReport, Loss, Predictor, RankingModel, RunInput, RunSeed, TrainConfig, TrainError, fit,
};

const N_ITEMS: u32 = 20;

/// Rows whose click and count depend on the item: the count's expected value is `exp(item / 10)`, and it is that value rounded
/// up or down, so that its mean is the expected one.
fn table(rows: u32, count: impl Fn(u32, f32) -> f32) -> Table {
    let schema = FeatureSchema::new(
        vec![Feature::sparse("item", N_ITEMS as usize, 8)],
        vec![Label::new("click", TaskType::Classification), Label::new("visits", TaskType::Regression)],
        vec![],
    )
    .unwrap();
    let mut columns = TableColumns::default();
    for row in 0..rows {
        let item = row * 7 % N_ITEMS;
        columns.sparse.push(item);
        columns.labels.push(f32::from(u8::from((row / N_ITEMS) % N_ITEMS < item)));
        columns.labels.push(count(item, ((row / N_ITEMS) % 10) as f32 / 10.0));
    }
    Table::new(schema, columns).unwrap()
}

fn rate(item: u32) -> f32 {
    (item as f32 / 10.0).exp()
}

fn config(losses: &[(&str, &str)]) -> TrainConfig {
    TrainConfig {
        epochs: 30,
        batch_size: 200,
        losses: losses.iter().map(|(task, loss)| ((*task).to_owned(), loss.parse().unwrap())).collect(),
        optimizer: AdamConfig { learning_rate: 0.02, ..AdamConfig::default() }.into(),
        early_stopping: EarlyStopping { decide_by: Some("visits.mse".to_owned()), ..EarlyStopping::new(30) },
        ..TrainConfig::default()
    }
}

fn trained(table: &Table, config: &TrainConfig) -> Result<(RankingModel, FitReport), TrainError> {
    let mut model = ModelConfig::default();
    config.set_links(&mut model);
    let mut model = RankingModel::new(table.schema().clone(), model, RunSeed(config.seed))?;
    let input =
        RunInput { train: table.clone().into(), validation: Some(table.clone().into()), checkpoints: None };
    let report = fit(&mut model, &input, config, &mut ())?;
    Ok((model, report))
}

/// The error of a refused run.
fn refused(table: &Table, config: &TrainConfig) -> String {
    trained(table, config).unwrap_err().to_string()
}

#[test]
fn the_defaults_by_name_change_no_value() {
    let table = table(2_000, |item, _| rate(item));
    let named = config(&[("click", "binary_cross_entropy"), ("visits", "squared_error")]);
    let config = TrainConfig { epochs: 2, ..config(&[]) };
    let (by_default, _) = trained(&table, &config).unwrap();
    let (by_name, _) = trained(&table, &TrainConfig { epochs: 2, ..named }).unwrap();
    assert_eq!(by_default.predict(&table).unwrap(), by_name.predict(&table).unwrap());
}

#[test]
fn a_count_is_predicted_by_its_exponential() {
    let table = table(4_000, |item, quantile| (rate(item) + quantile).floor());
    let (model, report) = trained(&table, &config(&[("visits", "poisson")])).unwrap();
    assert_eq!(model.model().heads()[1].link, Link::Exp);
    let predictions = &model.predict(&table).unwrap()[1];
    for (item, &prediction) in (0..N_ITEMS).map(|row| row * 7 % N_ITEMS).zip(predictions) {
        // Of 200 rows an item; the quantiles of .0 to .9 leave the mean some hundredths below the rate.
        let error = (prediction / rate(item) - 1.0).abs();
        assert!(error < 0.2, "item {item}: {prediction} for {}", rate(item));
    }
    let metrics = report.validation();
    // Metrics are in the unit of the label.
    assert!(
        metrics[1].get(Metric::Mae).and_then(|mae| mae.value()).is_some_and(|mae| mae < 1.0),
        "{metrics:?}"
    );
}

#[test]
fn all_ways_to_a_prediction_agree() {
    let table = table(600, |item, quantile| (rate(item) + quantile).floor());
    for loss in ["poisson", "huber", "squared_error"] {
        let config = TrainConfig { epochs: 2, ..config(&[("visits", loss)]) };
        let (model, _) = trained(&table, &config).unwrap();
        let predictions = model.predict(&table).unwrap();
        let folder = tempfile::tempdir().unwrap();
        model.save(folder.path(), &Default::default()).unwrap();
        let (loaded, _) = RankingModel::load(folder.path()).unwrap();
        assert_eq!(loaded.predict(&table).unwrap(), predictions, "{loss}");

        let items: Vec<u32> = table.sparse(0).collect();
        let dense = ndarray::Array2::zeros((items.len(), 0));
        let request =
            BankInput { batch: items.len(), sparse: vec![&items], sequences: vec![], dense: dense.view() };
        let mut served = vec![0.0; 2 * items.len()];
        Predictor::new(loaded).predict(&request, &mut served).unwrap();
        let by_head = |head: usize| served.iter().skip(head).step_by(2).copied().collect::<Vec<f32>>();
        assert_eq!([by_head(0), by_head(1)].to_vec(), predictions, "{loss}");
    }
}

#[test]
fn what_does_not_fit_is_refused_before_the_first_step() {
    let table = table(400, |item, _| item as f32 - 3.0);
    let cases = [
        (
            config(&[("vists", "huber")]),
            "heads: there is no task `vists`\nexpected: one of `click`, `visits`\nnext: did you mean `visits`?",
        ),
        (
            config(&[("click", "huber")]),
            "heads: the link of `click` is `identity`\nexpected: `sigmoid`, since the label says whether something happens\nnext: choose a loss for the link `sigmoid`, or correct heads.click.link in the settings of the model; or make the label one of regression in the schema",
        ),
        (
            config(&[("visits", "poisson")]),
            "the labels of `visits` go from -3 to 16\nexpected: numbers from 0 on, for the loss `poisson`\nnext: correct the label's column, or choose another loss",
        ),
        (
            config(&[("visits", "binary_cross_entropy")]),
            "the labels of `visits` go from -3 to 16\nexpected: numbers from 0 to 1, for the loss `binary_cross_entropy`\nnext: correct the label's column, or choose another loss",
        ),
    ];
    for (config, expected) in cases {
        assert_eq!(refused(&table, &config), expected);
    }

    let counts = self::table(400, |item, _| item as f32);
    for name in ["grad_norm", "dynamic_weight_average"] {
        let config = TrainConfig { balance: name.parse().unwrap(), ..config(&[("visits", "poisson")]) };
        assert_eq!(
            refused(&counts, &config),
            format!(
                "balance is `{name}`, and the loss `poisson` of `visits` may be negative\nexpected: losses from 0 on, since it asks how far a loss has come down\nnext: correct balance"
            )
        );
    }

    let model = ModelConfig {
        heads: BTreeMap::from([(
            "visits".to_owned(),
            HeadConfig { link: Some(Link::Exp), ..HeadConfig::default() },
        )]),
        ..ModelConfig::default()
    };
    let mut model = RankingModel::new(table.schema().clone(), model, RunSeed(1)).unwrap();
    let input = RunInput { train: table.into(), validation: None, checkpoints: None };
    assert_eq!(
        fit(&mut model, &input, &config(&[("visits", "huber@2")]), &mut ()).unwrap_err().to_string(),
        "the loss of `visits` is `huber@2`, which is for the link `identity`; the model's is `exp`\nexpected: one of poisson\nnext: choose one of these, or make identity the link of `visits` in the settings of the model",
    );
}

/// Labels far from 0 and wide apart are learned as well as others, and predictions are on their scale.
#[test]
fn the_labels_of_a_regression_are_learned_in_standard_deviations() {
    let labels = |item: u32, quantile: f32| 5e4 + 300.0 * (item as f32 + quantile);
    let table = table(4_000, labels);
    let (model, report) = trained(&table, &config(&[])).unwrap();
    let r2 = |report: &FitReport| report.validation()[1].get(Metric::R2).unwrap().value().unwrap();
    assert!(r2(&report) > 0.98, "{}", r2(&report));
    let all: Vec<f64> = table.labels(1).map(f64::from).collect();
    let mean = all.iter().sum::<f64>() / all.len() as f64;
    let deviation = (all.iter().map(|y| (y - mean).powi(2)).sum::<f64>() / all.len() as f64).sqrt();
    let standard = model.model().label_standard(1).unwrap().get(model.store());
    // Rounded to 32 bits.
    assert_eq!(standard, (mean as f32, deviation as f32));
    assert!(model.model().label_standard(0).is_none());
    // Losses are in squared deviations.
    let first = report.evaluations[0].train_losses[1].unwrap();
    assert!(first < 3.0, "{first}");

    // A model that is trained on keeps what its logits stand for.
    let folder = tempfile::tempdir().unwrap();
    model.save(folder.path(), &report.facts).unwrap();
    let (mut loaded, _) = RankingModel::load(folder.path()).unwrap();
    assert_eq!(loaded.predict(&table).unwrap(), model.predict(&table).unwrap());
    let other = self::table(400, |item, quantile| labels(item, quantile) + 1e5);
    let input = RunInput { train: other.into(), validation: None, checkpoints: None };
    fit(&mut loaded, &input, &TrainConfig { epochs: 1, ..config(&[]) }, &mut ()).unwrap();
    assert_eq!(loaded.model().label_standard(1).unwrap().get(loaded.store()), standard);
}

#[test]
fn a_switch_leaves_labels_as_they_are() {
    let table = table(400, |item, _| 2.0 * item as f32);
    let raw = HeadConfig { labels: LabelScale::Raw, ..HeadConfig::default() };
    let heads = BTreeMap::from([("visits".to_owned(), raw)]);
    let model = ModelConfig { heads, ..ModelConfig::default() };
    let model = RankingModel::new(table.schema().clone(), model, RunSeed(1)).unwrap();
    assert!(model.model().label_standard(1).is_none());
    // As an older version saved it: no standard, and nothing about it in the configuration.
    let folder = tempfile::tempdir().unwrap();
    let predictions = model.predict(&table).unwrap();
    model.save(folder.path(), &Default::default()).unwrap();
    let (loaded, _) = RankingModel::load(folder.path()).unwrap();
    assert_eq!(loaded.predict(&table).unwrap(), predictions);
}

#[test]
fn names_and_settings_of_losses() {
    let error = |text: &str| text.parse::<Loss>().unwrap_err().to_string();
    assert!(error("hubr").starts_with("there is no loss `hubr`\nexpected: one of binary_cross_entropy, "));
    assert!(error("hubr").ends_with("\nnext: did you mean `huber`?"));
    assert_eq!(
        error("huber@0"),
        "the loss `huber` is `huber@0`\nexpected: a delta above 0, as in huber@2.5\nnext: correct the loss `huber`"
    );
    assert_eq!(
        error("poisson@2"),
        "the loss `poisson` is `poisson@2`\nexpected: a name alone, since it has no settings\nnext: correct the loss `poisson`"
    );
}
