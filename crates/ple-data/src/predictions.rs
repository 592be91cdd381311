//! Writes what a model predicted, beside the keys of the rows, in file order.

use std::path::Path;
use std::sync::Arc;

use arrow_array::{Array, ArrayRef, Float32Array};
use arrow_schema::{DataType, Field, Schema};

use crate::error::DataError;
use crate::output_columns::refuse_same_names;
use crate::write_parquet::write_record_batches;

/// Writes predictions as Parquet: first the keys `(name, values)`, then one `Float32` column for each task.
///
/// Row r of the file is row r of the table that was predicted; pass that table's keys. The file appears whole or not at
/// all.
///
/// # Errors
///
/// [`DataError::Length`] if the columns have different lengths or there is not one for each task,
/// [`DataError::OutputColumn`] if two columns have one name, [`DataError::Io`] if the file cannot be written.
///
/// # Examples
///
/// ```
/// let folder = tempfile::tempdir()?;
/// let path = folder.path().join("predictions.parquet");
/// ple_data::write_predictions(&path, &["click"], &[vec![0.25, 0.75]], &[])?;
/// assert!(path.exists());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn write_predictions(
    path: impl AsRef<Path>,
    task_names: &[impl AsRef<str>],
    columns: &[Vec<f32>],
    keys: &[(String, ArrayRef)],
) -> Result<(), DataError> {
    let path = path.as_ref();
    let check = |what: String, found: usize, expected: usize| {
        if found == expected { Ok(()) } else { Err(DataError::Length { what, found, expected }) }
    };
    check("the list of predictions".to_string(), columns.len(), task_names.len())?;
    let rows = columns.first().map_or(0, Vec::len);
    let mut fields = Vec::with_capacity(keys.len() + columns.len());
    let mut arrays: Vec<ArrayRef> = Vec::with_capacity(keys.len() + columns.len());
    for (name, key) in keys {
        check(format!("the key `{name}`"), key.len(), rows)?;
        fields.push(Field::new(name, key.data_type().clone(), true));
        arrays.push(Arc::clone(key));
    }
    for (name, column) in task_names.iter().zip(columns) {
        let name = name.as_ref();
        check(format!("the predictions of `{name}`"), column.len(), rows)?;
        fields.push(Field::new(name, DataType::Float32, false));
        arrays.push(Arc::new(Float32Array::from(column.clone())));
    }
    refuse_same_names(path, fields.iter().map(|field| field.name().as_str()))?;
    write_record_batches(path, Schema::new(fields), std::iter::once(arrays))
}
