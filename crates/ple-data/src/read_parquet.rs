//! Reads Parquet files, row groups in parallel, with an error that names row group, row and column.

use std::path::Path;
use std::sync::Arc;

use arrow_array::{Array, ArrayRef, Float64Array, RecordBatch};
use arrow_schema::{DataType, Schema};
use parquet::arrow::ProjectionMask;
use parquet::arrow::arrow_reader::{ArrowReaderMetadata, ParquetRecordBatchReader};
use rayon::prelude::*;

use crate::arrow_columns::{
    ID_LIST_TYPES, ID_TYPES, NUMBER_LIST_TYPES, NUMBER_TYPES, as_large_list, for_each_id, for_each_number,
    is_id_type, is_number_type, list_element, number_or_null,
};
use crate::cell::{CellFault, check_dense, check_label, check_weight};
use crate::error::DataError;
use crate::parquet_limits::{corrupt, guarded, open_parquet};
use crate::parquet_source::ParquetSource;
use crate::place::Place;
use crate::recorded::{Unrecorded, verify_rows};
use crate::resolve::{ResolvedColumns, resolve};
use crate::row_origin::RowOrigin;
use crate::schema::{FeatureKind, FeatureSchema};
use crate::space::Inside;
use crate::table::Table;
use crate::table_contents::{SequenceColumn, TableContents, join_keys};

/// The rows that are decoded at a time: their ids stay in the second cache while they are put into rows.
pub(crate) const ROWS_AT_A_TIME: usize = 4096;

/// Reads a Parquet file; columns that the schema does not name are not even decoded.
///
/// Ids may have any integer type, or a dictionary of one, and are never read through floats. Dense values and labels
/// may be floats of 16, 32 or 64 bits, integers or booleans. Sequences are lists of integers (`List`, `LargeList` or
/// `FixedSizeList`). Keys may have any type. The check sums of pages are compared where the file has them, and what is
/// recorded of a prepared shard.
///
/// # Errors
///
/// A missing or empty file, one that is cut short or damaged (also where the decoder panics; the panic's message then
/// appears on the standard error stream as well, unless the program has set its own panic hook), a missing column, a
/// column of another type, and for single values those of [`read_csv`](crate::read_csv), with row group, row and column.
pub fn read_parquet(path: impl AsRef<Path>, schema: &FeatureSchema) -> Result<Table, DataError> {
    let path = path.as_ref();
    verify_rows([path], Unrecorded::Skipped)?;
    read_verified_parquet(path, schema)
}

/// The same for a file of which all that is recorded has been compared.
pub(crate) fn read_verified_parquet(path: &Path, schema: &FeatureSchema) -> Result<Table, DataError> {
    schema.validate()?;
    let source = ParquetSource::Local(path.to_path_buf());
    guarded(path, || {
        let metadata = open_parquet(path)?;
        let origin = RowOrigin::of_footer(path, &metadata)?;
        let schema = Arc::new(schema.clone());
        let layout = ParquetLayout::new(&source, &schema, &metadata)?;
        let mut all = Piece::empty(&schema);
        let groups: Vec<usize> = (0..metadata.metadata().num_row_groups()).collect();
        // One wave of row groups at a time, so that little more than the table itself is in memory.
        for wave in groups.chunks(rayon::current_num_threads().max(1)) {
            let decoded: Vec<Result<Piece, DataError>> =
                wave.par_iter().map(|&group| layout.read_group(&metadata, group)).collect();
            for piece in decoded {
                let piece = piece?;
                all.rows.append(&piece.rows);
                for (pieces, more) in all.keys.iter_mut().zip(piece.keys) {
                    pieces.extend(more);
                }
            }
        }
        Ok(all.into_table(path, &schema)?.with_origin(origin))
    })
}

/// Appends the rows of some row groups of one file to others, and to each of `keys` the arrays of that key.
pub(crate) fn append_row_groups(
    source: &ParquetSource,
    schema: &FeatureSchema,
    metadata: &ArrowReaderMetadata,
    groups: impl Iterator<Item = usize>,
    rows: &mut TableContents,
    keys: &mut [Vec<ArrayRef>],
) -> Result<(), DataError> {
    let layout = ParquetLayout::new(source, schema, metadata)?;
    let mut piece = Piece { rows: std::mem::take(rows), keys: vec![Vec::new(); schema.keys.len()] };
    for group in groups {
        layout.append_group(metadata, group, &mut piece)?;
    }
    *rows = piece.rows;
    keys.iter_mut().zip(piece.keys).for_each(|(all, more)| all.extend(more));
    Ok(())
}

