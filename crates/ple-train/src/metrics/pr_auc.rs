//! The area under the precision-recall curve: the average precision.

use ple_data::TaskType;

use super::best::Best;
use super::computed::Computed;
use super::definition::{self, Definition};
use super::radix_sort::{RadixKey, ordered_bits, radix_sort};
use super::rows::Rows;
use super::task_metrics::LabelCounts;
use super::undefined::Undefined;

/// The average precision: the mean of the precision at the score of each positive row,
///
/// ```text
/// AP = sum over positives i of w_i P(s_i) / sum over positives of w_i
/// P(s) = sum of w_j over positives j with s_j >= s  /  sum of w_j over all rows j with s_j >= s
/// ```
///
/// This is the area under the precision-recall curve in steps, without interpolation. Scores at random give the share of
/// positives, so unlike the AUC it says what a rare class is worth at the top of the list. A row is positive if its label is
/// at least 0.5; rows of equal scores share one threshold. A row of weight 0 is outside of the task and is not looked at. The
/// result equals scikit-learn's `average_precision_score(labels, scores, sample_weight=weights)`. Time linear in the rows, and
/// 16 bytes for each.
///
/// # Errors
///
/// [`Undefined::NoRows`] or [`Undefined::NoPositives`] where the definition divides by zero, [`Undefined::NotFinite`] if a
/// score or a weight is NaN or infinite.
///
/// # Panics
///
/// If the lengths differ, or a weight is negative.
///
/// # Examples
///
/// ```
/// use ple_train::metrics::pr_auc;
///
/// // The positives are first and third: precisions 1 and 2/3.
/// let found = pr_auc(&[0.8, 0.4, 0.35, 0.1], &[1.0, 0.0, 1.0, 0.0], None).unwrap();
/// assert!((found - 5.0 / 6.0).abs() < 1e-15);
/// ```
pub fn pr_auc(scores: &[f32], labels: &[f32], weights: Option<&[f32]>) -> Result<f64, Undefined> {
    assert_eq!(scores.len(), labels.len(), "pr_auc: one label for each score");
    assert!(weights.is_none_or(|weights| weights.len() == scores.len()), "pr_auc: one weight for each score");
    assert!(u32::try_from(scores.len()).is_ok(), "pr_auc: more than 2^32 rows");
    let mut rows: Vec<u64> = Vec::with_capacity(scores.len());
    for (row, &score) in scores.iter().enumerate() {
        let weight = weights.map_or(1.0, |weights| weights[row]);
        if weight == 0.0 {
            continue;
        }
        assert!(weight.is_nan() || weight > 0.0, "pr_auc: the weight {weight} is negative");
        if !weight.is_finite() {
            return Err(Undefined::NotFinite);
        }
        rows.push(u64::from(ordered_bits(score)?) << 32 | row as u64);
    }
    radix_sort(&mut rows);

    let (mut area, mut positive, mut all) = (0.0_f64, 0.0_f64, 0.0_f64);
    for tied in rows.chunk_by(|a, b| a.key() == b.key()).rev() {
        let mut positive_here = 0.0_f64;
        for &entry in tied {
            let row = (entry & u64::from(u32::MAX)) as usize;
            let weight = weights.map_or(1.0, |weights| f64::from(weights[row]));
            all += weight;
            if labels[row] >= 0.5 {
                positive_here += weight;
            }
        }
        positive += positive_here;
        area += positive_here * (positive / all);
    }
    match (positive > 0.0, all > 0.0) {
        (true, _) => Ok(area / positive),
        (false, true) => Err(Undefined::NoPositives),
        (false, false) => Err(Undefined::NoRows),
    }
}

/// [`pr_auc`] as a metric.
pub(super) struct PrAuc;

