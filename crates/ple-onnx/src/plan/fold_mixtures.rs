//! A mixture of experts becomes part of the linear map that reads it.
//!
//! `(Σᵢ gᵢ eᵢ) W + b` is one product of `[g₁ e₁, g₂ e₂, ...]`, which lie side by side already, with W below W below W.
//! The gate is spread over the experts' columns by a product with zeros and ones. No sum over a third axis is left,
//! which runtimes do slowly. Several mixtures that one map reads, side by side, are as much part of it.

use std::ops::Range;

use ndarray::{Array2, Axis, concatenate, s};

use super::{Affine, Block, Form, Gated, Operand, Plan, Step, joined};

/// How much wider than the experts of a mixture the matrix may be that they are part of, before they are cut out of it.
const MOST_EXCESS: usize = 4;

impl Plan {
    /// Folds mixtures into their readers where each is read by one of them, or makes them a linear map of their own.
    pub(super) fn fold_mixtures(&mut self) {
        for index in 0..self.steps.len() {
            let Step::Mixture { gates, experts } = &self.steps[index] else { continue };
            let width = experts.first().map_or(0, |expert| expert.width);
            let mut rest = &experts[..];
            let mixtures: Vec<Gated> = gates
                .iter()
                .map(|&gate| {
                    let (experts, others) = rest.split_at(gate.width);
                    rest = others;
                    self.gated(gate, experts)
                })
                .collect();
            let Some(readers) = self.single_readers(index, width, &mixtures) else {
                self.steps[index] = Step::Affine(sum_of_experts(width, mixtures));
                continue;
            };
            for (reader, read) in readers {
                if let Step::Affine(affine) = &mut self.steps[reader] {
                    let read = mixtures[read].to_vec();
                    affine.weight = stacked(&affine.weight, affine.groups, &read);
                    affine.x = Operand::Gated(read);
                }
            }
            self.steps[index] = Step::Gone;
        }
    }

    /// A mixture: the blocks that its experts are read from, and which of the blocks' slots is which expert.
    fn gated(&self, gate: Block, experts: &[Block]) -> Gated {
        let Some(&first) = experts.first() else {
            return Gated { gate, sources: Vec::new(), slots: Vec::new() };
        };
        let all = self.width(first.step);
        let fits = |expert: &Block| expert.step == first.step && expert.start.is_multiple_of(first.width);
        if experts.iter().all(fits)
            && all.is_multiple_of(first.width)
            && all <= MOST_EXCESS * first.width * experts.len()
        {
            let expert_of = |slot: usize| experts.iter().position(|e| e.start == slot * first.width);
            let slots: Vec<_> = (0..all / first.width).map(expert_of).collect();
            if slots.iter().flatten().count() == experts.len() {
                return Gated {
                    gate,
                    sources: vec![Block { step: first.step, start: 0, width: all }],
                    slots,
                };
            }
        }
        let sources = joined(experts.iter().copied());
        Gated { gate, sources, slots: (0..experts.len()).map(Some).collect() }
    }

    /// The readers of mixtures of `width` columns each, with the mixtures that each reads, if every reader is a linear map
    /// of whole mixtures that nobody else reads.
    fn single_readers(
        &self,
        step: usize,
        width: usize,
        mixtures: &[Gated],
    ) -> Option<Vec<(usize, Range<usize>)>> {
        if self.outputs.iter().any(|output| output.step == step) {
            return None;
        }
        let mut readers: Vec<(usize, Range<usize>)> = Vec::new();
        for (reader, of) in self.steps.iter().enumerate() {
            if !of.inputs().iter().any(|block| block.step == step) {
                continue;
            }
            let Step::Affine(Affine { x: Operand::Block(x), groups, .. }) = of else { return None };
            if !x.start.is_multiple_of(width) || !x.width.is_multiple_of(width) {
                return None;
            }
            let read = x.start / width..x.end() / width;
            let alike =
                mixtures[read.clone()].iter().all(|m| m.slots.len() == mixtures[read.start].slots.len());
            let one_to_a_group = *groups == read.len() && alike;
            let overlaps =
                |(_, other): &(usize, Range<usize>)| read.start < other.end && other.start < read.end;
            if (*groups > 1 && !one_to_a_group) || readers.iter().any(overlaps) {
                return None;
            }
            readers.push((reader, read));
        }
        Some(readers)
    }
}

/// The mixtures by themselves: the sums of the gated experts.
fn sum_of_experts(width: usize, mixtures: Vec<Gated>) -> Affine {
    Affine {
        weight: stacked(&Array2::eye(mixtures.len() * width), 1, &mixtures),
        bias: vec![0.0; mixtures.len() * width],
        x: Operand::Gated(mixtures),
        groups: 1,
        parts: Vec::new(),
        form: Form::Floats,
    }
}

/// The rows of the weight that belong to a mixture once for each of its slots, one below the other; zeros for a slot that
/// is no expert of the mixture. A weight in groups has the rows of each mixture in the columns of its group.
fn stacked(weight: &Array2<f64>, groups: usize, mixtures: &[Gated]) -> Array2<f64> {
    let (rows, columns) = weight.dim();
    let (axis, n) = if groups > 1 { (Axis(1), groups) } else { (Axis(0), mixtures.len().max(1)) };
    let parts: Vec<Array2<f64>> = mixtures
        .iter()
        .enumerate()
        .map(|(number, mixture)| {
            let own = match axis {
                Axis(1) => s![.., number * columns / n..(number + 1) * columns / n],
                _ => s![number * rows / n..(number + 1) * rows / n, ..],
            };
            once_for_each_slot(weight.slice(own), &mixture.slots)
        })
        .collect();
    let views: Vec<_> = parts.iter().map(|part| part.view()).collect();
    concatenate(axis, &views).unwrap_or_else(|_| Array2::zeros((0, columns)))
}

fn once_for_each_slot(weight: ndarray::ArrayView2<'_, f64>, slots: &[Option<usize>]) -> Array2<f64> {
    let zeros = Array2::zeros(weight.dim());
    let part = |slot: &Option<usize>| if slot.is_some() { weight } else { zeros.view() };
    let parts: Vec<_> = slots.iter().map(part).collect();
    concatenate(Axis(0), &parts).unwrap_or_else(|_| Array2::zeros((0, weight.ncols())))
}
