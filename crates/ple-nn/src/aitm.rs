//! AITM: a chain of steps, each of which attends to what the step before has found.

use std::sync::Arc;

use ple_tensor::{Mode, Tape, Var};
use serde::{Deserialize, Serialize};

use crate::architecture::{Body, Design, Form, Site, SizeSite};
use crate::batch_norm::Norm;
use crate::diagram::{Part, Sketch, Stream, last_width};
use crate::error::NnError;
use crate::expert::{Expert, Experts, check_experts};
use crate::heads::Outputs;
use crate::init::Builder;
use crate::linear::Linear;
use crate::mlp::{Mlp, MlpConfig};
use crate::model::{TaskKind, TaskSpec};
use crate::rechub::{RechubSizes, tower_module};
use crate::size::layers::{self, Gates};
use crate::size::{Place, Recorder};
use crate::tower::{TowerInput, Towers, check_towers};

/// The sizes of an AITM.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AitmConfig {
    /// The perceptron of each task over the embeddings.
    pub bottom: MlpConfig,
    /// The towers: one for all tasks, or one for each.
    pub towers: Vec<MlpConfig>,
    /// The weight of the calibrator, which is the mean of `max(p_later - p_earlier, 0)` for each two neighbouring
    /// classification tasks; 0 leaves it out. The paper has 0.6.
    #[serde(default = "calibrator_of_the_paper")]
    pub calibrator: f32,
}

fn calibrator_of_the_paper() -> f32 {
    0.6
}

/// Adaptive Information Transfer Multi-task: tasks in the order in which their events happen; each has a bottom of its own, and
/// attends to it and to what the task before passes on.
///
/// With `o` the task's bottom, `h` what the task before has after its own attention, and `i = relu(norm(h W + b))`: over
/// `u` of `(o, i)`, the stream is `Σ softmax(<u Wq, u Wk> / sqrt(dim)) u Wv`. Source: D. Xi et al., "Modeling the Sequential
/// Dependence among Audience Multi-step Conversions with Multi-task Learning in Targeted Display Advertising", KDD 2021,
/// equations 1 to 7.
///
/// # Shapes
/// The input is `[batch, input_dim]`, each task's logit `[batch, 1]`.
///
/// ```
/// use ndarray::array;
/// use ple_nn::{Aitm, AitmConfig, Builder, Initialization, MlpConfig, Norm};
/// use ple_tensor::{Mode, ParamStore, Tape, Workspace};
/// use rand_chacha::{ChaCha8Rng, rand_core::SeedableRng};
///
/// let mut store = ParamStore::new();
/// let mut random = ChaCha8Rng::seed_from_u64(0);
/// let builder = &mut Builder { store: &mut store, random: &mut random, initialization: Initialization::Torch };
/// let (bottom, towers) = (MlpConfig::new([16]), vec![MlpConfig::new([8])]);
/// let config = AitmConfig { bottom, towers, calibrator: 0.6 };
/// let aitm = Aitm::new(builder, &config, &[1, 2], 3, 3, Norm::None);
///
/// let mut tape = Tape::new(&store, Workspace::new(), Mode::Evaluate);
/// let x = tape.input(array![[1.0, 2.0, 3.0]].view());
/// let logits = aitm.forward(&mut tape, x).logits;
/// assert_eq!((logits.len(), tape.value(logits[2]).dim()), (3, (1, 1)));
/// ```
#[derive(Clone, Debug)]
pub struct Aitm {
    bottoms: Experts,
    transfers: Vec<Transfer>,
    towers: Towers,
    calibrator: f32,
    /// The later of each two neighbours that are calibrated.
    calibrated: Vec<usize>,
}

/// What a task takes over from the one before.
#[derive(Clone, Debug)]
struct Transfer {
    /// The layer over the stream of the task before.
    info: Mlp,
    /// Queries, keys and values, side by side.
    maps: Linear,
    dim: usize,
}

impl Transfer {
    fn new(builder: &mut Builder<'_>, task: usize, dim: usize, norm: Norm) -> Self {
        let info = Mlp::new(builder, &format!("transfer.{task}"), dim, &MlpConfig::new([dim]), norm);
        let maps = ["query", "key", "value"].map(|what| (format!("attention.{task}.{what}"), dim));
        Self { info, maps: Linear::without_bias(builder, &maps, dim), dim }
    }

