//! The rectified linear unit.

use ndarray::Array2;

use super::{Op, Operation};
use crate::backward::BackwardPass;
use crate::kernel::rows::for_each_run;
use crate::kernel::vectors;
use crate::reach::Reach;
use crate::replay::Replay;
use crate::tape::Tape;
use crate::var::Var;

/// `y = max(x, 0)`: see [`Tape::relu`].
#[derive(Clone, Copy, Debug)]
pub struct Relu {
    /// The argument.
    pub x: Var,
}

impl<'a> Tape<'a> {
    /// `y = max(x, 0)`, with derivative 0 at 0, as in PyTorch; NaN stays NaN.
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
    /// let x = tape.input(array![[-1.0, 2.0]].view());
    /// let y = tape.relu(x);
    /// assert_eq!(tape.value(y), array![[0.0, 2.0]]);
    /// ```
    pub fn relu(&mut self, x: Var) -> Var {
        let (rows, width) = self.value(x).dim();
        let mut value = self.workspace.matrix(rows, width);
        let input = self.value(x);
        for_each_run(value.view_mut(), [input], |out, [x]| vectors::relu(out, x));
        self.push(value, Op::Relu(Relu { x }))
    }

    /// A new value made from each element of another.
    pub(crate) fn map_rows(&mut self, x: Var, map: impl Fn(f32) -> f32 + Sync) -> Array2<f32> {
        let (rows, width) = self.value(x).dim();
        let mut value = self.workspace.matrix(rows, width);
        let input = self.value(x);
        for_each_run(value.view_mut(), [input], |out, [x]| {
            out.iter_mut().zip(x).for_each(|(y, &x)| *y = map(x));
        });
        value
    }
}

impl Operation for Relu {
    fn inputs(&self) -> Box<dyn Iterator<Item = Var> + '_> {
        Box::new(std::iter::once(self.x))
    }

    fn reach(&self, reached: &[bool], reach: &mut Reach) {
        reach.columns_of(self.x, reached.iter().copied());
    }

    fn backward(&self, output: &Array2<f32>, gradient: &mut Array2<f32>, pass: &mut BackwardPass<'_, '_>) {
        let (output, gradient) = (output.view(), gradient.view());
        pass.accumulate_runs(self.x, [output, gradient], |dx, [y, dy]| vectors::relu_gradient(dx, y, dy));
    }

    fn define(&self, replay: &Replay<'_>) -> Array2<f64> {
        replay.value(self.x).mapv(|x| x.max(0.0))
    }
}

impl BackwardPass<'_, '_> {
    /// Adds `derivative(x, y, dy)` to the gradient of each element of `x`.
    pub(crate) fn accumulate_elementwise(
        &mut self,
        x: Var,
        output: &Array2<f32>,
        gradient: &Array2<f32>,
        derivative: impl Fn(f32, f32, f32) -> f32 + Sync,
    ) {
        let (input, output, gradient) = (self.value(x), output.view(), gradient.view());
        self.accumulate_runs(x, [input, output, gradient], |dx, [x, y, dy]| {
            for (dx, ((&x, &y), &dy)) in dx.iter_mut().zip(x.iter().zip(y).zip(dy)) {
                *dx += derivative(x, y, dy);
            }
        });
    }
}
