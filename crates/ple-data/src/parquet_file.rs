//! Columns as one Parquet file whose bytes are hashed on the way.

use std::sync::Arc;

use arrow_array::cast::AsArray;
use arrow_array::types::UInt32Type;
use arrow_array::{
    Array, ArrayRef, Float32Array, Int32Array, ListArray, RecordBatch, StringArray, UInt32Array, UInt64Array,
};
use arrow_buffer::{OffsetBuffer, ScalarBuffer};
use arrow_schema::{DataType, Field, Schema};
use parquet::arrow::ArrowWriter;
use parquet::basic::Compression;
use parquet::file::metadata::KeyValue;
use parquet::file::properties::{EnabledStatistics, WriterProperties};
use parquet::schema::types::ColumnPath;

use crate::error::DataError;
use crate::output_folder::{FileFacts, OutputFolder};
use crate::transformation_hash::{TRANSFORMATION_KEY, TransformationHash};

/// A column of a file.
pub(crate) enum ColumnValues {
    Int32(Vec<i32>),
    UInt32(Vec<u32>),
    UInt64(Vec<u64>),
    Float32(Vec<f32>),
    Text(Vec<String>),
    Ids {
        ends: Vec<i32>,
        ids: Vec<u32>,
    },
    Weights {
        ends: Vec<i32>,
        weights: Vec<f32>,
    },
    /// Values that are an array already.
    Array {
        array: ArrayRef,
        nulls: Nulls,
    },
}

/// Whether a column may have nulls, as the schema of its file says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Nulls {
    Never,
    Allowed,
}

/// The rows of a row group.
const ROWS_PER_GROUP: usize = 128 << 10;

/// Writes columns of equal length as one file; `name` is its place in the output folder. Rows say in the metadata of
/// their file which transformation has made them.
pub(crate) fn write_columns(
    output: &OutputFolder,
    name: &str,
    columns: Vec<(String, ColumnValues)>,
    made_by: Option<TransformationHash>,
) -> Result<FileFacts, DataError> {
    let few: Vec<String> =
        columns.iter().filter(|(_, values)| values.are_few()).map(|(name, _)| name.clone()).collect();
    write_batches(output, name, &few, made_by, std::iter::once(columns))
}

/// Writes the rows of batches, which have the same columns, one after the other as one file; the columns named in `few`
/// have few different values. There has to be a batch.
///
/// Rows that are made batch by batch are still in the processor's cache when they are encoded.
pub(crate) fn write_batches(
    output: &OutputFolder,
    name: &str,
    few: &[String],
    made_by: Option<TransformationHash>,
    batches: impl IntoIterator<Item = Vec<(String, ColumnValues)>>,
) -> Result<FileFacts, DataError> {
    // Reading has to be fast, and ids and values that are all different do not pack: columns stand as they are in
    // memory, but for those with few numbers, which a dictionary makes small.
    let mut properties = WriterProperties::builder()
        .set_compression(Compression::UNCOMPRESSED)
        .set_dictionary_enabled(false)
        .set_statistics_enabled(EnabledStatistics::None)
        .set_key_value_metadata(made_by.map(|hash| vec![transformation_entry(hash)]))
        .set_max_row_group_row_count(Some(ROWS_PER_GROUP));
    for name in few {
        properties = properties.set_column_dictionary_enabled(ColumnPath::from(name.as_str()), true);
    }
    let properties = properties.build();
    let mut batches = batches.into_iter().map(record_batch);
    output.write_hashed(name, |file| {
        let first = batches.next().ok_or_else(|| std::io::Error::other("there is no batch"))??;
        let writer = ArrowWriter::try_new(file, first.schema(), Some(properties));
        let mut writer = writer.map_err(std::io::Error::other)?;
        for batch in std::iter::once(Ok(first)).chain(batches) {
            writer.write(&batch?).map_err(std::io::Error::other)?;
        }
        writer.close().map_err(std::io::Error::other)?;
        Ok(())
    })
}

/// What the metadata of a file says of the transformation that has made its rows.
pub(crate) fn transformation_entry(hash: TransformationHash) -> KeyValue {
    KeyValue::new(TRANSFORMATION_KEY.to_owned(), hash.to_string())
}

fn record_batch(columns: Vec<(String, ColumnValues)>) -> std::io::Result<RecordBatch> {
    let (fields, arrays): (Vec<Field>, Vec<ArrayRef>) = columns
        .into_iter()
        .map(|(name, values)| {
            let may_be_null = matches!(values, ColumnValues::Array { nulls: Nulls::Allowed, .. });
            let array = values.into_array();
            (Field::new(name, array.data_type().clone(), may_be_null), array)
        })
        .unzip();
    RecordBatch::try_new(Arc::new(Schema::new(fields)), arrays).map_err(std::io::Error::other)
}

/// Below this number, the numbers of a column are few.
pub(crate) const FEW: u32 = 256;

impl ColumnValues {
    fn are_few(&self) -> bool {
        match self {
            ColumnValues::Int32(_) => true,
            ColumnValues::UInt32(values) => values.iter().all(|value| *value < FEW),
            ColumnValues::Array { array, .. } => match array.data_type() {
                DataType::Int32 => true,
                DataType::UInt32 => {
                    array.as_primitive::<UInt32Type>().values().iter().all(|value| *value < FEW)
                }
                _ => false,
            },
            _ => false,
        }
    }

    fn into_array(self) -> ArrayRef {
        match self {
            ColumnValues::Int32(values) => Arc::new(Int32Array::from(values)),
            ColumnValues::UInt32(values) => Arc::new(UInt32Array::from(values)),
            ColumnValues::UInt64(values) => Arc::new(UInt64Array::from(values)),
            ColumnValues::Float32(values) => Arc::new(Float32Array::from(values)),
            ColumnValues::Text(values) => Arc::new(StringArray::from(values)),
            ColumnValues::Ids { ends, ids } => list(ends, DataType::UInt32, Arc::new(UInt32Array::from(ids))),
            ColumnValues::Array { array, .. } => array,
            ColumnValues::Weights { ends, weights } => {
                list(ends, DataType::Float32, Arc::new(Float32Array::from(weights)))
            }
        }
    }
}

fn list(ends: Vec<i32>, element: DataType, values: ArrayRef) -> ArrayRef {
    let mut offsets = Vec::with_capacity(ends.len() + 1);
    offsets.push(0);
    offsets.extend(ends);
    let field = Arc::new(Field::new_list_field(element, false));
    Arc::new(ListArray::new(field, OffsetBuffer::new(ScalarBuffer::from(offsets)), values, None))
}
