//! Progressive Layered Extraction.

use ple_tensor::{Tape, Var};
use serde::{Deserialize, Serialize};

use crate::batch_norm::Norm;
use crate::cgc::{CgcLayer, CgcShape, SharedStream, Source, Streams};
use crate::init::Builder;
use crate::mlp::MlpConfig;
use crate::tower::{TowerInput, Towers};

/// The sizes of a PLE.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PleConfig {
    /// The number of CGC levels.
    pub n_levels: usize,
    /// Experts of each task, in each level.
    pub n_specific_experts: usize,
    /// Experts shared by all tasks, in each level.
    pub n_shared_experts: usize,
    /// The experts.
    pub expert: MlpConfig,
    /// The towers: one for all tasks, or one for each.
    pub towers: Vec<MlpConfig>,
}

/// Progressive Layered Extraction: CGC levels, and a tower for each task.
///
/// With one level it is the paper's CGC model. Source: H. Tang et al., "Progressive Layered Extraction (PLE): A Novel
/// Multi-Task Learning (MTL) Model for Personalized Recommendations", RecSys 2020, section 4.2, equations 5 to 7.
///
/// # Shapes
/// The input is `[batch, input_dim]`, each task's logit `[batch, 1]`.
///
/// ```
/// use ndarray::array;
/// use ple_nn::{Builder, Initialization, MlpConfig, Norm, Ple, PleConfig};
/// use ple_tensor::{Mode, ParamStore, Tape, Workspace};
/// use rand_chacha::{ChaCha8Rng, rand_core::SeedableRng};
///
/// let mut store = ParamStore::new();
/// let mut random = ChaCha8Rng::seed_from_u64(0);
/// let builder = &mut Builder { store: &mut store, random: &mut random, initialization: Initialization::Torch };
/// let config = PleConfig {
///     n_levels: 2,
///     n_specific_experts: 2,
///     n_shared_experts: 1,
///     expert: MlpConfig::new([16]),
///     towers: vec![MlpConfig::new([8])],
/// };
/// let ple = Ple::new(builder, &config, 2, 3, [Norm::None, Norm::None]);
///
/// let mut tape = Tape::new(&store, Workspace::new(), Mode::Evaluate);
/// let x = tape.input(array![[1.0, 2.0, 3.0]].view());
/// let logits = ple.forward(&mut tape, x);
/// assert_eq!((logits.len(), tape.value(logits[0]).dim()), (2, (1, 1)));
/// ```
#[derive(Clone, Debug)]
pub struct Ple {
    levels: Vec<CgcLayer>,
    n_tasks: usize,
    towers: Towers,
}

impl Ple {
    /// A PLE over an input of `input_dim` columns. `norms` are those of experts and towers, and of gates.
    pub fn new(
        builder: &mut Builder<'_>,
        config: &PleConfig,
        n_tasks: usize,
        input_dim: usize,
        norms: [Norm; 2],
    ) -> Self {
        let expert_dim = config.expert.dims[config.expert.dims.len() - 1];
        let level = |level: usize| CgcShape {
            level,
            n_tasks,
            n_specific_experts: config.n_specific_experts,
            n_shared_experts: config.n_shared_experts,
            input_dim: if level == 0 { input_dim } else { expert_dim },
            source: if level == 0 { Source::Embeddings } else { Source::Streams },
            shared_stream: if level + 1 == config.n_levels {
                SharedStream::Absent
            } else {
                SharedStream::Mixed
            },
        };
        let levels =
            (0..config.n_levels).map(|l| CgcLayer::new(builder, level(l), &config.expert, norms)).collect();
        let towers = Towers::new(builder, n_tasks, expert_dim, &config.towers, norms[0], TowerInput::Streams);
        Self { levels, n_tasks, towers }
    }

    /// Records the model: one logit for each task.
    pub fn forward(&self, tape: &mut Tape<'_>, x: Var) -> Vec<Var> {
        let mut tasks = tape.list();
        tasks.resize(self.n_tasks, x);
        let mut streams = Streams { tasks, shared: Some(x) };
        for level in &self.levels {
            let next = level.forward(tape, &streams);
            tape.recycle_list(std::mem::replace(&mut streams, next).tasks);
        }
        let logits = self.towers.forward(tape, &streams.tasks);
        tape.recycle_list(streams.tasks);
        logits
    }
}
