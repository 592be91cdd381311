//! UPGrad and DualProj: projections onto the directions along which no loss rises.

use super::definition::Definition;
use super::gramian::Gramian;
use super::mean::mean;
use super::quadratic::{Sum, least};

/// What is added to the diagonal of the normalised Gramian, so that the projection has one solution only. TorchJD's value.
const RIDGE: f64 = 1e-4;

/// The mean of the projections of the gradients, each onto the cone of the vectors that have no negative product with any
/// gradient.
///
/// Source: P. Quinton and V. Rey, "Jacobian Descent for Multi-Objective Optimization", 2024, section 3.
pub(super) struct UpGrad;

/// The projection of the mean of the gradients onto the cone of the vectors that have no negative product with any gradient.
///
/// Source: D. Lopez-Paz and M. Ranzato, "Gradient Episodic Memory for Continual Learning", NeurIPS 2017, equation 11.
pub(super) struct DualProj;

impl Definition for UpGrad {
    fn name(&self) -> &'static str {
        "upgrad"
    }

    fn weights(&self, gramian: &Gramian) -> Vec<f64> {
        let (tasks, regular) = (gramian.tasks(), gramian.normalized().plus_diagonal(RIDGE));
        let mut weights = vec![0.0; tasks];
        for task in 0..tasks {
            let mut one = vec![0.0; tasks];
            one[task] = 1.0 / tasks as f64;
            weights.iter_mut().zip(projected(&regular, one)).for_each(|(sum, weight)| *sum += weight);
        }
        weights
    }
}

impl Definition for DualProj {
    fn name(&self) -> &'static str {
        "dual_proj"
    }

    fn weights(&self, gramian: &Gramian) -> Vec<f64> {
        projected(&gramian.normalized().plus_diagonal(RIDGE), mean(gramian.tasks()))
    }
}

/// The weights of the projection of a weighted sum: the `v >= u` with the least `v' G v`.
fn projected(gramian: &Gramian, mut weights: Vec<f64>) -> Vec<f64> {
    let added = least(gramian.matrix(), &gramian.times(&weights), Sum::Free);
    weights.iter_mut().zip(added).for_each(|(weight, added)| *weight += added);
    weights
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::{Definition, DualProj, Gramian, RIDGE, UpGrad};
    use crate::aggregators::test_rows::rows;

    proptest! {
        /// Up to the number on the diagonal: a loss rises by at most that share of what its weight would move.
        #[test]
        fn no_loss_rises(rows in rows()) {
            let gramian = Gramian::of_rows(&rows).normalized();
            for method in [&UpGrad as &dyn Definition, &DualProj] {
                let weights = method.weights(&gramian);
                for (product, weight) in gramian.times(&weights).iter().zip(&weights) {
                    prop_assert!(product + RIDGE * weight >= -1e-12, "{} {product} {weight}", method.name());
                }
            }
        }

        #[test]
        fn gradients_without_conflict_stay_as_they_are(rows in rows()) {
            let rows: Vec<Vec<f64>> = rows.iter().map(|row| row.iter().map(|value| value.abs()).collect()).collect();
            for method in [&UpGrad as &dyn Definition, &DualProj] {
                for weight in method.weights(&Gramian::of_rows(&rows)) {
                    prop_assert!((weight - 1.0 / rows.len() as f64).abs() < 1e-15, "{}", method.name());
                }
            }
        }
    }
}
