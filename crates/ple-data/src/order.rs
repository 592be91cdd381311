//! Which rows make up batch k of epoch e: a pure function of (seed, e, k), so that a run can start anywhere.

use std::ops::Range;

use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{RngCore, SeedableRng};

/// What becomes of the rows that do not fill the last batch.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum LastBatch {
    /// They make a smaller batch. A single row joins the batch before it instead, because the batch norm has no
    /// variance to offer for one row; that batch then has `batch_size + 1` rows.
    Keep,
    /// They are left out of this epoch. (If there is less than one full batch, there is no batch at all.)
    Drop,
}

/// The order of the rows in an epoch.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Shuffle {
    /// The order of the table, for evaluation.
    InOrder,
    /// A random permutation that depends on this seed and the epoch alone.
    Seeded(u64),
}

/// How rows are dealt into the batches of an epoch.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct BatchPlan {
    /// Rows to a batch.
    pub batch_size: usize,
    /// What becomes of the rows that do not fill the last batch.
    pub last_batch: LastBatch,
    /// The order of the rows.
    pub shuffle: Shuffle,
}

/// The rows of every batch of one epoch.
///
/// Rows lie in *groups*, which are read as a whole: the row groups of Parquet files, or one group for all of a table in
/// memory. The groups of an epoch are permuted and cut into *windows* of a fixed number of groups; inside of a window
/// the groups stand in file order, and its rows are permuted fully. Batch k is made of the k-th stretch of the rows in
/// that order, across the borders of windows. A table in memory is one window, so its rows are permuted fully.
///
/// Every permutation is Fisher and Yates' (each order equally likely), driven by ChaCha8 under a key made of the seed
/// and the epoch, on the stream of the window. Nothing else enters it: not the thread count, not what was read before.
/// So an epoch can be entered at any batch, for the cost of one window.
///
/// # Examples
///
/// ```
/// use ple_data::{BatchPlan, EpochOrder, LastBatch, Shuffle};
///
/// let plan = BatchPlan { batch_size: 4, last_batch: LastBatch::Keep, shuffle: Shuffle::Seeded(7) };
/// let order = EpochOrder::new(10, plan, 0);
/// assert_eq!(order.n_batches(), 3);
/// assert_eq!(order.batch(2).len(), 2);
/// assert_eq!(order.batch(1), EpochOrder::new(10, plan, 0).batch(1));
///
/// // Four groups, two to a window: the first window's rows come before those of the second.
/// let order = EpochOrder::of_groups(&[3, 3, 3, 3], 2, plan, 0);
/// assert_eq!((order.n_windows(), order.window(0).groups.len()), (2, 2));
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EpochOrder {
    plan: BatchPlan,
    epoch: u64,
    rows: usize,
    n_batches: usize,
    windows: Vec<Window>,
}

/// Groups of rows that are read together, and shuffled with each other.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Window {
    /// The numbers of its groups, in file order.
    pub groups: Vec<usize>,
    /// The positions of its rows in the order of the epoch.
    pub positions: Range<usize>,
}

impl EpochOrder {
    /// The order of one epoch over the `rows` rows of a table in memory.
    ///
    /// # Panics
    ///
    /// If the batch size is 0, or `rows` does not fit into 32 bits.
    pub fn new(rows: usize, plan: BatchPlan, epoch: u64) -> Self {
        assert!(u32::try_from(rows).is_ok(), "EpochOrder::new: {rows} rows do not fit into 32 bits");
        let groups = if rows == 0 { vec![] } else { vec![rows as u32] };
        EpochOrder::of_groups(&groups, 1, plan, epoch)
    }

    /// The order of one epoch over groups of so many rows each, `per_window` of them to a window.
    ///
    /// # Panics
    ///
    /// If the batch size or `per_window` is 0, or the rows of a window do not fit into 32 bits.
    pub fn of_groups(group_rows: &[u32], per_window: usize, plan: BatchPlan, epoch: u64) -> Self {
        let BatchPlan { batch_size, last_batch, shuffle } = plan;
        assert!(batch_size >= 1, "EpochOrder: batch_size is 0");
        assert!(per_window >= 1, "EpochOrder: no group to a window");
        let groups: Vec<u32> = match shuffle {
            Shuffle::InOrder => (0..group_rows.len() as u32).collect(),
            Shuffle::Seeded(seed) => permutation(group_rows.len(), GROUP_STREAM, seed, epoch, 0),
        };
        let mut rows = 0;
        let window = |groups: &[u32]| {
            let mut groups: Vec<usize> = groups.iter().map(|&group| group as usize).collect();
            groups.sort_unstable();
            let first = rows;
            rows += groups.iter().map(|&group| group_rows[group] as usize).sum::<usize>();
            assert!(u32::try_from(rows - first).is_ok(), "EpochOrder: a window of {} rows", rows - first);
            Window { groups, positions: first..rows }
        };
        let windows = groups.chunks(per_window).map(window).collect();
        let (full, rest) = (rows / batch_size, rows % batch_size);
        let n_batches = match (last_batch, rest) {
            (LastBatch::Drop, _) | (_, 0) => full,
            (LastBatch::Keep, 1) => full.max(1),
            (LastBatch::Keep, _) => full + 1,
        };
        EpochOrder { plan, epoch, rows, n_batches, windows }
    }

