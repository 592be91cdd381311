//! What the labels of a regression are like: their range, mean and deviation.

use crate::schema::TaskType;
use crate::table::Table;

/// The labels of a regression over the task's rows, each as often as its weight says.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct LabelRange {
    /// The least label.
    pub least: f32,
    /// The largest label.
    pub most: f32,
    /// The sum of the weights.
    weight: f64,
    /// The weighted mean.
    mean: f64,
    /// The weighted sum of the squared distances from it.
    squares: f64,
}

impl LabelRange {
    /// That of the rows of a table, if the task is a regression and one belongs to it.
    pub(crate) fn of(table: &Table, task: usize) -> Option<Self> {
        if table.schema().labels[task].task == TaskType::Classification {
            return None;
        }
        let rows = table.labels(task).zip(table.weights(task)).filter(|(_, weight)| *weight != 0.0);
        rows.map(|(label, weight)| Self {
            least: label,
            most: label,
            weight: f64::from(weight),
            mean: f64::from(label),
            squares: 0.0,
        })
        .reduce(Self::and)
    }

    /// That of the rows of two.
    pub(crate) fn of_both(one: Option<Self>, other: Option<Self>) -> Option<Self> {
        match (one, other) {
            (Some(one), Some(other)) => Some(one.and(other)),
            (one, other) => one.or(other),
        }
    }

    /// That of these rows and of others. The mean moves by West's update (Communications of the ACM, 1979), which loses
    /// nothing where labels are large and near to each other.
    fn and(self, others: Self) -> Self {
        let weight = self.weight + others.weight;
        let (distance, share) = (others.mean - self.mean, others.weight / weight);
        Self {
            least: self.least.min(others.least),
            most: self.most.max(others.most),
            weight,
            mean: self.mean + distance * share,
            squares: self.squares + others.squares + distance * distance * self.weight * share,
        }
    }

    /// The weighted mean of the labels.
    pub fn mean(&self) -> f64 {
        self.mean
    }

    /// Their standard deviation, `sqrt(Σ w (y - mean)² / Σ w)`.
    pub fn deviation(&self) -> f64 {
        (self.squares / self.weight).sqrt()
    }
}

#[cfg(test)]
mod tests {
    use super::LabelRange;

    fn of(labels: &[(f32, f64)]) -> LabelRange {
        let one = |&(label, weight): &(f32, f64)| LabelRange {
            least: label,
            most: label,
            weight,
            mean: f64::from(label),
            squares: 0.0,
        };
        labels.iter().map(one).reduce(LabelRange::and).unwrap()
    }

    /// In two passes, and whatever the rows are cut into.
    #[test]
    fn mean_and_deviation_are_those_of_two_passes() {
        let labels: Vec<(f32, f64)> =
            (0..1_000_u32).map(|i| (1e6 + (i * i % 97) as f32 / 8.0, f64::from(i % 5 + 1) / 2.0)).collect();
        let total: f64 = labels.iter().map(|row| row.1).sum();
        let mean = labels.iter().map(|row| f64::from(row.0) * row.1).sum::<f64>() / total;
        let squares: f64 = labels.iter().map(|row| (f64::from(row.0) - mean).powi(2) * row.1).sum();
        for cut in [1, 500, 999] {
            let range = LabelRange::of_both(Some(of(&labels[..cut])), Some(of(&labels[cut..]))).unwrap();
            assert!((range.mean() - mean).abs() < 1e-9, "{} {mean}", range.mean());
            assert!((range.deviation() - (squares / total).sqrt()).abs() < 1e-9);
            assert_eq!((range.least, range.most), (1e6, 1e6 + 12.0));
        }
    }
}
