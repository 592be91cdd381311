//! A trained model under new vocabularies: what was learned of a key goes with the key, and new keys start alike whatever
//! else is in the table.

#![allow(clippy::unwrap_used)]

use std::collections::BTreeSet;

use ple_data::prepare::{
    Arithmetic, Encoder, FittedFeature, FittedKind, HashBuckets, Key, KeyVocabulary, MissingId, NamedEncoder,
    Scaler, Transformation,
};
use ple_data::{Feature, FeatureSchema, Label, RowSource, TaskType, read_table};
use ple_nn::ModelConfig;
use ple_tensor::{Entry, TableId};
use ple_train::{
    AdagradConfig, CarriedMoments, Checkpoints, Control, Observer, RankingModel, RunInput, RunSeed,
    SaveEvery, Start, StepProgress, TrainConfig, fit, fit_with_moments,
};
use proptest::prelude::*;

/// A transformation with a vocabulary of some keys.
fn transformation(keys: &[String]) -> Transformation {
    let users = KeyVocabulary::new(1, keys.iter().map(|key| (Key::from(key.as_str()), 1)));
    let items = HashBuckets { buckets: 7, seed: 0 };
    let encoders = vec![
        NamedEncoder { name: "user".into(), encoder: Encoder::Vocabulary(users) },
        NamedEncoder { name: "item".into(), encoder: Encoder::Hash(items) },
    ];
    let sparse = |name: &str| FittedFeature {
        name: name.into(),
        column: name.into(),
        kind: FittedKind::Sparse { encoder: name.into(), missing: MissingId::Unknown },
    };
    let kind = FittedKind::Dense { scaler: Scaler::Identity, missing: None, arithmetic: Arithmetic::Double };
    let price = FittedFeature { name: "price".into(), column: "price".into(), kind };
    let features = vec![
        Feature::sparse("user", encoders[0].encoder.vocab_size(), 4),
        Feature::sparse("item", 8, 4),
        Feature::dense("price"),
    ];
    let labels = vec![Label::new("click", TaskType::Classification)];
    let schema = FeatureSchema::new(features, labels, vec![]).unwrap();
    Transformation::new(schema, vec![sparse("user"), sparse("item"), price], encoders)
}

fn model(transformation: &Transformation, seed: u64) -> RankingModel {
    RankingModel::new(transformation.schema().clone(), ModelConfig::default(), RunSeed(seed)).unwrap()
}

fn table(model: &RankingModel, feature: &str) -> TableId {
    match model.store().entry(&format!("embedding.{feature}.weight")) {
        Some(Entry::Table(table)) => table,
        other => panic!("{other:?}"),
    }
}

/// The row of a key.
fn user_row(model: &RankingModel, transformation: &Transformation, key: &str) -> Vec<f32> {
    let id = transformation.encoder("user").unwrap().id(&Key::from(key));
    assert!(id > 0, "{key}");
    model.store().table_row(table(model, "user"), id as usize).to_vec()
}

/// Distinct keys in any order.
fn keys() -> impl Strategy<Value = Vec<String>> {
    let keys = prop::collection::btree_set("[a-f0-9]{1,2}", 1..30);
    keys.prop_map(|keys| keys.into_iter().collect::<Vec<_>>()).prop_shuffle()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]
    #[test]
    fn rows_go_with_their_keys(old in keys(), new in keys(), more in keys(), seed in 0_u64..5) {
        let before = transformation(&old);
        let trained = model(&before, 100);
        let after = transformation(&new);
        let (next, rows) = trained.carried_over(&before, &after, RunSeed(seed)).unwrap();
        let known: BTreeSet<&String> = old.iter().filter(|key| new.contains(key)).collect();
        for key in &known {
            prop_assert_eq!(user_row(&trained, &before, key), user_row(&next, &after, key));
        }
        let unknown = |model: &RankingModel| model.store().table_row(table(model, "user"), 0).to_vec();
        prop_assert_eq!(unknown(&trained), unknown(&next));
        prop_assert_eq!((rows[0].known, rows[0].new), (known.len() + 1, new.len() - known.len()));
        prop_assert_eq!(rows[0].gone, old.len() - known.len());

        // A table with other keys besides, in which this one has another number.
        let all: BTreeSet<String> = more.iter().chain(&new).cloned().collect();
        let larger = transformation(&all.into_iter().collect::<Vec<_>>());
        let (large, _) = trained.carried_over(&before, &larger, RunSeed(seed)).unwrap();
        for key in &new {
            prop_assert_eq!(user_row(&next, &after, key), user_row(&large, &larger, key));
        }
        let (elsewhere, _) = trained.carried_over(&before, &after, RunSeed(seed + 1)).unwrap();
        for key in new.iter().filter(|key| !old.contains(key)) {
            prop_assert_ne!(user_row(&next, &after, key), user_row(&elsewhere, &after, key));
        }
    }
}

