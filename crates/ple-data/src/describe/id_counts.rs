//! How often each id occurs, and with which labels: exact in a range that nearly all vocabularies fit, and bounded
//! beyond it.

use rustc_hash::FxHashMap;

use crate::distinct::DistinctCounter;

/// Ids below this are counted in a plain list, so exactly.
const DENSE_IDS: i64 = 1 << 20;
/// Other ids that are counted at a time; when there are more, the rarer half is forgotten.
const SPARSE_IDS: usize = 1 << 18;

/// Counts of ids. Each id has a cell: its rows, then for both halves of the rows and each task the rows inside of the
/// task and the positive ones among them (see [`super::separation`]).
pub(super) struct IdCounts {
    n_tasks: usize,
    dense: Vec<u32>,
    slots: FxHashMap<i64, Slot>,
    limit: usize,
    /// How many rows of an id may be missing from its count, since it was forgotten at times.
    missed: u64,
    /// Once something was forgotten, the sparse ids are counted by estimate.
    forgotten: Option<DistinctCounter>,
}

/// The cell of an id beyond the list; texts keep their beginning.
struct Slot {
    cell: Box<[u32]>,
    text: Option<Box<str>>,
}

/// Which half of the rows a row is in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Half {
    First,
    Second,
}

impl IdCounts {
    /// Counts with labels for some tasks, or for none.
    pub(super) fn new(n_tasks: usize) -> Self {
        Self::with_limit(n_tasks, SPARSE_IDS)
    }

    fn with_limit(n_tasks: usize, limit: usize) -> Self {
        let slots = FxHashMap::default();
        Self { n_tasks, dense: Vec::new(), slots, limit, missed: 0, forgotten: None }
    }

    /// Counts a row with an id. `labels` has one value for each task: 1, 0, or -1 for a row outside of it.
    pub(super) fn add(&mut self, id: i64, half: Half, labels: impl Iterator<Item = i8>) {
        let stride = self.stride();
        if (0..DENSE_IDS).contains(&id) {
            let start = id as usize * stride;
            if self.dense.len() < start + stride {
                let room = (self.dense.len() * 2).clamp(start + stride, DENSE_IDS as usize * stride);
                self.dense.resize(room.next_multiple_of(stride), 0);
            }
            count(&mut self.dense[start..start + stride], half, labels);
        } else {
            let slot = self.slot(id, || None);
            count(&mut slot.cell, half, labels);
        }
    }

    /// Counts a row with a text, which is known by a hash.
    pub(super) fn add_text(&mut self, text: &str, half: Half, labels: impl Iterator<Item = i8>) {
        let hash = xxhash_rust::xxh3::xxh3_64(text.as_bytes()) | 1 << 63;
        let slot = self.slot(hash as i64, || Some(crate::csv_lines::shortened(text).into_boxed_str()));
        count(&mut slot.cell, half, labels);
    }

    /// Counts a row with a whole number of any size. One beyond 63 bits is known by a hash, as a text is, and called by its
    /// digits.
    pub(super) fn add_wide(&mut self, id: i128, half: Half, labels: impl Iterator<Item = i8>) {
        match i64::try_from(id) {
            Ok(id) => self.add(id, half, labels),
            Err(_) => self.add_text(&id.to_string(), half, labels),
        }
    }

    fn stride(&self) -> usize {
        1 + 4 * self.n_tasks
    }

    fn slot(&mut self, id: i64, text: impl FnOnce() -> Option<Box<str>>) -> &mut Slot {
        if self.slots.len() >= self.limit && !self.slots.contains_key(&id) {
            self.forget();
        }
        if let Some(forgotten) = &mut self.forgotten {
            forgotten.add(id as u64);
        }
        let stride = self.stride();
        self.slots.entry(id).or_insert_with(|| Slot { cell: vec![0; stride].into(), text: text() })
    }

    /// Forgets at least half of the sparse ids, the rarest ones.
    fn forget(&mut self) {
        if self.forgotten.is_none() {
            let mut counter = DistinctCounter::default();
            self.slots.keys().for_each(|&id| counter.add(id as u64));
            self.forgotten = Some(counter);
        }
        let mut rows: Vec<u32> = self.slots.values().map(|slot| slot.cell[0]).collect();
        let middle = rows.len() / 2;
        let (_, &mut bar, _) = rows.select_nth_unstable(middle);
        self.slots.retain(|_, slot| slot.cell[0] > bar);
        self.missed += u64::from(bar);
    }

    /// How many rows may be missing from a count.
    pub(super) fn missed(&self) -> u64 {
        self.missed
    }

