//! A batch norm in evaluation is a factor and a shift for each column: it becomes part of the linear map before it.

use super::{Block, Operand, Plan, Step};

impl Plan {
    /// Folds every batch norm that is the only reader of its columns of a linear map:
    /// `(x W + b) * factor + shift = x (W * factor) + (b * factor + shift)`.
    pub(super) fn fold_batch_norm(&mut self) {
        for index in 0..self.steps.len() {
            let Step::Scale(scale) = &self.steps[index] else { continue };
            let x = scale.x;
            let only_reader = self.readings().filter(|block| block.overlaps(x)).count() == 1;
            if !only_reader || !matches!(self.steps[x.step], Step::Affine(_)) {
                continue;
            }
            let Step::Scale(scale) = std::mem::replace(&mut self.steps[index], Step::Gone) else { continue };
            let Step::Affine(affine) = &mut self.steps[x.step] else { continue };
            for (column, (factor, shift)) in scale.factor.iter().zip(&scale.shift).enumerate() {
                affine.weight.column_mut(x.start + column).mapv_inplace(|weight| weight * factor);
                let bias = &mut affine.bias[x.start + column];
                *bias = *bias * factor + shift;
            }
            for (norm, columns) in scale.parts {
                let columns = x.start + columns.start..x.start + columns.end;
                let part = affine.parts.iter_mut().find(|part| part.columns == columns);
                if let Some(part) = part {
                    part.norm = Some(norm);
                }
            }
            self.redirect(index, x.step, x.start);
        }
    }
}

impl Operand {
    /// The block, where the operand is one.
    pub(super) fn block(&self) -> Option<Block> {
        match self {
            Operand::Block(block) => Some(*block),
            Operand::Gated(_) => None,
        }
    }
}
