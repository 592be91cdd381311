//! Parquet files as raw chunks: the columns that are needed, a record batch at a time.

use std::path::Path;
use std::sync::Arc;

use arrow_array::RecordBatch;
use arrow_schema::DataType;
use parquet::arrow::ProjectionMask;
use parquet::arrow::arrow_reader::{ArrowReaderMetadata, ParquetRecordBatchReader};

use super::raw_chunk::{Places, RawChunk, SourceFile};
use super::row_layout::RowLayout;
use crate::error::DataError;
use crate::parquet_limits::{corrupt, guarded, open_parquet, open_row_group};

/// A Parquet file that is being read.
pub(crate) struct ParquetSource {
    file: Arc<SourceFile>,
    metadata: ArrowReaderMetadata,
    projection: ProjectionMask,
    /// The position of each column in the file.
    in_file: Vec<usize>,
    /// The position of each column among those that are read.
    positions: Vec<usize>,
    chunk_rows: usize,
    /// The size of the file.
    length: u64,
    row_group: usize,
    reader: Option<ParquetRecordBatchReader>,
    /// Rows of this row group, and of the file, that have been read.
    rows_read: (usize, u64),
}

impl ParquetSource {
    pub(crate) fn open(
        file: Arc<SourceFile>,
        layout: &RowLayout,
        chunk_rows: usize,
        length: u64,
    ) -> Result<Self, DataError> {
        let path: &Path = &file.path;
        let metadata = guarded(path, || open_parquet(path))?;
        let schema = metadata.schema();
        let names = schema.fields().iter().map(|field| field.name().as_str());
        let in_file = layout.find(path, names)?;
        for (column, &position) in in_file.iter().enumerate() {
            layout.check_type(path, column, schema.field(position).data_type())?;
        }
        let mut read = in_file.clone();
        read.sort_unstable();
        let positions =
            in_file.iter().map(|position| read.partition_point(|known| known < position)).collect();
        let projection = ProjectionMask::roots(metadata.metadata().file_metadata().schema_descr(), read);
        let file = Arc::clone(&file);
        Ok(ParquetSource {
            file,
            metadata,
            projection,
            in_file,
            positions,
            chunk_rows,
            length,
            row_group: 0,
            reader: None,
            rows_read: (0, 0),
        })
    }

    /// The types of the columns.
    pub(crate) fn types(&self) -> Vec<DataType> {
        let fields = self.metadata.schema().fields();
        self.in_file.iter().map(|&position| fields[position].data_type().clone()).collect()
    }

    /// The next rows; `None` at the end of the file.
    pub(crate) fn next(&mut self) -> Result<Option<RawChunk>, DataError> {
        let file = Arc::clone(&self.file);
        guarded(&file.path, || self.next_unguarded())
    }

    fn next_unguarded(&mut self) -> Result<Option<RawChunk>, DataError> {
        while self.row_group < self.metadata.metadata().num_row_groups() {
            if self.reader.is_none() {
                let (group, projection) = (self.row_group, self.projection.clone());
                let path = &self.file.path;
                self.reader = Some(open_row_group(path, &self.metadata, group, projection, self.chunk_rows)?);
                self.rows_read.0 = 0;
            }
            match self.reader.as_mut().and_then(Iterator::next) {
                Some(batch) => {
                    let batch = batch.map_err(|error| corrupt(&self.file.path, &error))?;
                    return Ok(Some(self.chunk(&batch)));
                }
                None => {
                    let claimed = self.metadata.metadata().row_group(self.row_group).num_rows();
                    let found = self.rows_read.0;
                    if found as i64 != claimed {
                        let detail =
                            format!("row group {} claims {claimed} rows and holds {found}", self.row_group);
                        return Err(corrupt(&self.file.path, &detail));
                    }
                    self.reader = None;
                    self.row_group += 1;
                }
            }
        }
        Ok(None)
    }

    fn chunk(&mut self, batch: &RecordBatch) -> RawChunk {
        let rows = batch.num_rows();
        let (first_row, first_in_file) = self.rows_read;
        self.rows_read = (first_row + rows, first_in_file + rows as u64);
        let total = self.metadata.metadata().file_metadata().num_rows().max(1) as u128;
        RawChunk {
            file: Arc::clone(&self.file),
            rows,
            places: Places::RowGroup { row_group: self.row_group, first_row, first_in_file },
            columns: self.positions.iter().map(|&position| Arc::clone(batch.column(position))).collect(),
            faults: Vec::new(),
            bytes: (u128::from(self.length) * rows as u128 / total) as u64,
        }
    }
}
