//! The rectified linear unit with a fixed slope below zero.

use ndarray::Array2;

use super::{Op, Operation};
use crate::backward::BackwardPass;
use crate::reach::Reach;
use crate::replay::Replay;
use crate::tape::Tape;
use crate::var::Var;

/// `y = x` above zero, `slope * x` below: see [`Tape::leaky_relu`].
#[derive(Clone, Copy, Debug)]
pub struct LeakyRelu {
    /// The argument.
    pub x: Var,
    /// The slope below zero.
    pub slope: f32,
}

impl<'a> Tape<'a> {
    /// `y = x` where x > 0, else `slope * x`; PyTorch's default slope is 0.01.
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
    /// let y = tape.leaky_relu(x, 0.5);
    /// assert_eq!(tape.value(y), array![[-0.5, 2.0]]);
    /// ```
    pub fn leaky_relu(&mut self, x: Var, slope: f32) -> Var {
        let value = self.map_rows(x, |x| if x > 0.0 { x } else { slope * x });
        self.push(value, Op::LeakyRelu(LeakyRelu { x, slope }))
    }
}

impl Operation for LeakyRelu {
    fn inputs(&self) -> Box<dyn Iterator<Item = Var> + '_> {
        Box::new(std::iter::once(self.x))
    }

    fn reach(&self, reached: &[bool], reach: &mut Reach) {
        reach.columns_of(self.x, reached.iter().copied());
    }

    fn backward(&self, output: &Array2<f32>, gradient: &mut Array2<f32>, pass: &mut BackwardPass<'_, '_>) {
        let slope = self.slope;
        pass.accumulate_elementwise(
            self.x,
            output,
            gradient,
            |x, _, dy| if x > 0.0 { dy } else { slope * dy },
        );
    }

    fn define(&self, replay: &Replay<'_>) -> Array2<f64> {
        replay.value(self.x).mapv(|x| if x > 0.0 { x } else { f64::from(self.slope) * x })
    }
}
