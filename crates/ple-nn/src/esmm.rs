//! The entire-space multi-task model: a conversion is learned from all rows, not from those that were clicked alone.

use std::sync::Arc;

use ple_tensor::{Tape, Var};
use serde::{Deserialize, Serialize};

use crate::architecture::{Body, Design, Form, Site, SizeSite};
use crate::batch_norm::Norm;
use crate::diagram::{Sketch, Stream};
use crate::error::NnError;
use crate::heads::{Head, Learns, Outputs};
use crate::init::Builder;
use crate::link::Link;
use crate::mlp::MlpConfig;
use crate::model::{TaskKind, TaskSpec};
use crate::rechub::{RechubColumns, RechubSizes};
use crate::size::{Recorder, layers};
use crate::tower::{TowerInput, Towers, check_towers};

/// The sizes of an ESMM.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct EsmmConfig {
    /// The towers over the embeddings: one form for both, or that of the first task and that of the second.
    pub towers: Vec<MlpConfig>,
    /// What the label of the second task says.
    #[serde(default)]
    pub second_label: SecondLabel,
}

/// What the label of the second of two tasks says.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SecondLabel {
    /// Whether the second event followed the first. It counts in rows where the first has happened.
    #[default]
    GivenFirst,
    /// Whether both have happened, in every row.
    Both,
}

/// ESMM for two events of which the first has to come first, such as click and conversion: a tower for the first, one for the
/// second given the first, over shared tables; the losses are those of the first and of both, over all rows.
///
/// Its heads are the first, the second given the first, and both, whose logit is [`Tape::joint_logit`] of the other two:
/// no product of probabilities is formed. Source: X. Ma et al., "Entire Space Multi-Task Model: An Effective Approach for
/// Estimating Post-Click Conversion Rate", SIGIR 2018, equations 1 and 3.
///
/// # Shapes
/// The input is `[batch, input_dim]`, each of the three logits `[batch, 1]`.
///
/// ```
/// use ndarray::array;
/// use ple_nn::{Builder, Esmm, EsmmConfig, Initialization, MlpConfig, Norm, SecondLabel};
/// use ple_tensor::{Mode, ParamStore, Tape, Workspace};
/// use rand_chacha::{ChaCha8Rng, rand_core::SeedableRng};
///
/// let mut store = ParamStore::new();
/// let mut random = ChaCha8Rng::seed_from_u64(0);
/// let builder = &mut Builder { store: &mut store, random: &mut random, initialization: Initialization::Torch };
/// let config = EsmmConfig { towers: vec![MlpConfig::new([8])], second_label: SecondLabel::GivenFirst };
/// let esmm = Esmm::new(builder, &config, 3, Norm::None);
///
/// let mut tape = Tape::new(&store, Workspace::new(), Mode::Evaluate);
/// let x = tape.input(array![[1.0, 2.0, 3.0]].view());
/// let logits = esmm.forward(&mut tape, x).logits;
/// let [click, conversion, both] = [0, 1, 2].map(|head| ple_tensor::sigmoid(tape.value(logits[head])[[0, 0]]));
/// assert!((both - click * conversion).abs() < 1e-6);
/// ```
#[derive(Clone, Debug)]
pub struct Esmm {
    towers: Towers,
}

impl Esmm {
    /// An ESMM over an input of `input_dim` columns, with parameters `tower.0` and `tower.1`.
    pub fn new(builder: &mut Builder<'_>, config: &EsmmConfig, input_dim: usize, norm: Norm) -> Self {
        Self { towers: Towers::new(builder, 2, input_dim, &config.towers, norm, TowerInput::Shared) }
    }

    /// Records the model: the logits of the first event, of the second given the first, and of both. The tasks share no more
    /// than the embeddings.
    pub fn forward(&self, tape: &mut Tape<'_>, x: Var) -> Outputs {
        let mut outputs = Outputs::new(tape);
        let mut streams = tape.list();
        streams.resize(2, x);
        let logits = self.towers.forward(tape, &streams);
        tape.recycle_list(streams);
        tape.recycle_list(std::mem::replace(&mut outputs.logits, logits));
        let both = tape.joint_logit(outputs.logits[0], outputs.logits[1]);
        outputs.logits.push(both);
        outputs
    }
}

