//! PCGrad: what in one task's gradient works against another one is taken out.

use super::definition::Definition;
use super::gramian::Gramian;

/// As an aggregator: each task meets the others in the order of the tasks. Two tasks have one order only.
pub(super) struct PcGrad;

impl Definition for PcGrad {
    fn name(&self) -> &'static str {
        "pcgrad"
    }

    fn weights(&self, gramian: &Gramian) -> Vec<f64> {
        let order: Vec<usize> = (0..gramian.tasks()).collect();
        pcgrad_weights(gramian, |_| order.clone())
    }
}

/// The weights of the sum of the projected gradients. `order_of` gives for a task the order in which it meets the tasks.
///
/// Each gradient starts as itself, `p = g_i`, and meets the gradients `g_j` of the other tasks: where `p . g_j < 0`, `p`
/// becomes `p - (p . g_j / g_j . g_j) g_j`. The paper draws an order for each task and step.
///
/// Source: T. Yu et al., "Gradient Surgery for Multi-Task Learning", NeurIPS 2020, algorithm 1.
///
/// ```
/// use ple_train::{Gramian, pcgrad_weights};
///
/// let gramian = Gramian::of_rows(&[vec![1.0, 0.0], vec![-1.0, 1.0]]);
/// // [1, 0] becomes [0.5, 0.5], [-1, 1] becomes [0, 1].
/// assert_eq!(pcgrad_weights(&gramian, |_| vec![0, 1]), [2.0, 1.5]);
/// ```
pub fn pcgrad_weights<O: IntoIterator<Item = usize>>(
    gramian: &Gramian,
    mut order_of: impl FnMut(usize) -> O,
) -> Vec<f64> {
    let mut weights = vec![0.0; gramian.tasks()];
    for task in 0..gramian.tasks() {
        let mut projected = vec![0.0; gramian.tasks()];
        projected[task] = 1.0;
        for other in order_of(task) {
            let product = gramian.times(&projected)[other];
            if other != task && product < 0.0 {
                projected[other] -= product / gramian.of(other, other);
            }
        }
        for (weight, projected) in weights.iter_mut().zip(projected) {
            *weight += projected;
        }
    }
    weights
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::{Gramian, pcgrad_weights};
    use crate::aggregators::test_rows::{combined, rows};

    /// The algorithm as the paper writes it, on vectors.
    fn on_vectors(rows: &[Vec<f64>], order: &[usize]) -> Vec<f64> {
        let dot = |a: &[f64], b: &[f64]| a.iter().zip(b).map(|(a, b)| a * b).sum::<f64>();
        let mut total = vec![0.0; rows[0].len()];
        for (task, row) in rows.iter().enumerate() {
            let mut projected = row.clone();
            for &other in order.iter().filter(|&&other| other != task) {
                let product = dot(&projected, &rows[other]);
                // A product that is 0 but for rounding may have either sign, and hardly moves anything.
                if product < 0.0 {
                    let factor = product / dot(&rows[other], &rows[other]);
                    projected.iter_mut().zip(&rows[other]).for_each(|(p, g)| *p -= factor * g);
                }
            }
            total.iter_mut().zip(projected).for_each(|(sum, p)| *sum += p);
        }
        total
    }

    proptest! {
        #[test]
        fn the_sum_is_that_of_the_projected_gradients(
            rows in rows(),
            order in Just((0..6).collect::<Vec<usize>>()).prop_shuffle(),
        ) {
            let order: Vec<usize> = order.into_iter().filter(|&task| task < rows.len()).collect();
            let weights = pcgrad_weights(&Gramian::of_rows(&rows), |_| order.clone());
            let longest = rows.iter().flatten().fold(0.0, |most: f64, value| most.max(value.abs()));
            for (ours, theirs) in combined(&rows, &weights).iter().zip(on_vectors(&rows, &order)) {
                // A rounding error of the longest gradient, divided by the length of one that is up to 1e3 times shorter.
                prop_assert!((ours - theirs).abs() <= 1e-10 * longest, "{ours} {theirs}");
            }
        }
    }
}
