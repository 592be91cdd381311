//! An optimiser over a whole store.

use ndarray::{Array2, ArrayView2, ArrayViewMut2};
use ple_nn::{BankInput, EmbeddingBank};
use ple_tensor::{
    Gradients, MatrixId, ParamStore, Role, RowGradients, RowStamps, SlotWidth, TableRows, Written,
    for_each_in_parallel,
};
use rayon::prelude::*;

use super::clipping::clip_to_norm;
use super::config::OptimizerConfig;
use super::rule::{Slot, StepAt, WeightDecay};
use super::ruled::Steps;
use super::schedule::LearningRate;
use super::table_updates::TableUpdates;
use crate::error::TrainError;

/// An optimiser at work: a rule for the network and one for the embedding tables, and what they keep.
///
/// A matrix that received no gradient is left alone, as by PyTorch's optimisers, and so are the columns of a matrix that the
/// loss does not depend on, such as the tower of a task that has no rows in a batch. The slots of a table's row lie beside its
/// weights; see [`TableUpdates`] for which rows a step reaches.
#[derive(Debug)]
pub struct Optimizer {
    pub(super) network: Box<dyn Steps>,
    pub(super) tables: Box<dyn Steps>,
    pub(super) updates: TableUpdates,
    course: Course,
    clip_norm: Option<f64>,
    /// The number of steps taken.
    pub(super) step: u64,
    /// The steps of earlier runs that the tables' slots come from.
    pub(super) carried: u64,
    pub(super) matrices: Vec<Option<MatrixSlots>>,
}

/// The course of the learning rate.
#[derive(Debug)]
struct Course {
    schedule: LearningRate,
    warm_up: u64,
    /// The number of steps that it spans.
    n_steps: u64,
}

impl Course {
    fn factor(&self, step: u64) -> f64 {
        self.schedule.factor(step, self.warm_up, self.n_steps)
    }
}

/// Rows to a task when all rows are brought up to date.
const REPLAYED_ROWS: usize = 4096;

/// What is kept of a matrix.
#[derive(Debug)]
pub(super) struct MatrixSlots {
    /// In the order of the rule's slots, each in the shape of the matrix.
    pub(super) slots: Vec<Array2<f32>>,
    pub(super) steps: u64,
    /// The steps of earlier runs.
    pub(super) carried: u64,
}

impl Optimizer {
    /// An optimiser for a store, which gets room for the tables' slots. `n_steps` is the length of the run, for its schedule.
    ///
    /// # Errors
    /// The first setting that a rule cannot use.
    pub fn new(
        config: impl Into<OptimizerConfig>,
        n_steps: u64,
        store: &mut ParamStore,
    ) -> Result<Self, TrainError> {
        let config = config.into();
        config.check()?;
        let (network, tables) = (config.rule.settings().steps(), config.rule_of_tables().settings().steps());
        let updates = config.updates();
        let stamps = match updates {
            TableUpdates::Lazy => RowStamps::None,
            TableUpdates::Exact | TableUpdates::Dense => RowStamps::Kept,
        };
        let widths: Vec<SlotWidth> = tables.slots().iter().map(|slot| slot.width).collect();
        store.set_slots(&widths, stamps);
        set_first_values(tables.as_ref(), store);
        let matrices = store.matrix_ids().map(|_| None).collect();
        let course = Course { schedule: config.schedule, warm_up: config.warm_up, n_steps };
        let clip_norm = config.clip_norm;
        Ok(Self { network, tables, updates, course, clip_norm, step: 0, carried: 0, matrices })
    }

    /// The number of steps taken.
    pub fn steps(&self) -> u64 {
        self.step
    }

    /// The slots of a matrix, each in its shape, once a step has changed it.
    pub fn slots(
        &self,
        id: MatrixId,
    ) -> Option<impl DoubleEndedIterator<Item = (&'static Slot, ArrayView2<'_, f32>)>> {
        let kept = self.matrices[id.index()].as_ref()?;
        Some(self.network.slots().iter().zip(kept.slots.iter().map(|slot| slot.view())))
    }

