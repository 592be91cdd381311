//! Blocks of columns: one Split for a step whose readers want blocks that do not overlap, else a Slice for each.

use super::Emitter;
use crate::plan::{Affine, Block, Gated, Operand, Step, joined};
use crate::proto::AttributeProto;

impl Emitter<'_> {
    /// Keeps a step's value, and cuts it into the blocks that later steps read.
    pub(super) fn finish_step(&mut self, step: usize, value: String) {
        let whole = self.whole(step);
        self.values.insert(key(whole), value.clone());
        let mut wanted = self.wanted(step);
        wanted.retain(|block| *block != whole);
        wanted.sort_by_key(|block| (block.start, block.width));
        wanted.dedup();
        if wanted.is_empty() {
            return;
        }
        if wanted.windows(2).all(|pair| pair[0].end() <= pair[1].start) {
            let mut sizes: Vec<usize> = Vec::new();
            let mut names: Vec<Option<Block>> = Vec::new();
            let mut end = 0;
            for block in wanted {
                if block.start > end {
                    sizes.push(block.start - end);
                    names.push(None);
                }
                sizes.push(block.width);
                names.push(Some(block));
                end = block.end();
            }
            if end < whole.width {
                sizes.push(whole.width - end);
                names.push(None);
            }
            let sizes: Vec<i64> = sizes.into_iter().map(|size| size as i64).collect();
            let list = self.graph.list(&sizes);
            let axis = vec![AttributeProto::int("axis", 1)];
            let parts = self.graph.node_with_outputs("Split", &[&value, &list], sizes.len(), axis);
            for (block, part) in names.into_iter().zip(parts) {
                if let Some(block) = block {
                    self.values.insert(key(block), part);
                }
            }
        } else {
            for block in wanted {
                let [start, end, axis] =
                    [block.start as i64, block.end() as i64, 1].map(|value| self.graph.list(&[value]));
                let part = self.graph.node("Slice", &[&value, &start, &end, &axis], Vec::new());
                self.values.insert(key(block), part);
            }
        }
    }

    /// The value of a block.
    pub(super) fn value(&mut self, block: Block) -> String {
        if let Some(value) = self.values.get(&key(block)) {
            return value.clone();
        }
        // Only an embedding matrix has no value yet: it is put together for whoever cannot read it in pieces.
        let matrix = self.assembled(block.step);
        self.finish_step(block.step, matrix);
        self.values.get(&key(block)).cloned().unwrap_or_default()
    }

    /// Keeps the value of a block.
    pub(super) fn keep(&mut self, block: Block, value: String) {
        self.values.insert(key(block), value);
    }

    /// Whether all that read a step of several equal groups of columns read one group each.
    pub(super) fn is_read_by_group(&self, step: usize, groups: usize) -> bool {
        let width = self.plan.width(step) / groups.max(1);
        let is_group = |block: &Block| block.width == width && block.start.is_multiple_of(width.max(1));
        groups > 1 && self.wanted(step).iter().all(is_group)
    }

    /// Values side by side.
    pub(super) fn side_by_side(&mut self, values: &[String]) -> String {
        match values {
            [only] => only.clone(),
            _ => {
                let inputs: Vec<&str> = values.iter().map(String::as_str).collect();
                self.graph.node("Concat", &inputs, vec![AttributeProto::int("axis", 1)])
            }
        }
    }

    /// An embedding matrix in the order of its columns.
    fn assembled(&mut self, step: usize) -> String {
        let pieces = self.pieces.get(&step).cloned().unwrap_or_default();
        let values: Vec<String> = pieces.iter().map(|piece| self.floats_of(piece)).collect();
        let matrix = self.side_by_side(&values);
        let order: Vec<usize> =
            pieces.iter().flat_map(|piece| piece.columns.iter().cloned().flatten()).collect();
        if order.is_sorted() {
            return matrix;
        }
        let mut places = vec![0; order.len()];
        order.iter().enumerate().for_each(|(place, &column)| places[column] = place as i64);
        let places = self.graph.list(&places);
        self.graph.node("Gather", &[&matrix, &places], vec![AttributeProto::int("axis", 1)])
    }

    /// The blocks of a step that are read as values.
    fn wanted(&self, step: usize) -> Vec<Block> {
        let mut wanted = Vec::new();
        for (index, reader) in self.plan.steps.iter().enumerate() {
            match reader {
                Step::Affine(Affine { x: Operand::Block(x), groups, .. }) if *groups > 1 => {
                    wanted.extend(groups_of(*x, *groups));
                }
                Step::Affine(Affine { x: Operand::Gated(mixtures), groups: 1, .. }) => {
                    gate_and_expert_blocks(mixtures).into_iter().for_each(|blocks| wanted.extend(blocks));
                }
                Step::Softmax { x, groups } if x.step == step && self.is_read_by_group(index, *groups) => {
                    wanted.extend(groups_of(*x, *groups));
                }
                _ => wanted.extend(reader.inputs()),
            }
        }
        wanted.extend(&self.plan.outputs);
        wanted.retain(|block| block.step == step);
        wanted
    }
}

/// A block cut into equal groups.
pub(super) fn groups_of(x: Block, groups: usize) -> impl Iterator<Item = Block> {
    let width = x.width / groups;
    (0..groups).map(move |group| Block { step: x.step, start: x.start + group * width, width })
}

/// The blocks of gates, and those of experts, that a product of gated experts reads.
pub(super) fn gate_and_expert_blocks(mixtures: &[Gated]) -> [Vec<Block>; 2] {
    let gates = mixtures.iter().map(|mixture| mixture.gate);
    let experts = mixtures.iter().flat_map(|mixture| mixture.sources.iter().copied());
    [joined(gates), joined(experts)]
}

fn key(block: Block) -> (usize, usize, usize) {
    (block.step, block.start, block.width)
}
