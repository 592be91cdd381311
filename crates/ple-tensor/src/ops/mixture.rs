//! The gated mixture of experts, fused: no rank-3 tensor of stacked experts is ever made.

use ndarray::Array2;

use super::{Op, Operation};
use crate::kernel::rows::for_each_block;
use crate::kernel::vectors::{expert_gradient, gate_gradient, mix};
use crate::replay::Replay;
use crate::tape::{BackwardPass, Tape, Var};
use crate::workspace::{Workspace, emptied};

/// `y = Σᵢ gateᵢ expertᵢ`: see [`Tape::mixture`].
#[derive(Clone, Debug)]
pub struct Mixture {
    /// The weights, `[batch, experts]`.
    pub gate: Var,
    /// The experts' outputs, `[batch, width]` each, in the order of the gate's columns.
    pub experts: Vec<Var>,
}

impl<'a> Tape<'a> {
    /// The mixture of experts under a gate, `y = Σᵢ gateᵢ expertᵢ` in each row.
    ///
    /// Source: H. Tang et al., "Progressive Layered Extraction", RecSys 2020, equations 1 to 4.
    ///
    /// # Shapes
    /// `gate` is `[batch, n]`, each of the n experts and the result `[batch, width]`.
    ///
    /// # Panics
    /// If there are no experts, their number is not the gate's width, or their widths differ.
    ///
    /// ```
    /// use ndarray::array;
    /// use ple_tensor::{Mode, ParamStore, Tape, Workspace};
    ///
    /// let store = ParamStore::new();
    /// let mut tape = Tape::new(&store, Workspace::new(), Mode::Evaluate);
    /// let gate = tape.input(array![[0.25, 0.75]].view());
    /// let experts = [tape.input(array![[4.0]].view()), tape.input(array![[8.0]].view())];
    /// let y = tape.mixture(gate, &experts);
    /// assert_eq!(tape.value(y), array![[7.0]]);
    /// ```
    pub fn mixture(&mut self, gate: Var, experts: &[Var]) -> Var {
        let width = experts.first().map_or(0, |expert| expert.width());
        assert!(
            !experts.is_empty()
                && gate.width() == experts.len()
                && experts.iter().all(|e| e.width() == width),
            "mixture of {} experts of widths {:?} under a gate [batch, {}]",
            experts.len(),
            experts.iter().map(|expert| expert.width()).collect::<Vec<_>>(),
            gate.width()
        );
        let rows = self.value(gate).nrows();
        let mut value = self.workspace.matrix(rows, width);
        let mut inputs = emptied(std::mem::take(&mut self.workspace.views));
        inputs.extend(experts.iter().map(|&expert| self.value(expert)));
        let weights = self.value(gate);
        let cost = rows * width * experts.len();
        for_each_block(value.view_mut(), cost, |first, out| mix(out, first, weights, &inputs));
        self.workspace.views = emptied(inputs);
        let mut kept = self.list();
        kept.extend_from_slice(experts);
        self.push(value, Op::Mixture(Mixture { gate, experts: kept }))
    }
}

impl Mixture {
    pub(crate) fn release(self, workspace: &mut Workspace) {
        workspace.recycle_vars(self.experts);
    }
}

impl Operation for Mixture {
    fn inputs(&self) -> Box<dyn Iterator<Item = Var> + '_> {
        Box::new(std::iter::once(self.gate).chain(self.experts.iter().copied()))
    }

    /// `dgateᵢ = Σ dy expertᵢ` in each row, `dexpertᵢ = gateᵢ dy`.
    fn backward(&self, _: &Array2<f32>, gradient: &mut Array2<f32>, pass: &mut BackwardPass<'_, '_>) {
        let gradient = gradient.view();
        let weights = pass.value(self.gate);
        let experts: Vec<_> = self.experts.iter().map(|&expert| pass.value(expert)).collect();
        let cost = gradient.len();
        pass.accumulate_blocks(self.gate, cost * experts.len(), |first, fresh, dgate| {
            gate_gradient(dgate, first, fresh, &experts, gradient);
        });
        for (column, &expert) in self.experts.iter().enumerate() {
            pass.accumulate_blocks(expert, cost, |first, fresh, dx| {
                expert_gradient(dx, first, fresh, weights, column, gradient);
            });
        }
    }

    fn define(&self, replay: &Replay<'_>) -> Array2<f64> {
        let gate = replay.value(self.gate);
        Array2::from_shape_fn((gate.nrows(), self.experts[0].width()), |(row, column)| {
            let terms = self
                .experts
                .iter()
                .enumerate()
                .map(|(i, &e)| gate[[row, i]] * replay.value(e)[[row, column]]);
            terms.sum()
        })
    }
}