    /// The number of batches of the epoch, which is the same in every epoch.
    pub fn n_batches(&self) -> usize {
        self.n_batches
    }

    /// The number of windows.
    pub fn n_windows(&self) -> usize {
        self.windows.len()
    }

    /// One window.
    ///
    /// # Panics
    ///
    /// If `w` is not below [`EpochOrder::n_windows`].
    pub fn window(&self, w: usize) -> &Window {
        &self.windows[w]
    }

    /// The order of a window's rows, as row numbers inside of the window, whose groups stand one after the other.
    ///
    /// # Panics
    ///
    /// If `w` is not below [`EpochOrder::n_windows`].
    pub fn window_order(&self, w: usize) -> Vec<u32> {
        let rows = self.windows[w].positions.len();
        match self.plan.shuffle {
            Shuffle::InOrder => (0..rows as u32).collect(),
            Shuffle::Seeded(seed) => permutation(rows, SHUFFLE_STREAM, seed, self.epoch, w as u64),
        }
    }

    /// The window that a position of the epoch's order lies in.
    pub(crate) fn window_at(&self, position: usize) -> usize {
        self.windows.partition_point(|window| window.positions.end <= position)
    }

    /// The positions of batch `k` in the order of the epoch.
    ///
    /// # Panics
    ///
    /// If `k` is not below [`EpochOrder::n_batches`].
    pub fn positions(&self, k: usize) -> Range<usize> {
        assert!(k < self.n_batches, "EpochOrder: batch {k} of {}", self.n_batches);
        let start = k * self.plan.batch_size;
        let is_last = k + 1 == self.n_batches;
        match self.plan.last_batch {
            LastBatch::Keep if is_last => start..self.rows,
            _ => start..start + self.plan.batch_size,
        }
    }

    /// The rows of batch `k`, each by the window that it is in and its number there: the definition of a batch. Whoever
    /// wants many batches asks for [`EpochOrder::window_order`] once a window instead.
    ///
    /// # Panics
    ///
    /// If `k` is not below [`EpochOrder::n_batches`].
    pub fn batch(&self, k: usize) -> Vec<(usize, u32)> {
        let positions = self.positions(k);
        let (first, last) = (self.window_at(positions.start), self.window_at(positions.end - 1));
        let rows = (first..=last).flat_map(|w| {
            let of_window = &self.windows[w].positions;
            let start = positions.start.max(of_window.start) - of_window.start;
            let end = positions.end.min(of_window.end) - of_window.start;
            let order = self.window_order(w);
            (start..end).map(move |position| (w, order[position])).collect::<Vec<_>>()
        });
        rows.collect()
    }

    /// The size of the largest batch, for which buffers can be made ready.
    pub fn largest_batch(&self) -> usize {
        match self.n_batches {
            0 => 0,
            n => self.positions(n - 1).len().max(self.positions(0).len()),
        }
    }
}

/// Names the stream of random numbers of shuffles.
const SHUFFLE_STREAM: &[u8; 16] = b"ple-data.order.1";

/// Names the stream of the order of groups.
const GROUP_STREAM: &[u8; 16] = b"ple-data.group.1";

/// A random permutation of `0..rows`, drawn from the named stream at (seed, position, part).
pub(crate) fn permutation(rows: usize, stream: &[u8; 16], seed: u64, position: u64, part: u64) -> Vec<u32> {
    let mut key = [0u8; 32];
    key[..8].copy_from_slice(&seed.to_le_bytes());
    key[8..16].copy_from_slice(&position.to_le_bytes());
    key[16..].copy_from_slice(stream);
    let mut generator = ChaCha8Rng::from_seed(key);
    generator.set_stream(part);
    let mut order: Vec<u32> = (0..rows as u32).collect();
    for last in (1..order.len()).rev() {
        order.swap(last, below(&mut generator, last as u64 + 1) as usize);
    }
    order
}

