//! Parquet files whose contents are wrong, each made here, and the exact message of each.

#![allow(clippy::unwrap_used)]

use std::fs::File;
use std::path::Path;
use std::sync::Arc;

use arrow_array::types::{Float32Type, Int64Type};
use arrow_array::{
    ArrayRef, Float32Array, Float64Array, Int32Array, Int64Array, ListArray, RecordBatch, StringArray,
    UInt64Array,
};
use parquet::arrow::ArrowWriter;
use parquet::file::properties::WriterProperties;
use ple_data::{DataError, Feature, FeatureKind, FeatureSchema, Label, Pooling, TaskType, read_parquet};

/// Columns by name.
type Columns = Vec<(&'static str, ArrayRef)>;

fn schema() -> FeatureSchema {
    let history = FeatureKind::Sequence {
        vocab_size: 10,
        embedding_dim: 4,
        pooling: Pooling::Sum,
        padding_id: None,
        weights: Some("strengths".to_string()),
        shared_with: None,
    };
    FeatureSchema::new(
        vec![
            Feature::sparse("user", 5, 4),
            Feature::dense("price"),
            Feature { name: "history".to_string(), kind: history },
        ],
        vec![Label::new("click", TaskType::Classification)],
        vec![],
    )
    .unwrap()
}

fn id_lists(rows: &[Option<&[i64]>]) -> ArrayRef {
    let rows = rows.iter().map(|row| row.map(|ids| ids.iter().copied().map(Some)));
    Arc::new(ListArray::from_iter_primitive::<Int64Type, _, _>(rows))
}

fn weight_lists(rows: &[&[f32]]) -> ArrayRef {
    let rows = rows.iter().map(|row| Some(row.iter().copied().map(Some)));
    Arc::new(ListArray::from_iter_primitive::<Float32Type, _, _>(rows))
}

/// Four good rows, written as two row groups.
fn good() -> Columns {
    vec![
        ("click", Arc::new(Int32Array::from(vec![0, 1, 0, 1]))),
        ("user", Arc::new(Int64Array::from(vec![0, 1, 2, 4]))),
        ("price", Arc::new(Float32Array::from(vec![0.5, 0.25, 0.0, 1.0]))),
        ("history", id_lists(&[Some(&[1, 2]), Some(&[]), Some(&[9]), Some(&[3])])),
        ("strengths", weight_lists(&[&[0.5, 1.0], &[], &[1.0], &[2.0]])),
    ]
}

/// The good rows with one column replaced.
fn with(name: &str, array: ArrayRef) -> Columns {
    let mut columns = good();
    for (column, values) in &mut columns {
        if *column == name {
            *values = Arc::clone(&array);
        }
    }
    columns
}

/// The good rows with one column under another name.
fn renamed(from: &str, to: &'static str) -> Columns {
    good().into_iter().map(|(name, values)| (if name == from { to } else { name }, values)).collect()
}

fn write(path: &Path, columns: Columns) {
    let batch =
        RecordBatch::try_from_iter_with_nullable(columns.into_iter().map(|(n, a)| (n, a, true))).unwrap();
    let properties = WriterProperties::builder().set_max_row_group_row_count(Some(2)).build();
    let mut writer =
        ArrowWriter::try_new(File::create(path).unwrap(), batch.schema(), Some(properties)).unwrap();
    writer.write(&batch).unwrap();
    writer.close().unwrap();
}

/// What reading the columns as `a.parquet` says.
fn message(columns: Columns) -> String {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.parquet");
    write(&path, columns);
    let error = read_parquet(&path, &schema()).unwrap_err();
    assert_eq!(error.kind(), ple_data::ExitKind::BadData);
    error.to_string().replace(&format!("{}/", folder.path().display()), "")
}

#[test]
fn the_good_rows_are_read() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.parquet");
    write(&path, good());
    let table = read_parquet(&path, &schema()).unwrap();
    assert_eq!(table.sparse(0).collect::<Vec<_>>(), [0, 1, 2, 4]);
    assert_eq!(table.sequences()[0].offsets, [0, 2, 2, 3, 4]);
    assert_eq!(table.sequences()[0].weights.as_deref(), Some(&[0.5, 1.0, 1.0, 2.0][..]));
}

#[test]
fn a_file_without_rows() {
    let empty = good().into_iter().map(|(name, values)| (name, values.slice(0, 0))).collect();
    assert_eq!(
        message(empty),
        "a.parquet: the file has no row (a schema alone)\n\
         expected: at least one row of data\n\
         next: check how the file was made"
    );
}

#[test]
fn a_missing_column() {
    assert_eq!(
        message(renamed("price", "prize")),
        "a.parquet: there is no column `price`, which the feature `price` needs\n\
         nearest: `prize`\n\
         next: correct the schema, or add the column to the file"
    );
}

#[test]
fn a_column_that_occurs_twice() {
    assert_eq!(
        message(renamed("price", "user")),
        "a.parquet: the column `user` occurs twice\n\
         expected: each column once\n\
         next: remove or rename one of the two"
    );
}