    /// The stream of a task, from that of the task before and its own bottom's.
    fn forward(&self, tape: &mut Tape<'_>, before: Var, own: Var) -> Var {
        let dim = self.dim;
        let info = self.info.forward(tape, before);
        let maps = [own, info].map(|stream| self.maps.forward(tape, stream));
        let [queries, keys, values] =
            [0, 1, 2].map(|map| maps.map(|m| m.columns(map * dim..(map + 1) * dim)));
        let scores = tape.row_dots(&queries, &keys, 1.0 / (dim as f32).sqrt());
        let weights = tape.softmax(scores, 1);
        tape.mixtures(&[weights], &values)
    }
}

impl Aitm {
    /// An AITM over an input of `input_dim` columns, with parameters `bottom.TASK`, `transfer.TASK`,
    /// `attention.TASK.query`, `.key` and `.value`, and `tower.TASK`. `calibrated` are the tasks that must not be more
    /// likely than the one before.
    ///
    /// # Panics
    /// If the bottom has no layers.
    pub fn new(
        builder: &mut Builder<'_>,
        config: &AitmConfig,
        calibrated: &[usize],
        n_tasks: usize,
        input_dim: usize,
        norm: Norm,
    ) -> Self {
        let names: Vec<_> = (0..n_tasks).map(|task| Expert { name: format!("bottom.{task}") }).collect();
        let bottoms = Experts::new(builder, &names, &[], input_dim, &config.bottom, [norm, norm]);
        let dim = last_width(&config.bottom, input_dim);
        let transfers = (1..n_tasks).map(|task| Transfer::new(builder, task, dim, norm)).collect();
        let towers = Towers::new(builder, n_tasks, dim, &config.towers, norm, TowerInput::Shared);
        Self { bottoms, transfers, towers, calibrator: config.calibrator, calibrated: calibrated.to_vec() }
    }

    /// Records the model: one logit for each task, and in training the calibrator. The tasks share no more than the
    /// embeddings.
    pub fn forward(&self, tape: &mut Tape<'_>, x: Var) -> Outputs {
        let mut outputs = Outputs::new(tape);
        let [mut bottoms, mut gates, mut streams] = [(); 3].map(|()| tape.list());
        self.bottoms.forward(tape, x, &mut bottoms, &mut gates);
        streams.extend(bottoms.first());
        for (transfer, &own) in self.transfers.iter().zip(bottoms.iter().skip(1)) {
            let before = streams[streams.len() - 1];
            streams.push(transfer.forward(tape, before, own));
        }
        let logits = self.towers.forward(tape, &streams);
        [bottoms, gates, streams].into_iter().for_each(|list| tape.recycle_list(list));
        tape.recycle_list(std::mem::replace(&mut outputs.logits, logits));
        if self.calibrator > 0.0 && matches!(tape.mode(), Mode::Train { .. }) {
            for &later in &self.calibrated {
                let [before, later] = [later - 1, later].map(|task| outputs.logits[task]);
                outputs.auxiliary.push(tape.calibration(before, later, self.calibrator));
            }
        }
        outputs
    }
}

impl Body for Aitm {
    fn forward(&self, tape: &mut Tape<'_>, x: Var) -> Outputs {
        Aitm::forward(self, tape, x)
    }
}

/// The later of each two neighbouring classification tasks.
fn calibrated(tasks: &[TaskSpec]) -> Vec<usize> {
    let both = |&task: &usize| tasks[task - 1..=task].iter().all(|t| t.kind == TaskKind::Classification);
    (1..tasks.len()).filter(both).collect()
}

