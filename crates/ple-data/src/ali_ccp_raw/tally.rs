//! How often each id of each field occurs, and for vocabularies in the order of appearance also where first.

use super::format::N_FIELDS;
use super::paged_map::PagedMap;

/// What is kept of an id.
pub(super) trait Tally: Copy + Default + Send + Sync {
    /// The id occurs in so many more rows, first in the one that starts at a place of the skeleton.
    fn add(&mut self, rows: u32, first_row: u64);
    /// Takes what another thread has seen.
    fn merge(&mut self, other: Self);
    /// The number of occurrences.
    fn count(self) -> u32;
    /// The place of the first one, where it is kept.
    fn first_row(self) -> u64;
}

/// The number of occurrences.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Count(u32);

impl Tally for Count {
    #[inline]
    fn add(&mut self, rows: u32, _first_row: u64) {
        self.0 = self.0.saturating_add(rows);
    }

    fn merge(&mut self, other: Self) {
        self.0 = self.0.saturating_add(other.0);
    }

    fn count(self) -> u32 {
        self.0
    }

    fn first_row(self) -> u64 {
        0
    }
}

/// The number of occurrences, and the place of the first one.
#[derive(Debug, Clone, Copy)]
pub(super) struct CountAndFirst {
    count: u32,
    first: u64,
}

impl Default for CountAndFirst {
    fn default() -> Self {
        CountAndFirst { count: 0, first: u64::MAX }
    }
}

impl Tally for CountAndFirst {
    #[inline]
    fn add(&mut self, rows: u32, first_row: u64) {
        self.count = self.count.saturating_add(rows);
        self.first = self.first.min(first_row);
    }

    fn merge(&mut self, other: Self) {
        self.add(other.count, other.first);
    }

    fn count(self) -> u32 {
        self.count
    }

    fn first_row(self) -> u64 {
        self.first
    }
}

/// The tallies of all fields.
#[derive(Debug, Clone)]
pub(super) struct Tallies<T> {
    pub(super) fields: Vec<PagedMap<T>>,
}

impl<T: Tally> Default for Tallies<T> {
    fn default() -> Self {
        Tallies { fields: (0..N_FIELDS).map(|_| PagedMap::default()).collect() }
    }
}

impl<T: Tally> Tallies<T> {
    /// Adds up what the threads have seen.
    pub(super) fn merged(all: Vec<Self>) -> Self {
        let mut all = all.into_iter();
        let mut merged = all.next().unwrap_or_default();
        for other in all {
            for (into, from) in merged.fields.iter_mut().zip(&other.fields) {
                from.iter()
                    .filter(|(_, tally)| tally.count() > 0)
                    .for_each(|(id, tally)| into.slot(id).merge(tally));
            }
        }
        merged
    }
}