impl Body for Esmm {
    fn forward(&self, tape: &mut Tape<'_>, x: Var) -> Outputs {
        Esmm::forward(self, tape, x)
    }
}

impl Design for EsmmConfig {
    fn forms() -> &'static [Form<Self>] {
        &[Form {
            name: "esmm",
            what: "Entire-space model of two events, the first of which has to come first",
            of: |expert, tower| EsmmConfig {
                towers: vec![MlpConfig { dims: [&expert.dims[..], &tower.dims[..]].concat(), ..tower }],
                second_label: SecondLabel::GivenFirst,
            },
        }]
    }

    /// Its labels are those of the click and of both, and stand in every row.
    fn of_rechub(sizes: &RechubSizes) -> Result<Self, NnError> {
        let towers = vec![sizes.mlp("ctr_params")?, sizes.mlp("cvr_params")?];
        Ok(EsmmConfig { towers, second_label: SecondLabel::Both })
    }

    /// The columns there are the second given the first, the first, and both; the loss is the sum of the last two.
    fn rechub_columns(&self, _: usize) -> RechubColumns {
        RechubColumns { heads: vec![1, 0, 2], labels: vec![1, 2], weight: 1.0 }
    }

    fn check(&self, tasks: &[TaskSpec]) -> Result<(), NnError> {
        let fits = tasks.len() == 2 && tasks.iter().all(|task| task.kind == TaskKind::Classification);
        if !fits {
            return Err(NnError::OtherTasks {
                model: "esmm",
                expected: "two classification tasks, the first of what happens first, as in click, conversion",
                found: tasks.iter().map(|task| task.name.clone()).collect(),
            });
        }
        check_towers(&self.towers, tasks.len())
    }

    fn heads(&self, tasks: &[TaskSpec]) -> Vec<Head> {
        let [first, second] = [0, 1].map(|task| tasks.get(task).map_or("", |task| task.name.as_str()));
        let head =
            |name: String, task, given, learns| Head { name, link: Link::Sigmoid, task, given, learns };
        let click = head(first.to_owned(), Some(0), None, Learns::Task(0));
        let [conversion, both] = match self.second_label {
            SecondLabel::GivenFirst => [
                head(second.to_owned(), Some(1), Some(0), Learns::Nothing),
                head(format!("{first}_and_{second}"), None, None, Learns::Both { first: 0, second: 1 }),
            ],
            SecondLabel::Both => [
                head(format!("{second}_given_{first}"), None, None, Learns::Nothing),
                head(second.to_owned(), Some(1), None, Learns::Task(1)),
            ],
        };
        vec![click, conversion, both]
    }

    fn build(&self, builder: &mut Builder<'_>, site: Site) -> Arc<dyn Body> {
        Arc::new(Esmm::new(builder, self, site.input_dim, site.norms[0]))
    }

    fn draw(&self, sketch: &mut Sketch<'_>) {
        sketch.title = "ESMM";
        let (embeddings, input_dim) = (sketch.embeddings, sketch.input_dim);
        let towers = [0, 1].map(|task| {
            let config = &self.towers[if self.towers.len() == 1 { 0 } else { task }];
            sketch.tower(task, config, embeddings, input_dim, &format!("tower.{task}."))
        });
        sketch.output(0, Stream::Task(0), &towers[..1]);
        sketch.output(1, Stream::Task(1), &towers[1..]);
        sketch.output(2, Stream::Shared, &towers);
    }

    fn record(&self, recorder: &mut Recorder, site: SizeSite) {
        let SizeSite { x: (x, width), norms: [norm, _], .. } = site;
        let logits = [0, 1].map(|task| {
            let config = &self.towers[if self.towers.len() == 1 { 0 } else { task }];
            layers::tower_group(recorder, x, width, 1, config, norm)
        });
        layers::operation(recorder, &logits, 1);
    }

    fn rechub_module<'n>(&self, parts: &'n [&'n str]) -> Option<(String, &'n [&'n str])> {
        match parts {
            ["tower", "0", rest @ ..] => Some(("tower_ctr".to_owned(), rest)),
            ["tower", "1", rest @ ..] => Some(("tower_cvr".to_owned(), rest)),
            _ => None,
        }
    }
}
