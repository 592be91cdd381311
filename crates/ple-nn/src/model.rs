//! A whole model, described once: configuration in, logits out; training, inference and export run the same code.

use std::collections::HashSet;

use ndarray::Array2;
use ple_tensor::{Mode, ParamStore, Tape, Var, Workspace};
use rand::RngCore;
use serde::{Deserialize, Serialize};

use crate::batch_norm::Norm;
use crate::embedding_bank::{BankInput, EmbeddingBank};
use crate::error::NnError;
use crate::feature::{FeatureSpec, check_features};
use crate::init::{Builder, Initialization};
use crate::mlp::{MlpConfig, check_rate};
use crate::mmoe::{Mmoe, MmoeConfig};
use crate::ple::{Ple, PleConfig};
use crate::shared_bottom::{SharedBottom, SharedBottomConfig};
use crate::size::check_countable;

/// What a task's logit means.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TaskKind {
    /// A probability, by way of the sigmoid.
    Classification,
    /// The value itself.
    Regression,
}

/// A task of a model.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TaskSpec {
    /// Its name.
    pub name: String,
    /// What its logit means.
    pub kind: TaskKind,
}

/// The sizes of a model, by architecture.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Architecture {
    /// Progressive Layered Extraction.
    Ple(PleConfig),
    /// Multi-gate Mixture of Experts.
    Mmoe(MmoeConfig),
    /// One perceptron for all tasks.
    SharedBottom(SharedBottomConfig),
}

impl Architecture {
    /// The name that the field uses.
    pub fn name(&self) -> &'static str {
        match self {
            Architecture::Ple(_) => "ple",
            Architecture::Mmoe(_) => "mmoe",
            Architecture::SharedBottom(_) => "shared-bottom",
        }
    }
}

/// A model as somebody asks for it; [`ModelConfig::check`] makes sure that it can be built.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ModelConfig {
    /// Architecture and sizes.
    pub architecture: Architecture,
    /// The normalisation in experts, bottoms and towers.
    pub norm: Norm,
    /// The normalisation in gates.
    pub gate_norm: Norm,
    /// How linear maps start.
    pub initialization: Initialization,
    /// The standard deviation of the first embeddings.
    pub embedding_deviation: f32,
    /// The dropout rate of the embedding matrix.
    pub embedding_dropout: f32,
}

impl Default for ModelConfig {
    /// The PLE of torch-rechub's tutorial: one level of 2 specific and 1 shared experts of 16, towers of 8, batch norm
    /// everywhere, embeddings from N(0, 0.0001).
    fn default() -> Self {
        Self {
            architecture: Architecture::Ple(PleConfig {
                n_levels: 1,
                n_specific_experts: 2,
                n_shared_experts: 1,
                expert: MlpConfig::new([16]),
                towers: vec![MlpConfig::new([8])],
            }),
            norm: Norm::Batch,
            gate_norm: Norm::Batch,
            initialization: Initialization::Torch,
            embedding_deviation: 1e-4,
            embedding_dropout: 0.0,
        }
    }
}

/// A configuration, features and tasks that fit together.
#[derive(Clone, Debug)]
pub struct CheckedModel {
    pub(crate) config: ModelConfig,
    pub(crate) features: Vec<FeatureSpec>,
    pub(crate) tasks: Vec<TaskSpec>,
}

