//! AITM's calibrator: what it costs to hold a later step for more likely than an earlier one.

use ndarray::{Array2, arr2};

use super::{Op, Operation};
use crate::backward::BackwardPass;
use crate::kernel::transcendental::sigmoid;
use crate::replay::Replay;
use crate::tape::Tape;
use crate::var::Var;

/// `weight Σ max(sigmoid(later) - sigmoid(earlier), 0) / batch`: see [`Tape::calibration`].
#[derive(Clone, Copy, Debug)]
pub struct Calibration {
    /// The logits of the earlier step, `[batch, 1]`.
    pub earlier: Var,
    /// The logits of the later step, `[batch, 1]`.
    pub later: Var,
    /// What the mean is multiplied with.
    pub weight: f32,
}

impl<'a> Tape<'a> {
    /// `weight Σ max(sigmoid(later) - sigmoid(earlier), 0) / batch`: 0 where no row holds the later step for more likely.
    ///
    /// Source: D. Xi et al., "Modeling the Sequential Dependence among Audience Multi-step Conversions with Multi-task
    /// Learning in Targeted Display Advertising", KDD 2021, equation 6.
    ///
    /// # Shapes
    /// Both logits are `[batch, 1]`, the result is `[1, 1]`.
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
    /// let earlier = tape.input(array![[0.0], [0.0]].view());
    /// let later = tape.input(array![[100.0], [-1.0]].view());
    /// let cost = tape.calibration(earlier, later, 2.0);
    /// assert_eq!(tape.scalar(cost), 0.5); // the mean of 0.5 and 0, times 2
    /// ```
    pub fn calibration(&mut self, earlier: Var, later: Var, weight: f32) -> Var {
        let dim = self.value(earlier).dim();
        assert!(dim == self.value(later).dim() && dim.1 == 1, "logits {dim:?} of the earlier step");
        let rows = self.value(earlier).into_iter().zip(self.value(later));
        let sum: f64 = rows.map(|(&a, &b)| f64::from((sigmoid(b) - sigmoid(a)).max(0.0))).sum();
        let mut value = self.workspace.matrix(1, 1);
        value[[0, 0]] = (f64::from(weight) * sum / dim.0.max(1) as f64) as f32;
        self.push(value, Op::Calibration(Calibration { earlier, later, weight }))
    }
}

impl Operation for Calibration {
    fn inputs(&self) -> Box<dyn Iterator<Item = Var> + '_> {
        Box::new([self.earlier, self.later].into_iter())
    }

    /// `dlater = weight p (1 - p) / batch` with `p = sigmoid(later)` in rows that cost something, `dearlier` the same with
    /// the other sign.
    fn backward(&self, _: &Array2<f32>, gradient: &mut Array2<f32>, pass: &mut BackwardPass<'_, '_>) {
        let (earlier, later) = (pass.value(self.earlier), pass.value(self.later));
        let scale = gradient[[0, 0]] * self.weight / earlier.nrows().max(1) as f32;
        for (x, values, sign) in [(self.earlier, earlier, -scale), (self.later, later, scale)] {
            pass.accumulate(x, |mut target| {
                for (row, dx) in target.column_mut(0).iter_mut().enumerate() {
                    if sigmoid(later[[row, 0]]) > sigmoid(earlier[[row, 0]]) {
                        let p = sigmoid(values[[row, 0]]);
                        *dx += sign * p * (1.0 - p);
                    }
                }
            });
        }
    }

    fn define(&self, replay: &Replay<'_>) -> Array2<f64> {
        let (earlier, later) = (replay.value(self.earlier), replay.value(self.later));
        let p = |x: f64| 1.0 / (1.0 + (-x).exp());
        let sum: f64 = earlier.iter().zip(later).map(|(&a, &b)| (p(b) - p(a)).max(0.0)).sum();
        arr2(&[[f64::from(self.weight) * sum / earlier.nrows().max(1) as f64]])
    }
}
