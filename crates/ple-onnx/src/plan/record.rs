//! From the operations on a tape to the steps of a plan: one arm for each operation that serves.

use std::ops::Range;

use ple_tensor::{BatchNormParams, Embedding, MatrixId, Op, ParamStore, Tape, Var};

use super::{Affine, Block, Form, Map, Operand, Part, Plan, Scale, Segment, Source, Step, Weights};
use crate::error::OnnxError;

/// The names of the features, in the order in which the embedding matrix has them.
#[derive(Clone, Debug, Default)]
pub(crate) struct FeatureNames {
    /// Sparse and sequence features.
    pub(crate) ids: Vec<String>,
    /// Dense features.
    pub(crate) dense: Vec<String>,
}

/// The plan of a pass that was recorded in evaluation mode.
///
/// # Errors
/// [`OnnxError::Operation`] for what belongs to training, [`OnnxError::Structure`] if the names are not the features'.
pub(crate) fn record(tape: &Tape<'_>, outputs: &[Var], names: &FeatureNames) -> Result<Plan, OnnxError> {
    let store = tape.store();
    let mut steps = Vec::with_capacity(tape.nodes().len());
    for node in tape.nodes() {
        steps.push(match &node.op {
            Op::Embedding(op) => Step::Embedding(segments(op, store, names)?),
            Op::Linear(op) => Step::Affine(Affine {
                x: Operand::Block(block(op.x)),
                weight: store.matrix(op.weight).mapv(f64::from),
                bias: match op.bias {
                    Some(bias) => values(store, bias).into_iter().map(f64::from).collect(),
                    None => vec![0.0; store.matrix(op.weight).ncols()],
                },
                groups: op.groups,
                parts: parts(store, op.weight, op.bias),
                form: Form::Floats,
            }),
            Op::BatchNorm(op) => Step::Scale(scale(store, block(op.x), &op.params)),
            Op::Relu(op) => Step::Map { x: block(op.x), map: Map::Relu },
            Op::Sigmoid(op) => Step::Map { x: block(op.x), map: Map::Sigmoid },
            Op::Exp(op) => Step::Map { x: block(op.x), map: Map::Exp },
            Op::LeakyRelu(op) => Step::Map { x: block(op.x), map: Map::LeakyRelu { slope: op.slope } },
            Op::Prelu(op) => {
                let names: Vec<String> = named(store, op.slope).into_iter().map(|(name, _)| name).collect();
                let map = Map::Prelu { slopes: values(store, op.slope), name: layer_name(&names) };
                Step::Map { x: block(op.x), map }
            }
            Op::Dice(op) => Step::Dice { x: block(op.x), alpha: values(store, op.alpha) },
            Op::Softmax(op) => Step::Softmax { x: block(op.x), groups: op.groups },
            Op::Mixture(op) => Step::Mixture {
                gates: op.gates.iter().map(|&gate| block(gate)).collect(),
                experts: op.experts.iter().map(|&expert| block(expert)).collect(),
            },
            Op::JointLogit(op) => Step::JointLogit { first: block(op.first), second: block(op.second) },
            Op::RowDots(op) => Step::RowDots {
                left: op.left.iter().map(|&left| block(left)).collect(),
                right: op.right.iter().map(|&right| block(right)).collect(),
                scale: op.scale,
            },
            other => return Err(OnnxError::Operation { operation: other.name() }),
        });
    }
    Ok(Plan { steps, outputs: outputs.iter().map(|&output| block(output)).collect() })
}

/// One name for the parameters of a layer: the parts of a path that all begin with and all end in.
pub(crate) fn layer_name(names: &[String]) -> String {
    let [first, rest @ ..] = names else { return String::new() };
    if rest.is_empty() {
        return first.clone();
    }
    let paths: Vec<Vec<&str>> = names.iter().map(|name| name.split('.').collect()).collect();
    let shortest = paths.iter().map(Vec::len).min().unwrap_or(0);
    let same = |at: &dyn Fn(&[&str]) -> String| paths.iter().all(|path| at(path) == at(&paths[0]));
    let head = (0..shortest).take_while(|&i| same(&|path| path[i].to_owned())).count();
    let tail = (1..=shortest - head).take_while(|&i| same(&|path| path[path.len() - i].to_owned())).count();
    let path = &paths[0];
    [&path[..head], &path[path.len() - tail..]].concat().join(".")
}

fn block(var: Var) -> Block {
    Block { step: var.node(), start: var.range().start, width: var.width() }
}