/// The values that a row group holds in the columns that a schema names, lists counted by their elements: what the
/// footer says, so that memory can be planned before a page is read.
pub(crate) fn n_values(
    source: &ParquetSource,
    schema: &FeatureSchema,
    metadata: &ArrowReaderMetadata,
    group: usize,
) -> Result<u64, DataError> {
    let layout = ParquetLayout::new(source, schema, metadata)?;
    let leaves = metadata.metadata().row_group(group).columns().iter().enumerate();
    let read = leaves.filter(|&(leaf, _)| layout.projection.leaf_included(leaf));
    Ok(read.map(|(_, column)| column.num_values().max(0) as u64).sum())
}

/// Where the columns of a record batch go. Positions are those of the projected record batch.
pub(crate) struct ParquetLayout<'a> {
    source: &'a ParquetSource,
    path: &'a Path,
    schema: &'a FeatureSchema,
    projection: ProjectionMask,
    resolved: ResolvedColumns,
    names: Vec<String>,
}

/// Some rows of a file; for each key, the arrays that their record batches had.
pub(crate) struct Piece {
    rows: TableContents,
    keys: Vec<Vec<ArrayRef>>,
}

impl Piece {
    /// No rows.
    pub(crate) fn empty(schema: &FeatureSchema) -> Self {
        Piece { rows: TableContents::empty(schema), keys: vec![Vec::new(); schema.keys.len()] }
    }

    /// The rows as a table, with the pieces of each key joined.
    pub(crate) fn into_table(self, path: &Path, schema: &Arc<FeatureSchema>) -> Result<Table, DataError> {
        let Piece { mut rows, keys } = self;
        for pieces in &keys {
            rows.keys.push(join_keys(pieces).map_err(|error| corrupt(path, &error))?);
        }
        Ok(Table::assembled(Arc::clone(schema), rows))
    }
}

impl<'a> ParquetLayout<'a> {
    /// Finds the columns of a schema in a file, and checks their types.
    pub(crate) fn new(
        source: &'a ParquetSource,
        schema: &'a FeatureSchema,
        metadata: &ArrowReaderMetadata,
    ) -> Result<Self, DataError> {
        let path = source.path();
        let arrow_schema = metadata.schema();
        let in_file = resolve(path, arrow_schema.fields().iter().map(|field| field.name().as_str()), schema)?;
        check_types(path, schema, arrow_schema, &in_file)?;
        let mut used: Vec<usize> = positions(&in_file).collect();
        used.sort_unstable();
        used.dedup();
        let parquet_schema = metadata.metadata().file_metadata().schema_descr();
        let projection = ProjectionMask::roots(parquet_schema, used.iter().copied());
        let names: Vec<String> =
            used.iter().map(|&position| arrow_schema.field(position).name().clone()).collect();
        let resolved = resolve(path, names.iter().map(String::as_str), schema)?;
        Ok(ParquetLayout { source, path, schema, projection, resolved, names })
    }

    fn read_group(&self, metadata: &ArrowReaderMetadata, group: usize) -> Result<Piece, DataError> {
        let mut piece = Piece::empty(self.schema);
        self.append_group(metadata, group, &mut piece)?;
        Ok(piece)
    }

    fn append_group(
        &self,
        metadata: &ArrowReaderMetadata,
        group: usize,
        piece: &mut Piece,
    ) -> Result<(), DataError> {
        let mut first_row = 0;
        for batch in self.open_group(metadata, group)? {
            let batch = batch.map_err(|error| corrupt(self.path, &error))?;
            self.append(&batch, group, first_row, piece)?;
            first_row += batch.num_rows();
        }
        self.check_rows(metadata, group, first_row)
    }

    /// The record batches of a row group.
    pub(crate) fn open_group(
        &self,
        metadata: &ArrowReaderMetadata,
        group: usize,
    ) -> Result<ParquetRecordBatchReader, DataError> {
        self.source.row_group(metadata, group, self.projection.clone(), ROWS_AT_A_TIME)
    }

    /// Refuses a row group that had fewer or more rows than the footer says.
    pub(crate) fn check_rows(
        &self,
        metadata: &ArrowReaderMetadata,
        group: usize,
        found: usize,
    ) -> Result<(), DataError> {
        let claimed = metadata.metadata().row_group(group).num_rows();
        match found as i64 == claimed {
            true => Ok(()),
            false => {
                let detail = format!("row group {group} claims {claimed} rows and holds {found}");
                Err(corrupt(self.path, &detail))
            }
        }
    }

