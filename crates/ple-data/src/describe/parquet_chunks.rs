//! Parquet files as stretches of rows: while one is counted, the next is decoded.

use std::path::Path;

use arrow_array::RecordBatch;
use parquet::arrow::ProjectionMask;

use super::values::{Chunk, Column};
use crate::error::DataError;
use crate::parquet_limits::{corrupt, guarded, open_parquet, open_row_group};
use crate::resolve::Header;

/// Enough rows to share the columns out among threads, few enough to be forgotten soon.
const ROWS_AT_A_TIME: usize = 32_768;

/// The names of a file's columns.
pub(super) fn parquet_columns(path: &Path) -> Result<Vec<String>, DataError> {
    guarded(path, || {
        let metadata = open_parquet(path)?;
        Ok(metadata.schema().fields().iter().map(|field| field.name().clone()).collect())
    })
}

/// Calls `take` with each stretch of rows of a file, its columns in the order of `names`.
pub(super) fn parquet_chunks(
    path: &Path,
    names: &[String],
    mut take: impl FnMut(Chunk) + Send,
) -> Result<(), DataError> {
    guarded(path, || {
        let metadata = open_parquet(path)?;
        let in_file: Vec<String> =
            metadata.schema().fields().iter().map(|field| field.name().clone()).collect();
        let header = Header::new(path, in_file.iter().map(String::as_str))?;
        let positions: Result<Vec<usize>, DataError> =
            names.iter().map(|name| header.position(name, || "the first file".to_owned())).collect();
        let mut positions = positions?;
        let descriptor = metadata.metadata().file_metadata().schema_descr();
        let mask = ProjectionMask::roots(descriptor, positions.iter().copied());
        // A batch has the columns that were asked for in the order of the file.
        let mut order: Vec<usize> = positions.clone();
        order.sort_unstable();
        positions.iter_mut().for_each(|position| *position = order.partition_point(|other| other < position));

        for group in 0..metadata.metadata().num_row_groups() {
            let mut reader = open_row_group(path, &metadata, group, mask.clone(), ROWS_AT_A_TIME)?;
            let mut decode = || reader.next().transpose().map_err(|error| corrupt(path, &error));
            let mut current: Option<RecordBatch> = decode()?;
            while let Some(batch) = current {
                let columns: Result<Vec<Column>, _> =
                    positions.iter().map(|&position| Column::from_array(batch.column(position))).collect();
                let columns = columns.map_err(|error| corrupt(path, &error))?;
                let chunk = Chunk { rows: batch.num_rows(), columns };
                let (next, ()) = rayon::join(&mut decode, || take(chunk));
                current = next?;
            }
        }
        Ok(())
    })
}
