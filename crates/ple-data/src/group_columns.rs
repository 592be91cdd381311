//! The columns by which rows can be grouped: which a table has, which types they may have, and what files say of them.

use std::path::Path;

use arrow_array::{Array, ArrayRef};
use arrow_cast::cast;
use arrow_schema::DataType;
use rayon::prelude::*;
use thiserror::Error;

use crate::arrow_columns::unpacked;
use crate::error::DataError;
use crate::nearest::{nearest_line, nearest_name};
use crate::parquet_limits::{corrupt, guarded};
use crate::parquet_source::ParquetSource;
use crate::resolve::Header;
use crate::schema::{FeatureKind, FeatureSchema};
use crate::table::Table;
use crate::table_checks::MEMORY;

/// The types that such a column may have.
const GROUP_TYPES: &str = "integers, booleans or text";

/// Rows in memory lack a column to group them by.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error(
    "rows cannot be grouped by `{column}`, which is {what}{}\nnext: name a sparse feature, a key of the schema, or another column that the reader is asked to keep",
    nearest_line(nearest)
)]
pub struct NoGroupColumn {
    /// The column asked for.
    pub column: String,
    /// What it is instead, as in `a dense feature`.
    pub what: &'static str,
    /// The column of the rows whose name is nearest.
    pub nearest: Option<String>,
}

/// Fails unless the rows of a table can be grouped by a column.
pub(crate) fn check_groups(table: &Table, column: &str) -> Result<(), DataError> {
    match table.schema().sparse().any(|feature| feature.name == column) {
        true => Ok(()),
        false => array_of(table, column).map(drop),
    }
}

pub(crate) fn array_of<'t>(table: &'t Table, column: &str) -> Result<&'t ArrayRef, DataError> {
    let array = table.group_array(column).ok_or_else(|| no_column(table, column))?;
    check_type(MEMORY.as_ref(), column, array.data_type())?;
    Ok(array)
}

/// Fails unless rows can be grouped by a column of this type.
pub(crate) fn check_type(path: &Path, column: &str, data_type: &DataType) -> Result<(), DataError> {
    let of_values = match data_type {
        DataType::Dictionary(_, values) => values,
        other => other,
    };
    if is_text(of_values) || of_values.is_integer() || *of_values == DataType::Boolean {
        return Ok(());
    }
    Err(DataError::WrongType {
        path: path.to_path_buf(),
        column: column.to_owned(),
        found: format!("the type {data_type}"),
        expected: GROUP_TYPES,
    })
}

pub(crate) fn is_text(data_type: &DataType) -> bool {
    matches!(data_type, DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View)
}

/// The values of an array by which rows are grouped in one of three types, so that arrays of several files can be joined.
pub(crate) fn of_one_type(path: &Path, array: &mut ArrayRef) -> Result<(), DataError> {
    *array = cast(&unpacked(array), &one_type(array.data_type())).map_err(|error| corrupt(path, &error))?;
    Ok(())
}

/// That type.
fn one_type(data_type: &DataType) -> DataType {
    match data_type {
        DataType::Dictionary(_, values) => one_type(values),
        DataType::UInt64 => DataType::UInt64,
        text if is_text(text) => DataType::LargeUtf8,
        _ => DataType::Int64,
    }
}

/// Fails unless all files have some columns, in types by which rows can be grouped, and all in the same one.
pub(crate) fn check_sources(sources: &[&ParquetSource], columns: &[&str]) -> Result<(), DataError> {
    let types_of = |source: &&ParquetSource| {
        let path = source.path();
        guarded(path, || {
            let (metadata, _) = source.open()?;
            let fields = metadata.schema().fields();
            let header = Header::new(path, fields.iter().map(|field| field.name().as_str()))?;
            let type_of = |column: &&str| {
                let place = header.position(column, || "a metric".to_owned())?;
                check_type(path, column, fields[place].data_type())?;
                Ok(one_type(fields[place].data_type()))
            };
            columns.iter().map(type_of).collect::<Result<Vec<DataType>, DataError>>()
        })
    };
    let types: Vec<Vec<DataType>> = sources.par_iter().map(types_of).collect::<Result<_, _>>()?;
    for (source, types_of_source) in sources.iter().zip(&types) {
        let mut pairs = columns.iter().zip(types_of_source.iter().zip(&types[0]));
        if let Some((column, (found, _))) = pairs.find(|(_, (found, first))| found != first) {
            return Err(DataError::WrongType {
                path: source.path().to_path_buf(),
                column: (*column).to_owned(),
                found: format!("the type {found}"),
                expected: "the type that the column has in the first file",
            });
        }
    }
    Ok(())
}

/// The error of a table that does not have a column to group by.
fn no_column(table: &Table, column: &str) -> DataError {
    let schema = table.schema();
    let known = schema.sparse().map(|feature| feature.name.as_str()).chain(table.group_columns());
    let what =
        match schema.features.iter().find(|feature| feature.name == column).map(|feature| &feature.kind) {
            Some(FeatureKind::Dense { .. }) => "a dense feature",
            Some(FeatureKind::Sequence { .. }) => "a sequence feature",
            Some(FeatureKind::Sparse { .. }) | None => "not there",
        };
    NoGroupColumn { column: column.to_owned(), what, nearest: nearest_name(column, known) }.into()
}

/// Those of some columns by which the rows of a schema cannot be grouped unless they are kept besides: no sparse features.
pub(crate) fn besides_features<'c>(schema: &FeatureSchema, columns: &[&'c str]) -> Vec<&'c str> {
    let mut kept: Vec<&str> = Vec::new();
    for &column in columns {
        if !kept.contains(&column) && !schema.sparse().any(|feature| feature.name == column) {
            kept.push(column);
        }
    }
    kept
}
