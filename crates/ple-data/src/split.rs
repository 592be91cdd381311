//! A seeded random split of a table, for data that comes without a validation set.

use crate::error::DataError;
use crate::order::permutation;
use crate::table::Table;

/// Names the stream of random numbers of splits, so that it differs from that of shuffles.
const SPLIT_STREAM: &[u8; 16] = b"ple-data.split.1";

impl Table {
    /// Deals the rows at random into parts of the given fractions; each row lands in one part.
    ///
    /// The rows of a part keep their order in this table. Part boundaries are `round(rows * cumulated fraction)`.
    /// The same seed always gives the same parts.
    ///
    /// # Errors
    ///
    /// [`DataError::Fractions`] if a fraction is not positive or they do not add up to 1 (within 1e-6).
    pub fn split(&self, fractions: &[f64], seed: u64) -> Result<Vec<Table>, DataError> {
        let total: f64 = fractions.iter().sum();
        if !fractions.iter().all(|&fraction| fraction > 0.0) || (total - 1.0).abs() > 1e-6 {
            return Err(DataError::Fractions { found: fractions.to_vec() });
        }
        let order = permutation(self.rows(), SPLIT_STREAM, seed, 0, 0);
        let mut parts = Vec::with_capacity(fractions.len());
        let mut start = 0;
        let mut cumulated = 0.0;
        for (position, fraction) in fractions.iter().enumerate() {
            cumulated += fraction;
            let is_last = position + 1 == fractions.len();
            let boundary = (self.rows() as f64 * cumulated).round() as usize;
            let end = if is_last { self.rows() } else { boundary.clamp(start, self.rows()) };
            let mut indices = order[start..end].to_vec();
            indices.sort_unstable();
            parts.push(self.select(&indices));
            start = end;
        }
        Ok(parts)
    }
}
