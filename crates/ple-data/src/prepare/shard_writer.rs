//! Encoded rows as Parquet shards, each cut at a row that depends on the rows alone, not on how they came.

use arrow_array::cast::AsArray;
use arrow_array::{Array, ArrayRef};
use arrow_schema::DataType;
use arrow_select::concat::concat;

use super::encode::ShardColumn;
use super::input::Part;
use crate::ali_ccp_raw::ShardFacts;
use crate::error::DataError;
use crate::output_folder::OutputFolder;
use crate::parquet_file::{ColumnValues, write_columns};
use crate::transformation_hash::TransformationHash;

/// The shards of one part while they are written.
pub(crate) struct ShardWriter<'a> {
    output: &'a OutputFolder,
    part: Part,
    columns: &'a [ShardColumn],
    transformation: TransformationHash,
    shard_bytes: u64,
    /// Rows that wait for a shard to be full.
    waiting: Vec<Vec<ArrayRef>>,
    waiting_rows: usize,
    waiting_bytes: u64,
    pub(crate) shards: Vec<ShardFacts>,
}

impl<'a> ShardWriter<'a> {
    pub(crate) fn new(
        output: &'a OutputFolder,
        part: Part,
        columns: &'a [ShardColumn],
        transformation: TransformationHash,
        shard_bytes: u64,
    ) -> Self {
        ShardWriter {
            output,
            part,
            columns,
            transformation,
            shard_bytes: shard_bytes.max(1),
            waiting: Vec::new(),
            waiting_rows: 0,
            waiting_bytes: 0,
            shards: Vec::new(),
        }
    }

    /// Appends rows, and writes the shards that are full.
    pub(crate) fn push(&mut self, columns: &[ArrayRef], rows: usize) -> Result<(), DataError> {
        let bytes = RowBytes::of(columns);
        let mut start = 0;
        while start < rows {
            let end = bytes.end(start, rows, self.shard_bytes.saturating_sub(self.waiting_bytes));
            let slice = columns.iter().map(|column| column.slice(start, end - start)).collect();
            self.waiting.push(slice);
            self.waiting_rows += end - start;
            self.waiting_bytes += bytes.between(start, end);
            if self.waiting_bytes >= self.shard_bytes {
                self.write()?;
            }
            start = end;
        }
        Ok(())
    }

    /// Writes what is left.
    pub(crate) fn finish(&mut self) -> Result<(), DataError> {
        if self.waiting_rows == 0 { Ok(()) } else { self.write() }
    }

    fn write(&mut self) -> Result<(), DataError> {
        if self.shards.is_empty() {
            self.output.subfolder(self.part.name())?;
        }
        let name = format!("{}/part-{:05}.parquet", self.part.name(), self.shards.len());
        let waiting = std::mem::take(&mut self.waiting);
        let mut columns = Vec::with_capacity(self.columns.len());
        for (position, column) in self.columns.iter().enumerate() {
            let pieces: Vec<&dyn Array> = waiting.iter().map(|piece| piece[position].as_ref()).collect();
            let array = concat(&pieces).map_err(|error| {
                let path = self.output.path().join(&name);
                DataError::io(&path, "write", std::io::Error::other(error))
            })?;
            columns.push((column.name.clone(), ColumnValues::Array { array, nulls: column.nulls }));
        }
        let file = write_columns(self.output, &name, columns, Some(self.transformation))?;
        self.shards.push(ShardFacts { rows: self.waiting_rows as u64, file });
        (self.waiting_rows, self.waiting_bytes) = (0, 0);
        Ok(())
    }
}

/// What rows take, list by list; a single value counts as four bytes, whatever it is.
struct RowBytes {
    single: u64,
    offsets: Vec<Vec<i32>>,
}

impl RowBytes {
    fn of(columns: &[ArrayRef]) -> Self {
        let mut bytes = RowBytes { single: 0, offsets: Vec::new() };
        for column in columns {
            match column.data_type() {
                DataType::List(_) => bytes.offsets.push(column.as_list::<i32>().value_offsets().to_vec()),
                _ => bytes.single += 4,
            }
        }
        bytes
    }

    /// What the rows from `start` to before `end` take.
    fn between(&self, start: usize, end: usize) -> u64 {
        let lists = self
            .offsets
            .iter()
            .map(|offsets| 4 * (offsets[end] - offsets[start]) as u64 + 4 * (end - start) as u64);
        (end - start) as u64 * self.single + lists.sum::<u64>()
    }

    /// The first place from `start` on before which the rows take at least `bytes`, and at least one row after `start`.
    fn end(&self, start: usize, rows: usize, bytes: u64) -> usize {
        let (mut low, mut high) = (start + 1, rows);
        while low < high {
            let middle = low + (high - low) / 2;
            match self.between(start, middle) >= bytes {
                true => high = middle,
                false => low = middle + 1,
            }
        }
        low
    }
}
