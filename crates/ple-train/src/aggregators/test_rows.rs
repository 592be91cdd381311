//! Random gradients for the tests of aggregators.

use proptest::prelude::*;

/// One to six gradients of one to seven values, of lengths up to a thousandfold apart, some of them zero or multiples of
/// another one.
pub(super) fn rows() -> impl Strategy<Value = Vec<Vec<f64>>> {
    let row = (proptest::collection::vec(-1.0f64..1.0, 7), -1.5f64..1.5, 0u8..10);
    (proptest::collection::vec(row, 1..7), 1usize..8).prop_map(|(drawn, length)| {
        let mut rows: Vec<Vec<f64>> = Vec::new();
        for (values, size, kind) in drawn {
            let size = 10f64.powf(size);
            let row = match (kind, rows.last()) {
                (0, _) => vec![0.0; length],
                (1, Some(last)) => last.iter().map(|value| size * value).collect(),
                (2, Some(last)) => last.iter().map(|value| -size * value).collect(),
                _ => values[..length].iter().map(|value| size * value).collect(),
            };
            rows.push(row);
        }
        rows
    })
}

/// The weighted sum of gradients.
pub(super) fn combined(rows: &[Vec<f64>], weights: &[f64]) -> Vec<f64> {
    (0..rows[0].len()).map(|k| rows.iter().zip(weights).map(|(row, weight)| row[k] * weight).sum()).collect()
}
