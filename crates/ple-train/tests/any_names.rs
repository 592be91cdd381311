//! Whatever names a schema has: where its check accepts them a model is built, saved, loaded, exported and predicts; and where
//! they collide the check says so before.

#![allow(clippy::unwrap_used)]

use std::collections::BTreeMap;

use ple_data::{
    Batch, DataError, DenseBins, Feature, FeatureKind, FeatureSchema, Label, NameError, Pooling,
    SequenceColumn, Table, TableColumns, TaskType, write_predictions,
};
use ple_nn::{Architecture, MlpConfig, ModelConfig, SharedBottomConfig};
use ple_onnx::{ExportInput, ExportOptions, export};
use ple_train::checkpoint::RunFacts;
use ple_train::{RankingModel, RunSeed, bank_input};
use proptest::prelude::*;

/// What names are put together from: parts of parameters' and nodes' names, separators, quotes, what a terminal obeys.
const PIECES: &[&str] = &[
    "x",
    "y",
    ".bins",
    ".weights",
    ".weight",
    ".edges",
    ".length",
    "bins",
    "weights",
    ".",
    "/",
    "\\",
    "\"",
    "'",
    ",",
    " ",
    "\n",
    "\0",
    "\u{1b}[2J",
    "\u{202E}",
    "é",
    "embedding.",
    "embedding.x.weight",
    "tower.0",
    "cgc.0.task.0",
    "adam.m.",
    "balance.",
    "__metadata__",
    "batch",
    "ids",
    "dense",
    "predictions",
    "Gather_0",
    "Gather_0.y",
    "constant.ints_0",
    "..",
];

fn name() -> impl Strategy<Value = String> {
    let few = prop::sample::select(vec!["x", "y", "x.bins", "y.bins", "x.weights", "y.weights", "", " "]);
    let any = prop::collection::vec(prop::sample::select(PIECES), 1..4).prop_map(|pieces| pieces.concat());
    prop_oneof![1 => few.prop_map(str::to_owned), 2 => any]
}

fn feature() -> impl Strategy<Value = Feature> {
    let edges = vec![0.0, 1.0];
    let kinds = vec![
        FeatureKind::Sparse { vocab_size: 3, embedding_dim: 2, shared_with: None },
        FeatureKind::Dense { bins: None },
        FeatureKind::Dense { bins: Some(DenseBins { edges, embedding_dim: 2 }) },
        sequence(None),
        sequence(Some("w")),
    ];
    let kind = prop_oneof![
        5 => prop::sample::select(kinds),
        1 => name().prop_map(|owner| FeatureKind::Sparse {
            vocab_size: 3,
            embedding_dim: 2,
            shared_with: Some(owner),
        }),
    ];
    (name(), kind).prop_map(|(name, kind)| Feature { name, kind })
}

fn sequence(weights: Option<&str>) -> FeatureKind {
    FeatureKind::Sequence {
        vocab_size: 3,
        embedding_dim: 2,
        pooling: Pooling::Mean,
        padding_id: None,
        weights: weights.map(str::to_owned),
        shared_with: None,
    }
}

/// A schema that is unchecked, since most of them are refused.
fn parts() -> impl Strategy<Value = (Vec<Feature>, Vec<Label>)> {
    let label = name().prop_map(|name| Label::in_column(name, "answer", TaskType::Classification));
    (prop::collection::vec(feature(), 1..6), prop::collection::vec(label, 1..3))
}

/// Three rows of a schema.
fn rows(schema: &FeatureSchema) -> Table {
    let list = |weights: &Option<String>| SequenceColumn {
        offsets: vec![0, 2, 2, 3],
        ids: vec![0, 1, 2],
        weights: weights.as_ref().map(|_| vec![0.5, 1.0, 2.0]),
    };
    let lists = schema.sequences().map(|feature| match &feature.kind {
        FeatureKind::Sequence { weights, .. } => list(weights),
        other => panic!("{other:?}"),
    });
    let columns = TableColumns {
        sparse: (0..3 * schema.n_sparse()).map(|at| at as u32 % 3).collect(),
        dense: (0..3 * schema.n_dense()).map(|at| at as f32 * 0.7 - 1.0).collect(),
        labels: vec![1.0; 3 * schema.n_tasks()],
        sequences: lists.collect(),
        ..TableColumns::default()
    };
    Table::new(schema.clone(), columns).unwrap()
}

fn config() -> ModelConfig {
    let bottom = SharedBottomConfig { bottom: MlpConfig::new([3]), towers: vec![MlpConfig::new([2])] };
    ModelConfig { architecture: Architecture::SharedBottom(bottom), ..ModelConfig::default() }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]

    #[test]
    fn names_that_are_accepted_go_all_the_way((features, labels) in parts()) {
        let Ok(schema) = FeatureSchema::new(features, labels, vec![]) else { return Ok(()) };
        let table = rows(&schema);
        let model = RankingModel::new(schema.clone(), config(), RunSeed(3)).unwrap();
        let folder = tempfile::tempdir().unwrap();
        let predictions = model.predict(&table).unwrap();

        model.save(&folder.path().join("model"), &RunFacts::default()).unwrap();
        let (loaded, _) = RankingModel::load(&folder.path().join("model")).unwrap();
        prop_assert_eq!(&loaded.predict(&table).unwrap(), &predictions);

        let mut batch = Batch::new();
        table.gather(&[0, 1, 2], &mut batch);
        let input = ExportInput {
            model: loaded.model(),
            store: loaded.store(),
            features: loaded.model().features(),
            sample: bank_input(&schema, &batch),
            metadata: BTreeMap::new(),
        };
        let report = export(&input, &ExportOptions::default(), &folder.path().join("model.onnx")).unwrap();
        prop_assert_eq!(report.proved_rows, 3);

        let tasks: Vec<&str> = schema.labels.iter().map(|label| label.name.as_str()).collect();
        write_predictions(folder.path().join("predictions.parquet"), &tasks, &predictions, &[]).unwrap();
    }
}

#[test]
fn names_that_collide_are_both_named() {
    let label = || Label::in_column("buy", "answer", TaskType::Classification);
    let binned = FeatureKind::Dense { bins: Some(DenseBins { edges: vec![0.5], embedding_dim: 2 }) };
    let feature = |name: &str, kind: &FeatureKind| Feature { name: name.to_owned(), kind: kind.clone() };
    let sparse = FeatureKind::Sparse { vocab_size: 3, embedding_dim: 2, shared_with: None };
    let weighted = sequence(Some("w"));
    for (features, labels, both) in [
        (vec![feature("d", &binned), feature("d.bins", &sparse)], vec![label()], ["`d`", "`d.bins`"]),
        (vec![feature("d.bins", &sequence(None)), feature("d", &binned)], vec![label()], ["`d`", "`d.bins`"]),
        (vec![feature("q.weights", &binned), feature("q", &weighted)], vec![label()], ["`q`", "`q.weights`"]),
        (
            vec![feature("q", &weighted)],
            vec![Label::in_column("q.weights", "answer", TaskType::Regression)],
            ["`q`", "`q.weights`"],
        ),
    ] {
        let error = FeatureSchema::new(features, labels, vec![]).unwrap_err();
        assert!(matches!(error, DataError::Name(NameError::NameCollision { .. })), "{error}");
        let text = error.to_string();
        assert!(both.iter().all(|name| text.contains(name)), "{text}");
    }
}
