//! The forward pass as a list of matrix steps: what the passes rewrite before anything of ONNX is said.
//!
//! Every step makes one `[batch, width]` matrix, and reads blocks of columns of earlier ones. [`record`] makes the list
//! from the operations on a tape; each pass has a file of its own and keeps the list in an order in which it can run.

mod bundles;
#[cfg(feature = "proof")]
mod evaluate;
mod fold_batch_norm;
mod fold_mixtures;
mod merge_linears;
mod prune;
mod record;
mod round;
mod spread_groups;

use std::ops::Range;

use ndarray::Array2;
use ple_tensor::{Pooling, TableId};

pub(crate) use bundles::{BundleKind, bundles, widest};
#[cfg(feature = "proof")]
pub(crate) use evaluate::{Evaluation, Quantised};
pub(crate) use record::{FeatureNames, layer_name, record};
pub(crate) use round::weight_code;

/// A block of columns of a step's matrix.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Block {
    pub(crate) step: usize,
    pub(crate) start: usize,
    pub(crate) width: usize,
}

impl Block {
    pub(crate) fn end(self) -> usize {
        self.start + self.width
    }

    /// Whether the columns of `next` begin where these end.
    fn precedes(self, next: Block) -> bool {
        self.step == next.step && self.end() == next.start
    }

    /// Whether the two share a column.
    fn overlaps(self, other: Block) -> bool {
        self.step == other.step && self.start < other.end() && other.start < self.end()
    }
}

/// The blocks, those that lie side by side as one.
pub(crate) fn joined(blocks: impl IntoIterator<Item = Block>) -> Vec<Block> {
    let mut runs: Vec<Block> = Vec::new();
    for block in blocks {
        match runs.last_mut() {
            Some(run) if run.precedes(block) => run.width += block.width,
            _ => runs.push(block),
        }
    }
    runs
}

/// The whole pass: the steps, and the block of each output.
#[derive(Debug)]
pub(crate) struct Plan {
    pub(crate) steps: Vec<Step>,
    pub(crate) outputs: Vec<Block>,
}

/// One matrix, and how it is made.
#[derive(Debug)]
pub(crate) enum Step {
    /// The features.
    Embedding(Vec<Segment>),
    /// `x W + b`.
    Affine(Affine),
    /// `x * factor + shift`, column by column: a batch norm that could not be folded.
    Scale(Scale),
    /// A function of each element, or of each element and its column.
    Map { x: Block, map: Map },
    /// Softmax over each of the equal groups of a row's columns.
    Softmax { x: Block, groups: usize },
    /// Dice, see [`ple_tensor::Tape::dice`]: a slope for each of the equal groups of columns.
    Dice { x: Block, alpha: Vec<f32> },
    /// Gated mixtures of experts side by side: each gate's columns are those of the next experts.
    Mixture { gates: Vec<Block>, experts: Vec<Block> },
    /// The logit of two events that both happen, see [`ple_tensor::Tape::joint_logit`].
    JointLogit { first: Block, second: Block },
    /// `scale Σ leftᵢ rightᵢ` in each row, a column for each pair.
    RowDots { left: Vec<Block>, right: Vec<Block>, scale: f32 },
    /// A step that a pass has made part of another one.
    Gone,
}

/// Functions of an element.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Map {
    Relu,
    Sigmoid,
    Exp,
    LeakyRelu {
        slope: f32,
    },
    /// A slope for each of the equal groups of columns.
    Prelu {
        slopes: Vec<f32>,
        name: String,
    },
}

/// Columns of the embedding matrix, and what fills them.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Segment {
    pub(crate) columns: Range<usize>,
    pub(crate) source: Source,
}

/// What fills a segment.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Source {
    Lookup {
        feature: String,
        table: TableId,
    },
    Bag {
        feature: String,
        table: TableId,
        pooling: Pooling,
        padding: Option<u32>,
        weights: Weights,
    },
    Bins {
        feature: String,
        table: TableId,
        edges: Vec<f32>,
    },
    /// One column for each feature.
    Dense {
        features: Vec<String>,
    },
}

/// Whether a sequence comes with weights of its elements.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Weights {
    Given,
    Absent,
}

/// `y = x W + b`, or with `groups` > 1 group by group as in [`ple_tensor::Tape::linear`].
#[derive(Clone, Debug)]
pub(crate) struct Affine {
    pub(crate) x: Operand,
    /// `[rows of x's columns, width]` (grouped: `[columns of a group, width]`), in 64 bits until it is written.
    pub(crate) weight: Array2<f64>,
    pub(crate) bias: Vec<f64>,
    pub(crate) groups: usize,
    /// The parameters that stand side by side in the weight; none where the weight only adds experts up.
    pub(crate) parts: Vec<Part>,
    /// How the file has the weight; [`Plan::round`] sets it with the values that it then has.
    pub(crate) form: Form,
}

