//! Linear maps that read one input become one product, each a block of its columns.

use ndarray::{Axis, concatenate};

use super::{Plan, Step};

impl Plan {
    /// Appends the columns of each linear map to the first one that reads the same block.
    pub(super) fn merge_linears(&mut self) {
        for index in 0..self.steps.len() {
            let Some(x) = self.plain_input(index) else { continue };
            let Some(first) = (0..index).find(|&earlier| self.plain_input(earlier) == Some(x)) else {
                continue;
            };
            let Step::Affine(later) = std::mem::replace(&mut self.steps[index], Step::Gone) else { continue };
            let Step::Affine(affine) = &mut self.steps[first] else { continue };
            let start = affine.weight.ncols();
            if let Ok(weight) = concatenate(Axis(1), &[affine.weight.view(), later.weight.view()]) {
                affine.weight = weight;
            }
            affine.bias.extend(later.bias);
            affine.parts.extend(later.parts.into_iter().map(|mut part| {
                part.columns = part.columns.start + start..part.columns.end + start;
                part
            }));
            self.redirect(index, first, start);
        }
    }

    /// What a linear map without groups reads.
    fn plain_input(&self, step: usize) -> Option<super::Block> {
        match &self.steps[step] {
            Step::Affine(affine) if affine.groups == 1 => affine.x.block(),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use ndarray::array;

    use super::super::{Affine, Block, Form, Map, Operand, Part};
    use super::{Plan, Step};

    #[test]
    fn two_maps_of_one_input_become_one() {
        let x = Block { step: 0, start: 0, width: 1 };
        let affine = |name: &str, value: f64| {
            let part = Part { weight: name.to_owned(), bias: None, columns: 0..1, norm: None };
            Step::Affine(Affine {
                x: Operand::Block(x),
                weight: array![[value]],
                bias: vec![value],
                groups: 1,
                parts: vec![part],
                form: Form::Floats,
            })
        };
        let map = |step| Step::Map { x: Block { step, start: 0, width: 1 }, map: Map::Relu };
        let mut plan = Plan {
            steps: vec![Step::Embedding(Vec::new()), affine("a", 1.0), map(1), affine("b", 2.0), map(3)],
            outputs: vec![Block { step: 3, start: 0, width: 1 }],
        };
        plan.merge_linears();
        let Step::Affine(merged) = &plan.steps[1] else { panic!("{:?}", plan.steps[1]) };
        assert_eq!((merged.weight.clone(), merged.bias.clone()), (array![[1.0, 2.0]], vec![1.0, 2.0]));
        assert_eq!(merged.parts[1].columns, 1..2);
        assert_eq!(plan.steps[4].inputs(), [Block { step: 1, start: 1, width: 1 }]);
        assert_eq!(plan.outputs, [Block { step: 1, start: 1, width: 1 }]);
    }
}
