//! Gated mixtures of experts, fused: no rank-3 tensor of stacked experts is ever made, and the gates of a level are one
//! operation, since each by itself is too short for several threads.

use ndarray::{Array2, ArrayView2, s};

use super::{Op, Operation};
use crate::backward::BackwardPass;
use crate::kernel::rows::for_each_block;
use crate::kernel::vectors::{expert_gradient, gate_gradient, mix};
use crate::reach::Reach;
use crate::replay::Replay;
use crate::tape::Tape;
use crate::var::Var;
use crate::workspace::{Workspace, emptied};

/// `yₜ = Σᵢ gateₜᵢ expertₜᵢ`: see [`Tape::mixtures`].
#[derive(Clone, Debug)]
pub struct Mixture {
    /// The weights of each mixture, `[batch, experts of the mixture]`.
    pub gates: Vec<Var>,
    /// The outputs, `[batch, width]` each, of the first mixture's experts, then of the second's, and so on.
    pub experts: Vec<Var>,
}

/// One mixture: its gate, and the experts of the gate's columns.
#[derive(Clone, Copy, Debug)]
pub struct GatedExperts<'m> {
    /// The weights, `[batch, experts]`.
    pub gate: Var,
    /// The experts' outputs, `[batch, width]` each.
    pub experts: &'m [Var],
}

impl<'a> Tape<'a> {
    /// Mixtures of experts side by side, `yₜ = Σᵢ gateₜᵢ expertₜᵢ` in each row, one for each gate. An expert may be in
    /// several of them.
    ///
    /// Source: H. Tang et al., "Progressive Layered Extraction", RecSys 2020, equations 1 to 4.
    ///
    /// # Shapes
    /// A gate of n columns is `[batch, n]`, and reads the next n of the experts. Each expert is `[batch, width]`, the
    /// result `[batch, gates x width]`.
    ///
    /// # Panics
    /// If there is no expert, the gates' columns are not as many as the experts, or the experts' widths differ.
    ///
    /// ```
    /// use ndarray::array;
    /// use ple_tensor::{Mode, ParamStore, Tape, Workspace};
    ///
    /// let store = ParamStore::new();
    /// let mut tape = Tape::new(&store, Workspace::new(), Mode::Evaluate);
    /// let gates = [array![[0.25, 0.75]], array![[1.0]]].map(|gate| tape.input(gate.view()));
    /// let [a, b] = [4.0, 8.0].map(|output| tape.input(array![[output]].view()));
    /// let y = tape.mixtures(&gates, &[a, b, a]);
    /// assert_eq!(tape.value(y), array![[7.0, 4.0]]);
    /// ```
    pub fn mixtures(&mut self, gates: &[Var], experts: &[Var]) -> Var {
        let width = experts.first().map_or(0, |expert| expert.width());
        assert!(
            !experts.is_empty()
                && gates.iter().map(|gate| gate.width()).sum::<usize>() == experts.len()
                && experts.iter().all(|e| e.width() == width),
            "mixtures of experts of widths {:?} under gates of widths {:?}",
            experts.iter().map(|expert| expert.width()).collect::<Vec<_>>(),
            gates.iter().map(|gate| gate.width()).collect::<Vec<_>>()
        );
        let rows = self.value(experts[0]).nrows();
        let mut value = self.workspace.matrix(rows, gates.len() * width);
        let mut inputs = emptied(std::mem::take(&mut self.workspace.views));
        inputs.extend(experts.iter().map(|&expert| self.value(expert)));
        for_each_block(value.view_mut(), rows * width * experts.len(), |first, mut block| {
            let mut inputs = &inputs[..];
            for (number, &gate) in gates.iter().enumerate() {
                let (own, rest) = inputs.split_at(gate.width());
                let y = block.slice_mut(s![.., number * width..(number + 1) * width]);
                mix(y, first, self.value(gate), own);
                inputs = rest;
            }
        });
        self.workspace.views = emptied(inputs);
        let [mut own_gates, mut own_experts] = [(); 2].map(|()| self.list());
        own_gates.extend_from_slice(gates);
        own_experts.extend_from_slice(experts);
        self.push(value, Op::Mixture(Mixture { gates: own_gates, experts: own_experts }))
    }
}

impl Mixture {
    /// The mixtures, in the order of the result's columns.
    pub fn parts(&self) -> impl Iterator<Item = GatedExperts<'_>> {
        let mut rest = &self.experts[..];
        self.gates.iter().map(move |&gate| {
            let (experts, others) = rest.split_at(gate.width());
            rest = others;
            GatedExperts { gate, experts }
        })
    }

    pub(crate) fn release(self, workspace: &mut Workspace) {
        workspace.recycle_list(self.gates);
        workspace.recycle_list(self.experts);
    }
}