/// A number in `0..bound`, by one multiplication of 64 random bits. For bounds below 2^32 the bias is under 2^-32,
/// and unlike the rejection methods it takes the same bits from the stream each time.
fn below(generator: &mut ChaCha8Rng, bound: u64) -> u64 {
    ((u128::from(generator.next_u64()) * u128::from(bound)) >> 64) as u64
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn plan(batch_size: usize, last_batch: LastBatch, shuffle: Shuffle) -> BatchPlan {
        BatchPlan { batch_size, last_batch, shuffle }
    }

    fn keep(rows: usize, batch_size: usize, shuffle: Shuffle, epoch: u64) -> EpochOrder {
        EpochOrder::new(rows, plan(batch_size, LastBatch::Keep, shuffle), epoch)
    }

    /// The rows of a batch of one window.
    fn rows(order: &EpochOrder, k: usize) -> Vec<u32> {
        order.batch(k).into_iter().map(|(_, row)| row).collect()
    }

    #[test]
    fn one_left_over_row_joins_the_batch_before_it() {
        let order = keep(9, 4, Shuffle::InOrder, 0);
        assert_eq!(order.n_batches(), 2);
        assert_eq!(rows(&order, 1), [4, 5, 6, 7, 8]);
        assert_eq!(order.largest_batch(), 5);
    }

    #[test]
    fn a_table_of_one_row_is_one_batch() {
        let order = keep(1, 4, Shuffle::Seeded(1), 0);
        assert_eq!((order.n_batches(), rows(&order, 0)), (1, vec![0]));
    }

    #[test]
    fn an_empty_table_has_no_batch() {
        let order = keep(0, 4, Shuffle::Seeded(1), 0);
        assert_eq!((order.n_batches(), order.largest_batch()), (0, 0));
    }

    #[test]
    fn dropping_leaves_out_the_rest() {
        let order = EpochOrder::new(11, plan(4, LastBatch::Drop, Shuffle::InOrder), 0);
        assert_eq!(order.n_batches(), 2);
        assert_eq!(rows(&order, 1), [4, 5, 6, 7]);
    }

    #[test]
    fn the_permutation_of_a_seed_never_changes_between_versions() {
        let order = keep(12, 12, Shuffle::Seeded(2020), 3);
        assert_eq!(rows(&order, 0), PINNED);
        let order = EpochOrder::of_groups(&[2; 6], 3, plan(12, LastBatch::Keep, Shuffle::Seeded(2020)), 3);
        assert_eq!([&order.window(0).groups[..], &order.window(1).groups[..]].concat(), PINNED_GROUPS);
        assert_eq!(rows(&order, 0), PINNED_WINDOWS);
    }

    /// Written down when the order was defined: a change here breaks every run that is to be resumed.
    const PINNED: [u32; 12] = [1, 10, 6, 3, 9, 7, 11, 2, 8, 0, 4, 5];
    const PINNED_GROUPS: [usize; 6] = [1, 2, 5, 0, 3, 4];
    const PINNED_WINDOWS: [u32; 12] = [4, 3, 5, 0, 1, 2, 5, 1, 0, 3, 4, 2];

    #[test]
    fn every_position_is_equally_likely() {
        // 6,000 epochs of 5 rows: each row comes first 1,200 times on average, with a deviation of 31.
        let mut first = [0u32; 5];
        for epoch in 0..6_000 {
            let order = keep(5, 5, Shuffle::Seeded(11), epoch);
            first[rows(&order, 0)[0] as usize] += 1;
        }
        assert!(first.iter().all(|&count| (1_050..1_350).contains(&count)), "{first:?}");
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(4000))]
        #[test]
        fn every_row_comes_once_per_epoch(
            groups in proptest::collection::vec(1u32..60, 0..12), per_window in 1usize..5, batch_size in 1usize..90,
            seed: u64, epoch: u64,
        ) {
            let order = |seed, epoch| {
                let plan = plan(batch_size, LastBatch::Keep, Shuffle::Seeded(seed));
                EpochOrder::of_groups(&groups, per_window, plan, epoch)
            };
            let (this, total) = (order(seed, epoch), groups.iter().sum::<u32>() as usize);
            let starts: Vec<usize> =
                groups.iter().scan(0, |start, &rows| { *start += rows as usize; Some(*start - rows as usize) }).collect();
            let mut seen = vec![0; total];
            for k in 0..this.n_batches() {
                let batch = this.batch(k);
                prop_assert_eq!(batch.len(), this.positions(k).len());
                prop_assert!(batch.len() <= batch_size + 1);
                prop_assert!(batch.len() > 1 || batch_size == 1 || total == 1);
                for (w, row) in batch {
                    // The row's group, by walking through those of the window.
                    let mut row = row as usize;
                    let group = this.window(w).groups.iter().copied().find(|&group| {
                        let here = row < groups[group] as usize;
                        row -= if here { 0 } else { groups[group] as usize };
                        here
                    });
                    seen[starts[group.unwrap()] + row] += 1;
                }
            }
            prop_assert!(seen.iter().all(|&count| count == 1));
            prop_assert_eq!(&this, &order(seed, epoch));
            if total > 40 && this.n_windows() == 1 {
                prop_assert_ne!(this.window_order(0), order(seed, epoch ^ 1).window_order(0));
                prop_assert_ne!(this.window_order(0), order(seed ^ 1, epoch).window_order(0));
            }
            if this.n_windows() > 1 && this.window(0).positions.len() > 20
                && this.window(0).positions.len() == this.window(1).positions.len() {
                prop_assert_ne!(this.window_order(0), this.window_order(1));
            }
        }
    }
}
