//! How large a model is, from its configuration alone: what has to be known before memory is asked for.
//!
//! The description of the layers in `layers.rs` says twice what the layers do. Tests build random models and compare its
//! counts, and the widths of its steps, with those of the store and of the tape.

pub(crate) mod layers;
mod levels;
mod step;
mod step_memory;

use crate::error::NnError;
use crate::feature::{FeatureKind, FeatureSpec};
use crate::model::CheckedModel;
use layers::record;
use step::Counts;

pub(crate) use levels::Levels;
pub(crate) use step::{Place, Recorder};
pub use step_memory::StepMemory;

/// The size of an embedding table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TableSize {
    /// The feature that it belongs to.
    pub feature: String,
    /// Its rows.
    pub rows: u64,
    /// The values of a row.
    pub dim: u64,
}

impl TableSize {
    /// The values of the table.
    pub fn values(&self) -> u64 {
        self.rows.saturating_mul(self.dim)
    }
}

/// The sizes of a model. Sums and products that 64 bits do not hold are the largest number of 64 bits.
///
/// ```
/// use ple_nn::{FeatureSpec, ModelConfig, TaskKind, TaskSpec};
///
/// let features = vec![FeatureSpec::sparse("user", 1_000_000_000_000, 16)];
/// let task = TaskSpec { name: "click".into(), kind: TaskKind::Classification };
/// let size = ModelConfig::default().check(features, vec![task])?.size();
/// assert_eq!(size.tables[0].values(), 16_000_000_000_000);
/// assert!(size.matrix_values < 2_000);
/// # Ok::<(), ple_nn::NnError>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ModelSize {
    /// Its tables, each once, in the order of the features.
    pub tables: Vec<TableSize>,
    /// The values of all matrices, those that are not learned among them.
    pub matrix_values: u64,
    /// The named parameters.
    pub n_named: u64,
    /// The operations of a training step, without the losses.
    pub n_steps: u64,
    /// The columns of their results, and of what they keep for the backward pass: a training step has so many values for each
    /// row of its batch, and the gradients.
    pub step_columns: u64,
    /// The columns of the embedding matrix.
    pub input_dim: u64,
}

impl CheckedModel {
    /// The sizes of the model, without building it.
    pub fn size(&self) -> ModelSize {
        let mut recorder = Recorder::counting();
        record(&mut recorder, self);
        let Counts { matrix_values, n_named, n_steps, columns } = recorder.counts;
        let input_dim = input_dim(&self.features);
        ModelSize {
            tables: tables(&self.features),
            matrix_values,
            n_named,
            n_steps,
            step_columns: columns,
            input_dim,
        }
    }

    /// The widest results of its operations.
    pub fn widest(&self) -> WidestResults {
        let mut recorder = Recorder::counting();
        record(&mut recorder, self);
        recorder.widest
    }

    /// What the buffers of a training step come to for batches of `rows` rows; nothing where the step has more operations than
    /// it is sensible to walk through, and then [`ModelSize::step_columns`] is what there is.
    pub fn step_memory(&self, rows: u64) -> Option<StepMemory> {
        const MOST_STEPS: u64 = 100_000;
        if self.size().n_steps > MOST_STEPS {
            return None;
        }
        let mut recorder = Recorder::listing();
        record(&mut recorder, self);
        Some(StepMemory::of(&recorder.steps, rows, self.tasks.len() as u64))
    }
}

/// The widest results of a model.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct WidestResults {
    /// Of linear maps of the embedding matrix that go by the rows of tables.
    pub of_embeddings: u64,
    /// Of any other operation.
    pub of_layers: u64,
}

/// Refuses sizes with which a machine cannot count: whatever holds so many values has no address.
pub(crate) fn check_countable(model: &CheckedModel) -> Result<(), NnError> {
    let size = model.size();
    let of_tables =
        size.tables.iter().map(|table| (format!("the table of feature {}", table.feature), table.values()));
    let of_network = [
        ("the embedding matrix".to_owned(), size.input_dim),
        ("the network".to_owned(), size.matrix_values),
        ("the list of parameters".to_owned(), size.n_named),
        ("a training step".to_owned(), size.step_columns),
    ];
    match of_tables.chain(of_network).find(|&(_, values)| values > MOST_VALUES) {
        Some((what, _)) => Err(NnError::TooLarge { what, limit: MOST_VALUES }),
        None => Ok(()),
    }
}

/// The most values of a part: a product with the bytes of a value and the slots of an optimiser stays far from 64 bits.
const MOST_VALUES: u64 = 1 << 48;

/// The columns of the embedding matrix.
fn input_dim(features: &[FeatureSpec]) -> u64 {
    let columns = features.iter().map(|feature| match &feature.kind {
        FeatureKind::Sparse { embedding_dim, .. } | FeatureKind::Sequence { embedding_dim, .. } => {
            *embedding_dim as u64
        }
        FeatureKind::Dense { bins } => {
            bins.as_ref().map_or(0, |bins| bins.embedding_dim as u64).saturating_add(1)
        }
    });
    columns.fold(0, u64::saturating_add)
}

/// The tables of the features, each once: those of bins come last.
fn tables(features: &[FeatureSpec]) -> Vec<TableSize> {
    let table = |feature: &FeatureSpec, rows: usize, dim: usize| TableSize {
        feature: feature.name.clone(),
        rows: rows as u64,
        dim: dim as u64,
    };
    let own = features.iter().filter_map(|feature| match feature.table() {
        Some((rows, dim, None)) => Some(table(feature, rows, dim)),
        _ => None,
    });
    let binned = features.iter().filter_map(|feature| match &feature.kind {
        FeatureKind::Dense { bins: Some(bins) } => {
            Some(table(feature, bins.edges.len() + 1, bins.embedding_dim))
        }
        _ => None,
    });
    own.chain(binned).collect()
}
