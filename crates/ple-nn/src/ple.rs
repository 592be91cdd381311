//! Progressive Layered Extraction.

use std::sync::Arc;

use ple_tensor::{Tape, Var};
use serde::{Deserialize, Serialize};

use crate::architecture::{Body, Design, Form, Site, SizeSite};
use crate::batch_norm::Norm;
use crate::cgc::{CgcLayer, CgcShape, SharedStream, Source, Streams};
use crate::diagram::{LevelNames, Sketch, Stream, last_width};
use crate::error::NnError;
use crate::expert::check_experts;
use crate::heads::Outputs;
use crate::init::Builder;
use crate::mlp::MlpConfig;
use crate::model::TaskSpec;
use crate::rechub::{RechubSizes, tower_module};
use crate::size::{Levels, Recorder, layers};
use crate::tower::{TowerInput, Towers, check_towers};

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
/// let logits = ple.forward(&mut tape, x).logits;
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

    /// Records the model: one logit for each task. Shared are the outputs of the last level's shared experts.
    pub fn forward(&self, tape: &mut Tape<'_>, x: Var) -> Outputs {
        let [mut tasks, no_experts] = [(); 2].map(|()| tape.list());
        tasks.resize(self.n_tasks, x);
        let mut streams = Streams { tasks, shared: Some(x), shared_experts: no_experts };
        for level in &self.levels {
            let next = level.forward(tape, &streams);
            let read = std::mem::replace(&mut streams, next);
            [read.tasks, read.shared_experts].into_iter().for_each(|list| tape.recycle_list(list));
        }
        let logits = self.towers.forward(tape, &streams.tasks);
        tape.recycle_list(streams.tasks);
        Outputs { logits, auxiliary: tape.list(), shared: streams.shared_experts }
    }
}

impl Body for Ple {
    fn forward(&self, tape: &mut Tape<'_>, x: Var) -> Outputs {
        Ple::forward(self, tape, x)
    }
}

impl Design for PleConfig {
    fn forms() -> &'static [Form<Self>] {
        &[Form {
            name: "ple",
            what: "Progressive Layered Extraction",
            of: |expert, tower| PleConfig {
                n_levels: 1,
                n_specific_experts: 2,
                n_shared_experts: 1,
                expert,
                towers: vec![tower],
            },
        }]
    }

    fn of_rechub(sizes: &RechubSizes) -> Result<Self, NnError> {
        Ok(PleConfig {
            n_levels: sizes.count("n_level")?,
            n_specific_experts: sizes.count("n_expert_specific")?,
            n_shared_experts: sizes.count("n_expert_shared")?,
            expert: sizes.mlp("expert_params")?,
            towers: sizes.mlps("tower_params")?,
        })
    }

    fn check(&self, tasks: &[TaskSpec]) -> Result<(), NnError> {
        if self.n_levels == 0 {
            return Err(NnError::ZeroSize { setting: "n_levels".to_owned() });
        }
        let mixed = self.n_specific_experts.saturating_add(self.n_shared_experts);
        check_experts(&self.expert, mixed, "n_specific_experts = 0 and n_shared_experts = 0")?;
        check_towers(&self.towers, tasks.len())
    }

    fn shares_values(&self) -> bool {
        self.n_shared_experts > 0
    }

    fn build(&self, builder: &mut Builder<'_>, site: Site<'_>) -> Arc<dyn Body> {
        Arc::new(Ple::new(builder, self, site.tasks.len(), site.input_dim, site.norms))
    }

    /// The levels, each with the experts of all streams and a gate for each.
    fn draw(&self, sketch: &mut Sketch<'_>) {
        (sketch.title, sketch.n_levels, sketch.level_names) = ("PLE", self.n_levels, LevelNames::Numbered);
        let n_tasks = sketch.n_tasks;
        let names = |level: usize, stream: Stream| match stream {
            Stream::Task(task) => format!("cgc.{level}.task.{task}"),
            _ => format!("cgc.{level}.shared"),
        };
        let mut sources = vec![sketch.embeddings; n_tasks + 1];
        let mut width = sketch.input_dim;
        for level in 0..self.n_levels {
            let streams: Vec<Stream> = (0..n_tasks).map(Stream::Task).chain([Stream::Shared]).collect();
            let mut experts = Vec::new();
            for (&stream, &source) in streams.iter().zip(&sources) {
                let count = match stream {
                    Stream::Task(_) => self.n_specific_experts,
                    _ => self.n_shared_experts,
                };
                let prefix = format!("{}.expert.", names(level, stream));
                experts.push(sketch.experts(level, stream, count, (width, &self.expert), source, &prefix));
            }
            let all: Vec<usize> = experts.iter().copied().flatten().collect();
            let (mut made, shared) = (sources.clone(), experts[n_tasks]);
            for (index, &stream) in streams.iter().enumerate() {
                let mixed: Vec<usize> = match stream {
                    Stream::Task(_) => [experts[index], shared].into_iter().flatten().collect(),
                    _ if level + 1 == self.n_levels => continue,
                    _ => all.clone(),
                };
                let prefix = format!("{}.gate.", names(level, stream));
                made[index] = sketch.gate(level, stream, width, sources[index], &mixed, &prefix);
            }
            sources = made;
            width = last_width(&self.expert, width);
        }
        sources.truncate(n_tasks);
        sketch.towers_and_outputs(&self.towers, &sources, width);
    }

    fn record(&self, recorder: &mut Recorder, site: SizeSite) {
        let SizeSite { n_tasks, x: (x, width), norms } = site;
        let sizes = Levels {
            n_levels: self.n_levels as u64,
            n_tasks,
            n_specific: self.n_specific_experts as u64,
            n_shared: self.n_shared_experts as u64,
            expert: &self.expert,
            norms,
        };
        let streams = sizes.record(recorder, x, width);
        let dim = layers::last(&self.expert, width);
        layers::towers(recorder, streams, dim, n_tasks, &self.towers, norms[0]);
    }

    fn rechub_module<'n>(&self, parts: &'n [&'n str]) -> Option<(String, &'n [&'n str])> {
        match parts {
            ["cgc", level, "task", task, "expert", expert, rest @ ..] => {
                let (task, expert): (usize, usize) = (task.parse().ok()?, expert.parse().ok()?);
                let index = task * self.n_specific_experts + expert;
                Some((format!("cgc_layers.{level}.experts_specific.{index}"), rest))
            }
            ["cgc", level, "task", task, "gate", rest @ ..] => {
                Some((format!("cgc_layers.{level}.gates_specific.{task}"), rest))
            }
            ["cgc", level, "shared", "expert", expert, rest @ ..] => {
                Some((format!("cgc_layers.{level}.experts_shared.{expert}"), rest))
            }
            ["cgc", level, "shared", "gate", rest @ ..] => {
                Some((format!("cgc_layers.{level}.gate_shared"), rest))
            }
            _ => tower_module(parts),
        }
    }
}
