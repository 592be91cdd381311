//! Adam over a whole store.

use ndarray::{Array2, ArrayView2, ArrayViewMut2};
use ple_nn::{BankInput, EmbeddingBank};
use ple_tensor::{
    AdamStep, Gradients, MatrixId, ParamStore, Role, RowGradients, RowStamps, TableRows, Written,
    for_each_in_parallel,
};
use rayon::prelude::*;

use super::config::{AdamConfig, TableUpdates};
use super::rule::adam_step;
use crate::error::TrainError;

/// Adam with PyTorch's arithmetic, or AdamW.
///
/// Source: D. P. Kingma and J. Ba, "Adam: A Method for Stochastic Optimization", ICLR 2015, algorithm 1; the order of
/// operations is that of `torch.optim.Adam`. A matrix that received no gradient is left alone, as there, and so are the
/// columns of a matrix that the loss does not depend on, such as the tower of a task that has no rows in a batch. The
/// moments of a table's row lie beside its weights; see [`TableUpdates`] for which rows a step reaches.
#[derive(Debug)]
pub struct Adam {
    pub(super) config: AdamConfig,
    /// The number of steps that the schedule spans.
    pub(super) n_steps: u64,
    /// The number of steps taken.
    pub(super) step: u64,
    /// The steps of earlier runs that the tables' moments come from.
    pub(super) carried: u64,
    pub(super) matrices: Vec<Option<Moments>>,
    /// The rules of steps 1, 2, ...: what exact mode replays.
    pub(super) replayed: Vec<AdamStep>,
}

/// Values of a matrix to a task.
const PIECE: usize = 4096;

/// Rows to a task when all rows are brought up to date.
const REPLAYED_ROWS: usize = 4096;

#[derive(Debug)]
pub(super) struct Moments {
    pub(super) m: Array2<f32>,
    pub(super) v: Array2<f32>,
    pub(super) steps: u64,
    /// The steps of earlier runs.
    pub(super) carried: u64,
}

impl Adam {
    /// Adam for a store, which gets room for the tables' moments. `n_steps` is the length of the run, for its schedule.
    ///
    /// # Errors
    /// The first setting that Adam cannot use.
    pub fn new(config: AdamConfig, n_steps: u64, store: &mut ParamStore) -> Result<Self, TrainError> {
        config.check()?;
        let stamps = match config.tables {
            TableUpdates::Lazy => RowStamps::None,
            TableUpdates::Exact | TableUpdates::Dense => RowStamps::Kept,
        };
        store.set_slots(2, stamps);
        let matrices = store.matrix_ids().map(|_| None).collect();
        Ok(Self { config, n_steps, step: 0, carried: 0, matrices, replayed: Vec::new() })
    }

    /// The number of steps taken.
    pub fn steps(&self) -> u64 {
        self.step
    }

    /// The first and the second moments of a matrix, once a step has changed it.
    pub fn moments(&self, id: MatrixId) -> Option<[ArrayView2<'_, f32>; 2]> {
        self.matrices[id.index()].as_ref().map(|moments| [moments.m.view(), moments.v.view()])
    }

    /// The same, to be changed. Those of a table lie in its rows: see [`ParamStore::tables_mut`].
    pub fn moments_mut(&mut self, id: MatrixId) -> Option<[ArrayViewMut2<'_, f32>; 2]> {
        self.matrices[id.index()].as_mut().map(|moments| [moments.m.view_mut(), moments.v.view_mut()])
    }

    /// Exact mode: replays what the rows that a batch reads have missed, so that the forward pass reads what dense Adam
    /// would have left. In the other modes there is nothing to do.
    pub fn catch_up(&self, store: &mut ParamStore, bank: &EmbeddingBank, input: &BankInput<'_>) -> Written {
        if self.config.tables != TableUpdates::Exact || self.step == 0 {
            return Written::Finite;
        }
        let mut readings: Vec<Vec<u32>> = store.table_ids().map(|_| Vec::new()).collect();
        bank.for_each_reading(store, input, |table, id| readings[table.index()].push(id as u32));
        let tables = store.tables_mut().into_iter().zip(readings);
        let mut tables: Vec<_> = tables.map(|(table, ids)| (table, ids, Written::Finite)).collect();
        for_each_in_parallel(&mut tables, |_, (table, ids, written)| {
            *written = self.replay_rows(table, ids.iter().map(|&id| id as usize));
        });
        tables.iter().fold(Written::Finite, |all, (_, _, written)| all.and(*written))
    }

    /// Exact mode: replays what any row has missed, before weights are evaluated or saved.
    pub fn catch_up_all(&self, store: &mut ParamStore) -> Written {
        match self.config.tables {
            TableUpdates::Exact => self.replay_all(store),
            TableUpdates::Lazy | TableUpdates::Dense => Written::Finite,
        }
    }

