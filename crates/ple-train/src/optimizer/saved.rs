//! Adam's state on its way into a checkpoint and back: moments by the names of their parameters.

use std::collections::BTreeMap;
use std::path::Path;

use ndarray::{Array2, s};
use ple_tensor::{MatrixId, NamedBlock, ParamStore};

use super::adam::{Adam, Moments};
use super::config::TableUpdates;
use super::rule::adam_step;
use crate::checkpoint::{StoredTensor, TensorEntry, TensorSource};
use crate::error::TrainError;

/// What the names of moments begin with: the first and the second.
const PREFIXES: [&str; 2] = ["adam.first.", "adam.second."];

/// Whether a tensor of a checkpoint belongs to the optimiser.
pub(crate) fn is_moment(name: &str) -> bool {
    PREFIXES.iter().any(|prefix| name.starts_with(prefix))
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
        let names: Vec<String> = PREFIXES.iter().map(|prefix| format!("{prefix}{name}")).collect();
        names.into_iter().enumerate().map(entry)
    }

    /// Puts the state after `step` steps back.
    ///
    /// # Errors
    /// [`TrainError::OtherModel`] where a tensor is missing or has another shape.
    pub(crate) fn restore(
        &mut self,
        store: &mut ParamStore,
        step: u64,
        matrix_steps: &BTreeMap<String, u64>,
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
            let steps = first_block(store, id).and_then(|block| matrix_steps.get(&block.name));
            self.matrices[id.index()] = match steps {
                None => None,
                Some(&steps) => {
                    let dim = store.matrix(id).dim();
                    let mut moments = [Array2::zeros(dim), Array2::zeros(dim)];
                    for block in store.blocks().iter().filter(|block| block.matrix == id) {
                        for (prefix, values) in PREFIXES.iter().zip(&mut moments) {
                            let mut values = values.slice_mut(s![.., block.columns.clone()]);
                            let tensor = find(format!("{prefix}{}", block.name), values.shape())?;
                            values.iter_mut().zip(&tensor.values).for_each(|(to, from)| *to = *from);
                        }
                    }
                    let [m, v] = moments;
                    Some(Moments { m, v, steps })
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
            table.stamps.fill(step as u32);
        }
        self.step = step;
        if self.config.tables != TableUpdates::Lazy {
            self.replayed = (1..=step).map(|t| adam_step(&self.config, t, self.n_steps, true)).collect();
        }
        Ok(())
    }
}

fn first_block(store: &ParamStore, id: MatrixId) -> Option<&NamedBlock> {
    store.blocks().iter().find(|block| block.matrix == id)
}
