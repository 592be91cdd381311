//! The optimiser's moments in a checkpoint, on their way into another run, there under other vocabularies too.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use ple_data::prepare::Transformation;
use serde::{Deserialize, Serialize};

use crate::carry_over::KeyMap;
use crate::checkpoint::{FILE_NAME, Manifest, StoredTensor};
use crate::error::TrainError;
use crate::loading::read_verified;
use crate::optimizer::{OptimizerConfig, is_slot, slot_of, tensors_of};
use crate::resume::RunState;

/// What an optimiser keeps (Adam: moments) as a checkpoint has it, to begin another run with: see [`fit_with_moments`](crate::fit_with_moments).
///
/// The checkpoints that a run leaves in its folder have them. A model that [`RankingModel::save`](crate::RankingModel::save)
/// wrote has none.
#[derive(Clone, Debug, PartialEq)]
pub struct CarriedMoments {
    pub(crate) place: PathBuf,
    pub(crate) steps: CarriedSteps,
    pub(crate) tensors: BTreeMap<String, StoredTensor>,
    /// The optimiser that kept them.
    optimizer: OptimizerConfig,
}

/// How many steps have made the moments that a run began with: bias correction counts them, the schedule does not.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct CarriedSteps {
    /// Those of the tables.
    pub(crate) tables: u64,
    /// Those of each matrix, by its first parameter.
    pub(crate) matrices: BTreeMap<String, u64>,
}

impl CarriedSteps {
    pub(crate) fn is_none(&self) -> bool {
        *self == Self::default()
    }
}

impl CarriedMoments {
    /// Reads the moments of a checkpoint, after verifying every byte; `None` if it has none.
    ///
    /// # Errors
    /// A checkpoint that is missing or damaged, or one with a value that no run could have saved.
    pub fn load(folder: &Path) -> Result<Option<Self>, TrainError> {
        let manifest = Manifest::load(folder)?;
        let Some(state) = &manifest.run.state else { return Ok(None) };
        let state = RunState::parse(folder, state)?;
        let mut steps = state.carried;
        steps.tables = steps.tables.saturating_add(manifest.run.position.step);
        for (matrix, taken) in state.optimizer_steps {
            let steps = steps.matrices.entry(matrix).or_default();
            *steps = steps.saturating_add(taken);
        }
        let optimizer = manifest.run.config.pointer("/training/optimizer").cloned().unwrap_or_default();
        let optimizer = serde_json::from_value(optimizer).map_err(|error| TrainError::CheckpointConfig {
            path: folder.join(FILE_NAME),
            what: "configuration of the optimiser",
            detail: error.to_string(),
        })?;
        let mut stored = read_verified(folder, manifest)?;
        stored.tensors.retain(|name, _| is_slot(name));
        Ok(Some(Self { place: folder.to_owned(), steps, tensors: stored.tensors, optimizer }))
    }

    /// The moments under the vocabularies of a new transformation: those of a row of an embedding table go with its key,
    /// those of a new row are what they are before a first step, which is zero but for sums that begin at another value.
    ///
    /// # Errors
    /// [`TrainError::OtherState`] where a table has not as many rows as the old transformation says.
    pub fn carried_over(mut self, old: &Transformation, new: &Transformation) -> Result<Self, TrainError> {
        for (name, tensor) in &mut self.tensors {
            let Some((slot, parameter)) = slot_of(name) else { continue };
            let Some(keys) = KeyMap::of_table(parameter, old, new) else { continue };
            let (n_old, n_new) = keys.rows();
            let [rows, dim] = tensor.shape[..] else { continue };
            if rows != n_old {
                return Err(TrainError::OtherState {
                    what: "old transformation",
                    found: format!("{n_old} rows of {name}"),
                    expected: format!("{rows}, as in the checkpoint"),
                });
            }
            let mut values = vec![self.optimizer.first_of_tables(slot); n_new * dim];
            for (id, row) in (0..).zip(values.chunks_exact_mut(dim)) {
                if let Some(old) = keys.old_id(id) {
                    row.copy_from_slice(&tensor.values[old as usize * dim..][..dim]);
                }
            }
            *tensor = StoredTensor { shape: vec![n_new, dim], values };
        }
        Ok(self)
    }

    /// What is kept of a row of a table, by the name of the table as in [`CarriedRows`](crate::CarriedRows): the slots in
    /// their order, of Adam the first and the second moments. `None` where there is no such row.
    pub fn row(&self, table: &str, row: usize) -> Option<Vec<&[f32]>> {
        let values = tensors_of(table).filter_map(|name| {
            let tensor = self.tensors.get(&name)?;
            let [rows, dim] = tensor.shape[..] else { return None };
            (row < rows).then(|| &tensor.values[row * dim..(row + 1) * dim])
        });
        Some(values.collect()).filter(|slots: &Vec<_>| !slots.is_empty())
    }
}
