//! Every model knows the transformation that made its rows, and numbers of another one are refused wherever both are known.

#![allow(clippy::unwrap_used)]

use std::path::{Path, PathBuf};

use ple_data::prepare::{
    FeatureFile, Fitting, PrepareConfig, PreparedTable, RawValue, TableInput, Transformation, prepare_table,
};
use ple_data::{ParquetShards, RowSource, StreamConfig, read_table, read_tables, write_csv};
use ple_nn::ModelConfig;
use ple_train::{
    Checkpoints, Predictor, RankingModel, RunInput, RunSeed, Start, TrainConfig, TrainError, fit,
};

/// Two days of the same features, with vocabularies of the same sizes.
struct Days {
    folder: tempfile::TempDir,
    monday: PathBuf,
    tuesday: PathBuf,
}

fn days() -> Days {
    let folder = tempfile::tempdir().unwrap();
    let text = "min_count = 1\n[[sparse]]\nname = \"user\"\n[[label]]\nname = \"click\"\n";
    let features = FeatureFile::parse("features.toml", text).unwrap();
    let [monday, tuesday] = [("monday", "anna bob"), ("tuesday", "bob carl")]
        .map(|(day, users)| prepare(folder.path(), day, users, Fitting::New(&features)));
    Days { folder, monday, tuesday }
}

/// Prepares some rows of each user; every other one is a click.
fn prepare(folder: &Path, day: &str, users: &str, fitting: Fitting<'_>) -> PathBuf {
    let (log, out) = (folder.join(format!("{day}.csv")), folder.join(day));
    let rows = users
        .split(' ')
        .enumerate()
        .flat_map(|(number, user)| (0..6 - number).map(move |row| format!("{user},{}\n", row % 2)));
    std::fs::write(&log, format!("user,click\n{}", rows.collect::<String>())).unwrap();
    let input = TableInput { train: vec![log], ..TableInput::default() };
    prepare_table(&input, fitting, &out, &PrepareConfig::default(), &|_| ()).unwrap();
    out
}

fn transformation(folder: &Path) -> Transformation {
    PreparedTable::open(folder).unwrap().transformation().unwrap()
}

fn rows(folder: &Path) -> RowSource {
    let prepared = PreparedTable::open(folder).unwrap();
    read_tables(&prepared.shards("train").unwrap(), &prepared.schema.schema).unwrap().into()
}

fn streamed(folder: &Path) -> RowSource {
    let prepared = PreparedTable::open(folder).unwrap();
    let shards = prepared.shards("train").unwrap();
    ParquetShards::open(&shards, &prepared.schema.schema, StreamConfig::default()).unwrap().into()
}

fn input(train: RowSource) -> RunInput {
    RunInput { train, validation: None, checkpoints: None }
}

/// A model that was trained on the rows of a folder, as it is read back.
fn trained(days: &Days, input: &RunInput) -> RankingModel {
    let mut model =
        RankingModel::new(input.train.schema().clone(), ModelConfig::default(), RunSeed(1)).unwrap();
    let config = TrainConfig { epochs: 1, ..TrainConfig::default() };
    let report = fit(&mut model, input, &config, &mut ()).unwrap();
    let place = days.folder.path().join("model");
    model.save(&place, &report.facts).unwrap();
    RankingModel::load(&place).unwrap().0
}

#[track_caller]
fn refused(days: &Days, error: TrainError, what: &str, model: &str) {
    let [expected, found] = [&days.monday, &days.tuesday].map(|folder| transformation(folder).hash().short());
    let text = error.to_string().replace(&days.folder.path().display().to_string(), "DAYS");
    assert_eq!(
        text,
        format!(
            "{what}: found the transformation {found}\n\
             expected: {expected}, which made the rows of {model}\n\
             next: take the folder that the model was trained on, or prepare the raw rows with its schema.json: \
             data prepare --with SCHEMA.json"
        )
    );
    assert_eq!(error.exit_code(), 65);
}

#[test]
fn a_model_knows_what_made_its_rows() {
    let days = days();
    let hash = transformation(&days.monday).hash();
    assert_ne!(hash, transformation(&days.tuesday).hash());
    for train in [rows(&days.monday), streamed(&days.monday)] {
        let model = trained(&days, &input(train));
        assert_eq!(model.transformation(), Some(hash));
        let (_, manifest) = RankingModel::load(&days.folder.path().join("model")).unwrap();
        assert_eq!(manifest.run.transformation, Some(hash));
        assert_eq!(manifest.provenance()["ple.transformation"], hash.to_string());
    }
}

