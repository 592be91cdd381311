//! A field's vocabulary, back from its Parquet file.

use std::path::Path;

use arrow_array::cast::AsArray;
use arrow_array::types::{UInt32Type, UInt64Type};
use parquet::arrow::ProjectionMask;

use super::error::RawError;
use crate::error::DataError;
use crate::parquet_limits::{corrupt, guarded, open_parquet, open_row_group};
use crate::read_parquet::ROWS_AT_A_TIME;

/// The raw ids and their numbers; the file has to have so many.
pub(super) fn read_vocabulary(path: &Path, n: usize) -> Result<Vec<(u64, u32)>, DataError> {
    if n == 0 {
        return Ok(Vec::new());
    }
    let damaged = |detail: String| RawError::Damaged { path: path.to_path_buf(), detail };
    let entries = guarded(path, || {
        let metadata = open_parquet(path)?;
        let mut entries = Vec::new();
        for group in 0..metadata.metadata().num_row_groups() {
            for batch in open_row_group(path, &metadata, group, ProjectionMask::all(), ROWS_AT_A_TIME)? {
                let batch = batch.map_err(|error| corrupt(path, &error))?;
                let ids = batch.column_by_name("id").and_then(|ids| ids.as_primitive_opt::<UInt64Type>());
                let numbers = batch.column_by_name("number").and_then(|n| n.as_primitive_opt::<UInt32Type>());
                let (Some(ids), Some(numbers)) = (ids, numbers) else {
                    return Err(
                        damaged("it has no columns `number` and `id` of a vocabulary".to_owned()).into()
                    );
                };
                entries.extend(ids.values().iter().copied().zip(numbers.values().iter().copied()));
            }
        }
        Ok(entries)
    })?;
    match entries.len() == n {
        true => Ok(entries),
        false => {
            Err(damaged(format!("it has {} ids, and {} says {n}", entries.len(), super::PREPARED_SCHEMA))
                .into())
        }
    }
}
