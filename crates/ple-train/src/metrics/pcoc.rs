//! Predicted over observed: whether as many positives are predicted as there are.

use ple_data::TaskType;

use super::best::Best;
use super::computed::Computed;
use super::definition::{self, Definition};
use super::rows::Rows;
use super::task_metrics::LabelCounts;
use super::undefined::Undefined;
use super::weighted_mean::weighted_mean;

/// The sum of the probabilities p = 1 / (1 + exp(-z)) over the sum of the labels ("predicted click over click"):
///
/// ```text
/// PCOC = sum w p / sum w y
/// ```
///
/// 1 is best, above it too much is predicted, below it too little. A row of weight 0 is outside of the task and is not looked at.
///
/// # Errors
///
/// [`Undefined::NoPositives`] if the labels add up to 0, [`Undefined::NoRows`] if no row counts, [`Undefined::NotFinite`] if a
/// value is not finite.
///
/// # Panics
///
/// If the lengths differ, or a weight is negative.
///
/// # Examples
///
/// ```
/// // One half is said of four rows, and one of them is positive.
/// assert_eq!(ple_train::metrics::pcoc(&[0.0; 4], &[1.0, 0.0, 0.0, 0.0], None), Ok(2.0));
/// ```
pub fn pcoc(logits: &[f32], labels: &[f32], weights: Option<&[f32]>) -> Result<f64, Undefined> {
    let predicted = weighted_mean(logits, labels, weights, |logit, _| match logit.is_finite() {
        true => 1.0 / (1.0 + (-logit).exp()),
        false => f64::NAN,
    })?;
    match weighted_mean(logits, labels, weights, |_, label| label)? {
        0.0 => Err(Undefined::NoPositives),
        observed => Ok(predicted / observed),
    }
}

/// [`pcoc`] as a metric.
pub(super) struct Pcoc;

impl Definition for Pcoc {
    fn name(&self) -> &'static str {
        "pcoc"
    }

    fn heading(&self) -> &'static str {
        "PCOC"
    }

    fn best(&self) -> Best {
        Best::Nearest(1.0)
    }

    fn task(&self) -> TaskType {
        TaskType::Classification
    }

    fn compute(&self, rows: &Rows<'_>) -> Computed {
        pcoc(rows.outputs, rows.labels, rows.weights).into()
    }

    fn check_labels(&self, counts: LabelCounts) -> Result<(), Undefined> {
        definition::a_positive(counts)
    }
}

#[cfg(test)]
mod tests {
    use approx::assert_relative_eq;
    use proptest::prelude::*;

    use super::pcoc;
    use crate::metrics::Undefined;

    proptest! {
        #[test]
        fn it_is_its_definition(rows in prop::collection::vec((-9_i8..9, prop::bool::ANY, 0_u8..4), 1..80)) {
            let logits: Vec<f32> = rows.iter().map(|row| f32::from(row.0) / 2.0).collect();
            let labels: Vec<f32> = rows.iter().map(|row| f32::from(u8::from(row.1))).collect();
            let weights: Vec<f32> = rows.iter().map(|row| f32::from(row.2) / 2.0).collect();
            let (mut predicted, mut observed, mut all) = (0.0, 0.0, 0.0);
            for row in &rows {
                predicted += f64::from(row.2) / (1.0 + (f64::from(row.0) / -2.0).exp());
                observed += f64::from(row.2) * f64::from(u8::from(row.1));
                all += f64::from(row.2);
            }
            let found = pcoc(&logits, &labels, Some(&weights));
            if all == 0.0 {
                prop_assert_eq!(found, Err(Undefined::NoRows));
            } else if observed == 0.0 {
                prop_assert_eq!(found, Err(Undefined::NoPositives));
            } else {
                assert_relative_eq!(found.unwrap(), predicted / observed, max_relative = 1e-12);
            }
        }
    }

    #[test]
    fn what_has_no_value_says_why() {
        for logit in [f32::NAN, f32::INFINITY, f32::NEG_INFINITY] {
            assert_eq!(pcoc(&[logit, 0.0], &[1.0, 0.0], None), Err(Undefined::NotFinite));
        }
        assert_eq!(pcoc(&[], &[], None), Err(Undefined::NoRows));
    }
}