#[test]
fn columns_of_another_type() {
    let texts = || -> ArrayRef { Arc::new(StringArray::from(vec!["a", "b", "c", "d"])) };
    let floats = || -> ArrayRef { Arc::new(Float64Array::from(vec![0.0; 4])) };
    let cases: [(&str, ArrayRef, &str, &str); 6] = [
        ("user", texts(), "Utf8", "integers of any width, signed or not, or booleans"),
        ("user", floats(), "Float64", "integers of any width, signed or not, or booleans"),
        ("price", texts(), "Utf8", "floats, integers or booleans"),
        ("click", texts(), "Utf8", "floats, integers or booleans"),
        ("history", floats(), "Float64", "lists of integers"),
        ("strengths", texts(), "Utf8", "lists of floats or integers"),
    ];
    for (column, array, found, expected) in cases {
        assert_eq!(
            message(with(column, array)),
            format!(
                "a.parquet, column `{column}`: found the type {found}\n\
                 expected: {expected}\n\
                 next: correct the schema, or convert the column"
            )
        );
    }
}

#[test]
fn missing_values() {
    let cases: [(&str, ArrayRef, &str, &str); 5] = [
        (
            "click",
            Arc::new(Int32Array::from(vec![Some(0), Some(1), Some(0), None])),
            "row group 1, row 1",
            "a number",
        ),
        (
            "user",
            Arc::new(Int64Array::from(vec![Some(0), None, Some(1), Some(1)])),
            "row group 0, row 1",
            "an integer id from 0",
        ),
        (
            "price",
            Arc::new(Float32Array::from(vec![Some(0.0), Some(1.0), None, None])),
            "row group 1, row 0",
            "a number",
        ),
        (
            "history",
            id_lists(&[Some(&[1, 2]), None, Some(&[9]), Some(&[3])]),
            "row group 0, row 1",
            "a list, which may be empty",
        ),
        (
            "history",
            Arc::new(ListArray::from_iter_primitive::<Int64Type, _, _>([
                Some(vec![Some(1), Some(2)]),
                Some(vec![]),
                Some(vec![Some(9)]),
                Some(vec![None]),
            ])),
            "row group 1, row 1",
            "an integer id from 0",
        ),
    ];
    for (column, array, place, expected) in cases {
        assert_eq!(
            message(with(column, array)),
            format!(
                "a.parquet, {place}, column `{column}`: the value is missing\n\
                 expected: {expected}\n\
                 next: fill the gap, or remove the row"
            )
        );
    }
}

#[test]
fn numbers_that_are_not_finite() {
    let cases: [(&str, ArrayRef, &str, &str); 4] = [
        ("price", Arc::new(Float32Array::from(vec![0.0, 0.0, f32::NAN, 0.0])), "row group 1, row 0", "NaN"),
        ("price", Arc::new(Float64Array::from(vec![0.0, 1e39, 0.0, 0.0])), "row group 0, row 1", "1e39"),
        (
            "click",
            Arc::new(Float64Array::from(vec![0.0, 0.0, 0.0, f64::INFINITY])),
            "row group 1, row 1",
            "inf",
        ),
        (
            "strengths",
            weight_lists(&[&[0.5, f32::NEG_INFINITY], &[], &[1.0], &[2.0]]),
            "row group 0, row 0",
            "-inf",
        ),
    ];
    for (column, array, place, found) in cases {
        assert_eq!(
            message(with(column, array)),
            format!(
                "a.parquet, {place}, column `{column}`: found {found}\n\
                 expected: a finite number that fits into 32 bits\n\
                 next: fill or remove the row before training"
            )
        );
    }
}

#[test]
fn ids_outside_of_the_vocabulary() {
    let cases: [(&str, ArrayRef, &str, &str, usize); 4] = [
        ("user", Arc::new(Int64Array::from(vec![0, 1, 2, 5])), "row group 1, row 1", "5", 5),
        ("user", Arc::new(Int32Array::from(vec![-1, 1, 2, 3])), "row group 0, row 0", "-1", 5),
        (
            "user",
            Arc::new(UInt64Array::from(vec![0, 1, u64::MAX, 3])),
            "row group 1, row 0",
            "18446744073709551615",
            5,
        ),
        (
            "history",
            id_lists(&[Some(&[1, 2]), Some(&[]), Some(&[10]), Some(&[3])]),
            "row group 1, row 0",
            "10",
            10,
        ),
    ];
    for (column, array, place, found, vocab_size) in cases {
        assert_eq!(
            message(with(column, array)),
            format!(
                "a.parquet, {place}, column `{column}`: found the id {found}\n\
                 expected: 0 to {} (vocab_size = {vocab_size})\n\
                 next: take the vocabulary from all files (training, validation and test), or map unknown ids to one that is kept for them",
                vocab_size - 1
            )
        );
    }
}

#[test]
fn labels_other_than_0_and_1() {
    assert_eq!(
        message(with("click", Arc::new(Float32Array::from(vec![0.0, 1.0, 0.5, 1.0])))),
        "a.parquet, row group 1, row 0, column `click`: found the label 0.5\n\
         expected: 0 or 1, since the task is a classification\n\
         next: correct the label, or declare the task a regression"
    );
}

#[test]
fn sequences_whose_weights_have_another_length() {
    assert_eq!(
        message(with("strengths", weight_lists(&[&[0.5, 1.0], &[1.0], &[], &[2.0]]))),
        "a.parquet, row group 0, row 1, column `history`: found 0 ids and 1 weights in `strengths`\n\
         expected: one weight for each id\n\
         next: correct one of the two columns"
    );
}

#[test]
fn a_sequence_is_not_read_from_csv() {
    let error = ple_data::read_csv("a.csv", &schema()).unwrap_err();
    assert!(matches!(error, DataError::SequenceInCsv { .. }));
    assert_eq!(
        error.to_string(),
        "a.csv: the feature `history` is a sequence, and CSV has no lists\n\
         expected: sparse and dense features\n\
         next: keep the data as Parquet"
    );
}
