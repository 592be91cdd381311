//! ConFIG: a direction at the same angle to every gradient.

use super::definition::Definition;
use super::eigen::{add_scaled, dot, eigenpairs};
use super::gramian::Gramian;

/// The sum of the gradients' products with the unit vector `u`, times `u`, where `u` has the direction of `U+ 1` for the
/// pseudo-inverse `U+` of the gradients at unit length: the same cosine with each of them. Where gradients make each other up
/// there may be no such vector, and the nearest takes its place. A gradient that is 0 has the weight 0.
///
/// Source: Q. Liu, M. Chu and N. Thuerey, "ConFIG: Towards Conflict-free Training of Physics Informed Neural Networks", ICLR
/// 2025, equation 2.
pub(super) struct ConFig;

impl Definition for ConFig {
    fn name(&self) -> &'static str {
        "config"
    }

    /// By the Gramian `C` of the unit vectors, since `U+ 1 = U' C+ 1`.
    fn weights(&self, gramian: &Gramian) -> Vec<f64> {
        let tasks = gramian.tasks();
        let norms: Vec<f64> = (0..tasks).map(|task| gramian.norm(task)).collect();
        let inverse: Vec<f64> = norms.iter().map(|&norm| if norm > 0.0 { 1.0 / norm } else { 0.0 }).collect();
        // Of the direction: its weights, the square of its length, and the sum of its products with the gradients.
        let (mut weights, mut square, mut products) = (vec![0.0; tasks], 0.0, 0.0);
        for (value, vector) in eigenpairs(&gramian.scaled(&inverse)) {
            let sum: f64 = vector.iter().sum();
            add_scaled(&mut weights, sum / value, &vector);
            square += sum * sum / value;
            products += sum * dot(&vector, &norms);
        }
        // Unit vectors that add up to nothing but rounding have no direction in common.
        let length = if square > 1e-24 { products / square } else { 0.0 };
        weights.iter().zip(inverse).map(|(weight, inverse)| length * weight * inverse).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::{ConFig, Definition, Gramian};

    #[test]
    fn every_gradient_has_the_same_cosine() {
        let gramian = Gramian::of_rows(&[vec![1.0, 2.0, 0.5], vec![-30.0, 10.0, 0.0], vec![0.0, -0.1, 0.2]]);
        let weights = ConFig.weights(&gramian);
        let length = gramian.norm_of_sum(&weights);
        let cosines: Vec<f64> =
            gramian.times(&weights).iter().zip(0..3).map(|(p, i)| p / length / gramian.norm(i)).collect();
        assert!(
            (cosines[0] - cosines[1]).abs() < 1e-12 && (cosines[0] - cosines[2]).abs() < 1e-12,
            "{cosines:?}"
        );
        // Its length is the sum of the gradients' parts in its direction.
        let parts: f64 = cosines.iter().zip(0..3).map(|(cosine, i)| cosine * gramian.norm(i)).sum();
        assert!((parts - length).abs() < 1e-12 * length);
    }

    #[test]
    fn opposite_gradients_have_nothing_in_common() {
        assert_eq!(ConFig.weights(&Gramian::of_rows(&[vec![2.0], vec![-1.0]])), [0.0, 0.0]);
        assert_eq!(ConFig.weights(&Gramian::of_rows(&[vec![2.0], vec![0.0]])), [1.0, 0.0]);
    }
}