/// What an expert's gradient is made of: for each mixture that reads it, the gate, the expert's column there, and the
/// mixture's number.
type Readers = Vec<(Var, usize, usize)>;

impl Operation for Mixture {
    fn inputs(&self) -> Box<dyn Iterator<Item = Var> + '_> {
        Box::new(self.gates.iter().chain(&self.experts).copied())
    }

    fn reach(&self, reached: &[bool], reach: &mut Reach) {
        let width = self.experts[0].width();
        for (part, reached) in self.parts().zip(reached.chunks(width)).filter(|(_, r)| r.contains(&true)) {
            reach.all_of(part.gate);
            part.experts.iter().for_each(|&expert| reach.columns_of(expert, reached.iter().copied()));
        }
    }

    /// `dgateₜᵢ = Σ dyₜ expertₜᵢ` in each row, `dexpert = Σₜ gateₜ dyₜ`, one pass for all that lie side by side.
    fn backward(&self, _: &Array2<f32>, gradient: &mut Array2<f32>, pass: &mut BackwardPass<'_, '_>) {
        let width = self.experts[0].width();
        let gradient = gradient.view();
        let of_mixture = |number: usize| gradient.slice(s![.., number * width..(number + 1) * width]);
        let cost = gradient.nrows() * width * self.experts.len();

        let gates: Vec<_> =
            self.parts().enumerate().map(|(number, part)| (part.gate, (number, part))).collect();
        for (run, gates) in side_by_side(gates) {
            let gates: Vec<(Var, usize, Vec<ArrayView2<'_, f32>>)> = gates
                .into_iter()
                .map(|(gate, (number, part))| {
                    (gate, number, part.experts.iter().map(|&e| pass.value(e)).collect())
                })
                .collect();
            pass.accumulate_blocks(run, cost, |first, fresh, mut block| {
                for (gate, number, experts) in &gates {
                    let dgate = block.slice_mut(s![.., within(*gate, run)]);
                    gate_gradient(dgate, first, fresh, experts, of_mixture(*number));
                }
            });
        }

        let mut experts: Vec<(Var, Readers)> = Vec::new();
        for (number, part) in self.parts().enumerate() {
            for (column, &expert) in part.experts.iter().enumerate() {
                let reader = (part.gate, column, number);
                match experts.iter_mut().find(|(known, _)| *known == expert) {
                    Some((_, readers)) => readers.push(reader),
                    None => experts.push((expert, vec![reader])),
                }
            }
        }
        for (run, experts) in side_by_side(experts) {
            let experts: Vec<_> = experts
                .into_iter()
                .flat_map(|(expert, readers)| {
                    let reader = |(place, (gate, column, number)): (usize, (Var, usize, usize))| {
                        (within(expert, run), place == 0, pass.value(gate), column, of_mixture(number))
                    };
                    readers.into_iter().enumerate().map(reader).collect::<Vec<_>>()
                })
                .collect();
            pass.accumulate_blocks(run, cost, |first, fresh, mut block| {
                for (columns, is_first, gates, column, dy) in &experts {
                    let dx = block.slice_mut(s![.., columns.clone()]);
                    expert_gradient(dx, first, fresh && *is_first, *gates, *column, *dy);
                }
            });
        }
    }

    fn define(&self, replay: &Replay<'_>) -> Array2<f64> {
        let (rows, width) = (replay.value(self.experts[0]).nrows(), self.experts[0].width());
        let parts: Vec<_> = self.parts().collect();
        Array2::from_shape_fn((rows, parts.len() * width), |(row, column)| {
            let GatedExperts { gate, experts } = parts[column / width];
            let gates = replay.value(gate);
            let terms = experts.iter().enumerate();
            terms.map(|(i, &expert)| gates[[row, i]] * replay.value(expert)[[row, column % width]]).sum()
        })
    }
}

/// Values grouped by what lies side by side in one node, with the columns of each group.
fn side_by_side<T>(mut values: Vec<(Var, T)>) -> Vec<(Var, Vec<(Var, T)>)> {
    values.sort_by_key(|(var, _)| (var.node(), var.range().start));
    let mut runs: Vec<(Var, Vec<(Var, T)>)> = Vec::new();
    for (var, value) in values {
        match runs.last_mut() {
            Some((run, members)) if run.precedes(var) => {
                *run = run.joined(var);
                members.push((var, value));
            }
            _ => runs.push((var, vec![(var, value)])),
        }
    }
    runs
}

/// The columns of a value among those of a run that it is part of.
fn within(var: Var, run: Var) -> std::ops::Range<usize> {
    let start = var.range().start - run.range().start;
    start..start + var.width()
}
