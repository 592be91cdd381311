//! The logit of two events that both happen, from the logits of the first and of the second given the first.

use ndarray::Array2;

use super::{Op, Operation};
use crate::backward::BackwardPass;
use crate::kernel::rows::for_each_block;
use crate::kernel::transcendental::{exp_f64, softplus};
use crate::reach::Reach;
use crate::replay::Replay;
use crate::tape::Tape;
use crate::var::Var;

/// What an element costs beside an addition.
const COST: usize = 16;

/// `z = -ln(exp(-a) + exp(-b) + exp(-a - b))`: see [`Tape::joint_logit`].
#[derive(Clone, Copy, Debug)]
pub struct JointLogit {
    /// The logit of the first event.
    pub first: Var,
    /// The logit of the second event, given the first.
    pub second: Var,
}

impl<'a> Tape<'a> {
    /// The logit `z` with `sigmoid(z) = sigmoid(a) sigmoid(b)`, which is `-ln(exp(-a) + exp(-b) + exp(-a - b))`.
    ///
    /// No product of probabilities is formed, so that `ln(pq) = -softplus(-z)` and `ln(1 - pq) = -softplus(z)` are exact for
    /// logits of any size, and with them [`Tape::bce_with_logits`] of z.
    ///
    /// Source: X. Ma et al., "Entire Space Multi-Task Model", SIGIR 2018, equation 1, whose probabilities are those of a
    /// click and of a conversion given a click.
    ///
    /// # Shapes
    /// Both logits and the result are `[batch, width]`.
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
    /// let click = tape.input(array![[0.0], [1e4], [-1e4]].view());
    /// let conversion = tape.input(array![[0.0], [2.0], [-1e4]].view());
    /// let both = tape.joint_logit(click, conversion);
    /// assert_eq!(tape.value(both), array![[-(3.0_f32.ln())], [2.0], [-2e4]]);
    /// ```
    pub fn joint_logit(&mut self, first: Var, second: Var) -> Var {
        let (rows, width) = self.value(first).dim();
        assert_eq!((rows, width), self.value(second).dim(), "logits of the first and of the second event");
        let mut value = self.workspace.matrix(rows, width);
        let (a, b) = (self.value(first), self.value(second));
        for_each_block(value.view_mut(), COST * rows * width, |start, mut block| {
            for ((row, column), z) in block.indexed_iter_mut() {
                *z = joint(f64::from(a[[start + row, column]]), f64::from(b[[start + row, column]])) as f32;
            }
        });
        self.push(value, Op::JointLogit(JointLogit { first, second }))
    }
}

/// `-ln(exp(-a) + exp(-b) + exp(-a - b))`, in which no term overflows.
fn joint(a: f64, b: f64) -> f64 {
    -log_sum(log_sum(-a, -b), -a - b)
}

/// `ln(exp(x) + exp(y))`.
fn log_sum(x: f64, y: f64) -> f64 {
    x.max(y) + softplus(-(x - y).abs())
}

/// The derivatives of the joint logit with respect to both logits.
fn slopes(a: f64, b: f64) -> [f64; 2] {
    let terms = [-a, -b, -a - b];
    let largest = terms.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    let [first, second, both] = terms.map(|term| exp_f64(term - largest));
    let sum = first + second + both;
    [(first + both) / sum, (second + both) / sum]
}

impl Operation for JointLogit {
    fn inputs(&self) -> Box<dyn Iterator<Item = Var> + '_> {
        Box::new([self.first, self.second].into_iter())
    }

    fn reach(&self, reached: &[bool], reach: &mut Reach) {
        [self.first, self.second].into_iter().for_each(|x| reach.columns_of(x, reached.iter().copied()));
    }

    /// `da = (exp(-a) + exp(-a - b)) / (exp(-a) + exp(-b) + exp(-a - b)) dz`, and likewise `db`.
    fn backward(&self, _: &Array2<f32>, gradient: &mut Array2<f32>, pass: &mut BackwardPass<'_, '_>) {
        let (a, b) = (pass.value(self.first), pass.value(self.second));
        let dz = gradient.view();
        for (number, x) in [self.first, self.second].into_iter().enumerate() {
            pass.accumulate_blocks(x, COST * dz.len(), |start, fresh, mut block| {
                for ((row, column), dx) in block.indexed_iter_mut() {
                    let at = [start + row, column];
                    let slope = slopes(f64::from(a[at]), f64::from(b[at]))[number];
                    let term = (slope * f64::from(dz[at])) as f32;
                    *dx = if fresh { term } else { *dx + term };
                }
            });
        }
    }

    /// By the probability that not both happen: `z = ln(pq) - ln(1 - pq)` with `1 - pq = (1 - p) + p (1 - q)`.
    fn define(&self, replay: &Replay<'_>) -> Array2<f64> {
        let (a, b) = (replay.value(self.first), replay.value(self.second));
        Array2::from_shape_fn(a.dim(), |at| {
            let log = |x: f64| -(x.min(0.0).abs() + (-x.abs()).exp().ln_1p());
            let (p, q) = (log(a[at]), log(b[at]));
            let (not_p, not_q) = (log(-a[at]), log(-b[at]));
            let (one, other) = (not_p, p + not_q);
            let larger = one.max(other);
            p + q - (larger + ((one - larger).exp() + (other - larger).exp()).ln())
        })
    }
}
