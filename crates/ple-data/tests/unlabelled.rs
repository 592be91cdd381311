//! Rows to be predicted: read without labels, piece by piece, in order, with their keys; and predictions written so.

#![allow(clippy::unwrap_used)]

use std::fs::File;
use std::path::Path;
use std::sync::Arc;

use arrow_array::{
    ArrayRef, Float32Array, Int64Array, ListArray, RecordBatch, StringArray, types::UInt32Type,
};
use parquet::arrow::ArrowWriter;
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use parquet::file::properties::WriterProperties;
use ple_data::{
    DataError, Feature, FeatureSchema, Label, PredictionWriter, TaskType, UnlabelledRows, write_predictions,
};

fn schema() -> FeatureSchema {
    let history = Feature::sequence("history", 50, 4);
    let features = vec![Feature::sparse("item", 1000, 4), Feature::dense("price"), history];
    FeatureSchema::new(features, vec![Label::new("click", TaskType::Classification)], vec![]).unwrap()
}

/// The columns of some rows, which are functions of their numbers, in row groups of 3,000 rows; no label among them.
fn write_rows(path: &Path, rows: std::ops::Range<usize>, session: ArrayRef) {
    let history =
        rows.clone().map(|row| Some((0..row % 3).map(|_| Some(row as u32 % 50)).collect::<Vec<_>>()));
    let columns: Vec<(&str, ArrayRef)> = vec![
        ("item", Arc::new(Int64Array::from_iter_values(rows.clone().map(|row| row as i64 % 1000)))),
        ("history", Arc::new(ListArray::from_iter_primitive::<UInt32Type, _, _>(history))),
        ("session", session),
        ("price", Arc::new(Float32Array::from_iter_values(rows.map(|row| row as f32 / 8.0)))),
    ];
    let batch = RecordBatch::try_from_iter(columns).unwrap();
    let properties = WriterProperties::builder().set_max_row_group_row_count(Some(3000)).build();
    let mut writer =
        ArrowWriter::try_new(File::create(path).unwrap(), batch.schema(), Some(properties)).unwrap();
    writer.write(&batch).unwrap();
    writer.close().unwrap();
}

fn sessions(rows: std::ops::Range<usize>) -> ArrayRef {
    Arc::new(StringArray::from_iter_values(rows.map(|row| format!("s{row}"))))
}

#[test]
fn rows_of_several_files_come_in_order_with_their_keys() {
    let folder = tempfile::tempdir().unwrap();
    let paths = ["a.parquet", "b.parquet"].map(|name| folder.path().join(name));
    write_rows(&paths[0], 0..20_000, sessions(0..20_000));
    write_rows(&paths[1], 20_000..20_007, sessions(20_000..20_007));

    let rows = UnlabelledRows::open(&[folder.path()], &schema(), &["session"]).unwrap();
    assert_eq!((rows.rows(), rows.files()), (20_007, paths.iter().map(|path| path.as_path()).collect()));
    let mut row = 0;
    for piece in rows {
        let piece = piece.unwrap();
        assert!(piece.rows() <= 8192);
        let keys = piece.named_keys();
        assert_eq!(keys[0].0, "session");
        assert_eq!(keys[0].1.as_ref(), sessions(row..row + piece.rows()).as_ref());
        let (history, items, prices) = (&piece.sequences()[0], piece.sparse(0), piece.dense(0));
        for (r, (item, price)) in items.zip(prices).enumerate() {
            assert_eq!((item, price), ((row % 1000) as u32, row as f32 / 8.0));
            let ids = &history.ids[history.offsets[r]..history.offsets[r + 1]];
            assert_eq!(ids, vec![(row % 50) as u32; row % 3]);
            row += 1;
        }
    }
    assert_eq!(row, 20_007);
}

#[test]
fn a_schema_of_lists_alone_has_rows_too() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("rows.parquet");
    write_rows(&path, 0..10, sessions(0..10));
    let schema = FeatureSchema { features: vec![schema().features.remove(2)], ..schema() };
    let rows = UnlabelledRows::open(&[&path], &schema, &[] as &[&str]).unwrap();
    assert_eq!(rows.map(|piece| piece.unwrap().rows()).sum::<usize>(), 10);
}

