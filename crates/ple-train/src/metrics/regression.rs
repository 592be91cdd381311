//! The errors of predicted numbers: mean squared, its root, mean absolute, and the share of the variance that is explained.

use ple_data::TaskType;

use super::best::Best;
use super::computed::Computed;
use super::definition::Definition;
use super::rows::Rows;
use super::undefined::Undefined;
use super::weighted_mean::weighted_mean;

/// The mean squared error, in the square of the label's unit: the mean of (prediction - label)^2.
///
/// A row of weight 0 is outside of the task and is not looked at.
///
/// # Errors
///
/// [`Undefined::NoRows`] if no row counts, [`Undefined::NotFinite`] if a value is not finite.
///
/// # Panics
///
/// If the lengths differ, or a weight is negative.
///
/// # Examples
///
/// ```
/// assert_eq!(ple_train::metrics::mse(&[1.0, 4.0], &[1.0, 2.0], None), Ok(2.0));
/// ```
pub fn mse(predictions: &[f32], labels: &[f32], weights: Option<&[f32]>) -> Result<f64, Undefined> {
    weighted_mean(predictions, labels, weights, |prediction, label| (prediction - label).powi(2))
}

/// The root of the mean squared error, in the label's unit. Errors and panics are those of [`mse`].
///
/// # Examples
///
/// ```
/// assert_eq!(ple_train::metrics::rmse(&[1.0, 5.0], &[1.0, 5.0], None), Ok(0.0));
/// ```
pub fn rmse(predictions: &[f32], labels: &[f32], weights: Option<&[f32]>) -> Result<f64, Undefined> {
    mse(predictions, labels, weights).map(f64::sqrt)
}

/// The mean absolute error, in the label's unit: the mean of |prediction - label|. Errors and panics are those of
/// [`mse`].
///
/// # Examples
///
/// ```
/// assert_eq!(ple_train::metrics::mae(&[1.0, 4.0], &[1.0, 2.0], None), Ok(1.0));
/// ```
pub fn mae(predictions: &[f32], labels: &[f32], weights: Option<&[f32]>) -> Result<f64, Undefined> {
    weighted_mean(predictions, labels, weights, |prediction, label| (prediction - label).abs())
}

/// The coefficient of determination, the share of the labels' variance that the predictions explain:
///
/// ```text
/// R2 = 1 - sum w (y - p)^2 / sum w (y - m)^2,   m = sum w y / sum w
/// ```
///
/// 1 for predictions without error, 0 for the labels' mean as every prediction, below 0 for worse ones. A row of weight 0
/// is outside of the task and is not looked at.
///
/// # Errors
///
/// [`Undefined::ConstantLabels`] if all labels are equal, otherwise those of [`mse`].
///
/// # Panics
///
/// If the lengths differ, or a weight is negative.
///
/// # Examples
///
/// ```
/// use ple_train::metrics::r2;
///
/// assert_eq!(r2(&[1.0, 2.0, 3.0], &[1.0, 2.0, 3.0], None), Ok(1.0));
/// assert_eq!(r2(&[2.0, 2.0, 2.0], &[1.0, 2.0, 3.0], None), Ok(0.0));
/// assert!(r2(&[2.0, 2.5], &[3.0, 3.0], None).is_err());
/// ```
pub fn r2(predictions: &[f32], labels: &[f32], weights: Option<&[f32]>) -> Result<f64, Undefined> {
    let error = mse(predictions, labels, weights)?;
    let mean = weighted_mean(predictions, labels, weights, |_, label| label)?;
    let variance = weighted_mean(predictions, labels, weights, |_, label| (label - mean).powi(2))?;
    // Not by the variance, which rounding may leave above 0 where all labels are the same number.
    match all_equal(labels, weights) {
        true => Err(Undefined::ConstantLabels),
        false => Ok(1.0 - error / variance),
    }
}

/// Whether the labels of the rows that count are one number.
fn all_equal(labels: &[f32], weights: Option<&[f32]>) -> bool {
    let counts = |row: &usize| weights.is_none_or(|weights| weights[*row] != 0.0);
    let mut counted = (0..labels.len()).filter(counts).map(|row| labels[row]);
    let first = counted.next();
    counted.all(|label| Some(label) == first)
}

/// [`mse`] as a metric.
pub(super) struct Mse;

impl Definition for Mse {
    fn name(&self) -> &'static str {
        "mse"
    }

    fn heading(&self) -> &'static str {
        "MSE"
    }

    fn best(&self) -> Best {
        Best::Lowest
    }

    fn task(&self) -> TaskType {
        TaskType::Regression
    }

    fn compute(&self, rows: &Rows<'_>) -> Computed {
        mse(rows.outputs, rows.labels, rows.weights).into()
    }
}

/// [`rmse`] as a metric.
pub(super) struct Rmse;

