//! A whole model, described once: configuration in, logits out; training, inference and export run the same code.

use std::collections::{BTreeMap, HashSet};
use std::sync::Arc;

use ndarray::Array2;
use ple_tensor::{Mode, ParamStore, Tape, Var, Workspace};
use rand::RngCore;
use serde::{Deserialize, Serialize};

use crate::architecture::{Architecture, Body, Site};
use crate::batch_norm::Norm;
use crate::embedding_bank::{BankInput, EmbeddingBank};
use crate::error::NnError;
use crate::feature::{FeatureSpec, check_features};
use crate::heads::{Head, Learns, Outputs};
use crate::init::{Builder, Initialization};
use crate::label_standard::LabelStandard;
use crate::link::Link;
use crate::mlp::{MlpConfig, check_rate};
use crate::nearest::nearest;
use crate::ple::PleConfig;
use crate::size::check_countable;

/// What a task's labels are.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TaskKind {
    /// 0 or 1: whether something happens.
    Classification,
    /// Numbers.
    Regression,
}

/// A task of a model.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TaskSpec {
    /// Its name.
    pub name: String,
    /// What its labels are.
    pub kind: TaskKind,
}

/// The settings of a model; [`ModelConfig::check`] makes sure that it can be built.
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
    /// What the heads of tasks are where they are not what the task's kind gives, by the names of the tasks.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub heads: BTreeMap<String, HeadConfig>,
}

/// The settings of a task's head.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct HeadConfig {
    /// What its logit stands for; what [`Link::of`] the task's kind says without it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub link: Option<Link>,
    /// The scale on which the labels are learned.
    #[serde(skip_serializing_if = "LabelScale::is_standardized")]
    pub labels: LabelScale,
}

/// The scale on which the labels of a regression with the link [identity](Link::Identity) are learned; of other tasks they are
/// learned as they are.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LabelScale {
    /// In standard deviations from their mean: losses see `(y - mean) / deviation`, and predictions are `mean + deviation z`.
    #[default]
    Standardized,
    /// As they are.
    Raw,
}

impl LabelScale {
    fn is_standardized(&self) -> bool {
        *self == LabelScale::Standardized
    }
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
            heads: BTreeMap::new(),
        }
    }
}

/// A configuration, features and tasks that fit together.
#[derive(Clone, Debug)]
pub struct CheckedModel {
    pub(crate) config: ModelConfig,
    pub(crate) features: Vec<FeatureSpec>,
    pub(crate) tasks: Vec<TaskSpec>,
    pub(crate) heads: Vec<Head>,
}

impl CheckedModel {
    /// Whether a head learns standardised labels.
    pub(crate) fn is_standardized(&self, head: &Head) -> bool {
        let Learns::Task(task) = head.learns else { return false };
        let labels =
            self.config.heads.get(&self.tasks[task].name).map_or_else(LabelScale::default, |h| h.labels);
        head.link == Link::Identity && labels.is_standardized()
    }
}

impl CheckedModel {
    /// What it will predict.
    pub fn heads(&self) -> &[Head] {
        &self.heads
    }
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
        self.architecture.design().check(&tasks)?;
        let heads = self.heads(&tasks)?;
        let checked = CheckedModel { config: self, features, tasks, heads };
        check_countable(&checked)?;
        Ok(checked)
    }

    /// What the architecture predicts, with the links of the configuration.
    fn heads(&self, tasks: &[TaskSpec]) -> Result<Vec<Head>, NnError> {
        let mut heads = self.architecture.design().heads(tasks);
        for (name, HeadConfig { link, .. }) in &self.heads {
            let Some(task) = tasks.iter().position(|task| task.name == *name) else {
                return Err(NnError::UnknownTask {
                    found: name.clone(),
                    known: tasks.iter().map(|task| task.name.clone()).collect(),
                    nearest: nearest(name, tasks.iter().map(|task| task.name.as_str())).map(str::to_owned),
                });
            };
            let Some(link) = *link else { continue };
            if !link.fits(tasks[task].kind) {
                return Err(NnError::OtherLink { task: name.clone(), link: link.name() });
            }
            let of_task = |head: &&mut Head| head.task == Some(task) || head.learns.task() == Some(task);
            heads.iter_mut().filter(of_task).for_each(|head| head.link = link);
        }
        Ok(heads)
    }
}