#[test]
fn what_a_footer_shows_is_refused_before_the_first_row() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.parquet");
    write_rows(&path, 0..10, sessions(0..10));
    let open = |schema: &FeatureSchema, keys: &[&str]| {
        UnlabelledRows::open(&[folder.path()], schema, keys).unwrap_err().to_string()
    };
    let error = open(&schema(), &["sesion"]);
    let text = "a.parquet: there is no column `sesion`, which the key `sesion` needs\nnearest: `session`";
    assert!(error.contains(text), "{error}");
    let mut other = schema();
    other.features[1] = Feature::dense("prize");
    let error = open(&other, &[]);
    assert!(error.contains("there is no column `prize`, which the feature `prize` needs"), "{error}");

    let numbers = Arc::new(Int64Array::from_iter_values(0..10));
    write_rows(&folder.path().join("b.parquet"), 0..10, numbers);
    let error = open(&schema(), &["session"]);
    assert!(error.contains("b.parquet, column `session`: found Int64\nexpected: the type that"), "{error}");

    let csv = folder.path().join("rows.csv");
    std::fs::write(&csv, "item\n1\n").unwrap();
    let error = UnlabelledRows::open(&[&csv], &schema(), &[] as &[&str]).unwrap_err();
    assert!(matches!(error, DataError::NotStreamed { .. }), "{error}");
}

#[test]
fn a_value_that_the_model_does_not_know_ends_the_rows_with_its_place() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("rows.parquet");
    write_rows(&path, 0..10_000, sessions(0..10_000));
    let mut schema = schema();
    schema.features[0] = Feature::sparse("item", 999, 4);
    let mut rows = UnlabelledRows::open(&[&path], &schema, &[] as &[&str]).unwrap();
    let error = rows.next().unwrap().unwrap_err().to_string();
    assert!(error.contains("row group 0, row 999, column `item`: found the id 999"), "{error}");
    assert!(rows.next().is_none());
}

#[test]
fn predictions_in_pieces_are_those_at_once() {
    let folder = tempfile::tempdir().unwrap();
    let [pieces, whole] = ["pieces.parquet", "whole.parquet"].map(|name| folder.path().join(name));
    let keys = |rows: std::ops::Range<usize>| [("session".to_owned(), sessions(rows))];
    let values = |rows: std::ops::Range<usize>| [rows.map(|row| row as f32).collect::<Vec<_>>()];
    let mut writer = PredictionWriter::create(&pieces, &["click"]).unwrap();
    for start in (0..50).step_by(10) {
        writer.write(&values(start..start + 10), &keys(start..start + 10)).unwrap();
    }
    assert!(!pieces.exists());
    writer.finish().unwrap();
    write_predictions(&whole, &["click"], &values(0..50), &keys(0..50)).unwrap();
    let read = |path: &Path| {
        let reader = ParquetRecordBatchReaderBuilder::try_new(File::open(path).unwrap()).unwrap();
        reader.build().unwrap().map(Result::unwrap).collect::<Vec<RecordBatch>>()
    };
    assert_eq!(read(&pieces), read(&whole));
}

#[test]
fn a_writer_that_failed_or_was_dropped_leaves_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("scores.parquet");
    std::fs::write(&path, "old").unwrap();
    let key = |name: &str| [(name.to_owned(), sessions(0..1))];

    let mut writer = PredictionWriter::create(&path, &["click"]).unwrap();
    writer.write(&[vec![0.5]], &key("session")).unwrap();
    drop(writer);

    // Pieces of other columns than the first one's.
    let mut writer = PredictionWriter::create(&path, &["click"]).unwrap();
    writer.write(&[vec![0.5]], &key("session")).unwrap();
    writer.write(&[vec![0.5]], &[]).unwrap_err();
    let error = writer.finish().unwrap_err().to_string();
    assert!(error.contains("scores.parquet: could not write: writing has failed before"), "{error}");

    let error = PredictionWriter::create(&path, &["click"]).unwrap().finish().unwrap_err().to_string();
    assert!(error.contains("scores.parquet: could not write: there is no prediction"), "{error}");
    let error = PredictionWriter::create(&path, &["click", "click"]).unwrap_err();
    assert!(matches!(error, DataError::OutputColumn { .. }), "{error}");

    assert_eq!(std::fs::read(&path).unwrap(), b"old");
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1);
}
