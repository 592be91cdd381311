//! The errors of predicted numbers: mean squared, its root, and mean absolute.

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

#[cfg(test)]
mod tests {
    use approx::assert_relative_eq;

    use super::{mae, mse, rmse};
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

    #[test]
    fn what_has_no_value_says_why() {
        assert_eq!(rmse(&[], &[], None), Err(Undefined::NoRows));
        assert_eq!(mae(&[f32::NAN], &[0.0], None), Err(Undefined::NotFinite));
    }
}
