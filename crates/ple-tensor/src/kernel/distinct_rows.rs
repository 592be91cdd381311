//! The distinct rows of a table that a batch reads, and sums over the readings of each. What is done once for a row, however
//! often the batch reads it, costs less by as much as ids repeat.

use std::mem::take;
use std::sync::{Mutex, PoisonError};

use super::column_blocks::BLOCK;
use super::gather::{Rows, gather};
use super::instruction_set::multiversion;
use super::places::Places;

/// Distinct rows to a piece, whose sums stay in the first cache.
pub(crate) const PIECE: usize = 128;

/// The distinct rows of one look-up, in the order in which the batch first reads them.
#[derive(Debug, Default)]
pub(crate) struct DistinctRows {
    /// Their ids.
    pub(crate) ids: Vec<u32>,
    /// Their values, `[rows, dim]`.
    pub(crate) values: Vec<f32>,
    /// For each row the reading that came first.
    firsts: Vec<u32>,
    /// The other readings, each with the place of its row: by piece, and then in their order.
    repeats: Vec<[u32; 2]>,
    /// Where the repeats of each piece begin, and where the last ones end.
    pieces: Vec<usize>,
    /// The repeats of all pieces but the first, in their order.
    later: Vec<[u32; 2]>,
    cells: Vec<u64>,
}

/// What is free: as many as there are threads where one is done before the next, so that each is in a thread's cache.
static FREE: Mutex<Vec<DistinctRows>> = Mutex::new(Vec::new());

impl DistinctRows {
    /// Makes room for as many as there are threads, so that none of them grows later: each for `readings` readings of tables
    /// of up to so many rows and values that count.
    pub(crate) fn make_room(threads: usize, readings: usize, n_rows: usize, n_values: usize) {
        let mut free = FREE.lock().unwrap_or_else(PoisonError::into_inner);
        while free.len() < threads {
            free.push(Self::default());
        }
        for rows in free.iter_mut().rev().take(threads) {
            room(&mut rows.ids, readings);
            room(&mut rows.values, n_values);
            room(&mut rows.firsts, readings);
            room(&mut rows.repeats, readings);
            room(&mut rows.later, readings);
            room(&mut rows.pieces, readings.div_ceil(PIECE) + 2);
            room(&mut rows.cells, Places::n_cells(readings, n_rows));
        }
    }

    /// The rows of a table of `table_rows` rows that `ids` read, without their values.
    pub(crate) fn find(ids: &[u32], table_rows: usize) -> Self {
        let free = FREE.lock().unwrap_or_else(PoisonError::into_inner).pop();
        let mut rows = free.unwrap_or_default();
        rows.replace(ids, table_rows);
        rows
    }

    /// Gives the memory back.
    pub(crate) fn recycle(self) {
        FREE.lock().unwrap_or_else(PoisonError::into_inner).push(self);
    }

    fn replace(&mut self, ids: &[u32], table_rows: usize) {
        let readings = ids.len();
        let mut cells = Places::new(take(&mut self.cells), readings, table_rows);
        self.ids.resize(readings, 0);
        self.firsts.resize(readings, 0);
        self.repeats.resize(readings, [0; 2]);
        self.later.resize(readings, [0; 2]);
        let (mut n_rows, mut n_repeats, mut n_later) = (0, 0, 0);
        for (reading, &id) in ids.iter().enumerate() {
            let place = cells.find_or_insert(id, n_rows as u32);
            let (is_new, is_in_first_piece) = (place as usize == n_rows, (place as usize) < PIECE);
            // What comes next is hard to foretell, so that all are written and nothing decides a branch.
            self.ids[n_rows] = id;
            self.firsts[n_rows] = reading as u32;
            self.repeats[n_repeats] = [reading as u32, place];
            self.later[n_later] = [reading as u32, place];
            n_rows += usize::from(is_new);
            n_repeats += usize::from(!is_new & is_in_first_piece);
            n_later += usize::from(!is_new & !is_in_first_piece);
        }
        self.ids.truncate(n_rows);
        self.firsts.truncate(n_rows);
        self.repeats.truncate(n_repeats + n_later);
        self.sort_later(n_repeats, n_later);
        self.cells = cells.into_cells();
    }

    /// Sorts the repeats of later pieces by piece, behind the `first` ones, and keeps their order inside.
    fn sort_later(&mut self, first: usize, n_later: usize) {
        let later = &self.later[..n_later];
        let piece = |[_, place]: [u32; 2]| place as usize / PIECE;
        let ends = &mut self.pieces;
        ends.clear();
        ends.resize(self.ids.len().div_ceil(PIECE).max(1), 0);
        ends[0] = first;
        later.iter().for_each(|&repeat| ends[piece(repeat)] += 1);
        for index in 1..ends.len() {
            ends[index] += ends[index - 1];
        }
        // From the last one on each takes the place before the one that was taken last.
        for &repeat in later.iter().rev() {
            let end = &mut ends[piece(repeat)];
            *end -= 1;
            self.repeats[*end] = repeat;
        }
        // Each end has become a begin.
        ends[0] = 0;
        ends.push(self.repeats.len());
    }

