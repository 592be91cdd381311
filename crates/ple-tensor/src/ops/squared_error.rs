//! Squared error.

use super::pointwise::PointwiseLoss;
use crate::tape::Tape;
use crate::var::Var;

/// `(z - y)²`: see [`Tape::squared_error`].
#[derive(Clone, Copy, Debug, Default)]
pub struct SquaredError;

impl PointwiseLoss for SquaredError {
    fn define(&self, z: f64, y: f64) -> f64 {
        (z - y).powi(2)
    }

    fn derivative(&self, z: f64, y: f64) -> f64 {
        2.0 * (z - y)
    }
}

impl<'a> Tape<'a> {
    /// The mean squared error, `Σ w (z - y)² / Σ w`. Shapes, rows outside the task and panics are those of
    /// [`Tape::pointwise`].
    ///
    /// ```
    /// use ndarray::array;
    /// use ple_tensor::{Mode, ParamStore, Tape, Workspace};
    ///
    /// let store = ParamStore::new();
    /// let mut tape = Tape::new(&store, Workspace::new(), Mode::Evaluate);
    /// let x = tape.input(array![[1.0], [5.0]].view());
    /// let loss = tape.squared_error(x, &[3.0, 5.0], &[1.0, 1.0]);
    /// assert_eq!(tape.scalar(loss), 2.0);
    /// ```
    pub fn squared_error(&mut self, predictions: Var, labels: &'a [f32], weights: &'a [f32]) -> Var {
        self.pointwise(&SquaredError, predictions, labels, weights)
    }
}