    /// The same, to be changed. Those of a table lie in its rows: see [`ParamStore::tables_mut`].
    pub fn slots_mut(&mut self, id: MatrixId) -> Option<Vec<ArrayViewMut2<'_, f32>>> {
        let kept = self.matrices[id.index()].as_mut()?;
        Some(kept.slots.iter_mut().map(|slot| slot.view_mut()).collect())
    }

    /// The slots in a row of a table, in their order.
    pub(crate) fn slots_of_tables(&self) -> &'static [Slot] {
        self.tables.slots()
    }

    /// The place of step `step` of a matrix, or of the tables.
    pub(super) fn at(&self, step: u64, carried: u64, decay: WeightDecay) -> StepAt {
        StepAt { step, carried, factor: self.course.factor(step), decay }
    }

    /// Exact mode: replays what the rows that a batch reads have missed, so that the forward pass reads what dense
    /// updates would have left. In the other modes there is nothing to do.
    pub fn catch_up(&self, store: &mut ParamStore, bank: &EmbeddingBank, input: &BankInput<'_>) -> Written {
        if self.updates != TableUpdates::Exact || self.step == 0 {
            return Written::Finite;
        }
        let mut readings: Vec<Vec<u32>> = store.table_ids().map(|_| Vec::new()).collect();
        bank.for_each_reading(store, input, |table, id| readings[table.index()].push(id as u32));
        let tables = store.tables_mut().into_iter().zip(readings);
        let mut tables: Vec<_> = tables.map(|(table, ids)| (table, ids, Written::Finite)).collect();
        for_each_in_parallel(&mut tables, |_, (table, ids, written)| {
            *written = self.tables.replay_rows(self.step, table, &mut ids.iter().map(|&id| id as usize));
        });
        tables.iter().fold(Written::Finite, |all, (_, _, written)| all.and(*written))
    }

    /// Exact mode: replays what any row has missed, before weights are evaluated or saved.
    pub fn catch_up_all(&self, store: &mut ParamStore) -> Written {
        match self.updates {
            TableUpdates::Exact => self.replay_all(store),
            TableUpdates::Lazy | TableUpdates::Dense => Written::Finite,
        }
    }

    fn replay_all(&self, store: &mut ParamStore) -> Written {
        let tables = store.tables_mut().into_par_iter().map(|table| {
            let TableRows { data, dim, stride, slots, stamps } = table;
            let pieces =
                data.par_chunks_mut(REPLAYED_ROWS * stride).zip(stamps.par_chunks_mut(REPLAYED_ROWS));
            let written = pieces.map(|(data, stamps)| {
                let mut rows = 0..stamps.len();
                let mut table = TableRows { data, dim, stride, slots, stamps };
                self.tables.replay_rows(self.step, &mut table, &mut rows)
            });
            written.reduce(|| Written::Finite, Written::and)
        });
        tables.reduce(|| Written::Finite, Written::and)
    }

    /// Cuts the gradients of a step to their largest length, if the settings name one.
    pub fn clip(&self, gradients: &mut Gradients) {
        if let Some(most) = self.clip_norm {
            clip_to_norm(gradients, most);
        }
    }

    /// One step against the gradients; also puts the new running statistics in place.
    ///
    /// Says whether what it wrote is finite: weights, slots and running statistics.
    pub fn update(&mut self, store: &mut ParamStore, gradients: &Gradients) -> Written {
        self.step += 1;
        let mut written = Written::Finite;
        for (id, values) in gradients.buffers() {
            store.matrix_mut(*id).assign(values);
            if !values.iter().all(|value| value.is_finite()) {
                written = Written::Suspect;
            }
        }
        for id in store.matrix_ids() {
            let (role, Some(gradient)) = (store.role(id), gradients.matrix(id)) else { continue };
            let reached = gradients.reached_columns(id);
            if role == Role::Buffer || reached.is_some_and(|columns| !columns.contains(&true)) {
                continue;
            }
            let network = &self.network;
            let first =
                || network.slots().iter().map(|slot| Array2::from_elem(gradient.dim(), network.first(slot)));
            let kept = self.matrices[id.index()].get_or_insert_with(|| MatrixSlots {
                slots: first().collect(),
                steps: 0,
                carried: 0,
            });
            kept.steps += 1;
            let decay = if role == Role::Decayed { WeightDecay::Acts } else { WeightDecay::Spares };
            let factor = self.course.factor(kept.steps);
            let at = StepAt { step: kept.steps, carried: kept.carried, factor, decay };
            let mut weights = store.matrix_mut(id);
            let before = reached.map(|_| (weights.to_owned(), kept.slots.clone()));
            let (Some(values), Some(gradient)) = (weights.as_slice_mut(), gradient.to_slice()) else {
                unreachable!("matrices and their gradients are contiguous")
            };
            written = written.and(network.update(at, values, &mut kept.slots, gradient));
            if let (Some(reached), Some((weights_before, slots_before))) = (reached, &before) {
                let slots = kept.slots.iter_mut().map(|slot| slot.view_mut()).zip(slots_before);
                for (mut after, before) in slots.chain([(weights, weights_before)]) {
                    let unreached = (0..reached.len()).filter(|&column| !reached[column]);
                    unreached.for_each(|column| after.column_mut(column).assign(&before.column(column)));
                }
            }
        }
        written = written.and(self.update_tables(store, gradients));
        store.mark_learned();
        written
    }

    fn update_tables(&mut self, store: &mut ParamStore, gradients: &Gradients) -> Written {
        let at = self.at(self.step, self.carried, WeightDecay::Acts);
        let rows: Vec<Option<&RowGradients>> = store.table_ids().map(|id| gradients.table(id)).collect();
        let tables = store.tables_mut().into_iter().zip(rows);
        let mut tables: Vec<_> = tables.map(|(table, rows)| (table, rows, Written::Finite)).collect();
        let (step, rule) = (self.step as u32, &self.tables);
        for_each_in_parallel(&mut tables, |_, (table, gradients, written)| {
            let Some(gradients) = gradients else { return };
            *written = rule.update_rows(at, table, gradients);
            if !table.stamps.is_empty() {
                gradients.rows.iter().for_each(|&row| table.stamps[row as usize] = step);
            }
        });
        let written = tables.iter().fold(Written::Finite, |all, (_, _, written)| all.and(*written));
        if self.updates != TableUpdates::Lazy {
            self.tables.keep(at);
        }
        match self.updates {
            TableUpdates::Dense => written.and(self.replay_all(store)),
            TableUpdates::Lazy | TableUpdates::Exact => written,
        }
    }
}

/// Puts the first values of slots that do not begin at zero into every row.
fn set_first_values(rule: &dyn Steps, store: &mut ParamStore) {
    for table in store.tables_mut() {
        let mut start = table.dim;
        for slot in rule.slots() {
            let (first, width) = (rule.first(slot), slot.width.values(table.dim));
            if first != 0.0 {
                let rows = table.data.chunks_exact_mut(table.stride);
                rows.for_each(|row| row[start..start + width].fill(first));
            }
            start += width;
        }
    }
}