impl Definition for PrAuc {
    fn name(&self) -> &'static str {
        "pr_auc"
    }

    fn heading(&self) -> &'static str {
        "PR-AUC"
    }

    fn best(&self) -> Best {
        Best::Highest
    }

    fn task(&self) -> TaskType {
        TaskType::Classification
    }

    fn compute_served(&self, rows: &Rows<'_>) -> Option<Computed> {
        Some(self.compute(rows))
    }

    fn compute(&self, rows: &Rows<'_>) -> Computed {
        pr_auc(rows.outputs, rows.labels, rows.weights).into()
    }

    fn check_labels(&self, counts: LabelCounts) -> Result<(), Undefined> {
        definition::a_positive(counts)
    }
}

#[cfg(test)]
mod tests {
    use approx::assert_relative_eq;
    use proptest::prelude::*;

    use super::pr_auc;
    use crate::metrics::Undefined;

    proptest! {
        #[test]
        fn it_is_its_definition(
            rows in prop::collection::vec((-4_i8..4, prop::bool::ANY, 0_u8..4), 0..80),
            extreme in prop::bool::ANY,
        ) {
            let scale = if extreme { 8e37 } else { 0.5 };
            let scores: Vec<f32> = rows.iter().map(|row| f32::from(row.0) * scale).collect();
            let labels: Vec<f32> = rows.iter().map(|row| f32::from(u8::from(row.1))).collect();
            let weights: Vec<f32> = rows.iter().map(|row| f32::from(row.2) / 2.0).collect();
            for weights in [vec![1.0; rows.len()], weights] {
                let sum = |inside: &dyn Fn(usize) -> bool| -> f64 {
                    (0..rows.len()).filter(|&row| inside(row)).map(|row| f64::from(weights[row])).sum()
                };
                let positive = |row: usize| labels[row] == 1.0;
                let precision = |row: usize| {
                    sum(&|other| positive(other) && scores[other] >= scores[row])
                        / sum(&|other| scores[other] >= scores[row])
                };
                let found = pr_auc(&scores, &labels, Some(&weights));
                let all = sum(&positive);
                if all > 0.0 {
                    let counted = (0..rows.len()).filter(|&row| positive(row) && weights[row] > 0.0);
                    let expected = counted.map(|row| f64::from(weights[row]) * precision(row)).sum::<f64>() / all;
                    prop_assert!((found.unwrap() - expected).abs() < 1e-12);
                } else if sum(&|_| true) > 0.0 {
                    prop_assert_eq!(found, Err(Undefined::NoPositives));
                } else {
                    prop_assert_eq!(found, Err(Undefined::NoRows));
                }
                if weights.iter().all(|weight| *weight == 1.0) {
                    prop_assert_eq!(found, pr_auc(&scores, &labels, None));
                }
            }
        }
    }

    /// scikit-learn 1.9.1: `average_precision_score(y, s)`, and the same with `sample_weight=w`.
    #[test]
    fn equals_scikit_learn() {
        let labels = [1.0, 0.0, 1.0, 1.0, 0.0, 0.0, 1.0, 0.0];
        let scores = [0.5, 0.5, 2.0, -1.0, 0.0, -1.0, 0.25, 3.0];
        let weights = [1.0, 2.0, 0.5, 0.0, 3.0, 1.0, 2.0, 0.25];
        assert_relative_eq!(pr_auc(&scores, &labels, None).unwrap(), 0.525, max_relative = 1e-14);
        let found = pr_auc(&scores, &labels, Some(&weights)).unwrap();
        assert_relative_eq!(found, 0.5573498964803312, max_relative = 1e-14);
    }

    #[test]
    fn one_class_and_numbers_that_are_not_finite() {
        assert_eq!(pr_auc(&[0.5, -0.5], &[1.0, 1.0], None), Ok(1.0));
        assert_eq!(pr_auc(&[f32::INFINITY, 0.0], &[1.0, 0.0], None), Err(Undefined::NotFinite));
        assert_eq!(pr_auc(&[f32::NAN, 0.0], &[1.0, 1.0], Some(&[0.0, 2.0])), Ok(1.0));
        assert_eq!(pr_auc(&[1.0], &[1.0], Some(&[f32::INFINITY])), Err(Undefined::NotFinite));
    }
}
