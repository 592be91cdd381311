//! IMTL-G: every gradient has the same part in the direction of their sum.

use super::definition::Definition;
use super::eigen::pseudo_inverse_times;
use super::gramian::Gramian;

/// The weights with 1 in sum whose weighted sum `v` has the same product `v . g_i / |g_i|` with the direction of every
/// gradient: `w = G+ d / 1' G+ d` for the pseudo-inverse `G+` of the Gramian and the lengths `d` of the gradients. They may
/// be negative. Where gradients make each other up there may be no such sum; the nearest takes its place, and all weights are
/// 0 where their sum would be.
///
/// Source: L. Liu et al., "Towards Impartial Multi-task Learning", ICLR 2021, equation 4; the form with a pseudo-inverse from
/// P. Quinton and V. Rey, "Jacobian Descent for Multi-Objective Optimization", 2024.
pub(super) struct ImtlG;

impl Definition for ImtlG {
    fn name(&self) -> &'static str {
        "imtl_g"
    }

    fn weights(&self, gramian: &Gramian) -> Vec<f64> {
        let lengths: Vec<f64> = (0..gramian.tasks()).map(|task| gramian.norm(task)).collect();
        let weights = pseudo_inverse_times(gramian, &lengths);
        let sum: f64 = weights.iter().sum();
        let size: f64 = weights.iter().map(|weight| weight.abs()).sum();
        match sum.abs() > 1e-12 * size {
            true => weights.iter().map(|weight| weight / sum).collect(),
            false => vec![0.0; gramian.tasks()],
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Definition, Gramian, ImtlG};

    #[test]
    fn every_gradient_has_the_same_part() {
        let gramian = Gramian::of_rows(&[vec![1.0, 2.0, 0.5], vec![-30.0, 10.0, 0.0], vec![0.0, -0.1, 0.2]]);
        let weights = ImtlG.weights(&gramian);
        let parts: Vec<f64> =
            gramian.times(&weights).iter().zip(0..3).map(|(p, i)| p / gramian.norm(i)).collect();
        assert!((parts[0] - parts[1]).abs() < 1e-12 && (parts[0] - parts[2]).abs() < 1e-12, "{parts:?}");
        assert!((weights.iter().sum::<f64>() - 1.0).abs() < 1e-12);
    }

    #[test]
    fn gradients_of_nothing_have_no_weight() {
        assert_eq!(ImtlG.weights(&Gramian::of_rows(&[vec![0.0], vec![0.0]])), [0.0, 0.0]);
    }
}