#[test]
fn everything_but_new_rows_stays() {
    let keys = |keys: &[&str]| keys.iter().map(|key| (*key).to_owned()).collect::<Vec<_>>();
    let (before, after) = (transformation(&keys(&["a", "b"])), transformation(&keys(&["a", "b", "c"])));
    let trained = model(&before, 3);
    let (next, rows) = trained.carried_over(&before, &after, RunSeed(9)).unwrap();
    assert_eq!((rows[1].table.as_str(), rows[1].known, rows[1].new), ("embedding.item.weight", 8, 0));
    for &entry in trained.store().entries() {
        let name = trained.store().entry_name(entry);
        assert_eq!(trained.store().get(name), next.store().get(name), "{name}");
    }
    let items = |model: &RankingModel| -> Vec<f32> {
        (0..8).flat_map(|row| model.store().table_row(table(model, "item"), row).to_vec()).collect()
    };
    assert_eq!(items(&trained), items(&next));
}

#[test]
fn another_model_or_other_features_are_refused() {
    let keys = |keys: &[&str]| keys.iter().map(|key| (*key).to_owned()).collect::<Vec<_>>();
    let (two, three) = (transformation(&keys(&["a", "b"])), transformation(&keys(&["a", "b", "c"])));
    let error = model(&three, 1).carried_over(&two, &three, RunSeed(1)).unwrap_err();
    assert!(error.to_string().contains("old transformation"), "{error}");
    let mut schema = three.schema().clone();
    schema.features[0] = Feature::sparse("user", 4, 8);
    let wider = Transformation::new(schema, three.features().to_vec(), three.encoders().to_vec());
    let error = model(&two, 1).carried_over(&two, &wider, RunSeed(1)).unwrap_err();
    assert!(error.to_string().contains("new transformation"), "{error}");
}

/// Rows under a transformation, whose users are the first ones of its vocabulary.
fn rows(transformation: &Transformation, users: u32) -> RowSource {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("rows.csv");
    let row =
        |row: u32| format!("{},{},{}.5,{}\n", row % users + 1, row % 7 + 1, row % 5, row * row % 11 % 2);
    std::fs::write(&path, "user,item,price,click\n".to_owned() + &(0..60).map(row).collect::<String>())
        .unwrap();
    RowSource::from(read_table(&path, transformation.schema()).unwrap())
}

fn config() -> TrainConfig {
    TrainConfig { epochs: 2, batch_size: 16, seed: 5, ..TrainConfig::default() }
}

/// Stops a run after a step.
struct StopAfter(u64);

impl Observer for StopAfter {
    fn stepped(&mut self, _: &StepProgress) -> Control {
        self.0 -= 1;
        if self.0 == 0 { Control::Interrupt } else { Control::Continue }
    }
}

