//! Vocabularies as Parquet: `number`, `key` and `count`, in the order of the numbers.

use std::path::Path;
use std::sync::Arc;

use arrow_array::cast::AsArray;
use arrow_array::types::{Int64Type, UInt32Type, UInt64Type};
use arrow_array::{Array, ArrayRef, Int64Array, LargeStringArray, RecordBatch};
use arrow_cast::cast;
use arrow_schema::DataType;
use parquet::arrow::ProjectionMask;

use super::encoder::KeyVocabulary;
use super::key::Key;
use crate::ali_ccp_raw::RawError;
use crate::error::DataError;
use crate::output_folder::{FileFacts, OutputFolder};
use crate::parquet_file::{ColumnValues, Nulls, write_columns};
use crate::parquet_limits::{corrupt, guarded, open_parquet, open_row_group};
use crate::read_parquet::ROWS_AT_A_TIME;

/// Writes a vocabulary; `name` is its place in the folder.
pub(crate) fn write_vocabulary(
    output: &OutputFolder,
    name: &str,
    vocabulary: &KeyVocabulary,
) -> Result<FileFacts, DataError> {
    let keys: ArrayRef = match vocabulary.index.is_of_integers() {
        true => {
            let value = |key| if let Key::Integer(value) = key { value } else { 0 };
            Arc::new(Int64Array::from_iter_values(vocabulary.index.keys().map(value)))
        }
        // No list of texts in between: each text would take an allocation.
        false => {
            let texts = vocabulary.index.keys().map(|key| match key {
                Key::Text(text) => text,
                Key::Integer(value) => value.to_string().into(),
            });
            Arc::new(LargeStringArray::from_iter_values(texts))
        }
    };
    let columns = vec![
        ("number".to_owned(), ColumnValues::UInt32((1..=vocabulary.len() as u32).collect())),
        ("key".to_owned(), ColumnValues::Array { array: keys, nulls: Nulls::Never }),
        ("count".to_owned(), ColumnValues::UInt64(vocabulary.counts.clone())),
    ];
    write_columns(output, name, columns, None)
}

/// Reads a vocabulary of so many keys.
pub(crate) fn read_vocabulary(
    path: &Path,
    n_keys: usize,
    min_count: u64,
) -> Result<KeyVocabulary, DataError> {
    let damaged = |detail: String| DataError::from(RawError::Damaged { path: path.to_owned(), detail });
    let mut vocabulary = KeyVocabulary::empty(min_count);
    if n_keys == 0 {
        // A Parquet file without rows holds a schema alone, which is nothing to read.
        return Ok(vocabulary);
    }
    guarded(path, || {
        let metadata = open_parquet(path)?;
        for group in 0..metadata.metadata().num_row_groups() {
            let reader = open_row_group(path, &metadata, group, ProjectionMask::all(), ROWS_AT_A_TIME)?;
            for batch in reader {
                let batch = batch.map_err(|error| corrupt(path, &error))?;
                append(&mut vocabulary, &batch).map_err(&damaged)?;
            }
        }
        match vocabulary.len() {
            found if found == n_keys => Ok(vocabulary),
            found => Err(damaged(format!("it has {found} keys, and schema.json says {n_keys}"))),
        }
    })
}

/// Appends some rows of a file; an error says what is wrong with them.
fn append(vocabulary: &mut KeyVocabulary, batch: &RecordBatch) -> Result<(), String> {
    let column = |name: &str| {
        let column = batch.column_by_name(name).filter(|column| column.null_count() == 0);
        column.ok_or_else(|| format!("it has no column `{name}` without nulls"))
    };
    let of_type = |name: &str, data_type: &DataType| {
        cast(column(name)?, data_type).map_err(|error| format!("its column `{name}`: {error}"))
    };
    let (numbers, counts) = (of_type("number", &DataType::UInt32)?, of_type("count", &DataType::UInt64)?);
    let (numbers, counts) = (numbers.as_primitive::<UInt32Type>(), counts.as_primitive::<UInt64Type>());
    let are_integers = *column("key")?.data_type() == DataType::Int64;
    let keys = of_type("key", if are_integers { &DataType::Int64 } else { &DataType::LargeUtf8 })?;
    let key = |row: usize| match are_integers {
        true => Key::from(keys.as_primitive::<Int64Type>().value(row)),
        false => Key::from(keys.as_string::<i64>().value(row)),
    };
    for row in 0..batch.num_rows() {
        let expected = vocabulary.len() + 1;
        if numbers.value(row) as usize != expected {
            return Err(format!("it has the number {} where {expected} should be", numbers.value(row)));
        }
        if !vocabulary.push(&key(row), counts.value(row)) {
            return Err(format!("its key `{}` occurs twice", key(row)));
        }
    }
    Ok(())
}
