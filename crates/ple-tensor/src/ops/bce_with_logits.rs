//! Binary cross-entropy on logits, exact for logits of any size, over the rows of a task's own sample space.

use ndarray::{Array2, arr2, s};

use super::{Op, Operation};
use crate::kernel::rows::BLOCK_ROWS;
use crate::kernel::team::for_each_in_parallel;
use crate::kernel::transcendental::{bce_gradient, bce_terms};
use crate::reach::Reach;
use crate::replay::Replay;
use crate::tape::{BackwardPass, Tape};
use crate::var::Var;

/// `Σ w (softplus(z) - y z) / Σ w`: see [`Tape::bce_with_logits`].
#[derive(Clone, Copy, Debug)]
pub struct BceWithLogits<'a> {
    /// The logits, `[batch, 1]`.
    pub logits: Var,
    /// The labels, 0 or 1 (or a probability), `[batch]`.
    pub labels: &'a [f32],
    /// The rows' weights, `[batch]`; 0 takes a row out of the task.
    pub weights: &'a [f32],
}

/// The sum of a loss's row weights, in row order.
pub(crate) fn total_weight(weights: &[f32]) -> f64 {
    weights.iter().map(|&weight| f64::from(weight)).sum()
}

impl<'a> Tape<'a> {
    /// The mean binary cross-entropy, `Σ w (softplus(z) - y z) / Σ w` with `softplus(z) = ln(1 + exp(z))`.
    ///
    /// This is `-y ln p - (1 - y) ln(1 - p)` for `p = sigmoid(z)`, without forming p: a logit of 1,000 with label 0
    /// costs 1,000, not infinity. A row of weight 0 is outside the task's sample space (H. Tang et al., RecSys 2020,
    /// equation 9); without any weight the loss is 0 and has no gradient.
    ///
    /// # Shapes
    /// `logits` is `[batch, 1]`, `labels` and `weights` are `[batch]`, the result is `[1, 1]`.
    ///
    /// # Panics
    /// If the lengths differ.
    ///
    /// ```
    /// use ndarray::array;
    /// use ple_tensor::{Mode, ParamStore, Tape, Workspace};
    ///
    /// let store = ParamStore::new();
    /// let mut tape = Tape::new(&store, Workspace::new(), Mode::Evaluate);
    /// let logits = tape.input(array![[1000.0], [0.0]].view());
    /// let loss = tape.bce_with_logits(logits, &[0.0, 1.0], &[1.0, 0.0]);
    /// assert_eq!(tape.scalar(loss), 1000.0); // the second row is outside the task
    /// ```
    pub fn bce_with_logits(&mut self, logits: Var, labels: &'a [f32], weights: &'a [f32]) -> Var {
        let z = self.value(logits);
        assert!(
            z.dim() == (labels.len(), 1) && weights.len() == labels.len(),
            "binary cross-entropy of logits {:?}, {} labels, {} weights",
            z.dim(),
            labels.len(),
            weights.len()
        );
        let (z, total) = (z.column(0), total_weight(weights));
        let mut sums = vec![0.0_f64; labels.len().div_ceil(BLOCK_ROWS)];
        for_each_in_parallel(&mut sums, |block, sum| {
            let rows = block * BLOCK_ROWS..labels.len().min((block + 1) * BLOCK_ROWS);
            let mut block = [0.0_f32; BLOCK_ROWS];
            let mut terms = [0.0; BLOCK_ROWS];
            block.iter_mut().zip(z.slice(s![rows.clone()])).for_each(|(copy, z)| *copy = *z);
            bce_terms(&mut terms, &block, &labels[rows.clone()], &weights[rows]);
            // Terms past the end are zeros.
            *sum = terms.iter().sum();
        });
        let sum: f64 = sums.iter().sum();
        let mut value = self.workspace.matrix(1, 1);
        value[[0, 0]] = if total == 0.0 { 0.0 } else { (sum / total) as f32 };
        self.push(value, Op::BceWithLogits(BceWithLogits { logits, labels, weights }))
    }
}

impl Operation for BceWithLogits<'_> {
    fn inputs(&self) -> Box<dyn Iterator<Item = Var> + '_> {
        Box::new(std::iter::once(self.logits))
    }

    fn reach(&self, _: &[bool], reach: &mut Reach) {
        if total_weight(self.weights) != 0.0 {
            reach.all_of(self.logits);
        }
    }

    /// `dz = w (sigmoid(z) - y) / Σ w`.
    fn backward(&self, _: &Array2<f32>, gradient: &mut Array2<f32>, pass: &mut BackwardPass<'_, '_>) {
        let total = total_weight(self.weights);
        if total == 0.0 {
            return;
        }
        let scale = (f64::from(gradient[[0, 0]]) / total) as f32;
        let z = pass.value(self.logits);
        let z = z.column(0);
        pass.accumulate(self.logits, |mut target| {
            let mut target = target.column_mut(0);
            for first in (0..self.labels.len()).step_by(BLOCK_ROWS) {
                let rows = first..self.labels.len().min(first + BLOCK_ROWS);
                let mut block = [0.0_f32; BLOCK_ROWS];
                block.iter_mut().zip(z.slice(s![rows.clone()])).for_each(|(copy, z)| *copy = *z);
                bce_gradient(&mut block, &self.labels[rows.clone()], &self.weights[rows.clone()], scale);
                target.slice_mut(s![rows]).iter_mut().zip(&block).for_each(|(dz, term)| *dz += term);
            }
        });
    }

    fn define(&self, replay: &Replay<'_>) -> Array2<f64> {
        let z = replay.value(self.logits);
        let (mut sum, mut total) = (0.0, 0.0);
        for ((&z, &y), &w) in z.iter().zip(self.labels).zip(self.weights).filter(|(_, w)| **w != 0.0) {
            sum += f64::from(w) * (z.max(0.0) + (-z.abs()).exp().ln_1p() - f64::from(y) * z);
            total += f64::from(w);
        }
        arr2(&[[if total == 0.0 { 0.0 } else { sum / total }]])
    }
}
