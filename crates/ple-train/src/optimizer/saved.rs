//! An optimiser's state on its way into a checkpoint and back: slots by the names of their parameters.

use std::collections::BTreeMap;
use std::path::Path;

use ndarray::{Array2, s};
use ple_tensor::{Entry, MatrixId, NamedBlock, ParamStore};

use super::machine::{MatrixSlots, Optimizer};
use super::rule::WeightDecay;
use super::slots::{rule_of, slot_of};
use super::table_updates::TableUpdates;
use crate::balance::is_of_balance;
use crate::carried_moments::{CarriedMoments, CarriedSteps};
use crate::checkpoint::{StoredTensor, TensorEntry, TensorSource};
use crate::error::TrainError;

/// The steps that made saved slots.
pub(crate) struct SavedSteps<'a> {
    /// Those of this run.
    pub(crate) step: u64,
    /// Those of each matrix in this run, by its first parameter.
    pub(crate) matrices: &'a BTreeMap<String, u64>,
    /// Those of the runs before.
    pub(crate) carried: &'a CarriedSteps,
}

impl Optimizer {
    /// The steps that each matrix has taken, by its first parameter.
    pub(crate) fn matrix_steps(&self, store: &ParamStore) -> BTreeMap<String, u64> {
        let steps = store.matrix_ids().filter_map(|id| {
            Some((first_block(store, id)?.name.clone(), self.matrices[id.index()].as_ref()?.steps))
        });
        steps.collect()
    }

    /// The slots of matrices, block by block: name, shape, values.
    pub(crate) fn slots_of_matrices(&self, store: &ParamStore) -> Vec<(String, Vec<usize>, Vec<f32>)> {
        let mut all = Vec::new();
        for block in store.blocks() {
            for (slot, values) in self.slots(block.matrix).into_iter().flatten() {
                let values = values.slice(s![.., block.columns.clone()]);
                let shape = values.shape().to_vec();
                all.push((slot.tensor_of(&block.name), shape, values.iter().copied().collect()));
            }
        }
        all
    }

    /// The slots of a table's rows, where they lie: `data` begins with the first row's weights.
    pub(crate) fn slots_of_table<'s>(
        &self,
        name: &str,
        data: &'s [f32],
        (rows, dim, stride): (usize, usize, usize),
    ) -> impl Iterator<Item = TensorEntry<'s>> {
        let mut start = dim;
        self.tables.slots().iter().map(move |slot| {
            let (data, dim) = (&data[start..], slot.width.values(dim));
            start += dim;
            TensorEntry {
                name: slot.tensor_of(name),
                shape: vec![rows, dim],
                source: TensorSource::Rows { data, dim, stride, rows },
            }
        })
    }

    /// Fails if one of the tensors is a slot of another optimiser than the one that steps its parameter.
    ///
    /// # Errors
    /// [`TrainError::OtherOptimizer`].
    pub(crate) fn check_slots<'n>(
        &self,
        store: &ParamStore,
        place: &Path,
        tensors: impl IntoIterator<Item = &'n str>,
    ) -> Result<(), TrainError> {
        for (slot, parameter) in tensors.into_iter().filter_map(slot_of) {
            let rule = match store.entry(parameter) {
                Some(Entry::Table(_)) => &self.tables,
                Some(Entry::Block(_)) => &self.network,
                None => continue,
            };
            if rule_of(slot) != rule.name() {
                return Err(TrainError::OtherOptimizer {
                    path: place.to_owned(),
                    parameter: parameter.to_owned(),
                    found: rule_of(slot),
                    expected: rule.name(),
                });
            }
        }
        Ok(())
    }

    /// Puts the state after `step` steps back.
    ///
    /// # Errors
    /// [`TrainError::OtherOptimizer`] where a tensor is another optimiser's, [`TrainError::OtherModel`] where one is missing or
    /// has another shape.
    pub(crate) fn restore(
        &mut self,
        store: &mut ParamStore,
        steps: &SavedSteps<'_>,
        tensors: &BTreeMap<String, StoredTensor>,
        place: &Path,
    ) -> Result<(), TrainError> {
        self.check_slots(store, place, tensors.keys().map(String::as_str))?;
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
                    let first = |slot| Array2::from_elem(dim, self.network.first(slot));
                    let mut kept: Vec<_> = self.network.slots().iter().map(first).collect();
                    for block in store.blocks_of(id) {
                        for (slot, values) in self.network.slots().iter().zip(&mut kept) {
                            let mut values = values.slice_mut(s![.., block.columns.clone()]);
                            let tensor = find(slot.tensor_of(&block.name), values.shape())?;
                            values.iter_mut().zip(&tensor.values).for_each(|(to, from)| *to = *from);
                        }
                    }
                    let [steps, carried] = [taken, carried].map(|steps| steps.copied().unwrap_or(0));
                    Some(MatrixSlots { slots: kept, steps, carried })
                }
            };
        }
        let names: Vec<String> = store.table_ids().map(|id| store.table(id).name.clone()).collect();
        for (table, name) in store.tables_mut().into_iter().zip(names) {
            let mut start = table.dim;
            for slot in self.tables.slots() {
                let width = slot.width.values(table.dim);
                let tensor = find(slot.tensor_of(&name), &[table.data.len() / table.stride, width])?;
                let rows = table.data.chunks_exact_mut(table.stride).zip(tensor.values.chunks_exact(width));
                rows.for_each(|(to, from)| to[start..start + width].copy_from_slice(from));
                start += width;
            }
            // Every row was brought up to date before it was saved.
            table.stamps.fill(steps.step as u32);
        }
        (self.step, self.carried) = (steps.step, steps.carried.tables);
        self.tables.forget();
        if self.updates != TableUpdates::Lazy {
            for step in 1..=self.step {
                let at = self.at(step, self.carried, WeightDecay::Acts);
                self.tables.keep(at);
            }
        }
        Ok(())
    }

    /// Begins with the slots of an earlier run. What a balancing strategy learns begins anew, as its weights do.
    ///
    /// # Errors
    /// As [`Optimizer::restore`].
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
