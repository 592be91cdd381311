//! The log loss, computed from logits so that it is exact for confident models too.

use ple_data::TaskType;

use super::best::Best;
use super::computed::Computed;
use super::definition::Definition;
use super::rows::Rows;
use super::undefined::Undefined;
use super::weighted_mean::weighted_mean;

/// The mean negative log likelihood of binary labels, in nats, from logits:
///
/// ```text
/// -( y log p + (1 - y) log(1 - p) ),  p = 1 / (1 + exp(-z))   =   max(z, 0) - y z + log(1 + exp(-|z|))
/// ```
///
/// The right-hand side is exact for any finite logit z. Through a probability in f32 the loss would be infinite from
/// z = 17 on, or, where probabilities are clipped as scikit-learn does, wrong by an amount that depends on the number
/// format; as long as nothing is clipped the result equals scikit-learn's `log_loss`.
///
/// A row of weight 0 is outside of the task and is not looked at. A label between 0 and 1 counts as a probability.
///
/// # Errors
///
/// [`Undefined::NoRows`] if no row counts, [`Undefined::NotFinite`] if a logit, a label or a weight is not finite.
///
/// # Panics
///
/// If the lengths differ, or a weight is negative.
///
/// # Examples
///
/// ```
/// use ple_train::metrics::log_loss;
///
/// let coin = log_loss(&[0.0, 0.0], &[0.0, 1.0], None).unwrap();
/// assert!((coin - 2.0_f64.ln()).abs() < 1e-15);
/// // Certain and wrong: large, but finite and exact.
/// assert_eq!(log_loss(&[200.0], &[0.0], None), Ok(200.0));
/// ```
pub fn log_loss(logits: &[f32], labels: &[f32], weights: Option<&[f32]>) -> Result<f64, Undefined> {
    weighted_mean(logits, labels, weights, |logit, label| {
        logit.max(0.0) - label * logit + (-logit.abs()).exp().ln_1p()
    })
}

/// What scikit-learn keeps 32-bit probabilities away from 0 and 1 by.
const CLIP: f64 = f32::EPSILON as f64;

/// [`log_loss`] as a metric.
pub(super) struct LogLoss;

impl Definition for LogLoss {
    fn name(&self) -> &'static str {
        "log_loss"
    }

    fn heading(&self) -> &'static str {
        "log loss"
    }

    fn best(&self) -> Best {
        Best::Lowest
    }

    fn task(&self) -> TaskType {
        TaskType::Classification
    }

    fn compute_served(&self, rows: &Rows<'_>) -> Option<Computed> {
        let term = |probability: f64, label: f64| {
            let probability = probability.clamp(CLIP, 1.0 - CLIP);
            -(label * probability.ln() + (1.0 - label) * (-probability).ln_1p())
        };
        Some(weighted_mean(rows.outputs, rows.labels, rows.weights, term).into())
    }

    fn compute(&self, rows: &Rows<'_>) -> Computed {
        log_loss(rows.outputs, rows.labels, rows.weights).into()
    }
}

#[cfg(test)]
mod tests {
    use approx::assert_relative_eq;

    use super::log_loss;
    use crate::metrics::Undefined;

    /// Values of scikit-learn 1.9.1's `log_loss` on float64 probabilities.
    #[test]
    fn equals_scikit_learn() {
        let (logits, labels) = ([0.25, -1.5, 3.0, -0.125, 0.0], [1.0, 0.0, 1.0, 0.0, 1.0]);
        let found = log_loss(&logits, &labels, None).unwrap();
        assert_relative_eq!(found, 0.43033725306249054, max_relative = 1e-14);
        let found = log_loss(&logits, &labels, Some(&[1.0, 2.0, 0.5, 0.0, 3.0])).unwrap();
        assert_relative_eq!(found, 0.47423095281708544, max_relative = 1e-14);
    }

    #[test]
    fn saturated_logits_keep_their_size() {
        assert_eq!(log_loss(&[-3e38], &[1.0], None), Ok(f64::from(3e38_f32)));
        assert_relative_eq!(
            log_loss(&[40.0], &[1.0], None).unwrap(),
            (-40.0_f64).exp(),
            max_relative = 1e-12
        );
    }

    #[test]
    fn a_logit_that_is_not_finite_is_said() {
        for logit in [f32::NAN, f32::INFINITY, f32::NEG_INFINITY] {
            assert_eq!(log_loss(&[logit, 0.0], &[1.0, 0.0], None), Err(Undefined::NotFinite));
        }
        assert_eq!(log_loss(&[], &[], None), Err(Undefined::NoRows));
    }
}
