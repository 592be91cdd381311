//! Small maps that each read their own block of columns become one product with zeros between them.

use ndarray::{Array2, s};

use super::{Plan, Step};

/// The most multiply-adds that the zeros may add for a row: about what another call costs at a batch of a thousand.
const MOST_ZEROS: usize = 1 << 12;

impl Plan {
    /// Replaces the weight of a grouped map by a block-diagonal one, where the zeros cost less than a product for each
    /// group.
    pub(super) fn spread_groups(&mut self) {
        for index in 0..self.steps.len() {
            let of_mixtures = self.reads_mixtures(index);
            let Step::Affine(affine) = &mut self.steps[index] else { continue };
            let (rows, width) = affine.weight.dim();
            let groups = affine.groups;
            // A group that reads a mixture becomes a product of its own experts.
            if groups == 1 || of_mixtures || rows * width * (groups - 1) > MOST_ZEROS {
                continue;
            }
            let columns = width / groups;
            let mut weight = Array2::zeros((rows * groups, width));
            for group in 0..groups {
                let own = s![.., group * columns..(group + 1) * columns];
                weight
                    .slice_mut(s![group * rows..(group + 1) * rows, group * columns..(group + 1) * columns])
                    .assign(&affine.weight.slice(own));
            }
            (affine.weight, affine.groups) = (weight, 1);
        }
    }

    fn reads_mixtures(&self, step: usize) -> bool {
        let is_mixture = |block: &super::Block| matches!(self.steps[block.step], Step::Mixture { .. });
        self.steps[step].inputs().iter().any(is_mixture)
    }
}
