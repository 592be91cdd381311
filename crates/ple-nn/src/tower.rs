//! The towers: from each task's stream to its logit.

use ple_tensor::{Tape, Var};

use crate::batch_norm::Norm;
use crate::error::NnError;
use crate::init::Builder;
use crate::linear::{Linear, Part};
use crate::mlp::{Layers, MlpConfig};

/// What the towers read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TowerInput {
    /// Each task's tower a stream of its own; the streams lie side by side.
    Streams,
    /// All of them the same value.
    Shared,
}

/// A tower for each task: a perceptron and a linear map to one value, the task's logit (or its prediction, in
/// regression).
///
/// Towers of one shape whose streams lie side by side are one operation a layer. Source: H. Tang et al., "Progressive
/// Layered Extraction", RecSys 2020, section 4.1.
///
/// # Shapes
/// Each stream is `[batch, fan_in]`, each logit `[batch, 1]`.
///
/// ```
/// use ndarray::array;
/// use ple_nn::{Builder, Initialization, MlpConfig, Norm, TowerInput, Towers};
/// use ple_tensor::{Mode, ParamStore, Tape, Workspace};
/// use rand_chacha::{ChaCha8Rng, rand_core::SeedableRng};
///
/// let mut store = ParamStore::new();
/// let mut random = ChaCha8Rng::seed_from_u64(0);
/// let builder = &mut Builder { store: &mut store, random: &mut random, initialization: Initialization::Torch };
/// let towers = Towers::new(builder, 2, 3, &[MlpConfig::new([8])], Norm::Batch, TowerInput::Streams);
///
/// let mut tape = Tape::new(&store, Workspace::new(), Mode::Evaluate);
/// let x = tape.input(array![[1.0, 2.0, 3.0, 4.0, 5.0, 6.0]].view());
/// let logits = towers.forward(&mut tape, &[x.columns(0..3), x.columns(3..6)]);
/// assert_eq!(tape.value(logits[1]).dim(), (1, 1));
/// ```
#[derive(Clone, Debug)]
pub struct Towers {
    groups: Vec<Group>,
}

/// The towers of neighbouring tasks.
#[derive(Clone, Debug)]
struct Group {
    n_tasks: usize,
    hidden: Layers,
    output: Linear,
}

impl Towers {
    /// Towers whose parameters are named `tower.TASK.layer.0.weight` and so on, the output layer being the last. There is
    /// one configuration for all tasks, or one for each.
    pub fn new(
        builder: &mut Builder<'_>,
        n_tasks: usize,
        fan_in: usize,
        configs: &[MlpConfig],
        norm: Norm,
        input: TowerInput,
    ) -> Self {
        let config = |task: usize| &configs[if configs.len() == 1 { 0 } else { task }];
        let tasks: Vec<usize> = (0..n_tasks).collect();
        let together = |&a: &usize, &b: &usize| input == TowerInput::Streams && config(a) == config(b);
        let groups = tasks.chunk_by(together).map(|tasks| {
            let (config, n_tasks) = (config(tasks[0]), tasks.len());
            let prefixes: Vec<String> = tasks.iter().map(|task| format!("tower.{task}")).collect();
            let hidden = Layers::new(builder, &prefixes, config, norm, 0, fan_in);
            let depth = config.dims.len();
            let outputs: Vec<Part> =
                prefixes.iter().map(|prefix| (format!("{prefix}.layer.{depth}"), 1)).collect();
            let last = config.dims.last().copied().unwrap_or(fan_in);
            Group { n_tasks, hidden, output: Linear::grouped(builder, &outputs, last) }
        });
        Self { groups: groups.collect() }
    }

    /// Records the towers, each over its task's stream: one logit for each task.
    ///
    /// # Panics
    /// If there are fewer streams than tasks, or those of [`TowerInput::Streams`] do not lie side by side.
    pub fn forward(&self, tape: &mut Tape<'_>, streams: &[Var]) -> Vec<Var> {
        let (mut logits, mut streams) = (tape.list(), streams);
        for group in &self.groups {
            let (own, others) = streams.split_at(group.n_tasks);
            streams = others;
            let x = own[1..].iter().fold(own[0], |x, &next| x.joined(next));
            let hidden = group.hidden.forward(tape, x);
            let output = group.output.forward(tape, hidden);
            logits.extend((0..group.n_tasks).map(|task| output.columns(task..task + 1)));
        }
        logits
    }
}

/// Checks the towers of a model: one for all tasks, or one for each.
pub(crate) fn check_towers(towers: &[MlpConfig], n_tasks: usize) -> Result<(), NnError> {
    if towers.len() != 1 && towers.len() != n_tasks {
        return Err(NnError::TowerCount { expected: n_tasks, found: towers.len() });
    }
    towers.iter().enumerate().try_for_each(|(task, tower)| tower.check(&format!("tower {task}")))
}
