//! The shared bottom: the model that the mixtures are compared with.

use ple_tensor::{Tape, Var};
use serde::{Deserialize, Serialize};

use crate::batch_norm::Norm;
use crate::init::Builder;
use crate::mlp::{Mlp, MlpConfig};
use crate::tower::{TowerInput, Towers};

/// The sizes of a shared-bottom model.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SharedBottomConfig {
    /// The bottom; without layers, the towers read the embeddings.
    pub bottom: MlpConfig,
    /// The towers: one for all tasks, or one for each.
    pub towers: Vec<MlpConfig>,
}

/// One perceptron for all tasks, and a tower for each.
///
/// Source: R. Caruana, "Multitask Learning", Machine Learning 28, 1997.
///
/// # Shapes
/// The input is `[batch, input_dim]`, each task's logit `[batch, 1]`.
///
/// ```
/// use ndarray::array;
/// use ple_nn::{Builder, Initialization, MlpConfig, Norm, SharedBottom, SharedBottomConfig};
/// use ple_tensor::{Mode, ParamStore, Tape, Workspace};
/// use rand_chacha::{ChaCha8Rng, rand_core::SeedableRng};
///
/// let mut store = ParamStore::new();
/// let mut random = ChaCha8Rng::seed_from_u64(0);
/// let builder = &mut Builder { store: &mut store, random: &mut random, initialization: Initialization::Torch };
/// let config = SharedBottomConfig { bottom: MlpConfig::new([16]), towers: vec![MlpConfig::new([8])] };
/// let shared = SharedBottom::new(builder, &config, 2, 3, Norm::None);
///
/// let mut tape = Tape::new(&store, Workspace::new(), Mode::Evaluate);
/// let x = tape.input(array![[1.0, 2.0, 3.0]].view());
/// let logits = shared.forward(&mut tape, x);
/// assert_eq!((logits.len(), tape.value(logits[0]).dim()), (2, (1, 1)));
/// ```
#[derive(Clone, Debug)]
pub struct SharedBottom {
    bottom: Mlp,
    n_tasks: usize,
    towers: Towers,
}

impl SharedBottom {
    /// A shared bottom over an input of `input_dim` columns, with parameters `bottom` and `tower.TASK`.
    pub fn new(
        builder: &mut Builder<'_>,
        config: &SharedBottomConfig,
        n_tasks: usize,
        input_dim: usize,
        norm: Norm,
    ) -> Self {
        let bottom = Mlp::new(builder, "bottom", input_dim, &config.bottom, norm);
        let (dim, configs) = (bottom.output_dim(), &config.towers);
        let towers = Towers::new(builder, n_tasks, dim, configs, norm, TowerInput::Shared);
        Self { bottom, n_tasks, towers }
    }

    /// Records the model: one logit for each task.
    pub fn forward(&self, tape: &mut Tape<'_>, x: Var) -> Vec<Var> {
        let stream = self.bottom.forward(tape, x);
        let mut streams = tape.list();
        streams.resize(self.n_tasks, stream);
        let logits = self.towers.forward(tape, &streams);
        tape.recycle_list(streams);
        logits
    }
}
