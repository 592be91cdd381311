//! MGDA: the shortest vector that the gradients span.

use super::definition::Definition;
use super::gramian::Gramian;
use super::quadratic::{Sum, least};

/// The weights, none negative and 1 in sum, with the shortest weighted sum: the point of the gradients' convex hull nearest
/// to 0. Along it every task's loss falls by the same amount or more; where it is 0 no direction lowers all losses.
///
/// The paper of the method for networks finds it by Frank and Wolfe's iteration, which only comes near; this one is exact.
///
/// Source: J.-A. Désidéri, "Multiple-gradient descent algorithm (MGDA) for multiobjective optimization", 2012; O. Sener and
/// V. Koltun, "Multi-Task Learning as Multi-Objective Optimization", NeurIPS 2018.
pub(super) struct Mgda;

impl Definition for Mgda {
    fn name(&self) -> &'static str {
        "mgda"
    }

    fn weights(&self, gramian: &Gramian) -> Vec<f64> {
        least(gramian.matrix(), &vec![0.0; gramian.tasks()], Sum::One)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::{Definition, Gramian, Mgda};
    use crate::aggregators::test_rows::rows;

    /// Of two gradients the point has a formula, equation 5 of Sener and Koltun's appendix.
    #[test]
    fn two_gradients_have_a_formula() {
        for rows in [[[1.0, 0.0], [-2.0, 0.5]], [[3.0, 1.0], [0.1, 0.2]], [[0.0, 2.0], [-1.0, -1.0]]] {
            let [(a, b), (c, d)] = rows.map(|[x, y]| (x, y));
            let difference: [f64; 2] = [c - a, d - b];
            let share =
                (difference[0] * c + difference[1] * d) / (difference[0].powi(2) + difference[1].powi(2));
            let weights = Mgda.weights(&Gramian::of_rows(&rows.map(|row| row.to_vec())));
            assert!((weights[0] - share.clamp(0.0, 1.0)).abs() < 1e-14, "{weights:?} {share}");
            assert!((weights[1] - 1.0 + weights[0]).abs() < 1e-14);
        }
    }

    proptest! {
        /// What says of a point that it is nearest to 0: no gradient has a smaller product with it than itself.
        #[test]
        fn no_loss_falls_by_less_than_the_square_of_the_length(rows in rows()) {
            let gramian = Gramian::of_rows(&rows);
            let weights = Mgda.weights(&gramian);
            let square = gramian.norm_of_sum(&weights).powi(2);
            let longest = (0..rows.len()).map(|i| gramian.of(i, i)).fold(0.0, f64::max);
            for product in gramian.times(&weights) {
                prop_assert!(product >= square - 1e-12 * longest, "{product} {square}");
            }
            prop_assert!(weights.iter().all(|&weight| weight >= 0.0));
            prop_assert!((weights.iter().sum::<f64>() - 1.0).abs() < 1e-12);
        }
    }
}
