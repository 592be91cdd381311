//! Multi-gate Mixture of Experts.

use std::sync::Arc;

use ple_tensor::{Tape, Var};
use serde::{Deserialize, Serialize};

use crate::architecture::{Body, Design, Form, Site, SizeSite};
use crate::batch_norm::Norm;
use crate::diagram::{Sketch, Stream, last_width};
use crate::error::NnError;
use crate::expert::{Expert, Experts, check_experts};
use crate::gate::Gate;
use crate::heads::Outputs;
use crate::init::Builder;
use crate::mlp::MlpConfig;
use crate::model::TaskSpec;
use crate::rechub::{RechubSizes, tower_module};
use crate::size::Recorder;
use crate::size::layers::{self, Gates};
use crate::tower::{TowerInput, Towers, check_towers};

/// The sizes of an MMOE.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MmoeConfig {
    /// The number of experts, all shared.
    pub n_experts: usize,
    /// The experts.
    pub expert: MlpConfig,
    /// The towers: one for all tasks, or one for each.
    pub towers: Vec<MlpConfig>,
}

/// Multi-gate Mixture of Experts: all experts are shared, each task has a gate over them and a tower.
///
/// Source: J. Ma et al., "Modeling Task Relationships in Multi-task Learning with Multi-gate Mixture-of-Experts",
/// KDD 2018, section 4.2, equations 6 and 7.
///
/// # Shapes
/// The input is `[batch, input_dim]`, each task's logit `[batch, 1]`.
///
/// ```
/// use ndarray::array;
/// use ple_nn::{Builder, Initialization, MlpConfig, Mmoe, MmoeConfig, Norm};
/// use ple_tensor::{Mode, ParamStore, Tape, Workspace};
/// use rand_chacha::{ChaCha8Rng, rand_core::SeedableRng};
///
/// let mut store = ParamStore::new();
/// let mut random = ChaCha8Rng::seed_from_u64(0);
/// let builder = &mut Builder { store: &mut store, random: &mut random, initialization: Initialization::Torch };
/// let config = MmoeConfig { n_experts: 3, expert: MlpConfig::new([16]), towers: vec![MlpConfig::new([8])] };
/// let mmoe = Mmoe::new(builder, &config, 2, 3, [Norm::None, Norm::None]);
///
/// let mut tape = Tape::new(&store, Workspace::new(), Mode::Evaluate);
/// let x = tape.input(array![[1.0, 2.0, 3.0]].view());
/// let logits = mmoe.forward(&mut tape, x).logits;
/// assert_eq!((logits.len(), tape.value(logits[0]).dim()), (2, (1, 1)));
/// ```
#[derive(Clone, Debug)]
pub struct Mmoe {
    experts: Experts,
    towers: Towers,
}

impl Mmoe {
    /// An MMOE over an input of `input_dim` columns, with parameters `expert.I`, `gate.TASK` and `tower.TASK`. `norms`
    /// are those of experts and towers, and of gates.
    pub fn new(
        builder: &mut Builder<'_>,
        config: &MmoeConfig,
        n_tasks: usize,
        input_dim: usize,
        norms: [Norm; 2],
    ) -> Self {
        let names: Vec<_> = (0..config.n_experts).map(|i| Expert { name: format!("expert.{i}") }).collect();
        let gates: Vec<_> = (0..n_tasks)
            .map(|task| Gate { name: format!("gate.{task}"), n_experts: config.n_experts })
            .collect();
        let experts = Experts::new(builder, &names, &gates, input_dim, &config.expert, norms);
        let expert_dim = config.expert.dims[config.expert.dims.len() - 1];
        let towers = Towers::new(builder, n_tasks, expert_dim, &config.towers, norms[0], TowerInput::Streams);
        Self { experts, towers }
    }