    /// The number of different ids, and whether it is exact.
    pub(super) fn distinct(&self) -> (u64, bool) {
        let dense = self.dense.chunks_exact(self.stride()).filter(|cell| cell[0] > 0).count() as u64;
        match &self.forgotten {
            None => (dense + self.slots.len() as u64, true),
            Some(counter) => {
                let (sparse, exact) = counter.count();
                (dense + sparse, exact)
            }
        }
    }

    /// Every id that is counted, with its cell, in no order.
    pub(super) fn cells(&self) -> impl Iterator<Item = (i64, &[u32])> {
        let dense = self.dense.chunks_exact(self.stride()).enumerate();
        let dense = dense.filter(|(_, cell)| cell[0] > 0).map(|(id, cell)| (id as i64, cell));
        dense.chain(self.slots.iter().map(|(&id, slot)| (id, &slot.cell[..])))
    }

    /// The rows with an id.
    pub(super) fn rows(&self, id: i64) -> u64 {
        let stride = self.stride();
        match self.slots.get(&id) {
            Some(slot) => u64::from(slot.cell[0]),
            None if (0..DENSE_IDS).contains(&id) => {
                self.dense.get(id as usize * stride).map_or(0, |&rows| u64::from(rows))
            }
            None => 0,
        }
    }

    /// The most frequent ids with their rows, the smaller id first among equals.
    pub(super) fn top(&self, n: usize) -> Vec<(i64, u64)> {
        let mut top: Vec<(i64, u64)> = Vec::with_capacity(2 * n + 1);
        let order = |a: &(i64, u64), b: &(i64, u64)| b.1.cmp(&a.1).then(a.0.cmp(&b.0));
        for (id, cell) in self.cells() {
            top.push((id, u64::from(cell[0])));
            if top.len() > 2 * n {
                top.sort_unstable_by(order);
                top.truncate(n);
            }
        }
        top.sort_unstable_by(order);
        top.truncate(n);
        top
    }

    /// What an id is called: the text, or the number itself.
    pub(super) fn name(&self, id: i64) -> String {
        match self.slots.get(&id).and_then(|slot| slot.text.as_deref()) {
            Some(text) => text.to_owned(),
            None => id.to_string(),
        }
    }
}

/// Adds a row to a cell. Beyond four billion rows of one id the count stays where it is.
fn count(cell: &mut [u32], half: Half, labels: impl Iterator<Item = i8>) {
    cell[0] = cell[0].saturating_add(1);
    let start = if half == Half::First { 1 } else { 3 };
    for (task, label) in labels.enumerate() {
        if label >= 0 {
            let place = start + 4 * task;
            cell[place] = cell[place].saturating_add(1);
            cell[place + 1] = cell[place + 1].saturating_add(u32::from(label > 0));
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use proptest::prelude::*;

    use super::{Half, IdCounts};

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(300))]

        /// With room for all ids the counts are exact; with less, none is too high, and none too low by more than said.
        #[test]
        fn counts_are_as_exact_as_they_claim(
            ids in prop::collection::vec((-6..30_i64, any::<bool>()), 1..400),
            limit in 2..40_usize,
        ) {
            // Spread over the list and beyond it.
            let ids: Vec<i64> = ids.iter().map(|&(id, far)| if far { id + (1 << 40) } else { id }).collect();
            let mut truth: HashMap<i64, u64> = HashMap::new();
            let mut counts = IdCounts::with_limit(0, limit);
            for &id in &ids {
                *truth.entry(id).or_default() += 1;
                counts.add(id, Half::First, std::iter::empty());
            }
            for (&id, &rows) in &truth {
                prop_assert!(counts.rows(id) <= rows && rows <= counts.rows(id) + counts.missed());
            }
            prop_assert_eq!(counts.distinct(), (truth.len() as u64, true));
            let top = counts.top(3);
            prop_assert!(top.windows(2).all(|pair| pair[0].1 >= pair[1].1));
            if counts.missed() == 0 {
                prop_assert_eq!(top[0].1, *truth.values().max().unwrap());
            }
        }
    }

    #[test]
    fn texts_keep_their_names() {
        let mut counts = IdCounts::new(1);
        for text in ["b", "a", "b"] {
            counts.add_text(text, Half::Second, [1].into_iter());
        }
        let names: Vec<_> = counts.top(5).iter().map(|&(id, rows)| (counts.name(id), rows)).collect();
        assert_eq!(names, [("b".to_owned(), 2), ("a".to_owned(), 1)]);
    }
}
