//! Eigenvalues and eigenvectors of a Gramian, for the aggregators that invert it where it can be inverted.

use ndarray::Array2;

use super::gramian::Gramian;

/// Eigenvalues of at most this share of the largest are taken for 0: what rounding leaves of a gradient that the others
/// make up. Those of a Gramian are squares of lengths, so gradients that are 1e5 times shorter than the longest still count.
const LEAST_SHARE: f64 = 1e-13;

/// The eigenvalues of a Gramian that are not 0, each with its unit vector, the largest first.
pub(super) fn eigenpairs(gramian: &Gramian) -> Vec<(f64, Vec<f64>)> {
    let (diagonal, vectors) = rotate(gramian.matrix().clone());
    let mut pairs: Vec<_> =
        (0..diagonal.nrows()).map(|k| (diagonal[[k, k]], vectors.column(k).to_vec())).collect();
    pairs.sort_by(|a, b| b.0.total_cmp(&a.0));
    let largest = pairs.first().map_or(0.0, |pair| pair.0);
    pairs.retain(|pair| pair.0 > LEAST_SHARE * largest);
    pairs
}

/// The pseudo-inverse of a Gramian, multiplied by a vector.
pub(super) fn pseudo_inverse_times(gramian: &Gramian, vector: &[f64]) -> Vec<f64> {
    let mut result = vec![0.0; vector.len()];
    for (value, direction) in eigenpairs(gramian) {
        add_scaled(&mut result, dot(&direction, vector) / value, &direction);
    }
    result
}

pub(super) fn dot(a: &[f64], b: &[f64]) -> f64 {
    a.iter().zip(b).map(|(a, b)| a * b).sum()
}

pub(super) fn add_scaled(to: &mut [f64], factor: f64, vector: &[f64]) {
    for (to, value) in to.iter_mut().zip(vector) {
        *to += factor * value;
    }
}

/// Jacobi's method: rotations in the plane of each pair of axes in turn, until the matrix is diagonal. The columns of the
/// second matrix are the eigenvectors. For matrices of the size of a Gramian it is as fast as any and the most exact.
fn rotate(mut a: Array2<f64>) -> (Array2<f64>, Array2<f64>) {
    let n = a.nrows();
    let mut vectors = Array2::eye(n);
    // It converges quadratically: six to eight rounds are usual, the limit is for numbers that are not finite.
    for _ in 0..40 {
        let mut changed = false;
        for p in 0..n {
            for q in p + 1..n {
                let size = (a[[p, p]].abs() * a[[q, q]].abs()).sqrt();
                if a[[p, q]].abs() <= f64::EPSILON * 0.25 * size || a[[p, q]] == 0.0 {
                    continue;
                }
                changed = true;
                let cotangent = (a[[q, q]] - a[[p, p]]) / (2.0 * a[[p, q]]);
                let tangent = cotangent.signum() / (cotangent.abs() + cotangent.hypot(1.0));
                let cosine = 1.0 / tangent.hypot(1.0);
                let sine = tangent * cosine;
                let moved = tangent * a[[p, q]];
                a[[p, p]] -= moved;
                a[[q, q]] += moved;
                a[[p, q]] = 0.0;
                a[[q, p]] = 0.0;
                for k in 0..n {
                    if k != p && k != q {
                        let (of_p, of_q) = (a[[k, p]], a[[k, q]]);
                        a[[k, p]] = cosine * of_p - sine * of_q;
                        a[[k, q]] = sine * of_p + cosine * of_q;
                        a[[p, k]] = a[[k, p]];
                        a[[q, k]] = a[[k, q]];
                    }
                    let (of_p, of_q) = (vectors[[k, p]], vectors[[k, q]]);
                    vectors[[k, p]] = cosine * of_p - sine * of_q;
                    vectors[[k, q]] = sine * of_p + cosine * of_q;
                }
            }
        }
        if !changed {
            break;
        }
    }
    (a, vectors)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::{Gramian, dot, eigenpairs, pseudo_inverse_times};
    use crate::aggregators::test_rows::rows;

    proptest! {
        #[test]
        fn a_gramian_is_the_sum_of_its_eigenpairs(rows in rows()) {
            let gramian = Gramian::of_rows(&rows);
            let pairs = eigenpairs(&gramian);
            let largest = pairs.first().map_or(0.0, |pair| pair.0);
            for i in 0..rows.len() {
                for j in 0..rows.len() {
                    let sum: f64 = pairs.iter().map(|(value, vector)| value * vector[i] * vector[j]).sum();
                    prop_assert!((sum - gramian.of(i, j)).abs() <= 1e-12 * largest, "{i} {j}");
                }
            }
            for (k, (_, one)) in pairs.iter().enumerate() {
                for (l, (_, other)) in pairs.iter().enumerate() {
                    let expected = f64::from(u8::from(k == l));
                    prop_assert!((dot(one, other) - expected).abs() <= 1e-12);
                }
            }
            prop_assert!(pairs.len() <= rows.len().min(rows[0].len()));
        }

        /// What the pseudo-inverse of G makes of G x is multiplied by G to G x again.
        #[test]
        fn the_pseudo_inverse_inverts_what_can_be_inverted(rows in rows()) {
            let gramian = Gramian::of_rows(&rows);
            let image = gramian.times(&vec![1.0; rows.len()]);
            let again = gramian.times(&pseudo_inverse_times(&gramian, &image));
            let size = (0..rows.len()).map(|i| gramian.of(i, i)).sum::<f64>();
            // The error of a solution grows with the condition, at most 1e13 here, and shows up multiplied by the matrix.
            for (image, again) in image.iter().zip(again) {
                prop_assert!((image - again).abs() <= 1e-10 * size, "{image} {again}");
            }
        }
    }
}
