//! ESMM from rows to predictions: over which rows it learns, over which it is judged, and what stands in its columns.

#![allow(clippy::unwrap_used)]

use ple_data::{
    Feature, FeatureSchema, GeneratorConfig, Label, Table, TableColumns, TaskType, Vocabulary, generate,
};
use ple_nn::{Architecture, EsmmConfig, MlpConfig, ModelConfig, SecondLabel};
use ple_train::metrics::{Measured, Metric};
use ple_train::{AdamConfig, RankingModel, RunInput, RunSeed, TrainConfig, fit};

fn esmm() -> ModelConfig {
    let towers = vec![MlpConfig::new([8])];
    let architecture = Architecture::Esmm(EsmmConfig { towers, second_label: SecondLabel::GivenFirst });
    ModelConfig { architecture, ..ModelConfig::default() }
}

fn trained(table: Table, epochs: u64) -> RankingModel {
    let mut model = RankingModel::new(table.schema().clone(), esmm(), RunSeed(3)).unwrap();
    let input = RunInput { train: table.into(), validation: None, checkpoints: None };
    let optimizer = AdamConfig { learning_rate: 0.01, ..AdamConfig::default() }.into();
    let config = TrainConfig { epochs, batch_size: 64, optimizer, ..TrainConfig::default() };
    fit(&mut model, &input, &config, &mut ()).unwrap();
    model
}

/// Rows of one feature with the given clicks and conversions, both labels of all rows.
fn rows(clicks: &[f32], conversions: &[f32]) -> Table {
    let labels =
        [Label::new("click", TaskType::Classification), Label::new("conversion", TaskType::Classification)];
    let schema = FeatureSchema::new(vec![Feature::sparse("user", 7, 4)], labels.to_vec(), vec![]).unwrap();
    let columns = TableColumns {
        sparse: (0..clicks.len() as u32).map(|row| row % 7).collect(),
        labels: clicks
            .iter()
            .zip(conversions)
            .flat_map(|(&click, &conversion)| [click, conversion])
            .collect(),
        ..TableColumns::default()
    };
    Table::new(schema, columns).unwrap()
}

fn labels() -> (Vec<f32>, Vec<f32>) {
    let clicks: Vec<f32> = (0..200).map(|row| f32::from(row % 3 == 0 || row % 7 == 1)).collect();
    let conversions =
        clicks.iter().enumerate().map(|(row, &click)| click * f32::from(row % 2 == 0)).collect();
    (clicks, conversions)
}

#[test]
fn a_conversion_without_a_click_is_none_in_the_loss_and_does_not_count_in_the_metric() {
    let (clicks, conversions) = labels();
    let stray: Vec<f32> = clicks
        .iter()
        .zip(&conversions)
        .enumerate()
        .map(|(row, (&click, &conversion))| if click == 0.0 { f32::from(row % 5 == 0) } else { conversion })
        .collect();
    let [clean, stray] = [&conversions, &stray].map(|conversions| rows(&clicks, conversions));
    let [one, other] = [&clean, &stray].map(|table| trained(table.clone(), 2));
    assert_eq!(one.predict(&clean).unwrap(), other.predict(&clean).unwrap());
    let [one, other] = [one.evaluate(&clean).unwrap(), one.evaluate(&stray).unwrap()];
    assert_eq!(one, other);
    let n_clicks = clicks.iter().filter(|&&click| click == 1.0).count();
    assert_eq!((one[0].counts.rows, one[1].counts.rows), (200, n_clicks));
}

#[test]
fn conversions_that_are_known_of_clicks_alone_are_learned_from_all_rows() {
    let config = GeneratorConfig { rows: 6_000, vocabulary: Vocabulary::Small, seed: 1 };
    let table = generate(&config).table;
    let model = trained(table.clone(), 4);
    let [first, second] = [0, 1].map(|task| table.schema().labels[task].name.clone());
    assert_eq!(model.heads(), [first.clone(), second.clone(), format!("{first}_and_{second}")]);

    let metrics = model.evaluate(&table).unwrap();
    let clicks = table.labels(0).filter(|&label| label > 0.0).count();
    assert_eq!((metrics[0].counts.rows, metrics[1].counts.rows), (6_000, clicks));
    for task in &metrics {
        let Some(Measured::Value(auc)) = task.get(Metric::Auc) else { panic!("{task:?}") };
        assert!(auc > 0.55, "{}: {auc}", task.task);
    }
    let predictions = model.predict(&table).unwrap();
    let [click, conversion, both] = &predictions[..] else { panic!("{} columns", predictions.len()) };
    for ((click, conversion), both) in click.iter().zip(conversion).zip(both) {
        assert!((both - click * conversion).abs() < 1e-6);
    }
    // Both losses are means over all rows, so both rates are near those of the rows: of clicks alone a quarter converts.
    let mean = |values: &[f32]| values.iter().map(|&value| f64::from(value)).sum::<f64>() / 6_000.0;
    let rate =
        table.labels(0).zip(table.labels(1)).filter(|&(a, b)| a > 0.0 && b > 0.0).count() as f64 / 6_000.0;
    let found = [mean(&predictions[0]), mean(&predictions[2])];
    let rates = [clicks as f64 / 6_000.0, rate];
    assert!(found.iter().zip(rates).all(|(found, rate)| (found - rate).abs() < 0.03), "{found:?}, {rates:?}");
}
