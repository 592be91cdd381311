//! The expected calibration error: how far probabilities are from what happens, bin by bin.

use ple_data::TaskType;

use super::best::Best;
use super::computed::Computed;
use super::definition::{Definition, Settings};
use super::rows::Rows;
use super::undefined::Undefined;

/// The expected calibration error of the probabilities p = 1 / (1 + exp(-z)), in bins of equal width over 0 to 1:
///
/// ```text
/// ECE = sum over bins b of | sum over rows i in b of w_i (p_i - y_i) |  /  sum over all rows of w_i
/// ```
///
/// A row lies in bin `floor(p * bins)`, and in the last one for p = 1. 0 where each bin's mean probability is its share of
/// positives; never above 1. It rises with the number of bins, and a value says little without it. A row of weight 0 is
/// outside of the task and is not looked at.
///
/// Source: M. P. Naeini, G. F. Cooper and M. Hauskrecht, "Obtaining Well Calibrated Probabilities Using Bayesian Binning",
/// AAAI 2015.
///
/// # Errors
///
/// [`Undefined::NoRows`] if no row counts, [`Undefined::NotFinite`] if a logit, a label or a weight is not finite.
///
/// # Panics
///
/// If the lengths differ, a weight is negative, or there are no bins.
///
/// # Examples
///
/// ```
/// use ple_train::metrics::expected_calibration_error;
///
/// // One half is said of four rows, and one of them is positive.
/// assert_eq!(expected_calibration_error(&[0.0; 4], &[1.0, 0.0, 0.0, 0.0], None, 15), Ok(0.25));
/// ```
pub fn expected_calibration_error(
    logits: &[f32],
    labels: &[f32],
    weights: Option<&[f32]>,
    bins: u16,
) -> Result<f64, Undefined> {
    assert_eq!(logits.len(), labels.len(), "ECE: one label for each logit");
    assert!(bins > 0, "ECE: at least one bin");
    assert!(weights.is_none_or(|weights| weights.len() == logits.len()), "ECE: one weight for each logit");
    let mut excess = vec![0.0_f64; usize::from(bins)];
    let mut total = 0.0;
    for (row, (&logit, &label)) in logits.iter().zip(labels).enumerate() {
        let weight = weights.map_or(1.0, |weights| weights[row]);
        if weight == 0.0 {
            continue;
        }
        assert!(weight.is_nan() || weight > 0.0, "ECE: the weight {weight} is negative");
        if !(logit.is_finite() && label.is_finite() && weight.is_finite()) {
            return Err(Undefined::NotFinite);
        }
        let probability = 1.0 / (1.0 + (-f64::from(logit)).exp());
        let bin = (probability * f64::from(bins)) as usize;
        excess[bin.min(usize::from(bins) - 1)] += f64::from(weight) * (probability - f64::from(label));
        total += f64::from(weight);
    }
    match total > 0.0 {
        true => Ok(excess.iter().map(|excess| excess.abs()).sum::<f64>() / total),
        false => Err(Undefined::NoRows),
    }
}

/// [`expected_calibration_error`] as a metric, with its number of bins.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Ece {
    bins: u16,
}

impl Default for Ece {
    fn default() -> Self {
        Self { bins: 15 }
    }
}

impl Settings for Ece {
    fn shown() -> Self {
        Self::default()
    }

    fn read(text: Option<&str>) -> Result<Self, &'static str> {
        match text.map(str::parse) {
            None => Ok(Self::default()),
            Some(Ok(bins)) if (1..=10_000).contains(&bins) => Ok(Self { bins }),
            Some(_) => Err("a number of bins from 1 to 10000, as in ece@15"),
        }
    }
}

impl Definition for Ece {
    fn name(&self) -> &'static str {
        "ece"
    }

    fn heading(&self) -> &'static str {
        "ECE"
    }

    fn best(&self) -> Best {
        Best::Lowest
    }

    fn task(&self) -> TaskType {
        TaskType::Classification
    }

    fn compute(&self, rows: &Rows<'_>) -> Computed {
        expected_calibration_error(rows.outputs, rows.labels, rows.weights, self.bins).into()
    }

    fn settings(&self) -> Option<String> {
        (*self != Self::default()).then(|| self.bins.to_string())
    }
}

