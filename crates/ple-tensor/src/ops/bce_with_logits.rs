//! Binary cross-entropy on logits, exact for logits of any size.

use super::pointwise::PointwiseLoss;
use crate::kernel::transcendental::{bce_gradient, bce_terms};
use crate::tape::Tape;
use crate::var::Var;

/// `softplus(z) - y z` with `softplus(z) = ln(1 + exp(z))`: see [`Tape::bce_with_logits`].
#[derive(Clone, Copy, Debug, Default)]
pub struct BceWithLogits;

impl PointwiseLoss for BceWithLogits {
    fn define(&self, z: f64, y: f64) -> f64 {
        z.max(0.0) + (-z.abs()).exp().ln_1p() - y * z
    }

    /// `sigmoid(z) - y`.
    fn derivative(&self, z: f64, y: f64) -> f64 {
        1.0 / (1.0 + (-z).exp()) - y
    }

    fn terms(&self, terms: &mut [f64], z: &[f32], y: &[f32], w: &[f32]) {
        bce_terms(terms, z, y, w);
    }

    fn gradient(&self, z: &mut [f32], y: &[f32], w: &[f32], scale: f32) {
        bce_gradient(z, y, w, scale);
    }
}

impl<'a> Tape<'a> {
    /// The mean binary cross-entropy, `Σ w (softplus(z) - y z) / Σ w` with `softplus(z) = ln(1 + exp(z))`.
    ///
    /// This is `-y ln p - (1 - y) ln(1 - p)` for `p = sigmoid(z)`, without forming p: a logit of 1,000 with label 0
    /// costs 1,000, not infinity. The labels are 0 or 1, or probabilities. Shapes, rows outside the task and panics are
    /// those of [`Tape::pointwise`].
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
        self.pointwise(&BceWithLogits, logits, labels, weights)
    }
}
