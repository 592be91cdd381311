//! A rule with the steps that it has taken: what the machinery of an optimiser asks of any rule.

use std::fmt::Debug;

use ndarray::Array2;
use ple_tensor::{RowGradients, RuleStep, TableRows, Written, for_each_in_parallel};

use super::rule::{Rule, Slot, StepAt};

/// Values of a matrix to a task.
const PIECE: usize = 4096;

/// Rows that are replayed together, at most.
const MOST_TOGETHER: usize = 4;

/// The steps of any rule.
pub(super) trait Steps: Debug + Send + Sync {
    fn name(&self) -> &'static str;
    fn slots(&self) -> &'static [Slot];
    fn first(&self, slot: &Slot) -> f32;

    /// One step of a whole matrix.
    fn update(&self, at: StepAt, weights: &mut [f32], slots: &mut [Array2<f32>], gradient: &[f32])
    -> Written;

    /// One step of the rows that have a gradient.
    fn update_rows(&self, at: StepAt, table: &mut TableRows<'_>, gradients: &RowGradients) -> Written;

    /// Keeps the numbers of the next step of tables, to be replayed.
    fn keep(&mut self, at: StepAt);

    /// Forgets the steps that were kept.
    fn forget(&mut self);

    /// Replays what some rows have missed up to a step, all of whose numbers are kept.
    fn replay_rows(
        &self,
        step: u64,
        table: &mut TableRows<'_>,
        rows: &mut dyn Iterator<Item = usize>,
    ) -> Written;
}

#[derive(Debug)]
pub(super) struct Ruled<R: Rule> {
    rule: R,
    /// The numbers of steps 1, 2, ...: what exact mode replays.
    kept: Vec<R::Step>,
}

impl<R: Rule> Ruled<R> {
    pub(super) fn new(rule: R) -> Self {
        Self { rule, kept: Vec::new() }
    }
}

impl<R: Rule> Steps for Ruled<R> {
    fn name(&self) -> &'static str {
        R::NAME
    }

    fn slots(&self) -> &'static [Slot] {
        self.rule.slots()
    }

    fn first(&self, slot: &Slot) -> f32 {
        self.rule.first(slot)
    }

    fn update(
        &self,
        at: StepAt,
        weights: &mut [f32],
        slots: &mut [Array2<f32>],
        gradient: &[f32],
    ) -> Written {
        let step = self.rule.step(at);
        let slots = slots.iter_mut().map(|slot| slot.as_slice_mut().expect("slots are contiguous"));
        if weights.len() <= PIECE {
            return step.update(weights, &mut slots.collect::<Vec<_>>(), gradient);
        }
        let mut slots: Vec<_> = slots.map(|slot| slot.chunks_mut(PIECE)).collect();
        let pieces = weights.chunks_mut(PIECE).zip(gradient.chunks(PIECE));
        let mut pieces: Vec<_> = pieces
            .map(|piece| (piece, slots.iter_mut().filter_map(Iterator::next).collect(), Written::Finite))
            .collect();
        for_each_in_parallel(&mut pieces, |_, ((weights, gradient), slots, written)| {
            let slots: &mut Vec<&mut [f32]> = slots;
            *written = step.update(weights, slots, gradient);
        });
        pieces.iter().fold(Written::Finite, |all, (.., written)| all.and(*written))
    }

    fn update_rows(&self, at: StepAt, table: &mut TableRows<'_>, gradients: &RowGradients) -> Written {
        self.rule.step(at).update_rows(table, &gradients.rows, &gradients.values)
    }

    fn keep(&mut self, at: StepAt) {
        self.kept.push(self.rule.step(at));
    }

    fn forget(&mut self) {
        self.kept.clear();
    }

    /// Some rows at a time, those that are about as far behind together: the first catch up with the next ones.
    fn replay_rows(
        &self,
        step: u64,
        table: &mut TableRows<'_>,
        rows: &mut dyn Iterator<Item = usize>,
    ) -> Written {
        let mut behind: Vec<(u32, usize)> =
            rows.map(|row| (table.stamps[row], row)).filter(|&(stamp, _)| u64::from(stamp) != step).collect();
        behind.sort_unstable();
        behind.dedup();
        let mut written = Written::Finite;
        for group in behind.chunks(R::Step::REPLAYED_TOGETHER.min(MOST_TOGETHER)) {
            let mut rows = [0; MOST_TOGETHER];
            for (index, &(from, row)) in group.iter().enumerate() {
                rows[index] = row;
                let to = group.get(index + 1).map_or(self.kept.len(), |&(next, _)| next as usize);
                if to > from as usize {
                    let steps = &self.kept[from as usize..to];
                    written = written.and(R::Step::replay(steps, table, &rows[..=index]));
                }
            }
            group.iter().for_each(|&(_, row)| table.stamps[row] = step as u32);
        }
        written
    }
}
