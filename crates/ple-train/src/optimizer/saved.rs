//! Adam's state on its way into a checkpoint and back: moments by the names of their parameters.

use std::collections::BTreeMap;
use std::path::Path;

use ndarray::{Array2, s};
use ple_tensor::{MatrixId, NamedBlock, ParamStore};

use super::adam::{Adam, Moments};
use super::config::TableUpdates;
use super::rule::adam_step;
use crate::balance::is_of_balance;
use crate::carried_moments::{CarriedMoments, CarriedSteps};
use crate::checkpoint::{StoredTensor, TensorEntry, TensorSource};
use crate::error::TrainError;

/// What the names of moments begin with: the first and the second.
const PREFIXES: [&str; 2] = ["adam.first.", "adam.second."];

/// Whether a tensor of a checkpoint belongs to the optimiser.
pub(crate) fn is_moment(name: &str) -> bool {
    PREFIXES.iter().any(|prefix| name.starts_with(prefix))
}

/// Whether a tensor of a checkpoint has second moments, which are averages of squares.
pub(crate) fn is_second_moment(name: &str) -> bool {
    name.starts_with(PREFIXES[1])
}

/// The tensors with the moments of a parameter.
pub(crate) fn moment_names(parameter: &str) -> [String; 2] {
    PREFIXES.map(|prefix| format!("{prefix}{parameter}"))
}

/// The parameter whose moments a tensor has.
pub(crate) fn moments_of(name: &str) -> &str {
    PREFIXES.iter().find_map(|prefix| name.strip_prefix(prefix)).unwrap_or(name)
}

/// The steps that made saved moments.
pub(crate) struct SavedSteps<'a> {
    /// Those of this run.
    pub(crate) step: u64,
    /// Those of each matrix in this run, by its first parameter.
    pub(crate) matrices: &'a BTreeMap<String, u64>,
    /// Those of the runs before.
    pub(crate) carried: &'a CarriedSteps,
}

impl Adam {
    /// The steps that each matrix has taken, by its first parameter.
    pub(crate) fn matrix_steps(&self, store: &ParamStore) -> BTreeMap<String, u64> {
        let steps = store.matrix_ids().filter_map(|id| {
            Some((first_block(store, id)?.name.clone(), self.matrices[id.index()].as_ref()?.steps))
        });
        steps.collect()
    }

    /// The moments of matrices, block by block: name, shape, values.
    pub(crate) fn matrix_moments(&self, store: &ParamStore) -> Vec<(String, Vec<usize>, Vec<f32>)> {
        let mut all = Vec::new();
        for block in store.blocks() {
            let Some(moments) = &self.matrices[block.matrix.index()] else { continue };
            for (prefix, values) in PREFIXES.iter().zip([&moments.m, &moments.v]) {
                let values = values.slice(s![.., block.columns.clone()]);
                let shape = values.shape().to_vec();
                all.push((format!("{prefix}{}", block.name), shape, values.iter().copied().collect()));
            }
        }
        all
    }

    /// The moments of a table's rows, where they lie: `data` begins with the first row's weights.
    pub(crate) fn table_moments<'s>(
        name: &str,
        data: &'s [f32],
        (rows, dim, stride): (usize, usize, usize),
    ) -> impl Iterator<Item = TensorEntry<'s>> {
        let entry = move |(slot, name): (usize, String)| {
            let data = &data[(1 + slot) * dim..];
            TensorEntry {
                name,
                shape: vec![rows, dim],
                source: TensorSource::Rows { data, dim, stride, rows },
            }
        };
        moment_names(name).into_iter().enumerate().map(entry)
    }

    /// Puts the state after `step` steps back.
    ///
    /// # Errors
    /// [`TrainError::OtherModel`] where a tensor is missing or has another shape.
    pub(crate) fn restore(
        &mut self,
        store: &mut ParamStore,
        steps: &SavedSteps<'_>,
        tensors: &BTreeMap<String, StoredTensor>,
        place: &Path,
    ) -> Result<(), TrainError> {
        let find = |name: String, shape: &[usize]| match tensors.get(&name) {
            Some(tensor) if tensor.shape == shape => Ok(tensor),
            other => Err(TrainError::OtherModel {
                path: place.to_owned(),
                tensor: name,
                found: other
                    .map_or("no such tensor".to_owned(), |tensor| format!("shape {:?}", tensor.shape)),
                expected: format!("shape {shape:?}"),
            }),
        };
        for id in store.matrix_ids() {
            let first = first_block(store, id).map_or("", |block| &block.name);
            let (taken, carried) = (steps.matrices.get(first), steps.carried.matrices.get(first));
            self.matrices[id.index()] = match (taken, carried) {
                (None, None) => None,
                (taken, carried) => {
                    let dim = store.matrix(id).dim();
                    let mut moments = [Array2::zeros(dim), Array2::zeros(dim)];
                    for block in store.blocks_of(id) {
                        for (prefix, values) in PREFIXES.iter().zip(&mut moments) {
                            let mut values = values.slice_mut(s![.., block.columns.clone()]);
                            let tensor = find(format!("{prefix}{}", block.name), values.shape())?;
                            values.iter_mut().zip(&tensor.values).for_each(|(to, from)| *to = *from);
                        }
                    }
                    let [m, v] = moments;
                    let [steps, carried] = [taken, carried].map(|steps| steps.copied().unwrap_or(0));
                    Some(Moments { m, v, steps, carried })
                }
            };
        }
        let names: Vec<String> = store.table_ids().map(|id| store.table(id).name.clone()).collect();
        for (table, name) in store.tables_mut().into_iter().zip(names) {
            let dim = table.dim;
            let shape = [table.data.len() / table.stride, dim];
            for (slot, prefix) in PREFIXES.iter().enumerate() {
                let tensor = find(format!("{prefix}{name}"), &shape)?;
                let rows = table.data.chunks_exact_mut(table.stride).zip(tensor.values.chunks_exact(dim));
                rows.for_each(|(to, from)| to[(1 + slot) * dim..(2 + slot) * dim].copy_from_slice(from));
            }
            // Every row was brought up to date before it was saved.
            table.stamps.fill(steps.step as u32);
        }
        (self.step, self.carried) = (steps.step, steps.carried.tables);
        if self.config.tables != TableUpdates::Lazy {
            let rule = |t| adam_step(&self.config, t, self.carried, self.n_steps, true);
            self.replayed = (1..=self.step).map(rule).collect();
        }
        Ok(())
    }

    /// Begins with the moments of an earlier run. What a balancing strategy learns begins anew, as its weights do.
    ///
    /// # Errors
    /// As [`Adam::restore`].
    pub(crate) fn begin_with(
        &mut self,
        store: &mut ParamStore,
        moments: &CarriedMoments,
    ) -> Result<(), TrainError> {
        let mut carried = moments.steps.clone();
        carried.matrices.retain(|name, _| !is_of_balance(name));
        let steps = SavedSteps { step: 0, matrices: &BTreeMap::new(), carried: &carried };
        self.restore(store, &steps, &moments.tensors, &moments.place)
    }

    /// The steps of earlier runs.
    pub(crate) fn carried_steps(&self, store: &ParamStore) -> CarriedSteps {
        let matrices = store.matrix_ids().filter_map(|id| {
            let carried = self.matrices[id.index()].as_ref()?.carried;
            (carried > 0).then_some((first_block(store, id)?.name.clone(), carried))
        });
        CarriedSteps { tables: self.carried, matrices: matrices.collect() }
    }
}

fn first_block(store: &ParamStore, id: MatrixId) -> Option<&NamedBlock> {
    store.blocks_of(id).first()
}
