//! The layers of a model by their sizes, in the order in which `Model::forward` records them.

use super::input_dim;
use super::step::{Handover, Place, Recorder, Step};
use crate::activation::Activation;
use crate::architecture::SizeSite;
use crate::batch_norm::Norm;
use crate::feature::{FeatureKind, FeatureSpec};
use crate::mlp::MlpConfig;
use crate::model::CheckedModel;

/// From so many columns on a map of the embeddings goes by the rows of the tables, and the embedding matrix has no gradient:
/// `FEWEST_COLUMNS` in `ple-tensor/src/ops/embedded_linear.rs`.
const FEWEST_COLUMNS: u64 = 24;

/// Records the operations of a model.
pub(super) fn record(recorder: &mut Recorder, model: &CheckedModel) {
    let CheckedModel { config, features, tasks, .. } = model;
    let x = embeddings(recorder, features, config.embedding_dropout);
    let norms = [config.norm, config.gate_norm];
    for _ in model.heads.iter().filter(|head| model.is_standardized(head)) {
        recorder.parameters(2, 2);
    }
    config.architecture.design().record(recorder, SizeSite { n_tasks: tasks.len() as u64, x, norms });
}

/// The width of what a perceptron gives.
pub(crate) fn last(config: &MlpConfig, fan_in: u64) -> u64 {
    config.dims.last().map_or(fan_in, |&dim| dim as u64)
}

/// The embedding matrix, and its dropout.
fn embeddings(recorder: &mut Recorder, features: &[FeatureSpec], dropout: f32) -> (Place, u64) {
    let width = input_dim(features);
    for feature in features {
        if let FeatureKind::Dense { bins: Some(bins) } = &feature.kind {
            recorder.parameters(bins.edges.len() as u64, 1);
        }
    }
    let pooled = features.iter().map(|feature| match &feature.kind {
        FeatureKind::Sequence { embedding_dim, .. } => *embedding_dim as u64,
        FeatureKind::Dense { bins: Some(bins) } => bins.embedding_dim as u64,
        _ => 0,
    });
    recorder.pooled_columns = pooled.fold(0, u64::saturating_add);
    let embedded = recorder.step(Step { width, ..Step::default() });
    let x = after_dropout(recorder, embedded, width, dropout);
    (x, width)
}

fn after_dropout(recorder: &mut Recorder, x: Place, width: u64, rate: f32) -> Place {
    if rate == 0.0 {
        return x;
    }
    recorder.step(Step { inputs: vec![x], width, kept: width, ..Step::default() })
}

/// One linear map, or `groups` side by side that each read `fan_in` columns; `parts` of them have names.
pub(crate) fn linear(
    recorder: &mut Recorder,
    x: Place,
    fan_in: u64,
    width: u64,
    parts: u64,
    groups: u64,
) -> Place {
    let values = fan_in.saturating_mul(width);
    recorder.parameters(values.saturating_add(width), parts.saturating_mul(2));
    // The first step is the embedding matrix.
    let by_rows = x == 0 && groups == 1 && width >= FEWEST_COLUMNS;
    let inputs = if by_rows { Vec::new() } else { vec![x] };
    let passing = if by_rows { recorder.pooled_columns } else { 0 };
    let mut matrices = vec![width, values];
    // Maps to one column each sum the gradient of their weights first.
    if width == groups {
        matrices.reverse();
    }
    recorder.step(Step { inputs, width, matrices, passing, ..Step::default() })
}

/// The normalisation of `width` of the columns of a value.
fn batch_norm(recorder: &mut Recorder, (x, all): (Place, u64), width: u64, parts: u64) -> Place {
    recorder.parameters(width.saturating_mul(4), parts.saturating_mul(4));
    recorder.step(Step {
        inputs: vec![x],
        width,
        // Mean, inverse deviation and scale; then the new running statistics.
        vectors: vec![width.saturating_mul(3), width, width],
        n_leaving: 2,
        matrices: vec![width, width],
        end: if width == all { Handover::InPlace } else { Handover::Added },
        ..Step::default()
    })
}

/// What follows a linear map of `n` perceptrons, on `active` columns of the normalised value, or of `x`.
fn finish(
    recorder: &mut Recorder,
    x: Place,
    normed: Option<Place>,
    active: u64,
    n: u64,
    config: &MlpConfig,
) -> Place {
    let input = normed.unwrap_or(x);
    let slopes = match config.activation {
        Activation::Prelu | Activation::Dice => Some(n),
        _ => None,
    };
    slopes.into_iter().for_each(|slopes| recorder.parameters(slopes, slopes));
    let activated = match (config.activation, normed) {
        // Batch norm and ReLU are one operation in training.
        (Activation::Relu, Some(_)) => input,
        _ => recorder.step(Step {
            inputs: vec![input],
            width: active,
            later_matrices: slopes.into_iter().collect(),
            ..Step::default()
        }),
    };
    after_dropout(recorder, activated, active, config.dropout)
}