#[test]
fn moments_go_with_their_keys_and_a_run_goes_on_with_them() {
    let keys = |keys: &[&str]| keys.iter().map(|key| (*key).to_owned()).collect::<Vec<_>>();
    let before = transformation(&keys(&["a", "b", "c"]));
    let after = transformation(&keys(&["c", "d", "a"]));
    let folder = tempfile::tempdir().unwrap();
    let checkpoints = |name: &str, start: Start| {
        let every = SaveEvery::Evaluation;
        Some(Checkpoints { every, start, ..Checkpoints::new(folder.path().join(name)) })
    };
    let input = |rows: RowSource, checkpoints| RunInput { train: rows, validation: None, checkpoints };
    let mut trained = model(&before, 1);
    fit(&mut trained, &input(rows(&before, 3), checkpoints("first", Start::Anew)), &config(), &mut ())
        .unwrap();
    let last = std::fs::read_dir(folder.path().join("first")).unwrap().map(|entry| entry.unwrap().path());
    let last = last.max().unwrap();

    let (trained, _) = RankingModel::load(&last).unwrap();
    let saved = CarriedMoments::load(&last).unwrap().unwrap();
    let carried = saved.clone().carried_over(&before, &after).unwrap();
    let row =
        |moments: &CarriedMoments, row: usize| moments.row("embedding.user.weight", row).unwrap().concat();
    assert!(row(&saved, 1).iter().all(|&moment| moment != 0.0), "{:?}", row(&saved, 1));
    assert_eq!(row(&carried, 3), row(&saved, 1), "a");
    assert_eq!(row(&carried, 1), row(&saved, 3), "c");
    assert_eq!(row(&carried, 0), row(&saved, 0), "what is unknown");
    assert_eq!(row(&carried, 2), [0.0; 8], "d is new");
    assert_eq!(carried.row("embedding.user.weight", 4), None);
    let items = |moments: &CarriedMoments| moments.row("embedding.item.weight", 5).map(|row| row.concat());
    assert_eq!(items(&carried), items(&saved));

    // A new row of another optimiser begins where its sums begin.
    let adagrad = AdagradConfig { initial_accumulator: 0.25, ..AdagradConfig::default() };
    let by_adagrad = TrainConfig { optimizer: adagrad.into(), ..config() };
    let place = input(rows(&before, 3), checkpoints("adagrad", Start::Anew));
    fit(&mut model(&before, 1), &place, &by_adagrad, &mut ()).unwrap();
    let newest =
        std::fs::read_dir(folder.path().join("adagrad")).unwrap().map(|entry| entry.unwrap().path()).max();
    let of_adagrad =
        CarriedMoments::load(&newest.unwrap()).unwrap().unwrap().carried_over(&before, &after).unwrap();
    assert_eq!(row(&of_adagrad, 2), [0.25; 4], "d is new");
    assert!(row(&of_adagrad, 3).iter().all(|&sum| sum > 0.25), "a");

    // Unbroken, and stopped and gone on with: the same weights. Without the moments: others.
    let (next, _) = trained.carried_over(&before, &after, RunSeed(5)).unwrap();
    let source = rows(&after, 3);
    let run = |name: &str, start: Start, observer: &mut dyn Observer, moments: Option<&CarriedMoments>| {
        let (mut model, input) = (next.clone(), input(source.clone(), checkpoints(name, start)));
        match moments {
            Some(moments) => fit_with_moments(&mut model, moments, &input, &config(), observer).unwrap(),
            None => fit(&mut model, &input, &config(), observer).unwrap(),
        };
        model.predict_source(&source).unwrap()
    };
    let whole = run("whole", Start::Anew, &mut (), Some(&carried));
    run("broken", Start::Anew, &mut StopAfter(3), Some(&carried));
    assert_eq!(run("broken", Start::GoOn, &mut (), Some(&carried)), whole);
    assert_ne!(run("anew", Start::Anew, &mut (), None), whole);

    // A finished model has none, and those of another table are refused.
    trained.save(&folder.path().join("finished"), &Default::default()).unwrap();
    assert_eq!(CarriedMoments::load(&folder.path().join("finished")).unwrap(), None);
    let error = saved.carried_over(&transformation(&keys(&["a"])), &after).unwrap_err();
    assert!(error.to_string().contains("2 rows of adam.first.embedding.user.weight"), "{error}");
}