#[test]
fn rows_of_another_transformation_are_refused_and_those_of_its_own_are_not() {
    let days = days();
    let mut model = trained(&days, &input(rows(&days.monday)));
    let (shard, of) = ("DAYS/tuesday/train/part-00000.parquet", "the model in DAYS/model");
    let config = TrainConfig { epochs: 1, ..TrainConfig::default() };
    for others in [rows(&days.tuesday), streamed(&days.tuesday)] {
        refused(&days, model.evaluate_source(&others).unwrap_err(), shard, of);
        refused(&days, model.predict_source(&others).unwrap_err(), shard, of);
        refused(&days, model.check_origin(others.origin()).unwrap_err(), shard, of);
        let error = fit(&mut model, &input(others), &config, &mut ()).unwrap_err();
        refused(&days, error, shard, of);
    }
    let found = transformation(&days.tuesday).hash();
    let error = model.check_transformation(&days.tuesday, found).unwrap_err();
    refused(&days, error, "DAYS/tuesday", of);

    // The same day by Monday's numbers.
    let monday = transformation(&days.monday);
    let with = prepare(days.folder.path(), "tuesday-with", "bob carl", Fitting::Apply(&monday));
    for own in [rows(&days.monday), streamed(&with)] {
        model.evaluate_source(&own).unwrap();
        assert_eq!(model.check_origin(own.origin()).unwrap(), None);
        fit(&mut model, &input(own), &config, &mut ()).unwrap();
    }
}

#[test]
fn validation_rows_are_those_of_the_training_rows() {
    let days = days();
    let validation = Some(rows(&days.tuesday));
    let input = RunInput { validation, ..input(rows(&days.monday)) };
    let mut model =
        RankingModel::new(input.train.schema().clone(), ModelConfig::default(), RunSeed(1)).unwrap();
    let error = fit(&mut model, &input, &TrainConfig::default(), &mut ()).unwrap_err();
    assert!(
        error.to_string().contains("/tuesday/train/part-00000.parquet: its rows were made by"),
        "{error}"
    );
    assert_eq!((error.exit_code(), model.transformation()), (65, None));
}

#[test]
fn requests_and_carried_rows_are_compared_too() {
    let days = days();
    let model = trained(&days, &input(rows(&days.monday)));
    let [monday, tuesday] = [&days.monday, &days.tuesday].map(|folder| transformation(folder));
    assert_eq!(monday.schema(), tuesday.schema());
    let of = "the model in DAYS/model";
    let error = model.carried_over(&tuesday, &monday, RunSeed(1)).unwrap_err();
    refused(&days, error, "the old transformation", of);
    let (next, _) = model.carried_over(&monday, &tuesday, RunSeed(1)).unwrap();
    assert_eq!(next.transformation(), Some(tuesday.hash()));

    let predictor = Predictor::new(model);
    let ask = |transformation: &Transformation| {
        predictor.predict_raw(transformation, 1, |_, _| RawValue::Text("bob"), &mut [0.0])
    };
    ask(&monday).unwrap();
    refused(&days, ask(&tuesday).unwrap_err(), "the raw values of a request", of);
}

#[test]
fn a_run_does_not_go_on_with_rows_of_another_transformation() {
    let days = days();
    let checkpoints = Some(Checkpoints::new(days.folder.path().join("run")));
    trained(&days, &RunInput { checkpoints: checkpoints.clone(), ..input(streamed(&days.monday)) });
    let checkpoints = checkpoints.map(|run| Checkpoints { start: Start::GoOn, ..run });
    let go_on = |train| {
        let input = RunInput { checkpoints: checkpoints.clone(), ..input(train) };
        let mut model =
            RankingModel::new(input.train.schema().clone(), ModelConfig::default(), RunSeed(1)).unwrap();
        fit(&mut model, &input, &TrainConfig { epochs: 1, ..TrainConfig::default() }, &mut ())
    };
    go_on(streamed(&days.monday)).unwrap();
    let error = go_on(streamed(&days.tuesday)).unwrap_err();
    let shard = "DAYS/tuesday/train/part-00000.parquet";
    refused(&days, error, shard, "the run in DAYS/run/step-00000001");
}

#[test]
fn what_is_not_known_is_named() {
    let days = days();
    let schema = transformation(&days.monday).schema().clone();
    let shard = days.monday.join("train/part-00000.parquet");
    let csv = days.folder.path().join("numbers.csv");
    write_csv(&read_table(&shard, &schema).unwrap(), &csv).unwrap();
    let plain: RowSource = read_table(&csv, &schema).unwrap().into();
    let text = |note: Option<String>| {
        note.map(|note| note.replace(&days.folder.path().display().to_string(), "DAYS"))
    };

    let model = trained(&days, &input(rows(&days.monday)));
    let hash = transformation(&days.monday).hash().short();
    let note = text(model.check_origin(plain.origin()).unwrap()).unwrap();
    let known = "DAYS/numbers.csv carries no transformation; its numbers are taken as they are";
    assert_eq!(note, format!("warning: {known}, and the model has learned those of {hash}"));

    let model = trained(&days, &input(plain.clone()));
    assert_eq!(model.transformation(), None);
    assert_eq!(text(model.check_origin(plain.origin()).unwrap()).unwrap(), known);
    let own = rows(&days.monday);
    let note = text(model.check_origin(own.origin()).unwrap()).unwrap();
    let shard = "DAYS/monday/train/part-00000.parquet";
    assert_eq!(
        note,
        format!(
            "the model in DAYS/model knows no transformation; the numbers of {shard} are taken as they are"
        )
    );
}
