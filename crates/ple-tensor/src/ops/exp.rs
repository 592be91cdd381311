//! The exponential function.

use ndarray::Array2;

use super::{Op, Operation};
use crate::backward::BackwardPass;
use crate::kernel::transcendental::exp;
use crate::reach::Reach;
use crate::replay::Replay;
use crate::tape::Tape;
use crate::var::Var;

/// `y = exp(x)`: see [`Tape::exp`].
#[derive(Clone, Copy, Debug)]
pub struct Exp {
    /// The argument.
    pub x: Var,
}

impl<'a> Tape<'a> {
    /// `y = exp(x)`: infinite from x = 88.73 on, 0 below -103.
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
    /// let x = tape.input(array![[-1e4, 0.0]].view());
    /// let y = tape.exp(x);
    /// assert_eq!(tape.value(y), array![[0.0, 1.0]]);
    /// ```
    pub fn exp(&mut self, x: Var) -> Var {
        let value = self.map_rows(x, exp);
        self.push(value, Op::Exp(Exp { x }))
    }
}

impl Operation for Exp {
    fn inputs(&self) -> Box<dyn Iterator<Item = Var> + '_> {
        Box::new(std::iter::once(self.x))
    }

    fn reach(&self, reached: &[bool], reach: &mut Reach) {
        reach.columns_of(self.x, reached.iter().copied());
    }

    fn backward(&self, output: &Array2<f32>, gradient: &mut Array2<f32>, pass: &mut BackwardPass<'_, '_>) {
        pass.accumulate_elementwise(self.x, output, gradient, |_, y, dy| dy * y);
    }

    fn define(&self, replay: &Replay<'_>) -> Array2<f64> {
        replay.value(self.x).mapv(f64::exp)
    }
}
