//! Metrics within groups from rows to reports: by features, keys and columns that are read besides, in memory and streamed.

#![allow(clippy::unwrap_used)]

use std::collections::BTreeMap;

use ple_data::{
    Feature, FeatureSchema, GeneratorConfig, GroupNumbers, Label, ParquetShards, RowSource, StreamConfig,
    Table, TableColumns, TaskType, Vocabulary, generate, read_table, read_tables_keeping, write_csv,
    write_parquet,
};
use ple_nn::{Architecture, EsmmConfig, MlpConfig, ModelConfig, SecondLabel};
use ple_train::early_stopping::{EarlyStopping, Watch};
use ple_train::metrics::{Measured, Metric, gauc};
use ple_train::{Control, Ended, Observer, RankingModel, RunInput, RunSeed, StepProgress, TrainConfig, fit};

fn metric(text: &str) -> Metric {
    text.parse().unwrap()
}

fn config(metrics: &[(&str, &str)]) -> TrainConfig {
    let mut by_task: BTreeMap<String, Vec<Metric>> = BTreeMap::new();
    for (task, text) in metrics {
        by_task.entry((*task).to_owned()).or_default().push(metric(text));
    }
    TrainConfig { epochs: 2, batch_size: 64, metrics: by_task, ..TrainConfig::default() }
}

fn model(schema: &FeatureSchema) -> RankingModel {
    RankingModel::new(schema.clone(), ModelConfig::default(), RunSeed(1)).unwrap()
}

/// Fails where a step is taken.
struct NoStep;

impl Observer for NoStep {
    fn stepped(&mut self, _progress: &StepProgress) -> Control {
        panic!("a step was taken")
    }
}

