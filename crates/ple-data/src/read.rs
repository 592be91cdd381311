//! Reads a table by whatever reader the name of the file asks for.

use std::path::Path;
use std::sync::Arc;

use arrow_array::{Array, ArrayRef};

use crate::error::DataError;
use crate::group_columns::{besides_features, check_type};
use crate::parquet_limits::corrupt;
use crate::read_csv::read_csv;
use crate::read_parquet::{read_parquet, read_verified_parquet};
use crate::recorded::{Unrecorded, verify_rows};
use crate::schema::FeatureSchema;
use crate::table::Table;

/// A file format that this crate reads and writes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum FileFormat {
    /// Comma-separated values with a header.
    Csv,
    /// Apache Parquet.
    Parquet,
}

impl FileFormat {
    /// The format that the end of a file's name stands for: `.csv`, or `.parquet` or `.pq`, in any case.
    ///
    /// # Errors
    ///
    /// [`DataError::UnknownExtension`] for any other name.
    pub fn of(path: &Path) -> Result<Self, DataError> {
        let extension = path.extension().unwrap_or_default().to_string_lossy().to_lowercase();
        match extension.as_str() {
            "csv" => Ok(FileFormat::Csv),
            "parquet" | "pq" => Ok(FileFormat::Parquet),
            _ => Err(DataError::UnknownExtension { path: path.to_path_buf(), extension }),
        }
    }
}

/// Reads a CSV or Parquet file, told apart by the end of its name.
///
/// # Errors
///
/// [`DataError::UnknownExtension`], and those of [`read_csv`] and [`read_parquet`].
///
/// # Examples
///
/// ```
/// use ple_data::{Feature, FeatureSchema, Label, TaskType, read_table};
///
/// let folder = tempfile::tempdir()?;
/// let path = folder.path().join("train.csv");
/// std::fs::write(&path, "click,user,price\n1,4,0.5\n0,2,0.25\n")?;
/// let schema = FeatureSchema::new(
///     vec![Feature::sparse("user", 5, 8), Feature::dense("price")],
///     vec![Label::new("click", TaskType::Classification)],
///     vec![],
/// )?;
/// let table = read_table(&path, &schema)?;
/// assert_eq!(table.rows(), 2);
/// assert_eq!(table.sparse(0).collect::<Vec<_>>(), [4, 2]);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn read_table(path: impl AsRef<Path>, schema: &FeatureSchema) -> Result<Table, DataError> {
    let path = path.as_ref();
    match FileFormat::of(path)? {
        FileFormat::Csv => read_csv(path, schema),
        FileFormat::Parquet => read_parquet(path, schema),
    }
}

/// The same for a file of which all that is recorded has been compared.
fn read_verified(path: &Path, schema: &FeatureSchema) -> Result<Table, DataError> {
    match FileFormat::of(path)? {
        FileFormat::Csv => read_csv(path, schema),
        FileFormat::Parquet => read_verified_parquet(path, schema),
    }
}

/// Reads several files into one table, in the order given. Before the first row, what is recorded of prepared shards is
/// compared: size, hash and number of rows of each.
///
/// # Errors
///
/// Those of [`read_table`], and [`OtherTransformation`](crate::OtherTransformation) where two of them carry different ones.
///
/// # Panics
///
/// If no file is given.
pub fn read_tables(paths: &[impl AsRef<Path>], schema: &FeatureSchema) -> Result<Table, DataError> {
    verify_rows(paths.iter().map(AsRef::as_ref), Unrecorded::Skipped)?;
    let (first, others) = paths.split_first().expect("read_tables: at least one file");
    let mut table = read_verified(first.as_ref(), schema)?;
    let mut origin = table.origin().clone();
    // Keys are joined once: an array that grows file by file would be copied as often.
    let mut keys: Vec<Vec<ArrayRef>> = table.keys().iter().map(|key| vec![Arc::clone(key)]).collect();
    for path in others {
        let more = read_verified(path.as_ref(), schema)?;
        origin.add(more.origin())?;
        for ((key, name), more) in keys.iter_mut().zip(&schema.keys).zip(table.append_rows(more)) {
            if key[0].data_type() != more.data_type() {
                return Err(DataError::WrongType {
                    path: path.as_ref().to_path_buf(),
                    column: name.clone(),
                    found: format!("the type {}", more.data_type()),
                    expected: "the type that the column has in the first file",
                });
            }
            key.push(more);
        }
    }
    table.join_keys(&keys).map_err(|error| corrupt(first.as_ref(), &error))?;
    Ok(table.with_origin(origin))
}

/// The same with columns that are no part of the schema, by which rows are to be [grouped](crate::GroupNumbers): integers,
/// booleans or text. Sparse features and keys of the schema are there as it is, and are not kept twice.
///
/// The array of such a column stays in memory as it is in a file: 8 bytes a row for 64-bit integers.
///
/// # Errors
///
/// Those of [`read_tables`], and [`DataError::WrongType`] for a column of another type.
///
/// # Panics
///
/// If no file is given.
pub fn read_tables_keeping(
    paths: &[impl AsRef<Path>],
    schema: &FeatureSchema,
    columns: &[impl AsRef<str>],
) -> Result<Table, DataError> {
    let columns: Vec<&str> = columns.iter().map(AsRef::as_ref).collect();
    let mut kept = besides_features(schema, &columns);
    kept.retain(|column| !schema.keys.iter().any(|key| key == column));
    read_kept(paths, schema, &kept)
}

/// The same with columns none of which is a key of the schema.
pub(crate) fn read_kept(
    paths: &[impl AsRef<Path>],
    schema: &FeatureSchema,
    kept: &[&str],
) -> Result<Table, DataError> {
    let kept: Arc<[String]> = kept.iter().map(|&column| column.to_owned()).collect();
    let mut read = schema.clone();
    read.keys.extend(kept.iter().cloned());
    let table = read_tables(paths, &read)?;
    for (column, array) in kept.iter().zip(&table.keys()[schema.keys.len()..]) {
        check_type(paths[0].as_ref(), column, array.data_type())?;
    }
    Ok(table.keeping(Arc::new(schema.clone()), kept))
}