fn values(store: &ParamStore, id: MatrixId) -> Vec<f32> {
    store.matrix(id).iter().copied().collect()
}

/// The parameters of a matrix, with their columns.
fn named(store: &ParamStore, id: MatrixId) -> Vec<(String, Range<usize>)> {
    let blocks = store.blocks().iter().filter(|block| block.matrix == id);
    blocks.map(|block| (block.name.clone(), block.columns.clone())).collect()
}

fn parts(store: &ParamStore, weight: MatrixId, bias: Option<MatrixId>) -> Vec<Part> {
    let biases = bias.map_or_else(Vec::new, |bias| named(store, bias));
    let part = |(weight, columns): (String, Range<usize>)| {
        let bias = biases.iter().find(|(_, of)| *of == columns).map(|(name, _)| name.clone());
        Part { weight, bias, columns, norm: None }
    };
    named(store, weight).into_iter().map(part).collect()
}

fn scale(store: &ParamStore, x: Block, params: &BatchNormParams) -> Scale {
    let [gamma, beta, mean, variance] =
        [params.gamma, params.beta, params.running_mean, params.running_variance]
            .map(|id| values(store, id).into_iter().map(f64::from).collect::<Vec<_>>());
    let factor: Vec<f64> = gamma
        .iter()
        .zip(&variance)
        .map(|(gamma, variance)| gamma / (variance + f64::from(params.epsilon)).sqrt())
        .collect();
    let shift =
        beta.iter().zip(&mean).zip(&factor).map(|((beta, mean), factor)| beta - mean * factor).collect();
    let prefix = |name: String| name.strip_suffix(".weight").map(str::to_owned).unwrap_or(name);
    let parts = named(store, params.gamma).into_iter().map(|(name, columns)| (prefix(name), columns));
    Scale { x, factor, shift, parts: parts.collect() }
}

fn segments(
    embedding: &Embedding<'_>,
    store: &ParamStore,
    names: &FeatureNames,
) -> Result<Vec<Segment>, OnnxError> {
    let unnamed = || OnnxError::Structure { detail: "a feature has no name".to_owned() };
    let mut ids = names.ids.iter();
    let mut next = || ids.next().cloned().ok_or_else(unnamed);
    let segments = embedding.segments.iter().map(|(columns, segment)| {
        let source = match segment {
            ple_tensor::Segment::Lookup { table, .. } => Source::Lookup { feature: next()?, table: *table },
            ple_tensor::Segment::Bag { table, pooling, padding, weights, .. } => Source::Bag {
                feature: next()?,
                table: *table,
                pooling: *pooling,
                padding: *padding,
                weights: if weights.is_some() { Weights::Given } else { Weights::Absent },
            },
            ple_tensor::Segment::Bins { table, edges, .. } => Source::Bins {
                feature: named(store, *edges)
                    .first()
                    .and_then(|(name, _)| name.strip_prefix("embedding.")?.strip_suffix(".edges"))
                    .filter(|feature| names.dense.iter().any(|dense| dense == feature))
                    .map(str::to_owned)
                    .ok_or_else(unnamed)?,
                table: *table,
                edges: values(store, *edges),
            },
            ple_tensor::Segment::Dense { .. } if columns.len() == names.dense.len() => {
                Source::Dense { features: names.dense.clone() }
            }
            ple_tensor::Segment::Dense { .. } => return Err(unnamed()),
        };
        Ok(Segment { columns: columns.clone(), source })
    });
    segments.collect()
}

#[cfg(test)]
mod tests {
    use super::layer_name;

    #[test]
    fn a_layer_is_named_after_what_its_parameters_share() {
        let name = |names: &[&str]| layer_name(&names.iter().map(|n| (*n).to_owned()).collect::<Vec<_>>());
        assert_eq!(name(&["tower.0.layer.0.weight"]), "tower.0.layer.0.weight");
        assert_eq!(
            name(&["cgc.0.task.0.expert.0.layer.0.weight", "cgc.0.task.0.expert.1.layer.0.weight"]),
            "cgc.0.task.0.expert.layer.0.weight"
        );
        assert_eq!(
            name(&["cgc.0.task.1.expert.0.layer.0.weight", "cgc.0.shared.gate.layer.0.weight"]),
            "cgc.0.layer.0.weight"
        );
        assert_eq!(name(&["a.b", "a.b"]), "a.b");
        assert_eq!(name(&["a", "b"]), "");
    }
}