impl ModelConfig {
    /// Checks that the model can be built for these features and tasks, if there is memory for what
    /// [`CheckedModel::size`] says.
    ///
    /// # Errors
    /// The first setting that is impossible, sizes that no machine counts among them.
    pub fn check(self, features: Vec<FeatureSpec>, tasks: Vec<TaskSpec>) -> Result<CheckedModel, NnError> {
        if tasks.is_empty() {
            return Err(NnError::NoTasks);
        }
        let mut names = HashSet::with_capacity(tasks.len());
        if let Some(task) = tasks.iter().find(|task| !names.insert(task.name.as_str())) {
            return Err(NnError::Duplicate { kind: "task", name: task.name.clone() });
        }
        check_features(&features)?;
        check_rate(self.embedding_dropout, "embedding_dropout")?;
        if !self.embedding_deviation.is_finite() || self.embedding_deviation < 0.0 {
            let (setting, value) = ("embedding_deviation".to_owned(), self.embedding_deviation);
            return Err(NnError::BadDeviation { setting, value });
        }
        let check_experts = |expert: &MlpConfig, mixed: usize, setting: &str| {
            if mixed == 0 {
                return Err(NnError::NoExperts { setting: setting.to_owned() });
            }
            if expert.dims.is_empty() {
                return Err(NnError::ZeroSize { setting: "the number of layers of the experts".to_owned() });
            }
            expert.check("the experts")
        };
        let towers = match &self.architecture {
            Architecture::Ple(ple) => {
                if ple.n_levels == 0 {
                    return Err(NnError::ZeroSize { setting: "n_levels".to_owned() });
                }
                let mixed = ple.n_specific_experts.saturating_add(ple.n_shared_experts);
                check_experts(&ple.expert, mixed, "n_specific_experts = 0 and n_shared_experts = 0")?;
                &ple.towers
            }
            Architecture::Mmoe(mmoe) => {
                check_experts(&mmoe.expert, mmoe.n_experts, "n_experts = 0")?;
                &mmoe.towers
            }
            Architecture::SharedBottom(shared) => {
                shared.bottom.check("the bottom")?;
                &shared.towers
            }
        };
        if towers.len() != 1 && towers.len() != tasks.len() {
            return Err(NnError::TowerCount { expected: tasks.len(), found: towers.len() });
        }
        towers.iter().enumerate().try_for_each(|(task, tower)| tower.check(&format!("tower {task}")))?;
        let checked = CheckedModel { config: self, features, tasks };
        check_countable(&checked)?;
        Ok(checked)
    }
}

impl CheckedModel {
    /// The configuration that was checked.
    pub fn into_config(self) -> ModelConfig {
        self.config
    }
}

#[derive(Clone, Debug)]
enum Body {
    Ple(Ple),
    Mmoe(Mmoe),
    SharedBottom(SharedBottom),
}

/// A model: an embedding bank and an architecture over it. It owns handles and shapes; the values are in the store.
///
/// ```
/// use ndarray::Array2;
/// use ple_nn::{BankInput, FeatureSpec, Model, ModelConfig, TaskKind, TaskSpec};
/// use ple_tensor::{ParamStore, Workspace};
/// use rand_chacha::{ChaCha8Rng, rand_core::SeedableRng};
///
/// let features = vec![FeatureSpec::sparse("user", 100, 16), FeatureSpec::sparse("item", 50, 16)];
/// let task = |name: &str| TaskSpec { name: name.into(), kind: TaskKind::Classification };
/// let checked = ModelConfig::default().check(features, vec![task("click"), task("conversion")])?;
///
/// let mut store = ParamStore::new();
/// let model = Model::new(&mut store, checked, &mut ChaCha8Rng::seed_from_u64(0));
/// let (user, item, dense) = ([7, 42, 99], [1, 2, 3], Array2::zeros((3, 0)));
/// let input = BankInput { batch: 3, sparse: vec![&user, &item], sequences: vec![], dense: dense.view() };
/// let (predictions, _) = model.predict(&store, &input, Workspace::new());
/// assert_eq!(predictions.dim(), (3, 2));
/// # Ok::<(), ple_nn::NnError>(())
/// ```
#[derive(Clone, Debug)]
pub struct Model {
    checked: CheckedModel,
    bank: EmbeddingBank,
    body: Body,
}

