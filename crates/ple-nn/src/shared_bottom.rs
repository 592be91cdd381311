//! The shared bottom: the model that the mixtures are compared with.

use std::sync::Arc;

use ple_tensor::{Tape, Var};
use serde::{Deserialize, Serialize};

use crate::architecture::{Body, Design, Form, Site, SizeSite};
use crate::batch_norm::Norm;
use crate::diagram::{Part, Sketch, Stream, last_width};
use crate::error::NnError;
use crate::heads::Outputs;
use crate::init::Builder;
use crate::mlp::{Mlp, MlpConfig};
use crate::model::TaskSpec;
use crate::rechub::{RechubSizes, tower_module};
use crate::size::{Recorder, layers};
use crate::tower::{TowerInput, Towers, check_towers};

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
/// let logits = shared.forward(&mut tape, x).logits;
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

    /// Records the model: one logit for each task. Shared is the bottom's result, if it has layers.
    pub fn forward(&self, tape: &mut Tape<'_>, x: Var) -> Outputs {
        let stream = self.bottom.forward(tape, x);
        let mut outputs = Outputs::new(tape);
        if stream != x {
            outputs.shared.push(stream);
        }
        let mut streams = tape.list();
        streams.resize(self.n_tasks, stream);
        let logits = self.towers.forward(tape, &streams);
        tape.recycle_list(streams);
        tape.recycle_list(std::mem::replace(&mut outputs.logits, logits));
        outputs
    }
}

impl Body for SharedBottom {
    fn forward(&self, tape: &mut Tape<'_>, x: Var) -> Outputs {
        SharedBottom::forward(self, tape, x)
    }
}

impl Design for SharedBottomConfig {
    fn forms() -> &'static [Form<Self>] {
        &[
            Form {
                name: "shared-bottom",
                what: "One perceptron for all tasks",
                of: |expert, tower| SharedBottomConfig { bottom: expert, towers: vec![tower] },
            },
            Form {
                name: "logistic-regression",
                what: "The embeddings and dense values, weighted and summed: what the others have to beat",
                of: |_, _| SharedBottomConfig {
                    bottom: MlpConfig::new([]),
                    towers: vec![MlpConfig::new([])],
                },
            },
        ]
    }

    fn form(&self) -> usize {
        usize::from(self.bottom.dims.is_empty())
    }

    fn of_rechub(sizes: &RechubSizes) -> Result<Self, NnError> {
        Ok(SharedBottomConfig { bottom: sizes.mlp("bottom_params")?, towers: sizes.mlps("tower_params")? })
    }

    fn check(&self, tasks: &[TaskSpec]) -> Result<(), NnError> {
        self.bottom.check("the bottom")?;
        check_towers(&self.towers, tasks.len())
    }

    fn shares_values(&self) -> bool {
        !self.bottom.dims.is_empty()
    }

    fn build(&self, builder: &mut Builder<'_>, site: Site<'_>) -> Arc<dyn Body> {
        Arc::new(SharedBottom::new(builder, self, site.tasks.len(), site.input_dim, site.norms[0]))
    }

    fn draw(&self, sketch: &mut Sketch<'_>) {
        sketch.title = "Shared bottom";
        let bottom = Part { name: "bottom", plural: "bottom", row: 0 };
        let (embeddings, input_dim) = (sketch.embeddings, sketch.input_dim);
        let read = (input_dim, &self.bottom);
        let output = sketch.perceptron(bottom, Stream::Shared, read, embeddings, "bottom.");
        let streams = vec![output; sketch.n_tasks];
        sketch.towers_and_outputs(&self.towers, &streams, last_width(&self.bottom, input_dim));
    }

    fn record(&self, recorder: &mut Recorder, site: SizeSite) {
        let SizeSite { n_tasks, x, norms: [norm, _] } = site;
        let (stream, width) = layers::layers(recorder, 1, &self.bottom, norm, 0, x);
        // Each task is a group by itself, since a stream that all read is no block of columns for each.
        for task in 0..n_tasks as usize {
            let config = &self.towers[if self.towers.len() == 1 { 0 } else { task }];
            layers::tower_group(recorder, stream, width, 1, config, norm);
        }
    }

    fn rechub_module<'n>(&self, parts: &'n [&'n str]) -> Option<(String, &'n [&'n str])> {
        match parts {
            ["bottom", rest @ ..] => Some(("bottom_mlp".to_owned(), rest)),
            _ => tower_module(parts),
        }
    }
}
