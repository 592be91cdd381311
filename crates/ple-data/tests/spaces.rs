//! Sample spaces: the same rows belong to a task from CSV, from Parquet and from shards, and what is missing inside of a
//! space is an error.

#![allow(clippy::unwrap_used)]

use ple_data::{
    DataError, Feature, FeatureSchema, Label, ParquetShards, Place, Space, StreamConfig, Table, TaskType,
    read_csv, read_parquet, write_csv, write_parquet,
};

fn schema() -> FeatureSchema {
    let labels = vec![
        Label::new("click", TaskType::Classification),
        Label::new("conversion", TaskType::Classification).in_space(Space::Where("click".into())),
        Label::new("rating", TaskType::Regression).in_space(Space::Labelled).weighted_by("trust"),
        Label::new("return", TaskType::Classification).in_space(Space::Where("delivered".into())),
    ];
    FeatureSchema::new(vec![Feature::sparse("user", 9, 4)], labels, vec![]).unwrap()
}

const TEXT: &str = "user,click,conversion,rating,trust,return,delivered\n\
                    1,1,0,4.5,2,,0\n\
                    2,0,,,2,0,1\n\
                    3,1,1,,1,,\n\
                    4,0,1,-1,0.5,1,1\n";

fn table(text: &str) -> Result<Table, DataError> {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.csv");
    std::fs::write(&path, text).unwrap();
    read_csv(&path, &schema())
}

#[test]
fn rows_outside_have_no_weight() {
    let table = table(TEXT).unwrap();
    let weights: Vec<Vec<f32>> = (0..4).map(|task| table.weights(task).collect()).collect();
    let expected = [[1.0, 1.0, 1.0, 1.0], [1.0, 0.0, 1.0, 0.0], [2.0, 0.0, 0.0, 0.5], [0.0, 1.0, 0.0, 1.0]];
    assert_eq!(weights, expected);
    assert_eq!(table.labels(2).collect::<Vec<_>>(), [4.5, 0.0, 0.0, -1.0]);
    let texts: Vec<String> = schema().labels.iter().map(Label::space_text).collect();
    let expected = [
        "all rows",
        "rows where click is above 0",
        "rows with a label, weighed by trust",
        "rows where delivered is above 0",
    ];
    assert_eq!(texts, expected);
}

#[test]
fn every_format_has_the_same_spaces() {
    let table = table(TEXT).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let [csv, parquet] = ["a.csv", "a.parquet"].map(|name| folder.path().join(name));
    write_csv(&table, &csv).unwrap();
    write_parquet(&table, &parquet).unwrap();
    assert_eq!(read_csv(&csv, &schema()).unwrap().fingerprint(), table.fingerprint());
    assert_eq!(read_parquet(&parquet, &schema()).unwrap().fingerprint(), table.fingerprint());
    let shards = ParquetShards::open(&[&parquet], &schema(), StreamConfig::default()).unwrap();
    for (task, counts) in shards.task_counts().iter().enumerate() {
        let positives =
            (schema().labels[task].task == TaskType::Classification).then(|| table.positives(task));
        assert_eq!((counts.rows, counts.positives), (table.rows_in_task(task), positives));
    }
}

#[test]
fn a_label_that_is_missing_inside_is_an_error() {
    let error = table("user,click,conversion,rating,trust,return,delivered\n1,1,,4,1,,0\n").unwrap_err();
    let DataError::MissingValue { place, column, .. } = &error else { panic!("{error}") };
    assert_eq!((*place, column.as_str()), (Place::Line(2), "conversion"));
    let text = error.to_string();
    assert!(text.contains("a label, since the row belongs to the task"), "{text}");
    let error = table("user,click,conversion,rating,trust,return,delivered\n1,,0,4,1,,0\n").unwrap_err();
    assert!(matches!(&error, DataError::MissingValue { column, .. } if column == "click"), "{error}");
}

#[test]
fn a_space_is_part_of_a_schema() {
    let text = schema().to_json();
    assert!(text.contains(r#""where": "click""#) && text.contains(r#""space": "labelled""#), "{text}");
    assert_eq!(FeatureSchema::from_json(&text).unwrap(), schema());
    let all = FeatureSchema { labels: vec![Label::new("click", TaskType::Classification)], ..schema() };
    assert!(!all.to_json().contains("space"));
    let weighed = schema().weighted_by("trust_of_all");
    let columns: Vec<_> = weighed.labels.iter().map(|label| label.weight.as_deref().unwrap()).collect();
    assert_eq!(columns, ["trust_of_all", "trust_of_all", "trust", "trust_of_all"]);
}
