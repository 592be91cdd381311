//! A fixed linear functional of a value: what the gradient check differentiates.

use ndarray::{Array2, arr2};

use super::{Op, Operation};
use crate::backward::BackwardPass;
use crate::replay::Replay;
use crate::tape::Tape;
use crate::var::Var;

/// `y = Σ weight * x` over all elements: see [`Tape::projection`].
#[derive(Clone, Debug)]
pub struct Projection {
    /// The argument.
    pub x: Var,
    /// The weights, in the argument's shape.
    pub weights: Array2<f32>,
}

impl<'a> Tape<'a> {
    /// `y = Σ weight * x` over all elements.
    ///
    /// # Shapes
    /// `x` and `weights` are `[batch, width]`, the result is `[1, 1]`.
    ///
    /// # Panics
    /// If the shapes differ.
    ///
    /// ```
    /// use ndarray::array;
    /// use ple_tensor::{Mode, ParamStore, Tape, Workspace};
    ///
    /// let store = ParamStore::new();
    /// let mut tape = Tape::new(&store, Workspace::new(), Mode::Evaluate);
    /// let x = tape.input(array![[1.0, 2.0]].view());
    /// let y = tape.projection(x, array![[10.0, 1.0]]);
    /// assert_eq!(tape.scalar(y), 12.0);
    /// ```
    pub fn projection(&mut self, x: Var, weights: Array2<f32>) -> Var {
        let input = self.value(x);
        assert_eq!(input.dim(), weights.dim(), "projection of {:?} by {:?}", input.dim(), weights.dim());
        let sum: f64 = input.iter().zip(&weights).map(|(&x, &weight)| f64::from(weight) * f64::from(x)).sum();
        let mut value = self.workspace.matrix(1, 1);
        value[[0, 0]] = sum as f32;
        self.push(value, Op::Projection(Projection { x, weights }))
    }
}

impl Operation for Projection {
    fn inputs(&self) -> Box<dyn Iterator<Item = Var> + '_> {
        Box::new(std::iter::once(self.x))
    }

    fn backward(&self, _: &Array2<f32>, gradient: &mut Array2<f32>, pass: &mut BackwardPass<'_, '_>) {
        let scale = gradient[[0, 0]];
        pass.accumulate(self.x, |mut target| target.scaled_add(scale, &self.weights));
    }

    fn define(&self, replay: &Replay<'_>) -> Array2<f64> {
        let x = replay.value(self.x);
        arr2(&[[x.iter().zip(&self.weights).map(|(x, &weight)| f64::from(weight) * x).sum()]])
    }
}
