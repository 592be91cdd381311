//! The multi-layer perceptron, alone or several side by side.

use std::ops::Range;

use ple_tensor::{Tape, Var};
use serde::{Deserialize, Serialize};

use crate::activation::{Activation, ActivationLayer};
use crate::batch_norm::{BatchNorm1d, Norm};
use crate::error::NnError;
use crate::init::Builder;
use crate::linear::{Linear, Part};

/// The widths of a perceptron's layers, and what follows each linear map.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MlpConfig {
    /// The width of each layer.
    pub dims: Vec<usize>,
    /// The activation after each layer.
    #[serde(default)]
    pub activation: Activation,
    /// The dropout rate after each activation.
    #[serde(default)]
    pub dropout: f32,
}

impl MlpConfig {
    /// Layers of the given widths with ReLU and no dropout.
    pub fn new(dims: impl Into<Vec<usize>>) -> Self {
        Self { dims: dims.into(), activation: Activation::Relu, dropout: 0.0 }
    }

    pub(crate) fn check(&self, name: &str) -> Result<(), NnError> {
        if self.dims.contains(&0) {
            return Err(NnError::ZeroSize { setting: format!("a width of {name}") });
        }
        check_rate(self.dropout, &format!("the dropout of {name}"))
    }
}

/// Checks a dropout rate; NaN is none.
pub(crate) fn check_rate(value: f32, setting: &str) -> Result<(), NnError> {
    match (0.0..1.0).contains(&value) {
        true => Ok(()),
        false => Err(NnError::BadRate { setting: setting.to_owned(), value }),
    }
}

/// What follows a linear map: batch norm, activation, dropout.
#[derive(Clone, Debug)]
pub(crate) struct Finish {
    activation: ActivationLayer,
    dropout: f32,
}

impl Finish {
    pub(crate) fn new(
        builder: &mut Builder<'_>,
        prefixes: &[String],
        depth: usize,
        config: &MlpConfig,
    ) -> Self {
        let names: Vec<_> = prefixes.iter().map(|prefix| format!("{prefix}.activation.{depth}")).collect();
        Self { activation: ActivationLayer::new(builder, &names, config.activation), dropout: config.dropout }
    }

    /// Records the normalisation of `x`, if there is one, and what follows it on the columns `active`; gives back the end
    /// of these columns, and the normalised value to be read outside of them.
    pub(crate) fn forward(
        &self,
        tape: &mut Tape<'_>,
        x: Var,
        norm: Option<&BatchNorm1d>,
        active: Range<usize>,
    ) -> (Var, Var) {
        let (end, normed) = match norm {
            Some(norm) if self.activation.is_relu() => norm.forward_relu(tape, x, active),
            norm => {
                let normed = norm.map_or(x, |norm| norm.forward(tape, x));
                (self.activation.forward(tape, normed.columns(active)), normed)
            }
        };
        (tape.dropout(end, self.dropout), normed)
    }
}

/// The names and widths of a layer's parts.
pub(crate) fn parts(prefixes: &[String], what: &str, depth: usize, width: usize) -> Vec<Part> {
    prefixes.iter().map(|prefix| (format!("{prefix}.{what}.{depth}"), width)).collect()
}

#[derive(Clone, Debug)]
struct Layer {
    linear: Linear,
    norm: Option<BatchNorm1d>,
    finish: Finish,
}

/// Several perceptrons of one shape side by side: a layer is one operation for all of them.
#[derive(Clone, Debug)]
pub(crate) struct Layers {
    layers: Vec<Layer>,
}

impl Layers {
    /// The layers from `depth` on, of perceptrons that each have their own block of `fan_in` columns.
    pub(crate) fn new(
        builder: &mut Builder<'_>,
        prefixes: &[String],
        config: &MlpConfig,
        norm: Norm,
        depth: usize,
        fan_in: usize,
    ) -> Self {
        let mut fan_in = fan_in;
        let layers = config.dims.iter().enumerate().skip(depth).map(|(depth, &width)| {
            let linear = Linear::grouped(builder, &parts(prefixes, "layer", depth, width), fan_in);
            let norm = (norm == Norm::Batch)
                .then(|| BatchNorm1d::new(builder, &parts(prefixes, "norm", depth, width)));
            fan_in = width;
            Layer { linear, norm, finish: Finish::new(builder, prefixes, depth, config) }
        });
        Self { layers: layers.collect() }
    }

    pub(crate) fn forward(&self, tape: &mut Tape<'_>, x: Var) -> Var {
        self.layers.iter().fold(x, |x, layer| {
            let linear = layer.linear.forward(tape, x);
            layer.finish.forward(tape, linear, layer.norm.as_ref(), 0..linear.width()).0
        })
    }
}

/// A multi-layer perceptron: for each width linear, batch norm (or none), activation, dropout; no output layer.
///
/// # Shapes
/// `x` is `[batch, fan_in]`, the result `[batch, last width]`.
///
/// ```
/// use ndarray::array;
/// use ple_nn::{Builder, Initialization, Mlp, MlpConfig, Norm};
/// use ple_tensor::{Mode, ParamStore, Tape, Workspace};
/// use rand_chacha::{ChaCha8Rng, rand_core::SeedableRng};
///
/// let mut store = ParamStore::new();
/// let mut random = ChaCha8Rng::seed_from_u64(0);
/// let builder = &mut Builder { store: &mut store, random: &mut random, initialization: Initialization::Torch };
/// let mlp = Mlp::new(builder, "bottom", 3, &MlpConfig::new([8, 4]), Norm::Batch);
///
/// let mut tape = Tape::new(&store, Workspace::new(), Mode::Evaluate);
/// let x = tape.input(array![[1.0, 2.0, 3.0]].view());
/// let y = mlp.forward(&mut tape, x);
/// assert_eq!(tape.value(y).dim(), (1, 4));
/// ```
#[derive(Clone, Debug)]
pub struct Mlp {
    layers: Layers,
    output_dim: usize,
}

impl Mlp {
    /// A perceptron whose parameters are named `PREFIX.layer.0.weight` and so on.
    pub fn new(
        builder: &mut Builder<'_>,
        prefix: &str,
        fan_in: usize,
        config: &MlpConfig,
        norm: Norm,
    ) -> Self {
        let output_dim = config.dims.last().copied().unwrap_or(fan_in);
        Self { layers: Layers::new(builder, &[prefix.to_owned()], config, norm, 0, fan_in), output_dim }
    }

    /// The width of its result.
    pub fn output_dim(&self) -> usize {
        self.output_dim
    }

    /// Records the perceptron.
    pub fn forward(&self, tape: &mut Tape<'_>, x: Var) -> Var {
        self.layers.forward(tape, x)
    }
}