impl Design for AitmConfig {
    fn forms() -> &'static [Form<Self>] {
        &[Form {
            name: "aitm",
            what: "A chain of events, each of which learns from the one before",
            of: |expert, tower| AitmConfig {
                bottom: expert,
                towers: vec![tower],
                calibrator: calibrator_of_the_paper(),
            },
        }]
    }

    /// There is no calibrator there.
    fn of_rechub(sizes: &RechubSizes) -> Result<Self, NnError> {
        let (bottom, towers) = (sizes.mlp("bottom_params")?, sizes.mlps("tower_params")?);
        Ok(AitmConfig { bottom, towers, calibrator: 0.0 })
    }

    fn check(&self, tasks: &[TaskSpec]) -> Result<(), NnError> {
        check_experts(&self.bottom, 1, "")?;
        if !self.calibrator.is_finite() || self.calibrator < 0.0 {
            let (setting, value) = ("calibrator".to_owned(), self.calibrator);
            return Err(NnError::BadDeviation { setting, value });
        }
        check_towers(&self.towers, tasks.len())
    }

    fn build(&self, builder: &mut Builder<'_>, site: Site<'_>) -> Arc<dyn Body> {
        let (calibrated, n_tasks) = (calibrated(site.tasks), site.tasks.len());
        Arc::new(Aitm::new(builder, self, &calibrated, n_tasks, site.input_dim, site.norms[0]))
    }

    /// A column for each task: its bottom, and from the second on what comes over from the column before.
    fn draw(&self, sketch: &mut Sketch<'_>) {
        sketch.title = "AITM";
        let (embeddings, input_dim) = (sketch.embeddings, sketch.input_dim);
        let dim = last_width(&self.bottom, input_dim);
        let mut streams = Vec::new();
        for task in 0..sketch.n_tasks {
            let bottom = Part { name: "bottom", plural: "bottoms", row: 0 };
            let (stream, read) = (Stream::Task(task), (input_dim, &self.bottom));
            let own = sketch.perceptron(bottom, stream, read, embeddings, &format!("bottom.{task}."));
            let Some(&before) = streams.last() else {
                streams.push(own);
                continue;
            };
            let row = 2 * task - 1;
            let transfer = Part { name: "transfer", plural: "transfers", row };
            let one = MlpConfig::new([dim]);
            let info = sketch.perceptron(transfer, stream, (dim, &one), before, &format!("transfer.{task}."));
            let attention = Part { name: "attention", plural: "attentions", row: row + 1 };
            let layers = "queries, keys and values of both, softmax".to_owned();
            let (widths, prefix) = (vec![dim, dim], format!("attention.{task}."));
            streams.push(sketch.part(attention, stream, widths, layers, &[own, info], &prefix));
        }
        sketch.towers_and_outputs(&self.towers, &streams, dim);
    }

    fn record(&self, recorder: &mut Recorder, site: SizeSite) {
        let SizeSite { n_tasks, x, norms: [norm, _] } = site;
        let none = Gates { n: 0, columns: 0 };
        let bottoms = layers::experts(recorder, x, n_tasks, none, &self.bottom, [norm, norm]).outputs;
        let dim = layers::last(&self.bottom, x.1);
        let mut streams: Vec<Place> = vec![bottoms];
        for _ in 1..n_tasks {
            let before = streams[streams.len() - 1];
            let one = MlpConfig::new([dim as usize]);
            let (info, _) = layers::layers(recorder, 1, &one, norm, 0, (before, dim));
            let columns = dim.saturating_mul(3);
            recorder.parameters(dim.saturating_mul(columns), 3);
            let maps = [bottoms, info].map(|stream| layers::bare_linear(recorder, stream, dim, columns));
            let scores = layers::operation(recorder, &[maps[0], maps[1]], 2);
            let weights = layers::softmax(recorder, scores, 2);
            streams.push(layers::mixtures(recorder, &[weights], &maps, 1, dim));
        }
        for (task, stream) in streams.into_iter().enumerate() {
            let config = &self.towers[if self.towers.len() == 1 { 0 } else { task }];
            layers::tower_group(recorder, stream, dim, 1, config, norm);
        }
    }

    fn rechub_module<'n>(&self, parts: &'n [&'n str]) -> Option<(String, &'n [&'n str])> {
        let before = |task: &str| task.parse::<usize>().ok()?.checked_sub(1);
        match parts {
            ["bottom", task, rest @ ..] => Some((format!("bottoms.{task}"), rest)),
            ["transfer", task, rest @ ..] => Some((format!("info_gates.{}", before(task)?), rest)),
            ["attention", task, what, rest @ ..] => {
                let letter = what.get(..1)?;
                Some((format!("aits.{}.{letter}_layer", before(task)?), rest))
            }
            _ => tower_module(parts),
        }
    }
}
