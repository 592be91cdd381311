//! A number that stands for the contents of a table, so that a manifest can tell whether the data is still the same.

use arrow::row::{RowConverter, SortField};
use xxhash_rust::xxh3::Xxh3;

use crate::table::Table;

impl Table {
    /// A 64-bit hash (XXH3) of the schema and of every value, in row order.
    ///
    /// It does not depend on the file format, the row groups, or the machine's byte order, so the CSV and the
    /// Parquet form of the same rows agree. It detects accidents, not forgery.
    pub fn fingerprint(&self) -> u64 {
        let columns = self.columns();
        let mut hash = Xxh3::new();
        hash.update(self.schema().to_json().as_bytes());
        hash.update(&(self.rows() as u64).to_le_bytes());
        update(&mut hash, &columns.sparse, |id| id.to_le_bytes());
        update(&mut hash, &columns.dense, |value| value.to_le_bytes());
        update(&mut hash, &columns.labels, |value| value.to_le_bytes());
        update(&mut hash, columns.weights.as_deref().unwrap_or(&[]), |value| value.to_le_bytes());
        for sequence in &columns.sequences {
            update(&mut hash, &sequence.offsets, |offset| (offset as u64).to_le_bytes());
            update(&mut hash, &sequence.ids, |id| id.to_le_bytes());
            update(&mut hash, sequence.weights.as_deref().unwrap_or(&[]), |value| value.to_le_bytes());
        }
        for key in &columns.keys {
            hash.update(key.data_type().to_string().as_bytes());
            let field = SortField::new(key.data_type().clone());
            let rows = RowConverter::new(vec![field])
                .and_then(|converter| converter.convert_columns(std::slice::from_ref(key)));
            match rows {
                Ok(rows) => rows.iter().for_each(|row| hash.update(row.as_ref())),
                // A type without a row format (a map, say) still counts by its length.
                Err(_) => hash.update(&(key.len() as u64).to_le_bytes()),
            }
        }
        hash.digest()
    }
}

/// Feeds the little-endian bytes of `values` to the hash, a few kilobytes at a time.
fn update<T: Copy, const N: usize>(hash: &mut Xxh3, values: &[T], bytes: impl Fn(T) -> [u8; N]) {
    let mut buffer = Vec::with_capacity(4096 * N);
    for chunk in values.chunks(4096) {
        buffer.clear();
        chunk.iter().for_each(|&value| buffer.extend_from_slice(&bytes(value)));
        hash.update(&buffer);
    }
}