impl CheckedModel {
    /// The configuration that was checked.
    pub fn into_config(self) -> ModelConfig {
        self.config
    }
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
    body: Arc<dyn Body>,
    /// The standard of each head that has one.
    standards: Vec<Option<LabelStandard>>,
}

impl Model {
    /// Builds a model and adds its parameters to the store.
    pub fn new(store: &mut ParamStore, checked: CheckedModel, random: &mut dyn RngCore) -> Self {
        let CheckedModel { config, features, tasks, .. } = &checked;
        let builder = &mut Builder { store, random, initialization: config.initialization };
        let bank = EmbeddingBank::new(builder, features, config.embedding_deviation);
        let norms = [config.norm, config.gate_norm];
        let site = Site { tasks, input_dim: bank.output_dim(), norms };
        let body = config.architecture.design().build(builder, site);
        let standard =
            |head: &Head| checked.is_standardized(head).then(|| LabelStandard::new(store, &head.name));
        let standards = checked.heads.iter().map(standard).collect();
        store.mark_first_values();
        Self { checked, bank, body, standards }
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

    /// What it predicts, and from which labels it learns: of most models a head for each task.
    pub fn heads(&self) -> &[Head] {
        &self.checked.heads
    }

    /// The head that each task is judged by.
    pub fn head_of_task(&self, task: usize) -> usize {
        self.heads().iter().position(|head| head.task == Some(task)).unwrap_or(task)
    }

    /// Records the forward pass: a logit for each head, `[batch, 1]`.
    pub fn forward<'a>(&self, tape: &mut Tape<'a>, input: &BankInput<'a>) -> Outputs {
        let embeddings = self.bank.forward(tape, input);
        let x = tape.dropout(embeddings, self.checked.config.embedding_dropout);
        self.body.forward(tape, x)
    }

    /// Records what the logit of each head stands for: see [`Link`].
    pub fn predictions(&self, tape: &mut Tape<'_>, logits: &[Var]) -> Vec<Var> {
        let mut predictions = tape.list();
        for (head, &logit) in logits.iter().enumerate() {
            predictions.push(self.prediction(tape, head, logit));
        }
        predictions
    }

    /// Records what the logit of one head stands for.
    pub fn prediction(&self, tape: &mut Tape<'_>, head: usize, logit: Var) -> Var {
        match self.standards[head] {
            Some(standard) => standard.undo(tape, logit),
            None => self.heads()[head].link.record(tape, logit),
        }
    }

    /// What the labels of a head are standardised by, if they are.
    pub fn label_standard(&self, head: usize) -> Option<LabelStandard> {
        self.standards[head]
    }

    /// Predictions in evaluation mode, `[batch, heads]`, and the workspace for the next call.
    pub fn predict<'a>(
        &self,
        store: &'a ParamStore,
        input: &BankInput<'a>,
        workspace: Workspace,
    ) -> (Array2<f32>, Workspace) {
        let n_heads = self.heads().len();
        let mut predictions = vec![0.0; input.batch * n_heads];
        let workspace = self.predict_into(store, input, workspace, &mut predictions);
        let predictions = Array2::from_shape_vec((input.batch, n_heads), predictions);
        (predictions.expect("the length is rows x heads"), workspace)
    }

    /// Predictions in evaluation mode, written row by row: head h of row r to `out[r * heads + h]`. Gives back the
    /// workspace for the next call.
    ///
    /// # Panics
    /// If `out` is not as long as rows x heads.
    pub fn predict_into<'a>(
        &self,
        store: &'a ParamStore,
        input: &BankInput<'a>,
        workspace: Workspace,
        out: &mut [f32],
    ) -> Workspace {
        let n_heads = self.heads().len();
        assert_eq!(out.len(), input.batch * n_heads, "room for {} rows of {n_heads} heads", input.batch);
        let mut tape = Tape::new(store, workspace, Mode::Evaluate);
        let outputs = self.forward(&mut tape, input);
        let predictions = self.predictions(&mut tape, &outputs.logits);
        for (head, &prediction) in predictions.iter().enumerate() {
            let column = out.iter_mut().skip(head).step_by(n_heads);
            column.zip(tape.value(prediction)).for_each(|(out, &value)| *out = value);
        }
        outputs.recycle(&mut tape);
        tape.recycle_list(predictions);
        tape.finish()
    }
}