    /// Appends the rows of a record batch, the first of which is `first_row` of its row group.
    pub(crate) fn append(
        &self,
        batch: &RecordBatch,
        row_group: usize,
        first_row: usize,
        piece: &mut Piece,
    ) -> Result<(), DataError> {
        let rows = batch.num_rows();
        let at = |position: usize| {
            move |(row, fault): (usize, CellFault)| {
                fault.at(
                    self.path,
                    Place::RowGroup { row_group, row: first_row + row },
                    &self.names[position],
                )
            }
        };

        let layout = piece.rows.records.layout();
        let width = layout.width();
        let records = piece.rows.records.grow(rows);
        for ((place, &position), feature) in
            layout.sparse().zip(&self.resolved.sparse).zip(self.schema.sparse())
        {
            let put = |row: usize, id| records[row * width + place] = id;
            for_each_id(batch.column(position), feature.vocab_size().unwrap_or(0), put)
                .map_err(at(position))?;
        }
        for (place, &position) in layout.dense().zip(&self.resolved.dense) {
            let put = |row: usize, value| {
                check_dense(value).map(|value| records[row * width + place] = value.to_bits())
            };
            for_each_number(batch.column(position), put).map_err(at(position))?;
        }
        let labels = layout.labels().zip(&self.resolved.labels).zip(&self.schema.labels);
        // The labels of a smaller space come with its rows, below.
        for ((place, &position), label) in labels.filter(|(_, label)| label.space.is_all()) {
            let put = |row: usize, value| {
                check_label(value, label.task).map(|value| records[row * width + place] = value.to_bits())
            };
            for_each_number(batch.column(position), put).map_err(at(position))?;
        }
        for (place, position) in layout.weights().zip(&self.resolved.weights) {
            let Some(position) = *position else {
                records.iter_mut().skip(place).step_by(width).for_each(|word| *word = 1.0_f32.to_bits());
                continue;
            };
            let put = |row: usize, value| {
                check_weight(value).map(|value| records[row * width + place] = value.to_bits())
            };
            for_each_number(batch.column(position), put).map_err(at(position))?;
        }
        for (t, label) in self.schema.labels.iter().enumerate().filter(|(_, label)| !label.space.is_all()) {
            let position = self.resolved.labels[t];
            let values =
                number_or_null(batch.column(position)).map_err(|error| corrupt(self.path, &error))?;
            let decisive = self.resolved.spaces[t].map(|decisive| number_or_null(batch.column(decisive)));
            let decisive = decisive.transpose().map_err(|error| corrupt(self.path, &error))?;
            for (row, record) in records.chunks_exact_mut(width).enumerate() {
                let value_of = |array: &Float64Array| array.is_valid(row).then(|| array.value(row));
                let found =
                    label.space.label(value_of(&values), decisive.as_ref().and_then(value_of), label.task);
                let (value, inside) = found.map_err(|fault| at(position)((row, fault)))?;
                record[layout.labels()][t] = value.to_bits();
                if inside == Inside::No {
                    record[layout.weights()][t] = 0.0_f32.to_bits();
                }
            }
        }

        let sequences = self.resolved.sequences.iter().zip(self.schema.sequences());
        for (target, (&(ids, weights), feature)) in piece.rows.sequences.iter_mut().zip(sequences) {
            let vocab_size = feature.vocab_size().unwrap_or(0);
            append_ids(batch.column(ids), vocab_size, target)
                .map_err(|fault| fault.into_error(self.path, at(ids)))?;
            if let (Some(position), Some(weights)) = (weights, &mut target.weights) {
                let first = target.offsets.len() - 1 - rows;
                append_weights(
                    batch.column(position),
                    &target.offsets[first..],
                    weights,
                    &self.names[position],
                )
                .map_err(|fault| match fault {
                    ListFault::Cell(row, lengths @ CellFault::Lengths { .. }) => at(ids)((row, lengths)),
                    other => other.into_error(self.path, at(position)),
                })?;
            }
        }

        for (pieces, &position) in piece.keys.iter_mut().zip(&self.resolved.keys) {
            pieces.push(Arc::clone(batch.column(position)));
        }
        Ok(())
    }
}

/// What can be wrong with a list column: a cell, or the array as a whole.
enum ListFault {
    Cell(usize, CellFault),
    Array(arrow_schema::ArrowError),
}

impl ListFault {
    fn into_error(self, path: &Path, at: impl FnOnce((usize, CellFault)) -> DataError) -> DataError {
        match self {
            ListFault::Cell(row, fault) => at((row, fault)),
            ListFault::Array(error) => corrupt(path, &error),
        }
    }
}