/// The layers of `n` perceptrons side by side from `depth` on.
pub(crate) fn layers(
    recorder: &mut Recorder,
    n: u64,
    config: &MlpConfig,
    norm: Norm,
    depth: usize,
    (x, fan_in): (Place, u64),
) -> (Place, u64) {
    config.dims.iter().skip(depth).fold((x, fan_in), |(x, fan_in), &dim| {
        let width = n.saturating_mul(dim as u64);
        let product = linear(recorder, x, fan_in, width, n, n);
        let normed = (norm == Norm::Batch).then(|| batch_norm(recorder, (product, width), width, n));
        (finish(recorder, product, normed, width, n, config), dim as u64)
    })
}

/// Gates that read one input.
#[derive(Clone, Copy)]
pub(crate) struct Gates {
    pub(crate) n: u64,
    pub(crate) columns: u64,
}

/// The steps whose results are those of experts and gates that read one input.
pub(crate) struct Group {
    pub(crate) outputs: Place,
    pub(crate) logits: Place,
}

pub(crate) fn experts(
    recorder: &mut Recorder,
    (x, fan_in): (Place, u64),
    n: u64,
    gates: Gates,
    config: &MlpConfig,
    norms: [Norm; 2],
) -> Group {
    let boundary = n.saturating_mul(config.dims[0] as u64);
    let width = boundary.saturating_add(gates.columns);
    let product = linear(recorder, x, fan_in, width, n.saturating_add(gates.n), 1);
    let (normed_width, normed_parts) = match norms {
        [Norm::Batch, Norm::Batch] => (width, n.saturating_add(gates.n)),
        [Norm::Batch, Norm::None] => (boundary, n),
        [Norm::None, Norm::Batch] => (gates.columns, gates.n),
        [Norm::None, Norm::None] => (0, 0),
    };
    let normed =
        (normed_width > 0).then(|| batch_norm(recorder, (product, width), normed_width, normed_parts));
    let logits = if norms[1] == Norm::Batch { normed.unwrap_or(product) } else { product };
    if n == 0 {
        return Group { outputs: product, logits };
    }
    let normed = normed.filter(|_| norms[0] == Norm::Batch);
    let first = finish(recorder, product, normed, boundary, n, config);
    let (outputs, _) = layers(recorder, n, config, norms[0], 1, (first, config.dims[0] as u64));
    Group { outputs, logits }
}

pub(crate) fn softmax(recorder: &mut Recorder, x: Place, width: u64) -> Place {
    recorder.step(Step { inputs: vec![x], width, ..Step::default() })
}

/// The mixtures of `n` gates.
pub(crate) fn mixtures(
    recorder: &mut Recorder,
    gates: &[Place],
    experts: &[Place],
    n: u64,
    dim: u64,
) -> Place {
    let inputs = gates.iter().chain(experts).copied().collect();
    recorder.step(Step { inputs, width: n.saturating_mul(dim), ..Step::default() })
}

/// Towers over streams that are side by side: runs of tasks with one form are one group.
pub(crate) fn towers(
    recorder: &mut Recorder,
    streams: Place,
    fan_in: u64,
    n_tasks: u64,
    configs: &[MlpConfig],
    norm: Norm,
) {
    match configs {
        [config] => {
            tower_group(recorder, streams, fan_in, n_tasks, config, norm);
        }
        _ => configs.chunk_by(|a, b| a == b).for_each(|run| {
            tower_group(recorder, streams, fan_in, run.len() as u64, &run[0], norm);
        }),
    }
}

pub(crate) fn tower_group(
    recorder: &mut Recorder,
    streams: Place,
    fan_in: u64,
    n: u64,
    config: &MlpConfig,
    norm: Norm,
) -> Place {
    let (hidden, dim) = layers(recorder, n, config, norm, 0, (streams, fan_in));
    linear(recorder, hidden, dim, n, n, n)
}

/// A linear map without bias of all columns of a value to `width`.
pub(crate) fn bare_linear(recorder: &mut Recorder, x: Place, fan_in: u64, width: u64) -> Place {
    let matrices = vec![fan_in.saturating_mul(width)];
    recorder.step(Step { inputs: vec![x], width, matrices, ..Step::default() })
}

/// An operation without parameters, that keeps nothing for its backward pass.
pub(crate) fn operation(recorder: &mut Recorder, inputs: &[Place], width: u64) -> Place {
    recorder.step(Step { inputs: inputs.to_vec(), width, ..Step::default() })
}
