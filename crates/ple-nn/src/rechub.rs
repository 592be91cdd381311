//! Weights from torch-rechub: its names for our parameters, and an importer.

use ndarray::ArrayViewMut2;
use ple_tensor::{Entry, ParamStore};
use serde::Deserialize;
use serde_json::{Map, Value};

use crate::activation::Activation;
use crate::architecture::Architecture;
use crate::error::NnError;
use crate::mlp::MlpConfig;
use crate::model::Model;

/// The sizes of a model as torch-rechub names them: `n_expert`, `tower_params` and so on.
#[derive(Clone, Debug, Deserialize)]
pub struct RechubSizes(Map<String, Value>);

/// A perceptron as torch-rechub writes it.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RechubMlp {
    dims: Vec<usize>,
    #[serde(default)]
    activation: Activation,
}

impl From<RechubMlp> for MlpConfig {
    fn from(params: RechubMlp) -> Self {
        MlpConfig { dims: params.dims, activation: params.activation, dropout: 0.0 }
    }
}

impl RechubSizes {
    /// A number.
    pub(crate) fn count(&self, key: &str) -> Result<usize, NnError> {
        self.read(key)
    }

    /// The sizes of a perceptron.
    pub(crate) fn mlp(&self, key: &str) -> Result<MlpConfig, NnError> {
        self.read::<RechubMlp>(key).map(MlpConfig::from)
    }

    /// Those of several; none where the key is missing.
    pub(crate) fn mlps(&self, key: &str) -> Result<Vec<MlpConfig>, NnError> {
        match self.0.contains_key(key) {
            true => Ok(self.read::<Vec<RechubMlp>>(key)?.into_iter().map(MlpConfig::from).collect()),
            false => Ok(Vec::new()),
        }
    }

    fn read<T: for<'de> Deserialize<'de>>(&self, key: &str) -> Result<T, NnError> {
        let problem = |problem: String| NnError::RechubSize { key: key.to_owned(), problem };
        let value = self.0.get(key).ok_or_else(|| problem("is missing".to_owned()))?;
        T::deserialize(value).map_err(|error| problem(format!("is {value}: {error}")))
    }
}

/// What torch-rechub's columns of predictions, labels and losses are here, and how the total loss is made of them.
#[derive(Clone, Debug, PartialEq)]
pub struct RechubColumns {
    /// The head of each column.
    pub heads: Vec<usize>,
    /// The column of each task's label.
    pub labels: Vec<usize>,
    /// The weight of the loss of each head that learns.
    pub weight: f32,
}

/// How a tensor of torch-rechub lies beside ours.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Layout {
    /// An embedding table, `[rows, dim]` on both sides.
    Table,
    /// A linear weight: `[out, in]` there, `[in, out]` here.
    Transposed,
    /// A vector `[n]` there, `[1, n]` here.
    Vector,
}

/// torch-rechub's name and layout of one of our parameters, for a model of the given architecture.
///
/// An MLP's slots go in steps of four there (linear, batch norm, activation, dropout): our `layer.1.weight` is
/// `mlp.4.weight`, `norm.1.weight` is `mlp.5.weight`. `None` for what torch-rechub does not have: bins of dense
/// features, log variances.
///
/// ```
/// use ple_nn::{ModelConfig, rechub::{Layout, rechub_name}};
///
/// let architecture = ModelConfig::default().architecture;
/// assert_eq!(
///     rechub_name(&architecture, "cgc.0.task.1.expert.0.layer.0.weight"),
///     Some(("cgc_layers.0.experts_specific.2.mlp.0.weight".into(), Layout::Transposed)),
/// );
/// ```
pub fn rechub_name(architecture: &Architecture, name: &str) -> Option<(String, Layout)> {
    if let Some(feature) = name.strip_prefix("embedding.") {
        let feature = feature.strip_suffix(".weight")?;
        // A binned feature's table has no counterpart there.
        return (!feature.ends_with(".bins"))
            .then(|| (format!("embedding.embed_dict.{feature}.weight"), Layout::Table));
    }
    let parts: Vec<&str> = name.split('.').collect();
    let (module, rest) = architecture.design().rechub_module(&parts)?;
    let (slot, what, layout) = match rest {
        // A map by itself, without bias.
        ["weight"] => return Some((format!("{module}.weight"), Layout::Transposed)),
        ["layer", depth, "weight"] => (4 * depth.parse::<usize>().ok()?, "weight", Layout::Transposed),
        ["layer", depth, "bias"] => (4 * depth.parse::<usize>().ok()?, "bias", Layout::Vector),
        ["norm", depth, what] => (4 * depth.parse::<usize>().ok()? + 1, *what, Layout::Vector),
        ["activation", depth, "slope"] => (4 * depth.parse::<usize>().ok()? + 2, "weight", Layout::Vector),
        ["activation", depth, "alpha"] => (4 * depth.parse::<usize>().ok()? + 2, "alpha", Layout::Vector),
        _ => return None,
    };
    Some((format!("{module}.mlp.{slot}.{what}"), layout))
}

/// A tensor of f32 values as a file holds it: its shape and its values, row-major.
pub type RawTensor<'a> = (&'a [usize], &'a [f32]);

/// Fills a model's parameters from weights under torch-rechub's names.
///
/// `get` gives the tensor of a name. Tensors that the model does not need (such as `num_batches_tracked`) are never
/// asked for; parameters that torch-rechub does not have keep their values.
///
/// # Errors
/// [`NnError::MissingTensor`] or [`NnError::TensorShape`], with the name in torch-rechub.
pub fn import_rechub<'t>(
    model: &Model,
    store: &mut ParamStore,
    mut get: impl FnMut(&str) -> Option<RawTensor<'t>>,
) -> Result<(), NnError> {
    for entry in store.entries().to_vec() {
        let ours = store.entry_name(entry).to_owned();
        let Some((theirs, layout)) = rechub_name(&model.config().architecture, &ours) else { continue };
        let (rows, columns) = match entry {
            Entry::Table(table) => (store.table(table).rows, store.table(table).dim),
            Entry::Block(_) => store.get(&ours).map_or((0, 0), |values| values.dim()),
        };
        let expected = match layout {
            Layout::Table => vec![rows, columns],
            Layout::Transposed => vec![columns, rows],
            Layout::Vector => vec![columns],
        };
        let Some((shape, values)) = get(&theirs) else {
            return Err(NnError::MissingTensor { name: theirs, expected });
        };
        if shape != expected {
            return Err(NnError::TensorShape { name: theirs, expected, found: shape.to_vec() });
        }
        match entry {
            Entry::Table(table) => {
                for (row, values) in values.chunks_exact(columns).enumerate() {
                    store.table_row_mut(table, row).copy_from_slice(values);
                }
            }
            Entry::Block(_) => {
                let target = store.get_mut(&ours).expect("the entry's name is known");
                fill(target, layout, values);
            }
        }
    }
    Ok(())
}

fn fill(mut target: ArrayViewMut2<'_, f32>, layout: Layout, values: &[f32]) {
    let rows = target.nrows();
    for ((row, column), value) in target.indexed_iter_mut() {
        *value = match layout {
            Layout::Transposed => values[column * rows + row],
            Layout::Table | Layout::Vector => values[column],
        };
    }
}

/// The module of a parameter that is named as in most architectures: `tower.TASK`.
pub(crate) fn tower_module<'n>(parts: &'n [&'n str]) -> Option<(String, &'n [&'n str])> {
    match parts {
        ["tower", task, rest @ ..] => Some((format!("towers.{task}"), rest)),
        _ => None,
    }
}