/// Appends the lists of ids of some rows to a sequence column.
fn append_ids(array: &ArrayRef, vocab_size: usize, target: &mut SequenceColumn) -> Result<(), ListFault> {
    let lists = as_large_list(array).map_err(ListFault::Array)?;
    refuse_null_lists(&lists)?;
    let offsets = lists.value_offsets();
    let (start, end) = (offsets[0] as usize, offsets[offsets.len() - 1] as usize);
    let values = lists.values().slice(start, end - start);
    let base = target.ids.len();
    for_each_id(&values, vocab_size, |_, id| target.ids.push(id))
        .map_err(|(position, fault)| ListFault::Cell(row_of(offsets, start + position), fault))?;
    target.offsets.extend(offsets[1..].iter().map(|&offset| base + offset as usize - start));
    Ok(())
}

/// Appends the lists of weights of some rows, which must be as long as the lists of ids.
fn append_weights(
    array: &ArrayRef,
    id_offsets: &[usize],
    target: &mut Vec<f32>,
    weights_column: &str,
) -> Result<(), ListFault> {
    let lists = as_large_list(array).map_err(ListFault::Array)?;
    refuse_null_lists(&lists)?;
    let offsets = lists.value_offsets();
    for (row, (pair, id_pair)) in offsets.windows(2).zip(id_offsets.windows(2)).enumerate() {
        let (weights, ids) = ((pair[1] - pair[0]) as usize, id_pair[1] - id_pair[0]);
        if weights != ids {
            let weights_column = weights_column.to_string();
            return Err(ListFault::Cell(row, CellFault::Lengths { weights_column, ids, weights }));
        }
    }
    let (start, end) = (offsets[0] as usize, offsets[offsets.len() - 1] as usize);
    let values = lists.values().slice(start, end - start);
    for_each_number(&values, |_, value| check_weight(value).map(|value| target.push(value)))
        .map_err(|(position, fault)| ListFault::Cell(row_of(offsets, start + position), fault))
}

fn refuse_null_lists(lists: &arrow_array::LargeListArray) -> Result<(), ListFault> {
    match (0..lists.len()).find(|&row| lists.is_null(row)) {
        Some(row) => Err(ListFault::Cell(row, CellFault::Missing { expected: "a list, which may be empty" })),
        None => Ok(()),
    }
}

/// The list that the element at `position` belongs to.
fn row_of(offsets: &[i64], position: usize) -> usize {
    offsets.partition_point(|&offset| offset as usize <= position) - 1
}

fn positions(resolved: &ResolvedColumns) -> impl Iterator<Item = usize> + '_ {
    let single =
        [&resolved.sparse, &resolved.dense, &resolved.labels, &resolved.keys].into_iter().flatten().copied();
    let sequences = resolved.sequences.iter().flat_map(|&(ids, weights)| std::iter::once(ids).chain(weights));
    single.chain(sequences).chain(resolved.weights.iter().chain(&resolved.spaces).flatten().copied())
}

fn check_types(
    path: &Path,
    schema: &FeatureSchema,
    arrow_schema: &Schema,
    resolved: &ResolvedColumns,
) -> Result<(), DataError> {
    let check = |position: usize, accepts: fn(&DataType) -> bool, expected: &'static str| {
        let field = arrow_schema.field(position);
        if accepts(field.data_type()) {
            return Ok(());
        }
        let found = format!("the type {}", field.data_type());
        Err(DataError::WrongType { path: path.to_path_buf(), column: field.name().clone(), found, expected })
    };
    let is_id_list: fn(&DataType) -> bool = |data_type| list_element(data_type).is_some_and(is_id_type);
    let is_number_list: fn(&DataType) -> bool =
        |data_type| list_element(data_type).is_some_and(is_number_type);
    let of_tasks = resolved.labels.iter().chain(resolved.weights.iter().chain(&resolved.spaces).flatten());
    for &position in of_tasks.chain(&resolved.dense) {
        check(position, is_number_type, NUMBER_TYPES)?;
    }
    for &position in &resolved.sparse {
        check(position, is_id_type, ID_TYPES)?;
    }
    for (&(ids, weights), feature) in resolved.sequences.iter().zip(schema.sequences()) {
        debug_assert!(matches!(feature.kind, FeatureKind::Sequence { .. }));
        check(ids, is_id_list, ID_LIST_TYPES)?;
        if let Some(weights) = weights {
            check(weights, is_number_list, NUMBER_LIST_TYPES)?;
        }
    }
    Ok(())
}
