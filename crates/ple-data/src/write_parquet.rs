//! Writes a table as Parquet.

use std::io;
use std::path::Path;
use std::sync::Arc;

use arrow_array::{Array, ArrayRef, Float32Array, Int32Array, ListArray, RecordBatch, UInt32Array};
use arrow_buffer::{OffsetBuffer, ScalarBuffer};
use arrow_schema::{Field, Schema};
use parquet::arrow::ArrowWriter;
use parquet::basic::Compression;
use parquet::errors::ParquetError;
use parquet::file::metadata::KeyValue;
use parquet::file::properties::{WriterProperties, WriterPropertiesBuilder};

use ple_files::write_whole;

use crate::error::DataError;
use crate::output_columns::{OutputColumn, output_columns};
use crate::parquet_file::transformation_entry;
use crate::row_origin::RowOrigin;
use crate::space::Space;
use crate::table::Table;
use crate::table_contents::SequenceColumn;

/// The rows of a row group: small enough that several are decoded at once, large enough to compress well.
const ROWS_PER_GROUP: usize = 128 * 1024;

/// Writes a table as Parquet (Snappy): keys, labels, weights, then features in the order of the schema.
///
/// Ids are written as `UInt32`, labels of classifications as `Int32`, other numbers as `Float32`, sequences as lists
/// of them, keys as they are. Lists of users are written with each row. Where all rows were made by one transformation, the
/// file carries its hash. The file appears whole or not at all.
///
/// # Errors
///
/// [`DataError::OutputColumn`] if two columns have one name, [`DataError::File`] if the file cannot be written.
pub fn write_parquet(table: &Table, path: impl AsRef<Path>) -> Result<(), DataError> {
    let path = path.as_ref();
    let copied = table.lists().map(|_| table.clone().with_lists_copied()).transpose()?;
    let table = copied.as_ref().unwrap_or(table);
    let columns = output_columns(path, table)?;
    let mut fields = Vec::with_capacity(columns.len());
    for (name, column) in &columns {
        let array = rows_of(table, column, 0, 0);
        let may_be_null = match column {
            OutputColumn::Key(_) => true,
            OutputColumn::Label { task, .. } => table.schema().labels[*task].space == Space::Labelled,
            _ => false,
        };
        fields.push(Field::new(*name, array.data_type().clone(), may_be_null));
    }
    let groups = (0..table.rows()).step_by(ROWS_PER_GROUP).map(|start| {
        let rows = ROWS_PER_GROUP.min(table.rows() - start);
        columns.iter().map(|(_, column)| rows_of(table, column, start, rows)).collect()
    });
    let schema = Arc::new(Schema::new(fields));
    let properties = writer_properties().set_key_value_metadata(origin_entry(table.origin())).build();
    Ok(write_whole(path, |file| {
        let writer = ArrowWriter::try_new(file, Arc::clone(&schema), Some(properties));
        let mut writer = writer.map_err(plain_error)?;
        for arrays in groups {
            let batch = RecordBatch::try_new(Arc::clone(&schema), arrays).map_err(io::Error::other)?;
            writer.write(&batch).map_err(plain_error)?;
        }
        writer.close().map_err(plain_error)?;
        Ok(())
    })?)
}

/// How this project writes Parquet.
pub(crate) fn writer_properties() -> WriterPropertiesBuilder {
    WriterProperties::builder()
        .set_compression(Compression::SNAPPY)
        .set_max_row_group_row_count(Some(ROWS_PER_GROUP))
}

/// What a file says of the transformation that made all of its rows.
fn origin_entry(origin: &RowOrigin) -> Option<Vec<KeyValue>> {
    let hash = origin.hash().filter(|_| origin.is_complete())?;
    Some(vec![transformation_entry(hash)])
}

/// What went wrong below the writer of Parquet, in the words of the operating system where it was that.
pub(crate) fn plain_error(error: ParquetError) -> io::Error {
    match error {
        ParquetError::External(source) => match source.downcast::<io::Error>() {
            Ok(source) => *source,
            Err(source) => io::Error::other(source),
        },
        error => io::Error::other(error),
    }
}

fn rows_of(table: &Table, column: &OutputColumn<'_>, start: usize, rows: usize) -> ArrayRef {
    let span = start..start + rows;
    let numbers = |values: &mut dyn Iterator<Item = f32>| -> ArrayRef {
        Arc::new(values.skip(start).take(rows).collect::<Float32Array>())
    };
    match column {
        OutputColumn::Key(key) => key.slice(start, rows),
        OutputColumn::Label { task, is_whole } => {
            // A row outside of a task whose rows are those with a label has none.
            let hides = table.schema().labels[*task].space == Space::Labelled;
            let all = table.labels(*task).zip(table.weights(*task)).skip(start).take(rows);
            let labels = all.map(|(label, weight)| (!hides || weight > 0.0).then_some(label));
            match is_whole {
                true => Arc::new(labels.map(|label| label.map(|label| label as i32)).collect::<Int32Array>()),
                false => Arc::new(labels.collect::<Float32Array>()),
            }
        }
        OutputColumn::Inside { task } => {
            let inside = table.weights(*task).skip(start).take(rows).map(|weight| i32::from(weight > 0.0));
            Arc::new(Int32Array::from_iter_values(inside))
        }
        OutputColumn::Weight { task } => numbers(&mut table.weights(*task)),
        OutputColumn::Sparse(feature) => {
            Arc::new(UInt32Array::from_iter_values(table.sparse(*feature).skip(start).take(rows)))
        }
        OutputColumn::Dense(feature) => numbers(&mut table.dense(*feature)),
        OutputColumn::Sequence(sequence) => {
            let ids = sequence.ids[elements(sequence, &span)].to_vec();
            lists(sequence, span, Arc::new(UInt32Array::from(ids)))
        }
        OutputColumn::SequenceWeights(sequence) => {
            let weights = sequence.weights.as_deref().unwrap_or(&[]);
            let weights = weights[elements(sequence, &span)].to_vec();
            lists(sequence, span, Arc::new(Float32Array::from(weights)))
        }
    }
}

/// The elements of the lists of some rows.
fn elements(sequence: &SequenceColumn, rows: &std::ops::Range<usize>) -> std::ops::Range<usize> {
    sequence.offsets[rows.start]..sequence.offsets[rows.end]
}

fn lists(sequence: &SequenceColumn, rows: std::ops::Range<usize>, values: ArrayRef) -> ArrayRef {
    let first = sequence.offsets[rows.start];
    let offset = |offset: &usize| {
        i32::try_from(offset - first).expect("the lists of one row group fit into 32-bit offsets")
    };
    let offsets: ScalarBuffer<i32> = sequence.offsets[rows.start..=rows.end].iter().map(offset).collect();
    let field = Arc::new(Field::new_list_field(values.data_type().clone(), false));
    Arc::new(ListArray::new(field, OffsetBuffer::new(offsets), values, None))
}
