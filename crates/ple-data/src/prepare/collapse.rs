//! Dense columns whose values become the same ones when they are scaled and rounded to 32 bits.

use super::transformation::Transformation;
use crate::distinct::DistinctCounter;

/// A dense feature that has lost half of its different values, or more.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CollapsedColumn {
    /// The feature.
    pub feature: String,
    /// The different raw values among the training rows that were looked at.
    pub distinct: u64,
    /// The different scaled values among them.
    pub left: u64,
}

/// The check counts the values of all training rows up to this number. Of more rows it takes a sample of about this size; a
/// hash of a row's place decides whether the row is in it.
const MOST_ROWS: u64 = 1 << 18;

/// Counts raw and scaled values.
pub(crate) struct CollapseCheck {
    counters: Vec<[DistinctCounter; 2]>,
}

/// The largest draw at which a row is looked at, by the number of training rows.
pub(crate) fn largest_draw(rows: u64) -> u64 {
    match rows {
        0..=MOST_ROWS => u64::MAX,
        _ => (u128::from(u64::MAX) * u128::from(MOST_ROWS) / u128::from(rows)) as u64,
    }
}

impl CollapseCheck {
    pub(crate) fn new(n_features: usize) -> Self {
        CollapseCheck { counters: (0..n_features).map(|_| Default::default()).collect() }
    }

    /// Takes the values of each feature.
    pub(crate) fn add(&mut self, scaled: &[Vec<(f64, f32)>]) {
        for ([before, after], values) in self.counters.iter_mut().zip(scaled) {
            for &(raw, scaled) in values {
                // Adding 0 makes a negative zero positive.
                before.add((raw + 0.0).to_bits());
                after.add(u64::from((scaled + 0.0).to_bits()));
            }
        }
    }

    /// The features that have lost too much.
    pub(crate) fn collapsed(&self, transformation: &Transformation) -> Vec<CollapsedColumn> {
        let features = transformation.features.iter().zip(&self.counters);
        let counted = features.map(|(feature, [before, after])| CollapsedColumn {
            feature: feature.name.clone(),
            distinct: before.count().0,
            left: after.count().0,
        });
        counted.filter(|column| column.distinct >= 2 && 2 * column.left <= column.distinct).collect()
    }
}
