//! Uncertainty weighting: the total loss under task weights that are learned as log variances.

use ndarray::{Array2, arr2};

use super::{Op, Operation};
use crate::backward::BackwardPass;
use crate::kernel::transcendental::exp_f64;
use crate::replay::Replay;
use crate::store::MatrixId;
use crate::tape::Tape;
use crate::var::Var;

/// One task of an uncertainty-weighted total.
#[derive(Clone, Copy, Debug)]
pub struct UncertaintyTerm {
    /// The task's loss.
    pub loss: Var,
    /// Its log variance s, `[1, 1]`.
    pub log_variance: MatrixId,
    /// The factor on `exp(-s) * loss`: 1 for classification, 1/2 for regression.
    pub factor: f32,
}

/// `y = Σ factor * exp(-s) * loss + s / 2`: see [`Tape::uncertainty`].
#[derive(Clone, Debug)]
pub struct Uncertainty {
    /// The tasks.
    pub terms: Vec<UncertaintyTerm>,
}

impl<'a> Tape<'a> {
    /// The uncertainty-weighted total loss, `y = Σ factor * exp(-s) * loss + s / 2`, which may be negative.
    ///
    /// Source: A. Kendall, Y. Gal and R. Cipolla, "Multi-Task Learning Using Uncertainty to Weigh Losses", CVPR 2018,
    /// equations 7 to 10, with `s = ln σ²`: the factor is 1 for a classification task, 1/2 for a regression task.
    ///
    /// # Shapes
    /// Losses, log variances and the result are `[1, 1]`.
    ///
    /// # Panics
    /// If one of them is not a scalar.
    ///
    /// ```
    /// use ndarray::array;
    /// use ple_tensor::{Mode, ParamStore, Role, Tape, UncertaintyTerm, Workspace};
    ///
    /// let mut store = ParamStore::new();
    /// let log_variance = store.add("log_variance", array![[0.0]], Role::NotDecayed);
    /// let mut tape = Tape::new(&store, Workspace::new(), Mode::Evaluate);
    /// let loss = tape.input(array![[3.0]].view());
    /// let total = tape.uncertainty(&[UncertaintyTerm { loss, log_variance, factor: 0.5 }]);
    /// assert_eq!(tape.scalar(total), 1.5);
    /// ```
    pub fn uncertainty(&mut self, terms: &[UncertaintyTerm]) -> Var {
        let mut sum = 0.0;
        for term in terms {
            let s = self.store.matrix(term.log_variance);
            assert_eq!(s.dim(), (1, 1), "the log variance {}", self.store.matrix_name(term.log_variance));
            let s = f64::from(s[[0, 0]]);
            sum += f64::from(term.factor) * exp_f64(-s) * f64::from(self.scalar(term.loss)) + s / 2.0;
        }
        let mut value = self.workspace.matrix(1, 1);
        value[[0, 0]] = sum as f32;
        self.push(value, Op::Uncertainty(Uncertainty { terms: terms.to_vec() }))
    }
}

impl Operation for Uncertainty {
    fn inputs(&self) -> Box<dyn Iterator<Item = Var> + '_> {
        Box::new(self.terms.iter().map(|term| term.loss))
    }

    fn matrices(&self) -> Vec<MatrixId> {
        self.terms.iter().map(|term| term.log_variance).collect()
    }

    /// `dloss = factor exp(-s)`, `ds = 1/2 - factor exp(-s) loss`.
    fn backward(&self, _: &Array2<f32>, gradient: &mut Array2<f32>, pass: &mut BackwardPass<'_, '_>) {
        let dy = f64::from(gradient[[0, 0]]);
        for term in &self.terms {
            let s = f64::from(pass.store.matrix(term.log_variance)[[0, 0]]);
            let loss = f64::from(pass.value(term.loss)[[0, 0]]);
            let weight = f64::from(term.factor) * exp_f64(-s);
            pass.accumulate(term.loss, |mut target| target[[0, 0]] += (dy * weight) as f32);
            pass.accumulate_matrix(term.log_variance, |mut ds| {
                ds[[0, 0]] += (dy * (0.5 - weight * loss)) as f32
            });
        }
    }

    fn define(&self, replay: &Replay<'_>) -> Array2<f64> {
        let terms = self.terms.iter().map(|term| {
            let s = replay.matrix(term.log_variance)[[0, 0]];
            f64::from(term.factor) * (-s).exp() * replay.value(term.loss)[[0, 0]] + s / 2.0
        });
        arr2(&[[terms.sum()]])
    }
}
