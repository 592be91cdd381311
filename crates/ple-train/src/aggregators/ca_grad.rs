//! CAGrad: near to the mean gradient, the direction whose smallest gain is largest.

use super::definition::{Definition, Settings};
use super::gramian::Gramian;
use super::mean::mean;
use super::quadratic::{Sum, least};

/// The vector `d` with `|d - g| <= c |g|`, for the mean gradient `g`, whose smallest product with a gradient is largest.
///
/// It is `g + c |g| s / |s|`, where `s` is the weighted sum of gradients, weights not negative and 1 in sum, with the least
/// `s . g + c |g| |s|`. With `c = 0` it is the mean. Where `s` is 0 no direction lowers all losses, and `d` is 0. Settings:
/// `cagrad@0.3`.
///
/// Source: B. Liu et al., "Conflict-Averse Gradient Descent for Multi-task Learning", NeurIPS 2021, algorithm 1.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct CaGrad {
    /// How far the vector may be from the mean gradient, as a share of that one's length; at least 0.
    pub c: f64,
}

impl Default for CaGrad {
    fn default() -> Self {
        Self { c: 0.5 }
    }
}

/// A sum that is shorter than this share of the gradients (the root of the sum of their squares) is taken for 0. TorchJD's
/// value.
const LEAST_LENGTH: f64 = 1e-4;

impl Definition for CaGrad {
    fn name(&self) -> &'static str {
        "cagrad"
    }

    fn weights(&self, gramian: &Gramian) -> Vec<f64> {
        let gramian = gramian.normalized();
        let mut weights = mean(gramian.tasks());
        let radius = self.c * gramian.norm_of_sum(&weights);
        if radius == 0.0 {
            return weights;
        }
        let with_mean = gramian.times(&weights);
        // |s| is the least of (|s|^2 / h + h) / 2 over h, so for a given h the best s is that of a quadratic function. Its
        // length divided by h falls with h, since the whole is convex, and is 1 at the answer.
        let best_at = |h: f64| {
            let pull: Vec<f64> = with_mean.iter().map(|product| product * h / radius).collect();
            least(gramian.matrix(), &pull, Sum::One)
        };
        let is_short = |h: f64| gramian.norm_of_sum(&best_at(h)) <= h;
        let (mut low, mut high) = (LEAST_LENGTH, 1.0);
        if is_short(low) {
            return vec![0.0; weights.len()];
        }
        // Down to neighbouring numbers.
        while low < low + (high - low) / 2.0 && low + (high - low) / 2.0 < high {
            let middle = low + (high - low) / 2.0;
            *(if is_short(middle) { &mut high } else { &mut low }) = middle;
        }
        let best = best_at(high);
        let length = gramian.norm_of_sum(&best);
        weights.iter_mut().zip(best).for_each(|(weight, best)| *weight += radius / length * best);
        weights
    }

    fn settings(&self) -> Option<String> {
        (*self != Self::default()).then(|| self.c.to_string())
    }
}

impl Settings for CaGrad {
    fn read(text: &str) -> Option<Self> {
        text.parse().ok().filter(|c: &f64| *c >= 0.0 && c.is_finite()).map(|c| Self { c })
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::{CaGrad, Definition, Gramian, Settings};
    use crate::aggregators::test_rows::rows;

    /// The smallest product with a gradient.
    fn smallest(gramian: &Gramian, weights: &[f64]) -> f64 {
        gramian.times(weights).into_iter().fold(f64::INFINITY, f64::min)
    }

    proptest! {
        /// Of the vectors near the mean gradient, all of whose parts outside of the gradients' span are wasted, none has a larger
        /// smallest product.
        #[test]
        fn no_vector_as_near_has_a_larger_smallest_product(
            rows in rows(),
            c in 0.1f64..0.9,
            steps in proptest::collection::vec(proptest::collection::vec(-1.0f64..1.0, 6), 40),
        ) {
            let gramian = Gramian::of_rows(&rows).normalized();
            let tasks = rows.len();
            let weights = CaGrad { c }.weights(&gramian);
            let mean = vec![1.0 / tasks as f64; tasks];
            let radius = c * gramian.norm_of_sum(&mean);
            let from_mean: Vec<f64> = weights.iter().zip(&mean).map(|(weight, mean)| weight - mean).collect();
            let is_zero = weights.iter().all(|&weight| weight == 0.0);
            prop_assert!(is_zero || gramian.norm_of_sum(&from_mean) <= radius + 1e-9);
            for step in steps {
                let length = gramian.norm_of_sum(&step[..tasks]);
                if length > 1e-6 {
                    let other: Vec<f64> = (0..tasks).map(|i| mean[i] + radius / length * step[i]).collect();
                    let (ours, theirs) = (smallest(&gramian, &weights), smallest(&gramian, &other));
                    // What is taken for 0 may be 1e-4 long, and a product with it as large.
                    let slack = if is_zero { 2e-4 } else { 1e-9 };
                    prop_assert!(ours >= theirs - slack, "{weights:?} {ours} {theirs}");
                }
            }
        }
    }

    #[test]
    fn with_c_0_it_is_the_mean() {
        let gramian = Gramian::of_rows(&[vec![1.0, 2.0], vec![-3.0, 1.0]]);
        assert_eq!(CaGrad { c: 0.0 }.weights(&gramian), [0.5, 0.5]);
    }

    /// Of one dimension all can be seen: the mean of 2 and -1 is 1/2, and the nearest to the other side at half its length
    /// is 1/4.
    #[test]
    fn opposite_gradients_have_the_end_of_the_interval() {
        let weights = CaGrad::default().weights(&Gramian::of_rows(&[vec![2.0], vec![-1.0]]));
        assert!((2.0 * weights[0] - weights[1] - 0.25).abs() < 1e-12, "{weights:?}");
    }

    #[test]
    fn c_may_not_be_negative() {
        assert_eq!(CaGrad::read("0.25"), Some(CaGrad { c: 0.25 }));
        for text in ["-1", "NaN", "inf", "x", ""] {
            assert_eq!(CaGrad::read(text), None, "{text}");
        }
    }
}