#[test]
fn groups_are_those_of_the_rows_of_each_task_in_memory_and_streamed() {
    let folder = tempfile::tempdir().unwrap();
    let generated = generate(&GeneratorConfig { rows: 3_000, vocabulary: Vocabulary::Small, seed: 3 }).table;
    // The feature 101 and the same ids as text in a key that the model's schema does not have.
    let schema = generated.schema().clone();
    let named =
        FeatureSchema::new(schema.features.clone(), schema.labels.clone(), vec!["session".into()]).unwrap();
    let place = schema.sparse().position(|feature| feature.name == "101").unwrap();
    let csv = folder.path().join("rows.csv");
    write_csv(&generated, &csv).unwrap();
    let text = std::fs::read_to_string(&csv).unwrap();
    let sessions =
        generated.sparse(place).map(|id| if id % 97 > 0 { format!("s{id}") } else { String::new() });
    let column = std::iter::once("session".to_owned()).chain(sessions);
    let lines = text.lines().zip(column).map(|(line, session)| format!("{line},{session}\n"));
    std::fs::write(&csv, lines.collect::<String>()).unwrap();
    let rows = read_table(&csv, &named).unwrap();
    let files = [folder.path().join("a.parquet"), folder.path().join("b.parquet")];
    let parts = [(0..1_100).collect::<Vec<u32>>(), (1_100..3_000).collect()];
    files.iter().zip(&parts).for_each(|(file, rows_of)| {
        write_parquet(&rows.select(rows_of), file).unwrap();
    });
    let config_of_windows = StreamConfig { window_bytes: 1, decoders: 2 };
    let streamed: RowSource = ParquetShards::open(&files, &schema, config_of_windows).unwrap().into();
    let kept: RowSource = read_tables_keeping(&files, &schema, &["session"]).unwrap().into();
    let key: RowSource = rows.into();

    let mut model = model(&schema);
    let [task, other] = [0, 1].map(|task| schema.labels[task].name.clone());
    for text in ["gauc@101", "gauc@session", "ndcg@session,5"] {
        model.judge_by(&task, metric(text)).unwrap();
    }
    model.judge_by(&other, metric("gauc@101")).unwrap();
    let metrics = model.evaluate_source(&streamed).unwrap();
    assert_eq!(metrics, model.evaluate_source(&kept).unwrap());
    let RowSource::Memory(table) = &kept else { unreachable!() };
    assert_eq!(metrics, model.evaluate(table).unwrap());
    // Predictions of a table under another schema are those of the same columns.
    assert_eq!(
        metrics[0].get(metric("gauc@session")),
        model.evaluate_source(&key).unwrap()[0].get(metric("gauc@session"))
    );

    // What the second task has are its own rows.
    let outputs = model.predict(table).unwrap();
    for (index, metrics) in metrics.iter().enumerate() {
        let mut groups = Vec::new();
        GroupNumbers::default().append(table, "101", &mut groups).unwrap();
        let (labels, weights): (Vec<f32>, Vec<f32>) =
            (table.labels(index).collect(), table.weights(index).collect());
        let expected = gauc(&outputs[index], &labels, Some(&weights), &groups);
        let Some(Measured::Value(found)) = metrics.get(metric("gauc@101")) else { panic!("{metrics:?}") };
        assert!((found - expected.value.unwrap()).abs() < 1e-6, "{found} {expected:?}");
        assert_eq!(metrics.groups.get(&metric("gauc@101")), expected.groups.as_ref());
    }
    let counts = metrics[0].groups[&metric("gauc@session")];
    let without = table.sparse(place).filter(|id| id % 97 == 0).count();
    assert_eq!(counts.rows_without_group, without);
    assert!(counts.left_out > 0 && counts.to_string().contains("groups left out: one class"));
    assert!(metrics[1].groups.len() == 1 && metrics[1].groups[&metric("gauc@101")].groups > 0);
    let json = serde_json::to_string(&metrics[0]).unwrap();
    assert!(json.contains(r#""groups":{"gauc@101":{"groups":"#), "{json}");
    assert_eq!(serde_json::from_str::<ple_train::metrics::TaskMetrics>(&json).unwrap(), metrics[0]);
}

#[test]
fn conversions_of_esmm_are_grouped_over_clicks() {
    let labels =
        [Label::new("click", TaskType::Classification), Label::new("conversion", TaskType::Classification)];
    let schema = FeatureSchema::new(vec![Feature::sparse("user", 7, 4)], labels.to_vec(), vec![]).unwrap();
    let rows = 0..700_u32;
    let columns = TableColumns {
        sparse: rows.clone().map(|row| row % 7).collect(),
        // User 3 clicks nothing.
        labels: rows
            .flat_map(|row| {
                let click = row % 7 != 3 && row % 3 == 0;
                [click, row % 2 == 0].map(|label| f32::from(u8::from(label)))
            })
            .collect(),
        ..TableColumns::default()
    };
    let table = Table::new(schema.clone(), columns).unwrap();
    let architecture = Architecture::Esmm(EsmmConfig {
        towers: vec![MlpConfig::new([8])],
        second_label: SecondLabel::GivenFirst,
    });
    let config = ModelConfig { architecture, ..ModelConfig::default() };
    let mut model = RankingModel::new(schema, config, RunSeed(1)).unwrap();
    model.judge_by("click", metric("gauc@user")).unwrap();
    model.judge_by("conversion", metric("gauc@user")).unwrap();
    let metrics = model.evaluate(&table).unwrap();
    let groups = |task: usize| metrics[task].groups[&metric("gauc@user")];
    assert_eq!((groups(0).groups, groups(0).left_out), (7, 1));
    assert_eq!((groups(1).groups, groups(1).left_out), (6, 0));
    // Within a user all rows are alike.
    assert_eq!(metrics[1].get(metric("gauc@user")), Some(Measured::Value(0.5)));
    assert_eq!(metrics[1].counts.rows, table.labels(0).filter(|&click| click == 1.0).count());
}

fn input() -> (RunInput, FeatureSchema, String) {
    let part = |seed| generate(&GeneratorConfig { rows: 1_500, vocabulary: Vocabulary::Small, seed }).table;
    let (train, validation) = (part(1), part(2));
    let schema = train.schema().clone();
    let task = schema.labels[0].name.clone();
    (RunInput { train: train.into(), validation: Some(validation.into()), checkpoints: None }, schema, task)
}

#[test]
fn early_stopping_watches_a_metric_within_groups() {
    let (input, schema, task) = input();
    let watched = format!("{task}.gauc@101");
    let early_stopping = EarlyStopping { watch: Watch::Each(vec![watched.clone()]), ..EarlyStopping::new(1) };
    let config = TrainConfig { epochs: 12, early_stopping, ..config(&[(&task, "pr_auc")]) };
    let report = fit(&mut model(&schema), &input, &config, &mut ()).unwrap();
    let values: Vec<f64> = report
        .evaluations
        .iter()
        .map(|evaluation| evaluation.validation[0].get(metric("gauc@101")).unwrap().value().unwrap())
        .collect();
    let best = report.best.unwrap();
    assert!(values.iter().all(|&value| value <= values[best]), "{values:?}");
    assert!(report.validation()[0].get(metric("pr_auc")).unwrap().value().is_some());
    let Ended::Stalled(reason) = report.ended else { panic!("{values:?}") };
    assert_eq!(reason.watched, [watched]);
}

#[test]
fn metrics_change_no_bit_of_a_model() {
    let (input, schema, task) = input();
    let trained = |config: &TrainConfig| {
        let mut model = model(&schema);
        fit(&mut model, &input, config, &mut ()).unwrap();
        let RowSource::Memory(table) = input.validation.as_ref().unwrap() else { unreachable!() };
        model.predict(table).unwrap()
    };
    assert_eq!(trained(&config(&[])), trained(&config(&[(&task, "gauc@101"), (&task, "ndcg@101,3")])));
}

#[test]
fn what_cannot_be_judged_is_refused_before_the_first_step() {
    let (input, schema, task) = input();
    let refused = |config: TrainConfig| {
        let error = fit(&mut model(&schema), &input, &config, &mut NoStep).unwrap_err();
        (error.to_string(), error.exit_code())
    };
    let next = "next: name a sparse feature, a key of the schema, or another column that the reader is asked to keep";
    assert_eq!(
        refused(config(&[(&task, "gauc@1O1")])),
        (format!("rows cannot be grouped by `1O1`, which is not there\nnearest: `101`\n{next}"), 2)
    );
    assert_eq!(refused(config(&[("clik", "pr_auc")])).0.lines().next().unwrap(), "there is no task `clik`");
    assert_eq!(
        refused(config(&[(&task, "mse")])),
        (
            format!(
                "the metric `mse` does not apply to the task `{task}`\nexpected: one of auc, log_loss, pcoc, \
                 normalized_entropy, pr_auc, ece, gauc@COLUMN, ndcg@COLUMN\nnext: choose one of these for `{task}`"
            ),
            2
        )
    );
    let watch = Watch::Each(vec![format!("{task}.gauc")]);
    let early_stopping = EarlyStopping { watch, ..EarlyStopping::new(1) };
    assert_eq!(
        refused(TrainConfig { early_stopping, ..config(&[]) }),
        (
            "the metric `gauc` is `gauc`\nexpected: a column whose values are the groups, as in gauc@user_id\nnext: correct \
             the metric `gauc`"
                .to_owned(),
            2
        )
    );
}