/// How the file has the weight of an affine step.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) enum Form {
    #[default]
    Floats,
    /// 16-bit floats.
    Halves,
    /// Codes for the rows that meet the codes of tables, with the scale of each of these rows' inputs and of each column of
    /// the weight; floats for the others.
    Codes { scales: Vec<f32>, columns: Vec<f32> },
    /// Codes with a scale for each column, for an input that is quantised at each call.
    Dynamic { columns: Vec<f32> },
}

/// What an affine step reads.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Operand {
    Block(Block),
    /// Gated experts, those of several mixtures side by side; of a map in groups each group reads one mixture.
    Gated(Vec<Gated>),
}

/// What a mixture adds up: blocks side by side, cut into slots of one width, each scaled by its column of the gate, or by
/// 0.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Gated {
    pub(crate) gate: Block,
    pub(crate) sources: Vec<Block>,
    pub(crate) slots: Vec<Option<usize>>,
}

/// A parameter's columns of a weight.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Part {
    /// The parameter's name in the store.
    pub(crate) weight: String,
    pub(crate) bias: Option<String>,
    pub(crate) columns: Range<usize>,
    /// The batch norm that is folded in: the prefix of its parameters' names.
    pub(crate) norm: Option<String>,
}

/// A batch norm in evaluation.
#[derive(Clone, Debug)]
pub(crate) struct Scale {
    pub(crate) x: Block,
    pub(crate) factor: Vec<f64>,
    pub(crate) shift: Vec<f64>,
    /// The prefix of the parameters' names, and the columns, of each part.
    pub(crate) parts: Vec<(String, Range<usize>)>,
}

impl Plan {
    /// All passes, in the order in which each helps the next.
    pub(crate) fn optimise(&mut self) {
        self.fold_batch_norm();
        self.spread_groups();
        self.merge_linears();
        self.prune();
        self.fold_mixtures();
        self.prune();
    }

    /// The number of columns of a step's matrix.
    pub(crate) fn width(&self, step: usize) -> usize {
        match &self.steps[step] {
            Step::Embedding(segments) => segments.last().map_or(0, |segment| segment.columns.end),
            Step::Affine(affine) => affine.weight.ncols(),
            Step::Scale(scale) => scale.x.width,
            Step::Map { x, .. } | Step::Softmax { x, .. } | Step::Dice { x, .. } => x.width,
            Step::Mixture { gates, experts } => {
                experts.first().map_or(0, |expert| gates.len() * expert.width)
            }
            Step::JointLogit { first, .. } => first.width,
            Step::RowDots { left, .. } => left.len(),
            Step::Gone => 0,
        }
    }

    /// Every block that is read, by later steps or as an output.
    fn readings(&self) -> impl Iterator<Item = Block> + '_ {
        self.steps.iter().flat_map(Step::inputs).chain(self.outputs.iter().copied())
    }

    /// Lets every reading of a step's columns read those of another step instead, from column `start` on.
    fn redirect(&mut self, from: usize, to: usize, start: usize) {
        let readings = self.steps.iter_mut().flat_map(Step::inputs_mut).chain(&mut self.outputs);
        for block in readings.filter(|block| block.step == from) {
            (block.step, block.start) = (to, block.start + start);
        }
    }
}

impl Step {
    /// The blocks that the step reads.
    pub(crate) fn inputs(&self) -> Vec<Block> {
        match self {
            Step::Embedding(_) | Step::Gone => Vec::new(),
            Step::Affine(Affine { x: Operand::Block(x), .. }) => vec![*x],
            Step::Affine(Affine { x: Operand::Gated(mixtures), .. }) => {
                mixtures.iter().flat_map(|mixture| [&[mixture.gate], &mixture.sources[..]].concat()).collect()
            }
            Step::Scale(Scale { x, .. })
            | Step::Map { x, .. }
            | Step::Softmax { x, .. }
            | Step::Dice { x, .. } => vec![*x],
            Step::Mixture { gates, experts } => [&gates[..], &experts[..]].concat(),
            Step::JointLogit { first, second } => vec![*first, *second],
            Step::RowDots { left, right, .. } => [&left[..], &right[..]].concat(),
        }
    }

    fn inputs_mut(&mut self) -> Vec<&mut Block> {
        match self {
            Step::Embedding(_) | Step::Gone => Vec::new(),
            Step::Affine(Affine { x: Operand::Block(x), .. })
            | Step::Scale(Scale { x, .. })
            | Step::Map { x, .. }
            | Step::Softmax { x, .. }
            | Step::Dice { x, .. } => vec![x],
            Step::Affine(Affine { x: Operand::Gated(mixtures), .. }) => mixtures
                .iter_mut()
                .flat_map(|mixture| std::iter::once(&mut mixture.gate).chain(&mut mixture.sources))
                .collect(),
            Step::Mixture { gates, experts } => gates.iter_mut().chain(experts).collect(),
            Step::JointLogit { first, second } => vec![first, second],
            Step::RowDots { left, right, .. } => left.iter_mut().chain(right).collect(),
        }
    }
}
