//! Mean squared error over the rows of a task's own sample space.

use ndarray::{Array2, arr2};

use super::bce_with_logits::total_weight;
use super::{Op, Operation};
use crate::reach::Reach;
use crate::replay::Replay;
use crate::tape::{BackwardPass, Tape};
use crate::var::Var;

/// `Σ w (x - y)² / Σ w`: see [`Tape::squared_error`].
#[derive(Clone, Copy, Debug)]
pub struct SquaredError<'a> {
    /// The predictions, `[batch, 1]`.
    pub predictions: Var,
    /// The labels, `[batch]`.
    pub labels: &'a [f32],
    /// The rows' weights, `[batch]`; 0 takes a row out of the task.
    pub weights: &'a [f32],
}

impl<'a> Tape<'a> {
    /// The mean squared error, `Σ w (x - y)² / Σ w`; without any weight it is 0 and has no gradient.
    ///
    /// # Shapes
    /// `predictions` is `[batch, 1]`, `labels` and `weights` are `[batch]`, the result is `[1, 1]`.
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
    /// let x = tape.input(array![[1.0], [5.0]].view());
    /// let loss = tape.squared_error(x, &[3.0, 5.0], &[1.0, 1.0]);
    /// assert_eq!(tape.scalar(loss), 2.0);
    /// ```
    pub fn squared_error(&mut self, predictions: Var, labels: &'a [f32], weights: &'a [f32]) -> Var {
        let x = self.value(predictions);
        assert!(
            x.dim() == (labels.len(), 1) && weights.len() == labels.len(),
            "squared error of predictions {:?}, {} labels, {} weights",
            x.dim(),
            labels.len(),
            weights.len()
        );
        let total = total_weight(weights);
        let rows = x.iter().zip(labels).zip(weights).filter(|(_, weight)| **weight != 0.0);
        let sum: f64 = rows.map(|((&x, &y), &w)| f64::from(w) * (f64::from(x) - f64::from(y)).powi(2)).sum();
        let mut value = self.workspace.matrix(1, 1);
        value[[0, 0]] = if total == 0.0 { 0.0 } else { (sum / total) as f32 };
        self.push(value, Op::SquaredError(SquaredError { predictions, labels, weights }))
    }
}

impl Operation for SquaredError<'_> {
    fn inputs(&self) -> Box<dyn Iterator<Item = Var> + '_> {
        Box::new(std::iter::once(self.predictions))
    }

    fn reach(&self, _: &[bool], reach: &mut Reach) {
        if total_weight(self.weights) != 0.0 {
            reach.all_of(self.predictions);
        }
    }

    /// `dx = 2 w (x - y) / Σ w`.
    fn backward(&self, _: &Array2<f32>, gradient: &mut Array2<f32>, pass: &mut BackwardPass<'_, '_>) {
        let total = total_weight(self.weights);
        if total == 0.0 {
            return;
        }
        let scale = (2.0 * f64::from(gradient[[0, 0]]) / total) as f32;
        let x = pass.value(self.predictions);
        pass.accumulate(self.predictions, |mut target| {
            let rows = x.iter().zip(self.labels).zip(self.weights);
            for (dx, ((&x, &y), &w)) in target.iter_mut().zip(rows) {
                if w != 0.0 {
                    *dx += scale * w * (x - y);
                }
            }
        });
    }

    fn define(&self, replay: &Replay<'_>) -> Array2<f64> {
        let x = replay.value(self.predictions);
        let (mut sum, mut total) = (0.0, 0.0);
        for ((&x, &y), &w) in x.iter().zip(self.labels).zip(self.weights).filter(|(_, w)| **w != 0.0) {
            sum += f64::from(w) * (x - f64::from(y)).powi(2);
            total += f64::from(w);
        }
        arr2(&[[if total == 0.0 { 0.0 } else { sum / total }]])
    }
}
