//! The normalised entropy: the log loss in units of what the base rate alone would have.

use ple_data::TaskType;

use super::best::Best;
use super::computed::Computed;
use super::definition::{self, Definition};
use super::log_loss;
use super::rows::Rows;
use super::task_metrics::LabelCounts;
use super::undefined::Undefined;
use super::weighted_mean::weighted_mean;

/// The log loss over that of the base rate r of the same rows as every prediction:
///
/// ```text
/// NE = log_loss / -( r log r + (1 - r) log(1 - r) ),   r = sum w y / sum w
/// ```
///
/// 0 for predictions without error, 1 for the base rate, above 1 for worse ones. Unlike the log loss it can be compared between
/// tasks whose positives are not equally rare. A row of weight 0 is outside of the task and is not looked at.
///
/// Source: X. He et al., "Practical Lessons from Predicting Clicks on Ads at Facebook", ADKDD 2014.
///
/// # Errors
///
/// [`Undefined::NoPositives`] or [`Undefined::NoNegatives`] if all labels are 0 or all are 1, otherwise those of
/// [`log_loss`](log_loss()).
///
/// # Panics
///
/// If the lengths differ, or a weight is negative.
///
/// # Examples
///
/// ```
/// let coin = ple_train::metrics::normalized_entropy(&[0.0; 2], &[0.0, 1.0], None).unwrap();
/// assert!((coin - 1.0).abs() < 1e-15);
/// ```
pub fn normalized_entropy(logits: &[f32], labels: &[f32], weights: Option<&[f32]>) -> Result<f64, Undefined> {
    let loss = log_loss(logits, labels, weights)?;
    let rate = weighted_mean(logits, labels, weights, |_, label| label)?;
    match rate {
        0.0 => Err(Undefined::NoPositives),
        1.0 => Err(Undefined::NoNegatives),
        rate => Ok(loss / -(rate * rate.ln() + (1.0 - rate) * (-rate).ln_1p())),
    }
}

/// [`normalized_entropy`] as a metric.
pub(super) struct NormalizedEntropy;

impl Definition for NormalizedEntropy {
    fn name(&self) -> &'static str {
        "normalized_entropy"
    }

    fn heading(&self) -> &'static str {
        "normalised entropy"
    }

    fn best(&self) -> Best {
        Best::Lowest
    }

    fn task(&self) -> TaskType {
        TaskType::Classification
    }

    fn compute(&self, rows: &Rows<'_>) -> Computed {
        normalized_entropy(rows.outputs, rows.labels, rows.weights).into()
    }

    fn check_labels(&self, counts: LabelCounts) -> Result<(), Undefined> {
        definition::both_classes(counts)
    }
}

#[cfg(test)]
mod tests {
    use approx::assert_relative_eq;
    use proptest::prelude::*;

    use super::normalized_entropy;
    use crate::metrics::Undefined;

    /// Values of scikit-learn 1.9.1:
    ///
    /// ```text
    /// z = np.array([.25, -1.5, 3, -.125, 0]); y = np.array([1, 0, 1, 0, 1.]); p = 1 / (1 + np.exp(-z))
    /// for w in (np.ones(5), np.array([1, 2, .5, 0, 3])):
    ///     r = np.full(5, (w * y).sum() / w.sum())
    ///     print(log_loss(y, p, sample_weight=w) / log_loss(y, r, sample_weight=w))
    /// ```
    #[test]
    fn equals_scikit_learn() {
        let (logits, labels) = ([0.25, -1.5, 3.0, -0.125, 0.0], [1.0, 0.0, 1.0, 0.0, 1.0]);
        let found = normalized_entropy(&logits, &labels, None).unwrap();
        assert_relative_eq!(found, 0.6394201975351074, max_relative = 1e-14);
        let found = normalized_entropy(&logits, &labels, Some(&[1.0, 2.0, 0.5, 0.0, 3.0])).unwrap();
        assert_relative_eq!(found, 0.7683066442899121, max_relative = 1e-14);
    }

    proptest! {
        #[test]
        fn the_base_rate_as_every_prediction_has_one(labels in prop::collection::vec(prop::bool::ANY, 2..80)) {
            let positives = labels.iter().filter(|label| **label).count();
            prop_assume!(positives > 0 && positives < labels.len());
            let logit = (positives as f64 / (labels.len() - positives) as f64).ln() as f32;
            let labels: Vec<f32> = labels.into_iter().map(|label| f32::from(u8::from(label))).collect();
            let found = normalized_entropy(&vec![logit; labels.len()], &labels, None).unwrap();
            prop_assert!((found - 1.0).abs() < 1e-9, "{}", found);
        }
    }

    #[test]
    fn one_class_has_no_entropy() {
        assert_eq!(normalized_entropy(&[0.5; 3], &[0.0; 3], None), Err(Undefined::NoPositives));
        assert_eq!(
            normalized_entropy(&[0.5; 3], &[1.0; 3], Some(&[0.1, 0.7, 0.3])),
            Err(Undefined::NoNegatives)
        );
        assert_eq!(normalized_entropy(&[], &[], None), Err(Undefined::NoRows));
    }
}