#[cfg(test)]
mod tests {
    use approx::assert_relative_eq;
    use proptest::prelude::*;

    use super::expected_calibration_error;
    use crate::metrics::{Metric, Undefined};

    /// The definition by bins: the mean probability against the mean label, by the bin's share of the weight.
    fn plain(rows: &[(f32, f32, f32)], bins: u16) -> f64 {
        let p = |z: f32| 1.0 / (1.0 + (-f64::from(z)).exp());
        let all: f64 = rows.iter().map(|row| f64::from(row.2)).sum();
        let of_bin = |bin: u16| {
            let (low, high) =
                (f64::from(bin), if bin + 1 == bins { 2.0 * f64::from(bins) } else { f64::from(bin + 1) });
            let inside = |row: &&(f32, f32, f32)| (low..high).contains(&(p(row.0) * f64::from(bins)));
            let rows: Vec<_> = rows.iter().filter(inside).collect();
            let weight: f64 = rows.iter().map(|row| f64::from(row.2)).sum();
            if weight == 0.0 {
                return 0.0;
            }
            let said = rows.iter().map(|row| f64::from(row.2) * p(row.0)).sum::<f64>() / weight;
            let was = rows.iter().map(|row| f64::from(row.2) * f64::from(row.1)).sum::<f64>() / weight;
            weight / all * (said - was).abs()
        };
        (0..bins).map(of_bin).sum()
    }

    proptest! {
        #[test]
        fn it_is_its_definition(
            rows in prop::collection::vec((-20_i8..20, prop::bool::ANY, 0_u8..4), 1..80),
            bins in 1_u16..30,
        ) {
            // Logits in steps of a half, so that many are tied; weights of 0 among them.
            let rows: Vec<(f32, f32, f32)> = rows
                .into_iter()
                .map(|(z, y, w)| (f32::from(z) / 2.0, f32::from(u8::from(y)), f32::from(w) / 2.0))
                .collect();
            let [logits, labels, weights] =
                [0, 1, 2].map(|column| rows.iter().map(|row| [row.0, row.1, row.2][column]).collect::<Vec<f32>>());
            let found = expected_calibration_error(&logits, &labels, Some(&weights), bins);
            if weights.iter().all(|weight| *weight == 0.0) {
                prop_assert_eq!(found, Err(Undefined::NoRows));
            } else {
                prop_assert!((found.unwrap() - plain(&rows, bins)).abs() < 1e-12);
            }
        }
    }

    #[test]
    fn certain_probabilities_lie_in_the_last_bin() {
        assert_eq!(expected_calibration_error(&[60.0, 60.0], &[1.0, 0.0], None, 15), Ok(0.5));
        assert_eq!(expected_calibration_error(&[f32::NAN], &[1.0], None, 15), Err(Undefined::NotFinite));
        let outside = expected_calibration_error(&[f32::NAN, 0.0], &[1.0, 1.0], Some(&[0.0, 3.0]), 4);
        assert_relative_eq!(outside.unwrap(), 0.5);
    }

    #[test]
    fn the_bins_stand_after_the_name() {
        let written = |text: &str| text.parse::<Metric>().map(|metric| metric.to_string());
        assert_eq!(written("ece").unwrap(), "ece");
        assert_eq!(written("ece@15").unwrap(), "ece");
        assert_eq!(written("ece@20").unwrap(), "ece@20");
        for text in ["ece@0", "ece@", "ece@10001", "ece@1.5"] {
            assert_eq!(
                written(text).unwrap_err().to_string(),
                format!(
                    "the metric `ece` is `{text}`\nexpected: a number of bins from 1 to 10000, as in ece@15\nnext: correct \
                     the metric `ece`"
                )
            );
        }
    }
}
