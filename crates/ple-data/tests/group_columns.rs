//! Columns that are no features and are kept so that rows can be grouped by them: from CSV, Parquet and shards.

#![allow(clippy::unwrap_used)]

use std::path::Path;
use std::sync::Arc;

use arrow_array::{ArrayRef, Float64Array, Int32Array, Int64Array, StringArray};
use ple_data::{
    DataError, Feature, FeatureSchema, GroupNumbers, Label, NO_GROUP, ParquetShards, RowSource, StreamConfig,
    Table, TableColumns, TaskType, read_tables, read_tables_keeping, write_parquet,
};

fn schema(keys: &[&str]) -> FeatureSchema {
    FeatureSchema::new(
        vec![Feature::sparse("item", 10, 4), Feature::dense("price")],
        vec![Label::new("click", TaskType::Classification)],
        keys.iter().map(|&key| key.to_owned()).collect(),
    )
    .unwrap()
}

/// Rows with the items 0, 1, ... and these keys.
fn write(path: &Path, rows: u32, keys: &[(&str, ArrayRef)]) {
    let columns = TableColumns {
        sparse: (0..rows).map(|row| row % 10).collect(),
        dense: vec![0.5; rows as usize],
        labels: vec![1.0; rows as usize],
        keys: keys.iter().map(|(_, array)| Arc::clone(array)).collect(),
        ..TableColumns::default()
    };
    let schema = schema(&keys.iter().map(|&(name, _)| name).collect::<Vec<_>>());
    write_parquet(&Table::new(schema, columns).unwrap(), path).unwrap();
}

fn numbers(source: &RowSource, column: &str) -> Result<Vec<u32>, DataError> {
    let source = source.keeping(&[column])?;
    let (mut known, mut numbers) = (GroupNumbers::default(), Vec::new());
    for window in source.windows() {
        known.append(&*window?, column, &mut numbers)?;
    }
    Ok(numbers)
}

#[test]
fn every_way_of_reading_has_the_same_groups() {
    let folder = tempfile::tempdir().unwrap();
    let files = [folder.path().join("a.parquet"), folder.path().join("b.parquet")];
    let text = |texts: &[Option<&str>]| Arc::new(StringArray::from(texts.to_vec())) as ArrayRef;
    let user: ArrayRef = Arc::new(Int32Array::from(vec![Some(-1), None, Some(7)]));
    write(&files[0], 3, &[("user", user), ("session", text(&[Some("x"), Some(""), Some("y")]))]);
    let user: ArrayRef = Arc::new(Int64Array::from(vec![7, -1]));
    write(&files[1], 2, &[("user", user), ("session", text(&[None, Some("x")]))]);

    let schema = schema(&[]);
    let shards = ParquetShards::open(&files, &schema, StreamConfig::default()).unwrap();
    let plain = RowSource::from(shards);
    let kept = plain.keeping(&["user", "session"]).unwrap();
    assert_eq!(kept.fingerprint(), plain.fingerprint());
    assert_eq!(kept.schema(), &schema);
    for source in [&plain, &kept] {
        assert_eq!(numbers(source, "user").unwrap(), [0, NO_GROUP, 1, 1, 0]);
        assert_eq!(numbers(source, "session").unwrap(), [0, NO_GROUP, 1, NO_GROUP, 0]);
        assert_eq!(numbers(source, "item").unwrap(), [0, 1, 2, 0, 1]);
    }
    // A table of one type of integers: in memory a column is what it is in the first file.
    let table = read_tables_keeping(&files[..1], &schema, &["user", "item", "user", "session"]).unwrap();
    assert_eq!(table.group_columns().collect::<Vec<_>>(), ["user", "session"]);
    assert_eq!((table.keys().len(), table.named_keys().len(), table.schema()), (0, 0, &schema));
    let without = read_tables(&files[..1], &schema).unwrap();
    assert_eq!(table.fingerprint(), without.fingerprint());
    let chosen = RowSource::from(table.select(&[2, 0]));
    assert_eq!(numbers(&RowSource::from(table), "user").unwrap(), [0, NO_GROUP, 1]);
    assert_eq!(numbers(&chosen, "session").unwrap(), [0, 1]);
    assert_eq!(
        read_tables_keeping(&files, &schema, &["user"]).unwrap_err().to_string().lines().nth(1).unwrap(),
        "expected: the type that the column has in the first file"
    );
}

#[test]
fn csv_files_keep_integers_and_text() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("rows.csv");
    std::fs::write(&path, "user,item,price,click,day\n5,1,0.5,1,mon\n,2,0.5,0,tue\n5,3,0.5,1,mon\n").unwrap();
    let table = read_tables_keeping(&[&path], &schema(&[]), &["user", "day"]).unwrap();
    let source = RowSource::from(table);
    assert_eq!(numbers(&source, "user").unwrap(), [0, NO_GROUP, 0]);
    assert_eq!(numbers(&source, "day").unwrap(), [0, 1, 0]);
}

#[test]
fn columns_that_do_not_group_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("rows.parquet");
    let time: ArrayRef = Arc::new(Float64Array::from(vec![0.5, 1.5]));
    write(&path, 2, &[("user", Arc::new(Int64Array::from(vec![1, 2]))), ("time", time)]);
    let schema = schema(&[]);
    let shards: RowSource = ParquetShards::open(&[&path], &schema, StreamConfig::default()).unwrap().into();
    let memory: RowSource = read_tables(&[&path], &schema).unwrap().into();
    let text = |source: &RowSource, column: &str| source.keeping(&[column]).unwrap_err().to_string();
    let name = path.display();
    assert_eq!(
        text(&shards, "usr"),
        format!(
            "{name}: there is no column `usr`, which a metric needs\nnearest: `user`\nnext: correct the schema, or add the \
             column to the file"
        )
    );
    assert_eq!(
        text(&shards, "time"),
        format!(
            "{name}, column `time`: found the type Float64\nexpected: integers, booleans or text\nnext: correct the schema, or \
             convert the column"
        )
    );
    let next = "\nnext: name a sparse feature, a key of the schema, or another column that the reader is asked to keep";
    assert_eq!(
        text(&memory, "itm"),
        format!("rows cannot be grouped by `itm`, which is not there\nnearest: `item`{next}")
    );
    assert_eq!(
        text(&memory, "price"),
        format!("rows cannot be grouped by `price`, which is a dense feature{next}")
    );
    let error = read_tables_keeping(&[&path], &schema, &["time"]).unwrap_err().to_string();
    assert!(error.starts_with(&format!("{name}, column `time`: found the type Float64\n")), "{error}");
}
