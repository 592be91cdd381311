//! The loss of a task: a function of each row's logit and label, averaged over the rows of the task's own sample space.

use std::fmt;

use ndarray::{Array2, arr2, s};

use super::{Op, Operation};
use crate::backward::BackwardPass;
use crate::kernel::rows::BLOCK_ROWS;
use crate::kernel::team::for_each_in_parallel;
use crate::reach::Reach;
use crate::replay::Replay;
use crate::tape::Tape;
use crate::var::Var;

/// A loss `l(z, y)` of one row, for its logit z and its label y: its definition and its derivative.
///
/// [`terms`](Self::terms) and [`gradient`](Self::gradient) take blocks of rows and by default call the other two methods; binary
/// cross-entropy overrides them with vectorised loops.
///
/// ```
/// use ple_tensor::PointwiseLoss;
///
/// /// `ln cosh(z - y)`.
/// #[derive(Debug)]
/// struct LogCosh;
///
/// impl PointwiseLoss for LogCosh {
///     fn define(&self, z: f64, y: f64) -> f64 {
///         (z - y).cosh().ln()
///     }
///
///     fn derivative(&self, z: f64, y: f64) -> f64 {
///         (z - y).tanh()
///     }
/// }
///
/// assert_eq!(LogCosh.derivative(2.0, 2.0), 0.0);
/// ```
pub trait PointwiseLoss: fmt::Debug + Sync {
    /// `l(z, y)`.
    fn define(&self, z: f64, y: f64) -> f64;

    /// `∂l / ∂z`.
    fn derivative(&self, z: f64, y: f64) -> f64;

    /// `terms = w l(z, y)` for each row, and 0 for a row of weight 0, whatever its logit.
    fn terms(&self, terms: &mut [f64], z: &[f32], y: &[f32], w: &[f32]) {
        for (((term, &z), &y), &w) in terms.iter_mut().zip(z).zip(y).zip(w) {
            *term = if w == 0.0 { 0.0 } else { f64::from(w) * self.define(f64::from(z), f64::from(y)) };
        }
    }

    /// In the place of each logit z its part of the gradient, `scale w ∂l / ∂z`, and 0 for a row of weight 0.
    fn gradient(&self, z: &mut [f32], y: &[f32], w: &[f32], scale: f32) {
        for ((z, &y), &w) in z.iter_mut().zip(y).zip(w) {
            let scale = f64::from(scale) * f64::from(w);
            *z = if w == 0.0 { 0.0 } else { (scale * self.derivative(f64::from(*z), f64::from(y))) as f32 };
        }
    }
}

/// `Σ w l(z, y) / Σ w`: see [`Tape::pointwise`].
#[derive(Clone, Copy, Debug)]
pub struct Pointwise<'a> {
    /// The loss of one row.
    pub loss: &'a dyn PointwiseLoss,
    /// The logits, `[batch, 1]`.
    pub logits: Var,
    /// The labels, `[batch]`.
    pub labels: &'a [f32],
    /// The rows' weights, `[batch]`; 0 takes a row out of the task.
    pub weights: &'a [f32],
}

/// The sum of a loss's row weights, in row order.
fn total_weight(weights: &[f32]) -> f64 {
    weights.iter().map(|&weight| f64::from(weight)).sum()
}

impl<'a> Tape<'a> {
    /// The mean of a loss over the rows of a task, `Σ w l(z, y) / Σ w`.
    ///
    /// A row of weight 0 is outside the task's sample space (H. Tang et al., RecSys 2020, equation 9); without any weight
    /// the loss is 0 and has no gradient.
    ///
    /// # Shapes
    /// `logits` is `[batch, 1]`, `labels` and `weights` are `[batch]`, the result is `[1, 1]`.
    ///
    /// # Panics
    /// If the lengths differ.
    ///
    /// ```
    /// use ndarray::array;
    /// use ple_tensor::{Mode, ParamStore, SquaredError, Tape, Workspace};
    ///
    /// let store = ParamStore::new();
    /// let mut tape = Tape::new(&store, Workspace::new(), Mode::Evaluate);
    /// let logits = tape.input(array![[1.0], [5.0]].view());
    /// let loss = tape.pointwise(&SquaredError, logits, &[3.0, 7.5], &[1.0, 0.0]);
    /// assert_eq!(tape.scalar(loss), 4.0); // the second row is outside the task
    /// ```
    pub fn pointwise(
        &mut self,
        loss: &'a dyn PointwiseLoss,
        logits: Var,
        labels: &'a [f32],
        weights: &'a [f32],
    ) -> Var {
        let z = self.value(logits);
        assert!(
            z.dim() == (labels.len(), 1) && weights.len() == labels.len(),
            "loss of logits {:?}, {} labels, {} weights",
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
            loss.terms(&mut terms, &block, &labels[rows.clone()], &weights[rows]);
            // Terms past the end are zeros.
            *sum = terms.iter().sum();
        });
        let sum: f64 = sums.iter().sum();
        let mut value = self.workspace.matrix(1, 1);
        value[[0, 0]] = if total == 0.0 { 0.0 } else { (sum / total) as f32 };
        self.push(value, Op::Pointwise(Pointwise { loss, logits, labels, weights }))
    }
}

impl Operation for Pointwise<'_> {
    fn inputs(&self) -> Box<dyn Iterator<Item = Var> + '_> {
        Box::new(std::iter::once(self.logits))
    }

    fn reach(&self, _: &[bool], reach: &mut Reach) {
        if total_weight(self.weights) != 0.0 {
            reach.all_of(self.logits);
        }
    }

    /// `dz = w ∂l/∂z / Σ w`.
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
                self.loss.gradient(
                    &mut block,
                    &self.labels[rows.clone()],
                    &self.weights[rows.clone()],
                    scale,
                );
                target.slice_mut(s![rows]).iter_mut().zip(&block).for_each(|(dz, term)| *dz += term);
            }
        });
    }

    fn define(&self, replay: &Replay<'_>) -> Array2<f64> {
        let z = replay.value(self.logits);
        let (mut sum, mut total) = (0.0, 0.0);
        for ((&z, &y), &w) in z.iter().zip(self.labels).zip(self.weights).filter(|(_, w)| **w != 0.0) {
            sum += f64::from(w) * self.loss.define(z, f64::from(y));
            total += f64::from(w);
        }
        arr2(&[[if total == 0.0 { 0.0 } else { sum / total }]])
    }
}
