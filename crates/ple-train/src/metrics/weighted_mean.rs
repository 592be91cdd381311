//! The mean of a term over the rows of a task, in f64 and in the order of the rows: what the log loss and the
//! regression metrics share.

use super::undefined::Undefined;

/// The mean of `term(prediction, label)` over the rows, each counted by its weight. Rows of weight 0 are not looked at.
///
/// # Errors
///
/// [`Undefined::NoRows`] if no row counts, [`Undefined::NotFinite`] if the mean is not a finite number.
///
/// # Panics
///
/// If the lengths differ, or a weight is negative.
pub(super) fn weighted_mean(
    predictions: &[f32],
    labels: &[f32],
    weights: Option<&[f32]>,
    term: impl Fn(f64, f64) -> f64,
) -> Result<f64, Undefined> {
    assert_eq!(predictions.len(), labels.len(), "metric: one label for each prediction");
    let rows =
        predictions.iter().zip(labels).map(|(&prediction, &label)| (f64::from(prediction), f64::from(label)));
    let (sum, weight) = match weights {
        None => {
            (rows.map(|(prediction, label)| term(prediction, label)).sum::<f64>(), predictions.len() as f64)
        }
        Some(weights) => {
            assert_eq!(predictions.len(), weights.len(), "metric: one weight for each prediction");
            let mut total = (0.0, 0.0);
            for ((prediction, label), &weight) in rows.zip(weights).filter(|(_, weight)| **weight != 0.0) {
                assert!(weight.is_nan() || weight > 0.0, "metric: the weight {weight} is negative");
                total.0 += f64::from(weight) * term(prediction, label);
                total.1 += f64::from(weight);
            }
            total
        }
    };
    if weight == 0.0 {
        return Err(Undefined::NoRows);
    }
    let mean = sum / weight;
    if mean.is_finite() { Ok(mean) } else { Err(Undefined::NotFinite) }
}

#[cfg(test)]
mod tests {
    use super::weighted_mean;
    use crate::metrics::Undefined;

    #[test]
    fn rows_of_weight_zero_are_not_looked_at() {
        let mean = weighted_mean(&[1.0, f32::NAN, 4.0], &[0.0; 3], Some(&[3.0, 0.0, 1.0]), |p, _| p);
        assert_eq!(mean, Ok(1.75));
    }

    #[test]
    fn nothing_to_count_and_nothing_finite_are_told_apart() {
        assert_eq!(weighted_mean(&[], &[], None, |p, _| p), Err(Undefined::NoRows));
        assert_eq!(weighted_mean(&[1.0], &[1.0], Some(&[0.0]), |p, _| p), Err(Undefined::NoRows));
        assert_eq!(weighted_mean(&[f32::NAN], &[1.0], None, |p, _| p), Err(Undefined::NotFinite));
        assert_eq!(weighted_mean(&[1.0], &[1.0], Some(&[f32::NAN]), |p, _| p), Err(Undefined::NotFinite));
    }
}
