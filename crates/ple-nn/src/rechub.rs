//! Weights from torch-rechub: its names for our parameters, and an importer.

use ndarray::ArrayViewMut2;
use ple_tensor::{Entry, ParamStore};

use crate::error::NnError;
use crate::model::{Architecture, Model};

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
    let (module, rest) = match (architecture, parts.as_slice()) {
        (Architecture::Ple(ple), ["cgc", level, "task", task, "expert", expert, rest @ ..]) => {
            let (task, expert): (usize, usize) = (task.parse().ok()?, expert.parse().ok()?);
            let index = task * ple.n_specific_experts + expert;
            (format!("cgc_layers.{level}.experts_specific.{index}"), rest)
        }
        (Architecture::Ple(_), ["cgc", level, "task", task, "gate", rest @ ..]) => {
            (format!("cgc_layers.{level}.gates_specific.{task}"), rest)
        }
        (Architecture::Ple(_), ["cgc", level, "shared", "expert", expert, rest @ ..]) => {
            (format!("cgc_layers.{level}.experts_shared.{expert}"), rest)
        }
        (Architecture::Ple(_), ["cgc", level, "shared", "gate", rest @ ..]) => {
            (format!("cgc_layers.{level}.gate_shared"), rest)
        }
        (Architecture::Mmoe(_), ["expert", expert, rest @ ..]) => (format!("experts.{expert}"), rest),
        (Architecture::Mmoe(_), ["gate", task, rest @ ..]) => (format!("gates.{task}"), rest),
        (Architecture::SharedBottom(_), ["bottom", rest @ ..]) => ("bottom_mlp".to_owned(), rest),
        (_, ["tower", task, rest @ ..]) => (format!("towers.{task}"), rest),
        _ => return None,
    };
    let (slot, what, layout) = match rest {
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