    /// Records the model: one logit for each task. Shared are the outputs of all experts.
    pub fn forward(&self, tape: &mut Tape<'_>, x: Var) -> Outputs {
        let [mut experts, mut gates, mut mixed, mut tasks] = [(); 4].map(|()| tape.list());
        self.experts.forward(tape, x, &mut experts, &mut gates);
        // Each task's gate mixes all experts.
        gates.iter().for_each(|_| mixed.extend_from_slice(&experts));
        let outputs = Gate::mix(tape, &gates, &mixed);
        let dim = outputs.width() / gates.len();
        tasks.extend((0..gates.len()).map(|task| outputs.columns(task * dim..(task + 1) * dim)));
        let logits = self.towers.forward(tape, &tasks);
        [gates, mixed, tasks].into_iter().for_each(|list| tape.recycle_list(list));
        Outputs { logits, auxiliary: tape.list(), shared: experts }
    }
}

impl Body for Mmoe {
    fn forward(&self, tape: &mut Tape<'_>, x: Var) -> Outputs {
        Mmoe::forward(self, tape, x)
    }
}

impl Design for MmoeConfig {
    fn forms() -> &'static [Form<Self>] {
        &[Form {
            name: "mmoe",
            what: "Multi-gate Mixture of Experts",
            of: |expert, tower| MmoeConfig { n_experts: 5, expert, towers: vec![tower] },
        }]
    }

    fn of_rechub(sizes: &RechubSizes) -> Result<Self, NnError> {
        Ok(MmoeConfig {
            n_experts: sizes.count("n_expert")?,
            expert: sizes.mlp("expert_params")?,
            towers: sizes.mlps("tower_params")?,
        })
    }

    fn check(&self, tasks: &[TaskSpec]) -> Result<(), NnError> {
        check_experts(&self.expert, self.n_experts, "n_experts = 0")?;
        check_towers(&self.towers, tasks.len())
    }

    fn shares_values(&self) -> bool {
        true
    }

    fn build(&self, builder: &mut Builder<'_>, site: Site<'_>) -> Arc<dyn Body> {
        Arc::new(Mmoe::new(builder, self, site.tasks.len(), site.input_dim, site.norms))
    }

    /// One mixture for each task over the same experts.
    fn draw(&self, sketch: &mut Sketch<'_>) {
        (sketch.title, sketch.n_levels) = ("MMOE", 1);
        let (embeddings, input_dim) = (sketch.embeddings, sketch.input_dim);
        let read = (input_dim, &self.expert);
        let experts = sketch.experts(0, Stream::Shared, self.n_experts, read, embeddings, "expert.");
        let experts: Vec<usize> = experts.into_iter().collect();
        let streams: Vec<usize> = (0..sketch.n_tasks)
            .map(|task| {
                let prefix = format!("gate.{task}.");
                sketch.gate(0, Stream::Task(task), input_dim, embeddings, &experts, &prefix)
            })
            .collect();
        sketch.towers_and_outputs(&self.towers, &streams, last_width(&self.expert, input_dim));
    }

    fn record(&self, recorder: &mut Recorder, site: SizeSite) {
        let SizeSite { n_tasks, x: (x, width), norms } = site;
        let n_experts = self.n_experts as u64;
        let gates = Gates { n: n_tasks, columns: n_tasks.saturating_mul(n_experts) };
        let group = layers::experts(recorder, (x, width), n_experts, gates, &self.expert, norms);
        let softmax = layers::softmax(recorder, group.logits, gates.columns);
        let dim = layers::last(&self.expert, width);
        let mixed = layers::mixtures(recorder, &[softmax], &[group.outputs], n_tasks, dim);
        layers::towers(recorder, mixed, dim, n_tasks, &self.towers, norms[0]);
    }

    fn rechub_module<'n>(&self, parts: &'n [&'n str]) -> Option<(String, &'n [&'n str])> {
        match parts {
            ["expert", expert, rest @ ..] => Some((format!("experts.{expert}"), rest)),
            ["gate", task, rest @ ..] => Some((format!("gates.{task}"), rest)),
            _ => tower_module(parts),
        }
    }
}
