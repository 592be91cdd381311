//! Aligned-MTL: the gradients turned apart until they are at right angles and of one length.

use super::definition::Definition;
use super::eigen::{add_scaled, dot, eigenpairs};
use super::gramian::Gramian;
use super::mean::mean;

/// The mean of the aligned gradients: for the eigenvalues `s_k` of the Gramian and their vectors `v_k`, the weights are
/// `w = sqrt(s_least) sum_k v_k v_k' u / sqrt(s_k)` with `u_i = 1 / n`. Eigenvalues that are 0 are left out.
///
/// Source: D. Senushkin et al., "Independent Component Alignment for Multi-Task Learning", CVPR 2023, algorithm 1.
pub(super) struct AlignedMtl;

impl Definition for AlignedMtl {
    fn name(&self) -> &'static str {
        "aligned_mtl"
    }

    fn weights(&self, gramian: &Gramian) -> Vec<f64> {
        let equal = mean(gramian.tasks());
        let pairs = eigenpairs(gramian);
        let Some(&(least, _)) = pairs.last() else { return equal };
        let mut weights = vec![0.0; equal.len()];
        for (value, vector) in pairs {
            add_scaled(&mut weights, (least / value).sqrt() * dot(&vector, &equal), &vector);
        }
        weights
    }
}

#[cfg(test)]
mod tests {
    use super::{AlignedMtl, Definition, Gramian};

    /// Gradients at right angles keep their directions, and all get the length of the shortest.
    #[test]
    fn gradients_at_right_angles_get_one_length() {
        let gramian = Gramian::of_rows(&[vec![4.0, 0.0], vec![0.0, 0.5]]);
        let weights = AlignedMtl.weights(&gramian);
        assert!(
            (weights[0] - 0.5 / 4.0 / 2.0).abs() < 1e-15 && (weights[1] - 0.5).abs() < 1e-15,
            "{weights:?}"
        );
    }

    #[test]
    fn gradients_of_nothing_keep_equal_weights() {
        assert_eq!(AlignedMtl.weights(&Gramian::of_rows(&[vec![0.0], vec![0.0]])), [0.5, 0.5]);
    }
}
