//! Moments and extremes of all numbers of a column, and the values of a fixed choice of rows for quantiles.

use xxhash_rust::xxh3::xxh3_64;

use crate::moments::Moments;

/// The most rows that are kept; when there are more, about half of them go.
const MOST_ROWS: usize = 1 << 17;

/// What all numbers together show.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct NumberStats {
    /// Of the finite ones.
    pub moments: Moments,
    pub zeros: u64,
    pub not_finite: u64,
    pub smallest: f64,
    pub largest: f64,
}

impl NumberStats {
    pub(super) fn add(&mut self, value: f64) {
        if !value.is_finite() {
            self.not_finite += 1;
            return;
        }
        (self.smallest, self.largest) = match self.moments.count {
            0 => (value, value),
            _ => (self.smallest.min(value), self.largest.max(value)),
        };
        self.moments.add(value);
        self.zeros += u64::from(value == 0.0);
    }
}

/// The order in which a row is let go of: a hash of its number, so that a choice of rows does not depend on how they
/// came in.
pub(super) fn priority(row: u64) -> u64 {
    xxh3_64(&row.to_le_bytes())
}

/// The values of chosen rows: those whose priority is below a bar, which is halved whenever there are too many.
pub(super) struct Sample {
    n_tasks: usize,
    bar: u64,
    rows: Vec<(u64, f64)>,
    labels: Vec<i8>,
}

impl Sample {
    pub(super) fn new(n_tasks: usize) -> Self {
        Self { n_tasks, bar: u64::MAX, rows: Vec::new(), labels: Vec::new() }
    }

    pub(super) fn add(&mut self, priority: u64, value: f64, labels: impl Iterator<Item = i8>) {
        if priority > self.bar || !value.is_finite() {
            return;
        }
        self.rows.push((priority, value));
        self.labels.extend(labels);
        while self.rows.len() > MOST_ROWS {
            self.bar /= 2;
            let (bar, n_tasks) = (self.bar, self.n_tasks);
            let keep: Vec<bool> = self.rows.iter().map(|&(priority, _)| priority <= bar).collect();
            let mut index = 0;
            self.labels.retain(|_| {
                index += 1;
                keep[(index - 1) / n_tasks]
            });
            self.rows.retain(|&(priority, _)| priority <= bar);
        }
    }

    /// Whether every row is in it.
    pub(super) fn is_whole(&self) -> bool {
        self.bar == u64::MAX
    }

    /// The values in ascending order.
    pub(super) fn sorted(&self) -> Vec<f64> {
        let mut values: Vec<f64> = self.rows.iter().map(|&(_, value)| value).collect();
        values.sort_unstable_by(f64::total_cmp);
        values
    }

    /// Value and label of the chosen rows that are inside of a task.
    pub(super) fn in_task(&self, task: usize) -> Vec<(f64, bool)> {
        let labels = self.labels.chunks_exact(self.n_tasks.max(1)).map(|labels| labels[task]);
        let rows = self.rows.iter().zip(labels).filter(|(_, label)| *label >= 0);
        rows.map(|(&(_, value), label)| (value, label > 0)).collect()
    }
}

/// The value below which a share of sorted values lies.
pub(super) fn quantile(sorted: &[f64], share: f64) -> f64 {
    let position = (share * sorted.len().saturating_sub(1) as f64).round() as usize;
    sorted.get(position).copied().unwrap_or(0.0)
}

#[cfg(test)]
mod tests {
    use super::{MOST_ROWS, NumberStats, Sample, priority, quantile};

    #[test]
    fn numbers_that_are_not_finite_are_only_counted() {
        let values = [1e9 + 1.0, 1e9 + 2.0, 1e9 + 6.0];
        let mut stats = NumberStats::default();
        values.iter().chain(&[f64::NAN]).for_each(|&value| stats.add(value));
        assert_eq!((stats.moments.mean, stats.moments.count, stats.not_finite), (1e9 + 3.0, 3, 1));
        assert_eq!((stats.smallest, stats.largest), (1e9 + 1.0, 1e9 + 6.0));
    }

    #[test]
    fn a_sample_is_the_same_in_any_order_and_close_to_the_whole() {
        let n = 3 * MOST_ROWS as u64;
        let fill = |rows: &mut dyn Iterator<Item = u64>| {
            let mut sample = Sample::new(1);
            rows.for_each(|row| sample.add(priority(row), row as f64, [(row % 2) as i8].into_iter()));
            sample
        };
        let (forwards, backwards) = (fill(&mut (0..n)), fill(&mut (0..n).rev()));
        let sorted = forwards.sorted();
        assert_eq!(sorted, backwards.sorted());
        assert!(!forwards.is_whole() && sorted.len() > MOST_ROWS / 4);
        for share in [0.25, 0.5, 0.75] {
            assert!((quantile(&sorted, share) / n as f64 - share).abs() < 0.01);
        }
        assert!(forwards.in_task(0).iter().all(|&(value, label)| label == (value % 2.0 == 1.0)));
    }
}
