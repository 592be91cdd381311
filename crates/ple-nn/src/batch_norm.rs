//! Batch normalisation, or none: a choice of the configuration.

use std::ops::Range;

use ndarray::Array2;
use ple_tensor::{BatchNormParams, Role, Tape, Var};
use serde::{Deserialize, Serialize};

use crate::init::Builder;
use crate::linear::Part;

/// Whether a layer normalises.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Norm {
    /// Batch norm between linear map and activation, as in torch-rechub.
    #[default]
    Batch,
    /// None, as in the paper.
    None,
}

/// Batch normalisation of each column, with PyTorch's constants: epsilon 1e-5, momentum 0.1.
///
/// `y = (x - mean) / sqrt(variance + epsilon) * weight + bias`, with the batch's statistics in training and running
/// ones in evaluation; see [`Tape::batch_norm`].
///
/// # Shapes
/// `x` and the result are `[batch, sum of the parts' columns]`.
///
/// ```
/// use ndarray::array;
/// use ple_nn::{BatchNorm1d, Builder, Initialization};
/// use ple_tensor::{Mode, ParamStore, Tape, Workspace};
/// use rand_chacha::{ChaCha8Rng, rand_core::SeedableRng};
///
/// let mut store = ParamStore::new();
/// let mut random = ChaCha8Rng::seed_from_u64(0);
/// let builder = &mut Builder { store: &mut store, random: &mut random, initialization: Initialization::Torch };
/// let norm = BatchNorm1d::new(builder, &[("norm".into(), 1)]);
///
/// let mut tape = Tape::new(&store, Workspace::new(), Mode::Train { dropout_seed: 0 });
/// let x = tape.input(array![[1.0], [3.0]].view());
/// let y = norm.forward(&mut tape, x);
/// assert!((tape.value(y)[[1, 0]] - 1.0).abs() < 1e-4);
/// ```
#[derive(Clone, Debug)]
pub struct BatchNorm1d {
    params: BatchNormParams,
}

impl BatchNorm1d {
    /// A normalisation of the parts' columns; each part has its own named `weight`, `bias`, `running_mean` and
    /// `running_var`.
    pub fn new(builder: &mut Builder<'_>, parts: &[Part]) -> Self {
        let width = parts.iter().map(|(_, width)| width).sum();
        let mut add = |what: &str, value: f32, role| {
            let blocks: Vec<_> =
                parts.iter().map(|(prefix, width)| (format!("{prefix}.{what}"), *width)).collect();
            builder.store.add_matrix(&blocks, Array2::from_elem((1, width), value), role)
        };
        let params = BatchNormParams {
            gamma: add("weight", 1.0, Role::Decayed),
            beta: add("bias", 0.0, Role::Decayed),
            running_mean: add("running_mean", 0.0, Role::Buffer),
            running_variance: add("running_var", 1.0, Role::Buffer),
            epsilon: 1e-5,
            momentum: 0.1,
        };
        Self { params }
    }

    /// Records the normalisation.
    ///
    /// # Panics
    /// In training, on a batch of one row.
    pub fn forward(&self, tape: &mut Tape<'_>, x: Var) -> Var {
        tape.batch_norm(x, self.params)
    }

    /// Records the normalisation and the rectified linear unit on the columns `active` of its result; gives back these
    /// columns, and the result to be read outside of them: see [`Tape::batch_norm_relu`].
    pub(crate) fn forward_relu(&self, tape: &mut Tape<'_>, x: Var, active: Range<usize>) -> (Var, Var) {
        tape.batch_norm_relu(x, self.params, active)
    }
}
