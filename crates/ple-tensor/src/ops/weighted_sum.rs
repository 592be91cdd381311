//! A sum of scalars with fixed weights: the total loss under fixed task weights.

use ndarray::{Array2, arr2};

use super::{Op, Operation};
use crate::backward::BackwardPass;
use crate::replay::Replay;
use crate::tape::Tape;
use crate::var::Var;

/// `y = Σ weight * term`: see [`Tape::weighted_sum`].
#[derive(Clone, Debug)]
pub struct WeightedSum {
    /// Scalars, each with its weight.
    pub terms: Vec<(Var, f32)>,
}

impl<'a> Tape<'a> {
    /// `y = Σ weight * term` over scalars.
    ///
    /// # Shapes
    /// Every term and the result are `[1, 1]`.
    ///
    /// # Panics
    /// If a term is not a scalar.
    ///
    /// ```
    /// use ndarray::array;
    /// use ple_tensor::{Mode, ParamStore, Tape, Workspace};
    ///
    /// let store = ParamStore::new();
    /// let mut tape = Tape::new(&store, Workspace::new(), Mode::Evaluate);
    /// let (a, b) = (tape.input(array![[2.0]].view()), tape.input(array![[3.0]].view()));
    /// let y = tape.weighted_sum(&[(a, 0.5), (b, 2.0)]);
    /// assert_eq!(tape.scalar(y), 7.0);
    /// ```
    pub fn weighted_sum(&mut self, terms: &[(Var, f32)]) -> Var {
        let sum: f64 =
            terms.iter().map(|&(term, weight)| f64::from(weight) * f64::from(self.scalar(term))).sum();
        let mut value = self.workspace.matrix(1, 1);
        value[[0, 0]] = sum as f32;
        self.push(value, Op::WeightedSum(WeightedSum { terms: terms.to_vec() }))
    }
}

impl Operation for WeightedSum {
    fn inputs(&self) -> Box<dyn Iterator<Item = Var> + '_> {
        Box::new(self.terms.iter().map(|&(term, _)| term))
    }

    fn backward(&self, _: &Array2<f32>, gradient: &mut Array2<f32>, pass: &mut BackwardPass<'_, '_>) {
        for &(term, weight) in &self.terms {
            pass.accumulate(term, |mut target| target[[0, 0]] += weight * gradient[[0, 0]]);
        }
    }

    fn define(&self, replay: &Replay<'_>) -> Array2<f64> {
        arr2(&[[self
            .terms
            .iter()
            .map(|&(term, weight)| f64::from(weight) * replay.value(term)[[0, 0]])
            .sum()]])
    }
}
