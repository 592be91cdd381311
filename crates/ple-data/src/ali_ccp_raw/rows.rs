//! The skeleton: its rows, joined with their users as far as counting needs it, on their way into the spill.

use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};

use super::bad_lines::{BadLine, BadLineCounter};
use super::blocks::LineFile;
use super::fault::{RawFault, shown};
use super::features::{Features, Reading, fields_of};
use super::format::N_DENSE;
use super::line::{SKELETON_PARTS, check_index, first_fault, skeleton_line};
use super::progress::Progress;
use super::spill::{NewRow, Spill, SpillBuffers};
use super::tally::{Tallies, Tally};
use super::users::{UserNumbers, UserRecord, Users};
use crate::error::DataError;
use crate::in_order::in_order;

/// What the rows of a part add up to.
#[derive(Debug, Clone, Copy)]
pub(super) struct RowStats {
    pub(super) rows: u64,
    pub(super) clicks: u64,
    pub(super) purchases: u64,
    /// Rows with a purchase and no click, which are dropped.
    pub(super) dropped: u64,
    /// The least and the largest raw value of each dense column; a value that is missing is 0.
    pub(super) dense: [(f32, f32); N_DENSE],
    /// The fields that some row has and its user has not.
    pub(super) own_fields: u32,
}

impl Default for RowStats {
    fn default() -> Self {
        let dense = [(f32::INFINITY, f32::NEG_INFINITY); N_DENSE];
        RowStats { rows: 0, clicks: 0, purchases: 0, dropped: 0, dense, own_fields: 0 }
    }
}

impl RowStats {
    pub(super) fn merge(&mut self, other: &RowStats) {
        self.rows += other.rows;
        self.clicks += other.clicks;
        self.purchases += other.purchases;
        self.dropped += other.dropped;
        self.own_fields |= other.own_fields;
        for (range, other) in self.dense.iter_mut().zip(&other.dense) {
            *range = (range.0.min(other.0), range.1.max(other.1));
        }
    }
}

/// How many rows each user has, and where the first of them stands.
pub(super) struct UserRows {
    rows: Vec<AtomicU32>,
    first: Vec<AtomicU64>,
}

impl UserRows {
    pub(super) fn new(n_users: usize) -> Self {
        UserRows {
            rows: (0..n_users).map(|_| AtomicU32::new(0)).collect(),
            first: (0..n_users).map(|_| AtomicU64::new(u64::MAX)).collect(),
        }
    }

    fn add(&self, user: &CurrentUser) {
        self.rows[user.number as usize].fetch_add(user.rows, Ordering::Relaxed);
        self.first[user.number as usize].fetch_min(user.first_row, Ordering::Relaxed);
    }

    pub(super) fn of(&self, user: usize) -> (u32, u64) {
        (self.rows[user].load(Ordering::Relaxed), self.first[user].load(Ordering::Relaxed))
    }
}

/// What a thread keeps from block to block.
struct Worker<T> {
    buffer: Vec<u8>,
    features: Features,
    spill: SpillBuffers,
    tallies: Tallies<T>,
    stats: RowStats,
}

/// The user of the rows that are being read; rows of one user follow each other.
#[derive(Default)]
struct CurrentUser {
    index: Vec<u8>,
    number: u32,
    mask: u32,
    dense: [f32; N_DENSE],
    /// How many of its rows in a row count for the vocabularies, and where the first of them starts.
    rows: u32,
    first_row: u64,
}

/// A skeleton and what its rows are read with.
pub(super) struct Skeleton<'a> {
    pub(super) reading: &'a Reading,
    pub(super) file: &'a LineFile,
    pub(super) users: &'a Users,
    pub(super) numbers: &'a UserNumbers,
    pub(super) spill: &'a Spill,
    /// Where rows are counted for the vocabularies: of the training part alone.
    pub(super) user_rows: Option<&'a UserRows>,
}

