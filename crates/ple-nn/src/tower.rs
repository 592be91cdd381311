//! The tower of a task: from its stream to one logit.

use ple_tensor::{Tape, Var};

use crate::batch_norm::Norm;
use crate::init::Builder;
use crate::linear::Linear;
use crate::mlp::{Mlp, MlpConfig};

/// A perceptron and a linear map to one value, the task's logit (or its prediction, in regression).
///
/// Source: H. Tang et al., "Progressive Layered Extraction", RecSys 2020, section 4.1.
///
/// # Shapes
/// `x` is `[batch, fan_in]`, the result `[batch, 1]`.
///
/// ```
/// use ndarray::array;
/// use ple_nn::{Builder, Initialization, MlpConfig, Norm, Tower};
/// use ple_tensor::{Mode, ParamStore, Tape, Workspace};
/// use rand_chacha::{ChaCha8Rng, rand_core::SeedableRng};
///
/// let mut store = ParamStore::new();
/// let mut random = ChaCha8Rng::seed_from_u64(0);
/// let builder = &mut Builder { store: &mut store, random: &mut random, initialization: Initialization::Torch };
/// let tower = Tower::new(builder, "tower.0", 2, &MlpConfig::new([8]), Norm::Batch);
///
/// let mut tape = Tape::new(&store, Workspace::new(), Mode::Evaluate);
/// let x = tape.input(array![[0.5, -1.0]].view());
/// let logit = tower.forward(&mut tape, x);
/// assert_eq!(tape.value(logit).dim(), (1, 1));
/// ```
#[derive(Clone, Debug)]
pub struct Tower {
    mlp: Mlp,
    output: Linear,
}

impl Tower {
    /// A tower whose parameters are named `PREFIX.layer.0.weight` and so on, the output layer being the last.
    pub fn new(
        builder: &mut Builder<'_>,
        prefix: &str,
        fan_in: usize,
        config: &MlpConfig,
        norm: Norm,
    ) -> Self {
        let mlp = Mlp::new(builder, prefix, fan_in, config, norm);
        let output = (format!("{prefix}.layer.{}", config.dims.len()), 1);
        let output = Linear::new(builder, &[output], mlp.output_dim());
        Self { mlp, output }
    }

    /// Records the tower.
    pub fn forward(&self, tape: &mut Tape<'_>, x: Var) -> Var {
        let hidden = self.mlp.forward(tape, x);
        self.output.forward(tape, hidden)
    }
}

/// One tower for each task, from one configuration for all or one for each.
pub(crate) fn towers(
    builder: &mut Builder<'_>,
    n_tasks: usize,
    fan_in: usize,
    configs: &[MlpConfig],
    norm: Norm,
) -> Vec<Tower> {
    let config = |task: usize| &configs[if configs.len() == 1 { 0 } else { task }];
    (0..n_tasks)
        .map(|task| Tower::new(builder, &format!("tower.{task}"), fan_in, config(task), norm))
        .collect()
}
