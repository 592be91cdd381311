//! A number that stands for the contents of a table, so that a manifest can tell whether the data is still the same.

use std::fmt::Write;

use arrow_cast::display::{ArrayFormatter, FormatOptions};
use xxhash_rust::xxh3::Xxh3;

use crate::table::Table;

impl Table {
    /// A 64-bit hash (XXH3) of the schema and of every value, in row order.
    ///
    /// It does not depend on the file format, the row groups, or the machine's byte order, so the CSV and the
    /// Parquet form of the same rows agree: keys count by their text, whatever their type. It detects accidents, not
    /// forgery.
    pub fn fingerprint(&self) -> u64 {
        let contents = self.contents();
        let (records, layout) = (&contents.records, contents.records.layout());
        let mut hash = Xxh3::new();
        hash.update(self.schema().to_json().as_bytes());
        hash.update(&(self.rows() as u64).to_le_bytes());
        for columns in [layout.sparse(), layout.dense(), layout.labels(), layout.weights()] {
            update(&mut hash, records.columns(columns), u32::to_le_bytes);
        }
        for sequence in &contents.sequences {
            update(&mut hash, sequence.offsets.iter().map(|&offset| offset as u64), u64::to_le_bytes);
            update(&mut hash, sequence.ids.iter().copied(), u32::to_le_bytes);
            update(&mut hash, sequence.weights.iter().flatten().copied(), f32::to_le_bytes);
        }
        if let Some(lists) = self.lists() {
            update(&mut hash, records.columns(layout.user()), u32::to_le_bytes);
            hash.update(&lists.fingerprint().to_le_bytes());
        }
        let options = FormatOptions::new();
        let mut text = String::new();
        for key in self.keys() {
            let Ok(formatter) = ArrayFormatter::try_new(key, &options) else {
                // A type without a text form still counts by its length.
                hash.update(&(key.len() as u64).to_le_bytes());
                continue;
            };
            for row in 0..key.len() {
                text.clear();
                // Writing into a string fails for a value that has no text form alone; it counts as an empty one.
                let _ = write!(text, "{}", formatter.value(row));
                hash.update(&(text.len() as u64).to_le_bytes());
                hash.update(text.as_bytes());
            }
        }
        hash.digest()
    }
}

/// Feeds the bytes of `values` to the hash, a few kilobytes at a time.
fn update<T, const N: usize>(hash: &mut Xxh3, values: impl Iterator<Item = T>, bytes: impl Fn(T) -> [u8; N]) {
    let mut buffer = Vec::with_capacity(4096 * N);
    for value in values {
        buffer.extend_from_slice(&bytes(value));
        if buffer.len() == 4096 * N {
            hash.update(&buffer);
            buffer.clear();
        }
    }
    hash.update(&buffer);
}