impl Skeleton<'_> {
    /// Reads all rows.
    pub(super) fn read<T: Tally>(
        &self,
        bad: &mut BadLineCounter,
        progress: &Progress<'_>,
    ) -> Result<(RowStats, Tallies<T>), DataError> {
        let new_worker = || Worker {
            buffer: Vec::new(),
            features: Features::default(),
            spill: self.spill.buffers(),
            tallies: Tallies::<T>::default(),
            stats: RowStats::default(),
        };
        let most_bad = bad.most_in_a_block();
        let work = |worker: &mut Worker<T>, block| self.read_block(worker, block, most_bad);
        let commit = |block, bad_lines| {
            bad.take(self.file, bad_lines)?;
            progress.advance(self.file.bytes_of_block(block));
            Ok(())
        };
        let workers = in_order(self.file.n_blocks(), new_worker, work, commit)?;
        let (mut stats, mut tallies) = (RowStats::default(), Vec::new());
        for worker in workers {
            self.spill.flush_all(worker.spill)?;
            stats.merge(&worker.stats);
            tallies.push(worker.tallies);
        }
        Ok((stats, Tallies::merged(tallies)))
    }

    fn read_block<T: Tally>(
        &self,
        worker: &mut Worker<T>,
        block: usize,
        most_bad: u64,
    ) -> Result<Vec<BadLine>, DataError> {
        let Worker { buffer, features, spill, tallies, stats } = worker;
        let block = self.file.read_block(block, buffer)?;
        let mut bad = Vec::new();
        let mut user = CurrentUser::default();
        for (start, end) in block.lines() {
            let offset = block.offset + start as u64;
            let line = skeleton_line(block.bytes, start, end).and_then(|line| {
                features.read(self.reading, block.bytes, line.features)?;
                let index = &block.bytes[line.index.0..line.index.1];
                if index != user.index {
                    let next = self.user(index)?;
                    self.count_rows(&std::mem::replace(&mut user, next));
                }
                Ok(line)
            });
            let line = match line {
                Ok(line) => line,
                Err(fault) => {
                    bad.push((offset, first_fault(&block.bytes[start..end], SKELETON_PARTS, fault)));
                    if bad.len() as u64 >= most_bad {
                        break;
                    }
                    continue;
                }
            };
            let (click, purchase) = (line.click, line.purchase);
            if purchase && !click {
                stats.dropped += 1;
                continue;
            }
            stats.rows += 1;
            stats.clicks += u64::from(click);
            stats.purchases += u64::from(purchase);
            let mask = features.mask & !user.mask;
            stats.own_fields |= mask;
            self.see_dense(stats, &user, features, mask);
            if self.user_rows.is_some() {
                if user.rows == 0 {
                    user.first_row = offset;
                }
                user.rows += 1;
                for field in fields_of(mask) {
                    let tally = &mut tallies.fields[field];
                    match self.reading.kept_list(field) {
                        Some(list) => {
                            features.lists[list].ids.iter().for_each(|&code| tally.slot(code).add(1, offset));
                        }
                        None => tally.slot(features.last[field]).add(1, offset),
                    }
                }
            }
            let row = NewRow { offset, user: user.number, click, purchase, mask, features };
            self.spill.push(spill, self.reading, &row)?;
        }
        self.count_rows(&user);
        Ok(bad)
    }

    fn count_rows(&self, user: &CurrentUser) {
        if let Some(user_rows) = self.user_rows
            && user.rows > 0
        {
            user_rows.add(user);
        }
    }

    fn user(&self, index: &[u8]) -> Result<CurrentUser, RawFault> {
        let Some(number) = self.numbers.get(index) else {
            check_index(index)?;
            return Err(RawFault::UnknownIndex { index: shown(index) });
        };
        let UserRecord { mask, dense, .. } = self.users.records[number as usize];
        Ok(CurrentUser { index: index.to_vec(), number, mask, dense, rows: 0, first_row: 0 })
    }

    fn see_dense(&self, stats: &mut RowStats, user: &CurrentUser, features: &Features, mask: u32) {
        for (column, field) in self.reading.fields.of_dense.iter().enumerate() {
            // A field that the user lacks has the value 0 there.
            let value = if mask >> field & 1 == 1 { features.values[*field] } else { user.dense[column] };
            let (least, largest) = &mut stats.dense[column];
            *least = least.min(value);
            *largest = largest.max(value);
        }
    }
}
