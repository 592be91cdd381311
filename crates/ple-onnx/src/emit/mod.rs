//! From the steps of a plan to ONNX nodes: one emitter for each step.

mod activation;
mod affine;
mod bag;
mod batch;
mod bins;
mod columns;
mod features;
mod lookup;
mod outputs;
mod pairs;
mod products;
mod rows;
mod tables;

use std::collections::HashMap;

use ple_nn::Head;
use ple_tensor::ParamStore;

use crate::error::OnnxError;
use crate::graph::Graph;
use crate::options::ExportOptions;
use crate::plan::{Block, FeatureNames, Plan, Segment, Step};
use crate::rounding::Rounding;
use tables::Tables;

pub(crate) use bag::NO_ELEMENT;
pub(crate) use features::{PACKED_DENSE, PACKED_IDS, weights_name};
#[cfg(feature = "proof")]
pub(crate) use outputs::MATRIX;

/// The graph of a plan.
///
/// # Errors
/// [`OnnxError::Name`] if two inputs or outputs would have one name.
pub(crate) fn emit(
    plan: &Plan,
    store: &ParamStore,
    rounding: &Rounding,
    features: &FeatureNames,
    heads: &[Head],
    options: &ExportOptions,
) -> Result<Emitted, OnnxError> {
    let mut graph = Graph::default();
    features::declare(&mut graph, plan, features, options)?;
    outputs::declare(&mut graph, heads, options)?;
    let tables = Tables::new(&mut graph, plan, store, rounding);
    let mut emitter = Emitter {
        graph,
        plan,
        features,
        options,
        tables,
        rows: None,
        shapes: HashMap::new(),
        values: HashMap::new(),
        pieces: HashMap::new(),
        step: 0,
        quantised: Vec::new(),
    };
    for (index, step) in plan.steps.iter().enumerate() {
        emitter.step = index;
        let value = match step {
            Step::Gone => continue,
            Step::Embedding(segments) => {
                let pieces = emitter.embedding(segments);
                emitter.pieces.insert(index, pieces);
                continue;
            }
            Step::Affine(affine) => emitter.affine(affine),
            Step::Scale(scale) => emitter.scale(scale),
            Step::Map { x, map } => emitter.map(*x, map),
            Step::Softmax { x, groups } if emitter.is_read_by_group(index, *groups) => {
                emitter.softmax_of_each(*x, *groups);
                continue;
            }
            Step::Softmax { x, groups } => emitter.softmax(*x, *groups),
            Step::Dice { x, alpha } => emitter.dice(*x, alpha),
            Step::JointLogit { first, second } => emitter.joint_logit(*first, *second),
            Step::RowDots { left, right, scale } => emitter.row_dots(left, right, *scale),
            Step::Mixture { .. } => {
                return Err(OnnxError::Structure { detail: "a mixture was not folded".to_owned() });
            }
        };
        emitter.finish_step(index, value);
    }
    emitter.outputs(heads);
    Ok(Emitted { graph: emitter.graph, quantised: emitter.quantised })
}

/// What an emission makes.
pub(crate) struct Emitted {
    pub(crate) graph: Graph,
    /// The inputs that are quantised at each call.
    pub(crate) quantised: Vec<QuantisedInput>,
}

/// The input of a product that is quantised at each call: the step and the group that it is of, and the names of its codes,
/// their scale and their zero.
#[derive(Clone, Debug)]
#[cfg_attr(not(feature = "proof"), expect(dead_code))]
pub(crate) struct QuantisedInput {
    pub(crate) step: usize,
    pub(crate) group: usize,
    pub(crate) names: [String; 3],
}

/// The state of an emission.
struct Emitter<'p> {
    graph: Graph,
    plan: &'p Plan,
    features: &'p FeatureNames,
    options: &'p ExportOptions,
    tables: Tables,
    /// The number of rows of the batch, as a list of one size.
    rows: Option<String>,
    /// Shapes with that number among their sizes, by the sizes before and after it.
    shapes: HashMap<(Vec<i64>, Vec<i64>), String>,
    /// The name of the value of each block that has one.
    values: HashMap<(usize, usize, usize), String>,
    /// The parts of an embedding matrix that was never put together.
    pieces: HashMap<usize, Vec<Piece>>,
    /// The step that is being emitted.
    step: usize,
    quantised: Vec<QuantisedInput>,
}

/// Part of an embedding matrix: a value, and the columns of the matrix that it holds, in its own order.
#[derive(Clone, Debug)]
struct Piece {
    value: String,
    columns: Vec<std::ops::Range<usize>>,
    /// The scale of each column, where the value is the codes of tables.
    scales: Option<Vec<f32>>,
}

impl Piece {
    /// A piece of 32-bit floats.
    fn of_floats(value: String, segments: &[&Segment]) -> Self {
        let columns = segments.iter().map(|segment| segment.columns.clone()).collect();
        Self { value, columns, scales: None }
    }

    fn width(&self) -> usize {
        self.columns.iter().map(|columns| columns.len()).sum()
    }
}

impl Emitter<'_> {
    /// The whole matrix of a step.
    fn whole(&self, step: usize) -> Block {
        Block { step, start: 0, width: self.plan.width(step) }
    }
}
