//! A mixture of experts becomes part of the linear map that reads it.
//!
//! `(Σᵢ gᵢ eᵢ) W + b` is one product of `[g₁ e₁, g₂ e₂, ...]`, which lie side by side already, with W below W below W.
//! The gate is spread over the experts' columns by a product with zeros and ones. No sum over a third axis is left,
//! which runtimes do slowly.

use ndarray::{Array2, Axis, concatenate};

use super::{Affine, Block, Form, Operand, Plan, Step};

/// How much wider than the experts of a mixture the matrix may be that they are part of, before they are cut out of it.
const MOST_EXCESS: usize = 4;

impl Plan {
    /// Folds each mixture into its only reader, or makes it a linear map of its own.
    pub(super) fn fold_mixtures(&mut self) {
        for index in 0..self.steps.len() {
            let Step::Mixture { gate, experts } = &self.steps[index] else { continue };
            let width = experts.first().map_or(0, |expert| expert.width);
            let whole = Block { step: index, start: 0, width };
            let (gate, (sources, slots)) = (*gate, self.slots(experts));
            let readers: Vec<usize> = (0..self.steps.len())
                .filter(|&step| self.steps[step].inputs().iter().any(|block| block.step == index))
                .collect();
            let is_output = self.outputs.iter().any(|output| output.step == index);
            let operand = Operand::Gated { gate, sources, slots: slots.clone() };
            if let ([reader], false) = (&readers[..], is_output)
                && let Step::Affine(affine) = &mut self.steps[*reader]
                && affine.groups == 1
                && affine.x.block() == Some(whole)
            {
                affine.weight = stacked(&affine.weight, &slots);
                affine.x = operand;
                self.steps[index] = Step::Gone;
            } else {
                self.steps[index] = Step::Affine(Affine {
                    x: operand,
                    weight: stacked(&Array2::eye(width), &slots),
                    bias: vec![0.0; width],
                    groups: 1,
                    parts: Vec::new(),
                    form: Form::Floats,
                });
            }
        }
    }

    /// The blocks that the experts are read from, and which of a block's slots is which expert.
    fn slots(&self, experts: &[Block]) -> (Vec<Block>, Vec<Option<usize>>) {
        let Some(&first) = experts.first() else { return (Vec::new(), Vec::new()) };
        let all = self.width(first.step);
        let fits = |expert: &Block| expert.step == first.step && expert.start.is_multiple_of(first.width);
        if experts.iter().all(fits)
            && all.is_multiple_of(first.width)
            && all <= MOST_EXCESS * first.width * experts.len()
        {
            let expert_of = |slot: usize| experts.iter().position(|e| e.start == slot * first.width);
            let slots: Vec<_> = (0..all / first.width).map(expert_of).collect();
            if slots.iter().flatten().count() == experts.len() {
                return (vec![Block { step: first.step, start: 0, width: all }], slots);
            }
        }
        let mut runs: Vec<Block> = Vec::new();
        for &expert in experts {
            match runs.last_mut() {
                Some(run) if run.step == expert.step && run.end() == expert.start => {
                    run.width += expert.width
                }
                _ => runs.push(expert),
            }
        }
        (runs, (0..experts.len()).map(Some).collect())
    }
}

/// The weight once for each slot, one below the other; zeros for a slot that is no expert of the mixture.
fn stacked(weight: &Array2<f64>, slots: &[Option<usize>]) -> Array2<f64> {
    let zeros = Array2::zeros(weight.dim());
    let part = |slot: &Option<usize>| if slot.is_some() { weight.view() } else { zeros.view() };
    let parts: Vec<_> = slots.iter().map(part).collect();
    concatenate(Axis(0), &parts).unwrap_or_else(|_| Array2::zeros((0, weight.ncols())))
}