    fn replay_all(&self, store: &mut ParamStore) -> Written {
        let tables = store.tables_mut().into_par_iter().map(|table| {
            let TableRows { data, dim, stride, stamps } = table;
            let pieces =
                data.par_chunks_mut(REPLAYED_ROWS * stride).zip(stamps.par_chunks_mut(REPLAYED_ROWS));
            let written = pieces.map(|(data, stamps)| {
                let rows = 0..stamps.len();
                self.replay_rows(&mut TableRows { data, dim, stride, stamps }, rows)
            });
            written.reduce(|| Written::Finite, Written::and)
        });
        tables.reduce(|| Written::Finite, Written::and)
    }

    /// Replays rows some at a time, those that are about as far behind together: the first catch up with the next ones.
    fn replay_rows(&self, table: &mut TableRows<'_>, rows: impl Iterator<Item = usize>) -> Written {
        let mut behind: Vec<(u32, usize)> = rows
            .map(|row| (table.stamps[row], row))
            .filter(|&(stamp, _)| u64::from(stamp) != self.step)
            .collect();
        behind.sort_unstable();
        behind.dedup();
        let mut written = Written::Finite;
        for group in behind.chunks(AdamStep::REPLAYED_TOGETHER) {
            let mut rows = [0; AdamStep::REPLAYED_TOGETHER];
            for (index, &(from, row)) in group.iter().enumerate() {
                rows[index] = row;
                let to = group.get(index + 1).map_or(self.replayed.len(), |&(next, _)| next as usize);
                if to > from as usize {
                    let steps = &self.replayed[from as usize..to];
                    written = written.and(AdamStep::replay(steps, table, &rows[..=index]));
                }
            }
            group.iter().for_each(|&(_, row)| table.stamps[row] = self.step as u32);
        }
        written
    }

    /// One step against the gradients; also puts the new running statistics in place.
    ///
    /// Says whether what it wrote is finite: weights, moments and running statistics.
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
            let zeros = || Array2::zeros(gradient.dim());
            let moments = self.matrices[id.index()].get_or_insert_with(|| Moments {
                m: zeros(),
                v: zeros(),
                steps: 0,
                carried: 0,
            });
            moments.steps += 1;
            let rule =
                adam_step(&self.config, moments.steps, moments.carried, self.n_steps, role == Role::Decayed);
            let mut weights = store.matrix_mut(id);
            let before = reached.map(|_| [weights.to_owned(), moments.m.clone(), moments.v.clone()]);
            let (m, v) = (moments.m.as_slice_mut(), moments.v.as_slice_mut());
            let slices = (weights.as_slice_mut(), m, v, gradient.to_slice());
            let (Some(weights), Some(m), Some(v), Some(gradient)) = slices else {
                unreachable!("matrices and their gradients are contiguous")
            };
            let in_pieces = weights.chunks_mut(PIECE).zip(gradient.chunks(PIECE));
            let moments_of_pieces = m.chunks_mut(PIECE).zip(v.chunks_mut(PIECE));
            let pieces = in_pieces.zip(moments_of_pieces);
            let mut pieces: Vec<_> = pieces.map(|piece| (piece, Written::Finite)).collect();
            for_each_in_parallel(&mut pieces, |_, (((weights, gradient), (m, v)), written)| {
                *written = rule.update(weights, m, v, gradient);
            });
            written = pieces.iter().fold(written, |all, (_, written)| all.and(*written));
            if let (Some(reached), Some(before)) = (reached, &before) {
                let after = [store.matrix_mut(id), moments.m.view_mut(), moments.v.view_mut()];
                for (mut after, before) in after.into_iter().zip(before) {
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
        let rule = adam_step(&self.config, self.step, self.carried, self.n_steps, true);
        let rows: Vec<Option<&RowGradients>> = store.table_ids().map(|id| gradients.table(id)).collect();
        let tables = store.tables_mut().into_iter().zip(rows);
        let mut tables: Vec<_> = tables.map(|(table, rows)| (table, rows, Written::Finite)).collect();
        let step = self.step as u32;
        for_each_in_parallel(&mut tables, |_, (table, gradients, written)| {
            let Some(gradients) = gradients else { return };
            *written = rule.update_rows(table, &gradients.rows, &gradients.values);
            if !table.stamps.is_empty() {
                gradients.rows.iter().for_each(|&row| table.stamps[row as usize] = step);
            }
        });
        let written = tables.iter().fold(Written::Finite, |all, (_, _, written)| all.and(*written));
        if self.config.tables != TableUpdates::Lazy {
            self.replayed.push(rule);
        }
        match self.config.tables {
            TableUpdates::Dense => written.and(self.replay_all(store)),
            TableUpdates::Lazy | TableUpdates::Exact => written,
        }
    }
}