impl Model {
    /// Builds a model and adds its parameters to the store.
    pub fn new(store: &mut ParamStore, checked: CheckedModel, random: &mut dyn RngCore) -> Self {
        let CheckedModel { config, features, tasks } = &checked;
        let builder = &mut Builder { store, random, initialization: config.initialization };
        let bank = EmbeddingBank::new(builder, features, config.embedding_deviation);
        let (n_tasks, input_dim, norms) = (tasks.len(), bank.output_dim(), [config.norm, config.gate_norm]);
        let body = match &config.architecture {
            Architecture::Ple(ple) => Body::Ple(Ple::new(builder, ple, n_tasks, input_dim, norms)),
            Architecture::Mmoe(mmoe) => Body::Mmoe(Mmoe::new(builder, mmoe, n_tasks, input_dim, norms)),
            Architecture::SharedBottom(shared) => {
                Body::SharedBottom(SharedBottom::new(builder, shared, n_tasks, input_dim, config.norm))
            }
        };
        store.mark_first_values();
        Self { checked, bank, body }
    }

    /// The configuration that it was built from.
    pub fn config(&self) -> &ModelConfig {
        &self.checked.config
    }

    /// Its features.
    pub fn features(&self) -> &[FeatureSpec] {
        &self.checked.features
    }

    /// Its tasks.
    pub fn tasks(&self) -> &[TaskSpec] {
        &self.checked.tasks
    }

    /// Its embedding bank.
    pub fn bank(&self) -> &EmbeddingBank {
        &self.bank
    }

    /// Records the forward pass: one logit for each task, `[batch, 1]`.
    pub fn forward<'a>(&self, tape: &mut Tape<'a>, input: &BankInput<'a>) -> Vec<Var> {
        let embeddings = self.bank.forward(tape, input);
        let x = tape.dropout(embeddings, self.checked.config.embedding_dropout);
        match &self.body {
            Body::Ple(ple) => ple.forward(tape, x),
            Body::Mmoe(mmoe) => mmoe.forward(tape, x),
            Body::SharedBottom(shared) => shared.forward(tape, x),
        }
    }

    /// Records what each logit stands for: the probability of a classification task, the value of a regression task.
    pub fn outputs(&self, tape: &mut Tape<'_>, logits: &[Var]) -> Vec<Var> {
        let mut outputs = tape.list();
        for (task, &logit) in self.checked.tasks.iter().zip(logits) {
            outputs.push(match task.kind {
                TaskKind::Classification => tape.sigmoid(logit),
                TaskKind::Regression => logit,
            });
        }
        outputs
    }

    /// Predictions in evaluation mode, `[batch, tasks]`, and the workspace for the next call.
    pub fn predict<'a>(
        &self,
        store: &'a ParamStore,
        input: &BankInput<'a>,
        workspace: Workspace,
    ) -> (Array2<f32>, Workspace) {
        let n_tasks = self.tasks().len();
        let mut predictions = vec![0.0; input.batch * n_tasks];
        let workspace = self.predict_into(store, input, workspace, &mut predictions);
        let predictions = Array2::from_shape_vec((input.batch, n_tasks), predictions);
        (predictions.expect("the length is rows x tasks"), workspace)
    }

    /// Predictions in evaluation mode, written row by row: task t of row r to `out[r * tasks + t]`. Gives back the
    /// workspace for the next call.
    ///
    /// # Panics
    /// If `out` is not as long as rows x tasks.
    pub fn predict_into<'a>(
        &self,
        store: &'a ParamStore,
        input: &BankInput<'a>,
        workspace: Workspace,
        out: &mut [f32],
    ) -> Workspace {
        let n_tasks = self.tasks().len();
        assert_eq!(out.len(), input.batch * n_tasks, "room for {} rows of {n_tasks} tasks", input.batch);
        let mut tape = Tape::new(store, workspace, Mode::Evaluate);
        let logits = self.forward(&mut tape, input);
        let outputs = self.outputs(&mut tape, &logits);
        for (task, &output) in outputs.iter().enumerate() {
            let column = out.iter_mut().skip(task).step_by(n_tasks);
            column.zip(tape.value(output)).for_each(|(out, &value)| *out = value);
        }
        tape.recycle_list(logits);
        tape.recycle_list(outputs);
        tape.finish()
    }
}