impl Definition for Rmse {
    fn name(&self) -> &'static str {
        "rmse"
    }

    fn heading(&self) -> &'static str {
        "RMSE"
    }

    fn best(&self) -> Best {
        Best::Lowest
    }

    fn task(&self) -> TaskType {
        TaskType::Regression
    }

    fn compute(&self, rows: &Rows<'_>) -> Computed {
        rmse(rows.outputs, rows.labels, rows.weights).into()
    }
}

/// [`mae`] as a metric.
pub(super) struct Mae;

impl Definition for Mae {
    fn name(&self) -> &'static str {
        "mae"
    }

    fn heading(&self) -> &'static str {
        "MAE"
    }

    fn best(&self) -> Best {
        Best::Lowest
    }

    fn task(&self) -> TaskType {
        TaskType::Regression
    }

    fn compute(&self, rows: &Rows<'_>) -> Computed {
        mae(rows.outputs, rows.labels, rows.weights).into()
    }
}

/// [`r2`] as a metric.
pub(super) struct R2;

impl Definition for R2 {
    fn name(&self) -> &'static str {
        "r2"
    }

    fn heading(&self) -> &'static str {
        "R2"
    }

    fn best(&self) -> Best {
        Best::Highest
    }

    fn task(&self) -> TaskType {
        TaskType::Regression
    }

    fn compute(&self, rows: &Rows<'_>) -> Computed {
        r2(rows.outputs, rows.labels, rows.weights).into()
    }
}

#[cfg(test)]
mod tests {
    use approx::assert_relative_eq;
    use proptest::prelude::*;

    use super::{mae, mse, r2, rmse};
    use crate::metrics::Undefined;

    const PREDICTIONS: [f32; 4] = [1.5, -2.0, 0.25, 4.0];
    const LABELS: [f32; 4] = [1.0, -1.0, 0.5, 3.5];
    const WEIGHTS: [f32; 4] = [1.0, 2.0, 0.0, 0.5];

    /// Values of scikit-learn 1.9.1's `mean_squared_error` and `mean_absolute_error`.
    #[test]
    fn equal_scikit_learn() {
        assert_eq!(mse(&PREDICTIONS, &LABELS, None), Ok(0.390625));
        assert_eq!(mae(&PREDICTIONS, &LABELS, None), Ok(0.5625));
        let weights = Some(&WEIGHTS[..]);
        assert_relative_eq!(
            mse(&PREDICTIONS, &LABELS, weights).unwrap(),
            0.6785714285714286,
            epsilon = 1e-15
        );
        assert_relative_eq!(
            mae(&PREDICTIONS, &LABELS, weights).unwrap(),
            0.7857142857142857,
            epsilon = 1e-15
        );
    }

    #[test]
    fn the_root_is_that_of_the_square() {
        assert_eq!(rmse(&PREDICTIONS, &LABELS, None), Ok(0.625));
    }

    /// The definition, written out.
    fn plain_r2(rows: &[(f32, f32, f32)]) -> f64 {
        let rows = rows.iter().map(|&(p, y, w)| (f64::from(p), f64::from(y), f64::from(w)));
        let (sum, weight) = rows.clone().fold((0.0, 0.0), |(sum, all), (_, y, w)| (sum + w * y, all + w));
        let mean = sum / weight;
        let residual: f64 = rows.clone().map(|(p, y, w)| w * (y - p) * (y - p)).sum();
        let total: f64 = rows.map(|(_, y, w)| w * (y - mean) * (y - mean)).sum();
        1.0 - residual / total
    }

    proptest! {
        #[test]
        fn r2_is_its_definition(
            rows in prop::collection::vec((-9.0_f32..9.0, -9.0_f32..9.0, 0.25_f32..4.0), 2..60),
            outside in prop::collection::vec(any::<prop::sample::Index>(), 0..9),
        ) {
            prop_assume!(rows.iter().any(|row| (row.1 - rows[0].1).abs() > 0.01));
            let expected = plain_r2(&rows);
            // Rows of weight 0 change nothing, whatever stands in them.
            let mut with_others = rows;
            for place in outside {
                with_others.insert(place.index(with_others.len()), (f32::NAN, 1e30, 0.0));
            }
            let [predictions, labels, weights] = [0, 1, 2].map(|column| {
                with_others.iter().map(|row| [row.0, row.1, row.2][column]).collect::<Vec<f32>>()
            });
            let found = r2(&predictions, &labels, Some(&weights)).unwrap();
            prop_assert!((found - expected).abs() <= 1e-9 * expected.abs().max(1.0), "{found} {expected}");
        }

        #[test]
        fn labels_that_are_all_equal_have_no_r2(label: f32, rows in 1_usize..50) {
            prop_assume!(label.is_finite() && label.abs() < 1e15);
            let predictions: Vec<f32> = (0..rows).map(|row| row as f32).collect();
            prop_assert_eq!(r2(&predictions, &vec![label; rows], None), Err(Undefined::ConstantLabels));
        }
    }

    #[test]
    fn what_has_no_value_says_why() {
        assert_eq!(rmse(&[], &[], None), Err(Undefined::NoRows));
        assert_eq!(mae(&[f32::NAN], &[0.0], None), Err(Undefined::NotFinite));
    }
}
