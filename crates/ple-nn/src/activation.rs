//! Activations, by the names that the field uses.

use ndarray::Array2;
use ple_tensor::{MatrixId, Role, Tape, Var};
use serde::{Deserialize, Serialize};

use crate::init::{Builder, normal};

/// An activation function.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Activation {
    /// `max(x, 0)`.
    #[default]
    Relu,
    /// `1 / (1 + exp(-x))`.
    Sigmoid,
    /// `exp(x) / Σ exp(x)` over a row of the layer.
    Softmax,
    /// `x` above 0, `0.01 x` below.
    LeakyRelu,
    /// `x` above 0, `slope x` below, with one learned slope a layer that starts at 0.25.
    Prelu,
    /// torch-rechub's data-adaptive activation with one learned slope a layer that starts normal: see [`Tape::dice`].
    Dice,
}

/// An activation in a model: its learned slopes, if it has any.
///
/// # Shapes
/// `x` and the result are `[batch, parts x width]`; each part has its own slope.
///
/// ```
/// use ndarray::array;
/// use ple_nn::{Activation, ActivationLayer, Builder, Initialization};
/// use ple_tensor::{Mode, ParamStore, Tape, Workspace};
/// use rand_chacha::{ChaCha8Rng, rand_core::SeedableRng};
///
/// let mut store = ParamStore::new();
/// let mut random = ChaCha8Rng::seed_from_u64(0);
/// let builder = &mut Builder { store: &mut store, random: &mut random, initialization: Initialization::Torch };
/// let prelu = ActivationLayer::new(builder, &["activation".into()], Activation::Prelu);
///
/// let mut tape = Tape::new(&store, Workspace::new(), Mode::Evaluate);
/// let x = tape.input(array![[-4.0, 4.0]].view());
/// let y = prelu.forward(&mut tape, x);
/// assert_eq!(tape.value(y), array![[-1.0, 4.0]]);
/// ```
#[derive(Clone, Debug)]
pub struct ActivationLayer {
    activation: Activation,
    parts: usize,
    slope: Option<MatrixId>,
}

impl ActivationLayer {
    /// An activation of the parts that `prefixes` name; a learned slope is `PREFIX.slope` (prelu) or `PREFIX.alpha`
    /// (dice).
    pub fn new(builder: &mut Builder<'_>, prefixes: &[String], activation: Activation) -> Self {
        let parts = prefixes.len();
        let (name, values) = match activation {
            Activation::Prelu => ("slope", Array2::from_elem((1, parts), 0.25)),
            Activation::Dice => ("alpha", normal(builder.random, 1, parts, 1.0)),
            _ => return Self { activation, parts, slope: None },
        };
        let blocks: Vec<_> = prefixes.iter().map(|prefix| (format!("{prefix}.{name}"), 1)).collect();
        let slope = builder.store.add_matrix(&blocks, values, Role::Decayed);
        Self { activation, parts, slope: Some(slope) }
    }

    /// Whether it is the rectified linear unit, which batch norm can apply on its way.
    pub(crate) fn is_relu(&self) -> bool {
        self.activation == Activation::Relu
    }

    /// Records the activation.
    pub fn forward(&self, tape: &mut Tape<'_>, x: Var) -> Var {
        match (self.activation, self.slope) {
            (Activation::Relu, _) => tape.relu(x),
            (Activation::Sigmoid, _) => tape.sigmoid(x),
            (Activation::Softmax, _) => tape.softmax(x, self.parts),
            (Activation::LeakyRelu, _) => tape.leaky_relu(x, 0.01),
            (Activation::Prelu, Some(slope)) => tape.prelu(x, slope),
            (Activation::Dice, Some(alpha)) => tape.dice(x, alpha),
            (Activation::Prelu | Activation::Dice, None) => {
                unreachable!("a learned activation has its slopes")
            }
        }
    }
}
