//! The logistic function.

use ndarray::Array2;

use super::{Op, Operation};
use crate::backward::BackwardPass;
use crate::kernel::transcendental::sigmoid;
use crate::reach::Reach;
use crate::replay::Replay;
use crate::tape::Tape;
use crate::var::Var;

/// `y = 1 / (1 + exp(-x))`: see [`Tape::sigmoid`].
#[derive(Clone, Copy, Debug)]
pub struct Sigmoid {
    /// The argument.
    pub x: Var,
}

impl<'a> Tape<'a> {
    /// `y = 1 / (1 + exp(-x))`, without overflow at either end.
    ///
    /// # Shapes
    /// `x` and the result are `[batch, width]`.
    ///
    /// ```
    /// use ndarray::array;
    /// use ple_tensor::{Mode, ParamStore, Tape, Workspace};
    ///
    /// let store = ParamStore::new();
    /// let mut tape = Tape::new(&store, Workspace::new(), Mode::Evaluate);
    /// let x = tape.input(array![[-1e4, 0.0, 1e4]].view());
    /// let y = tape.sigmoid(x);
    /// assert_eq!(tape.value(y), array![[0.0, 0.5, 1.0]]);
    /// ```
    pub fn sigmoid(&mut self, x: Var) -> Var {
        let value = self.map_rows(x, sigmoid);
        self.push(value, Op::Sigmoid(Sigmoid { x }))
    }
}

impl Operation for Sigmoid {
    fn inputs(&self) -> Box<dyn Iterator<Item = Var> + '_> {
        Box::new(std::iter::once(self.x))
    }

    fn reach(&self, reached: &[bool], reach: &mut Reach) {
        reach.columns_of(self.x, reached.iter().copied());
    }

    fn backward(&self, output: &Array2<f32>, gradient: &mut Array2<f32>, pass: &mut BackwardPass<'_, '_>) {
        pass.accumulate_elementwise(self.x, output, gradient, |_, y, dy| dy * y * (1.0 - y));
    }

    fn define(&self, replay: &Replay<'_>) -> Array2<f64> {
        replay.value(self.x).mapv(|x| 1.0 / (1.0 + (-x).exp()))
    }
}