    /// Takes the rows' values from the table.
    pub(crate) fn copy_from_table(&mut self, table: Rows<'_>) {
        self.values.resize(self.ids.len() * table.dim, 0.0);
        gather(table, &self.ids, &mut self.values, table.dim, 0);
    }

    /// Takes the rows' values from what has been read, a row for each reading.
    pub(crate) fn copy_from_readings(&mut self, read: Rows<'_>) {
        self.values.resize(self.ids.len() * read.dim, 0.0);
        gather(read, &self.firsts, &mut self.values, read.dim, 0);
    }
}

multiversion! {
    /// The sum of the rows of `gradients`, `[batch, BLOCK]`, that belong to the readings of each distinct row of a piece, in
    /// the order of the batch, into `sums`, `[PIECE, BLOCK]`.
    pub(crate) fn sum_readings(
        rows: &DistinctRows,
        piece: usize,
        gradients: &[f32],
        sums: &mut [f32],
    ) {
        let (gradients, _) = gradients.as_chunks::<BLOCK>();
        let (sums, _) = sums.as_chunks_mut::<BLOCK>();
        for (sum, &reading) in sums.iter_mut().zip(&rows.firsts[piece * PIECE..]) {
            *sum = gradients[reading as usize];
        }
        for &[reading, place] in &rows.repeats[rows.pieces[piece]..rows.pieces[piece + 1]] {
            let (gradient, sum) = (&gradients[reading as usize], &mut sums[place as usize % PIECE]);
            for lane in 0..BLOCK {
                sum[lane] += gradient[lane];
            }
        }
    }
}

/// Lets a list have room for `length` values in all.
fn room<T>(list: &mut Vec<T>, length: usize) {
    list.reserve_exact(length.saturating_sub(list.len()));
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::prelude::*;

    use super::{BLOCK, DistinctRows, PIECE, sum_readings};
    use crate::kernel::gather::Rows;

    proptest! {
        /// Of ids that repeat seldom and often, over several pieces, and in memory that other ids have used before.
        #[test]
        fn sums_are_those_of_a_map(
            earlier in proptest::collection::vec(0_u32..50, 0..300),
            ids in proptest::collection::vec(prop_oneof![0_u32..5, 0_u32..2000], 0..1500),
            table_rows in prop_oneof![Just(2000_usize), Just(1 << 20)],
        ) {
            DistinctRows::find(&earlier, 50).recycle();
            let mut rows = DistinctRows::find(&ids, table_rows);

            let mut readings: Vec<(u32, Vec<usize>)> = Vec::new();
            let mut places = BTreeMap::new();
            for (reading, &id) in ids.iter().enumerate() {
                let place = *places.entry(id).or_insert_with(|| {
                    readings.push((id, Vec::new()));
                    readings.len() - 1
                });
                readings[place].1.push(reading);
            }
            prop_assert_eq!(&rows.ids, &readings.iter().map(|(id, _)| *id).collect::<Vec<_>>());

            let dim = 3;
            let table: Vec<f32> = (0..2000 * dim).map(|i| i as f32).collect();
            rows.copy_from_table(Rows { values: &table, stride: dim, dim });
            let of_table = rows.values.clone();
            let read: Vec<f32> = ids.iter().flat_map(|&id| table[id as usize * dim..][..dim].to_vec()).collect();
            rows.copy_from_readings(Rows { values: &read, stride: dim, dim });
            prop_assert_eq!(&of_table, &rows.values);
            prop_assert!(rows.ids.iter().zip(of_table.chunks(dim)).all(|(&id, row)| row[0] == id as f32 * 3.0));

            let gradients: Vec<f32> = (0..ids.len() * BLOCK).map(|i| (i % 17) as f32 / 3.0 - 2.0).collect();
            for (piece, readings) in readings.chunks(PIECE).enumerate() {
                let mut sums = vec![f32::NAN; PIECE * BLOCK];
                sum_readings(&rows, piece, &gradients, &mut sums);
                for ((_, readings), sum) in readings.iter().zip(sums.chunks(BLOCK)) {
                    let mut expected = gradients[readings[0] * BLOCK..][..BLOCK].to_vec();
                    for reading in &readings[1..] {
                        let gradient = &gradients[reading * BLOCK..][..BLOCK];
                        expected.iter_mut().zip(gradient).for_each(|(sum, value)| *sum += value);
                    }
                    prop_assert_eq!(sum, &expected[..]);
                }
            }
            rows.recycle();
        }
    }
}
