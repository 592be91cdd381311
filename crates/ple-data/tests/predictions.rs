//! Predictions as a file: the keys of the rows beside one column for each task, in file order.

#![allow(clippy::unwrap_used)]

use std::fs::File;
use std::sync::Arc;

use arrow_array::cast::AsArray;
use arrow_array::types::Float32Type;
use arrow_array::{ArrayRef, Int64Array, StringArray};
use arrow_schema::DataType;
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use ple_data::{DataError, write_predictions};

#[test]
fn keys_and_predictions_are_read_back() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("predictions.parquet");
    let users: ArrayRef = Arc::new(Int64Array::from(vec![7, i64::MAX, -1]));
    let sessions: ArrayRef = Arc::new(StringArray::from(vec![Some("a"), None, Some("two\nlines")]));
    let keys = [("user".to_string(), Arc::clone(&users)), ("session".to_string(), Arc::clone(&sessions))];
    let columns = [vec![0.25, 0.5, 1e-30], vec![1.0, 0.0, 0.75]];
    write_predictions(&path, &["click", "conversion"], &columns, &keys).unwrap();

    let mut reader =
        ParquetRecordBatchReaderBuilder::try_new(File::open(&path).unwrap()).unwrap().build().unwrap();
    let batch = reader.next().unwrap().unwrap();
    let schema = batch.schema();
    let names: Vec<&str> = schema.fields().iter().map(|field| field.name().as_str()).collect();
    assert_eq!(names, ["user", "session", "click", "conversion"]);
    assert_eq!((batch.column(0), batch.column(1)), (&users, &sessions));
    for (position, column) in columns.iter().enumerate() {
        let written = batch.column(2 + position);
        assert_eq!(written.data_type(), &DataType::Float32);
        assert_eq!(written.as_primitive::<Float32Type>().values().as_ref(), column);
    }
}

#[test]
fn columns_of_other_lengths_and_names_that_occur_twice_write_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("predictions.parquet");
    let key: ArrayRef = Arc::new(Int64Array::from(vec![1, 2]));
    let write = |tasks: &[&str], columns: &[Vec<f32>], key_name: &str| {
        write_predictions(&path, tasks, columns, &[(key_name.to_string(), Arc::clone(&key))]).unwrap_err()
    };
    let error = write(&["click"], &[vec![0.5]], "user");
    assert!(error.to_string().starts_with("the key `user`: 2 values\nexpected: 1\n"), "{error}");
    let error = write(&["click", "conversion"], &[vec![0.5, 0.5], vec![0.5]], "user");
    assert!(
        error.to_string().starts_with("the predictions of `conversion`: 1 values\nexpected: 2\n"),
        "{error}"
    );
    let error = write(&["click"], &[vec![0.5, 0.5]], "click");
    assert!(matches!(error, DataError::OutputColumn { .. }), "{error}");
    assert!(!path.exists());
}
