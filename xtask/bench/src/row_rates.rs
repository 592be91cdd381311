//! How fast rows of 64 bytes are read, and rows with both moments read, changed and written: the workload's own ids, in
//! an arena as large as the model's, with all threads and nothing else to do.

use std::hint::black_box;
use std::io;
use std::time::Instant;

use memmap2::MmapMut;
use rayon::prelude::*;

use crate::repeats::median_of_repeats;

/// Values of a row's weights.
const DIM: usize = 16;
/// Values of a row with its moments.
const STRIDE: usize = 3 * DIM;

/// The look-ups of some batches, as rows of one arena.
#[derive(Debug)]
pub(crate) struct Lookups {
    /// The rows that each batch reads, in the order of its rows and features.
    pub reads: Vec<Vec<u32>>,
    /// The distinct ones among them, ascending.
    pub distinct: Vec<Vec<u32>>,
}

impl Lookups {
    /// The look-ups of batches of `batch` rows. `ids` is `[rows, features]`, `sizes` the features' vocabularies.
    pub(crate) fn new(ids: &[u32], sizes: &[usize], batch: usize) -> Self {
        let starts: Vec<u32> = sizes
            .iter()
            .scan(0, |next, &size| {
                let start = *next;
                *next += size as u32;
                Some(start)
            })
            .collect();
        let reads: Vec<Vec<u32>> = ids
            .chunks_exact(batch * sizes.len())
            .map(|batch| batch.iter().zip(starts.iter().cycle()).map(|(id, start)| id + start).collect())
            .collect();
        let distinct = reads.iter().map(|reads| {
            let mut rows = reads.clone();
            rows.sort_unstable();
            rows.dedup();
            rows
        });
        Self { distinct: distinct.collect(), reads }
    }

    /// The mean number of look-ups of a batch.
    pub(crate) fn mean_reads(&self) -> f64 {
        mean_length(&self.reads)
    }

    /// The mean number of distinct rows of a batch.
    pub(crate) fn mean_distinct(&self) -> f64 {
        mean_length(&self.distinct)
    }
}

/// Rows for an optimiser that keeps two moments, in memory like that of the model's tables: aligned to cache lines, and
/// in huge pages where the system has them.
#[derive(Debug)]
pub(crate) struct Arena {
    memory: MmapMut,
}

impl Arena {
    /// An arena of so many rows.
    ///
    /// # Errors
    /// If there is no memory for it.
    pub(crate) fn new(rows: usize) -> io::Result<Self> {
        let memory = MmapMut::map_anon(rows * STRIDE * size_of::<f32>())?;
        #[cfg(target_os = "linux")]
        memory.advise(memmap2::Advice::HugePage)?;
        let mut arena = Self { memory };
        // Written once, so that every page is there before anything is measured.
        arena.values_mut().iter_mut().enumerate().for_each(|(index, value)| *value = (index % 7) as f32);
        Ok(arena)
    }

    fn values(&self) -> &[f32] {
        bytemuck::cast_slice(&self.memory)
    }

    fn values_mut(&mut self) -> &mut [f32] {
        bytemuck::cast_slice_mut(&mut self.memory)
    }

    /// Rows read a second: each thread copies the weights of a batch's rows one after the other.
    pub(crate) fn reads_per_second(&self, lookups: &Lookups, seconds: f64) -> f64 {
        let arena = self.values();
        median_rate(seconds, &lookups.reads, || {
            lookups.reads.par_iter().for_each_init(Vec::new, |buffer: &mut Vec<f32>, rows| {
                buffer.resize(rows.len() * DIM, 0.0);
                for (target, &row) in buffer.chunks_exact_mut(DIM).zip(rows) {
                    let start = row as usize * STRIDE;
                    target.copy_from_slice(&arena[start..start + DIM]);
                }
                black_box(buffer);
            });
        })
    }

    /// Rows changed a second: each thread has its own part of the arena, and goes through all batches' distinct rows in
    /// it. The change is a few multiplications and additions, without Adam's root and division.
    pub(crate) fn changes_per_second(&mut self, lookups: &Lookups, seconds: f64) -> f64 {
        let bounds = balanced_bounds(&lookups.distinct, rayon::current_num_threads());
        let arena = self.values_mut();
        median_rate(seconds, &lookups.distinct, || {
            let mut rest = &mut arena[..];
            let mut parts = Vec::new();
            for bounds in bounds.windows(2) {
                let rows = (bounds[1] - bounds[0]) as usize * STRIDE;
                let (part, after) = rest.split_at_mut(rows.min(rest.len()));
                parts.push((bounds[0]..bounds[1], part));
                rest = after;
            }
            parts.into_par_iter().for_each(|(range, part)| {
                for rows in &lookups.distinct {
                    let from = rows.partition_point(|&row| row < range.start);
                    let to = rows.partition_point(|&row| row < range.end);
                    for &row in &rows[from..to] {
                        let start = (row - range.start) as usize * STRIDE;
                        change(&mut part[start..start + STRIDE]);
                    }
                }
            });
        })
    }
}

/// As much arithmetic as a row's change needs at least.
fn change(row: &mut [f32]) {
    let (weights, moments) = row.split_at_mut(DIM);
    let (first, second) = moments.split_at_mut(DIM);
    for ((w, m), v) in weights.iter_mut().zip(first).zip(second) {
        *m = 0.9 * *m + 0.1;
        *v = 0.999 * *v + 0.001;
        *w -= 1e-3 * *m * *v;
    }
}

/// Row numbers that cut the arena into parts with equally many changes.
fn balanced_bounds(distinct: &[Vec<u32>], parts: usize) -> Vec<u32> {
    let mut rows: Vec<u32> = distinct.iter().flatten().copied().collect();
    rows.sort_unstable();
    let end = rows.last().map_or(0, |last| last + 1);
    let inner = (1..parts).map(|part| rows.get(part * rows.len() / parts).copied().unwrap_or(end));
    std::iter::once(0).chain(inner).chain([end]).collect()
}

/// Items a second of the median of several passes over all batches.
fn median_rate(seconds: f64, batches: &[Vec<u32>], mut pass: impl FnMut()) -> f64 {
    let items: usize = batches.iter().map(Vec::len).sum();
    let pass = || {
        let start = Instant::now();
        pass();
        start.elapsed().as_secs_f64()
    };
    items as f64 / median_of_repeats(seconds, pass)
}

fn mean_length(batches: &[Vec<u32>]) -> f64 {
    batches.iter().map(Vec::len).sum::<usize>() as f64 / batches.len().max(1) as f64
}

#[cfg(test)]
mod tests {
    use super::{Arena, Lookups, balanced_bounds};

    #[test]
    fn lookups_are_rows_of_one_arena() {
        let lookups = Lookups::new(&[0, 1, 0, 0, 2, 1, 2, 1], &[3, 2], 2);
        assert_eq!(lookups.reads, [[0, 4, 0, 3], [2, 4, 2, 4]]);
        assert_eq!(lookups.distinct, [vec![0, 3, 4], vec![2, 4]]);
        assert_eq!((lookups.mean_reads(), lookups.mean_distinct()), (4.0, 2.5));
    }

    #[test]
    fn bounds_cover_every_row() {
        assert_eq!(balanced_bounds(&[vec![0, 1, 2, 900]], 2), [0, 2, 901]);
        assert_eq!(balanced_bounds(&[], 2), [0, 0, 0]);
    }

    #[test]
    fn a_pass_changes_the_distinct_rows_alone() {
        let mut arena = Arena::new(5).unwrap();
        let before = arena.values().to_vec();
        let lookups = Lookups::new(&[0, 1, 0, 0], &[3, 2], 2);
        assert!(arena.reads_per_second(&lookups, 1e-9) > 0.0);
        assert!(arena.changes_per_second(&lookups, 1e-9) > 0.0);
        let changed: Vec<usize> = (0..5 * 48).filter(|&i| arena.values()[i] != before[i]).collect();
        assert!(changed.iter().all(|index| [0, 3, 4].contains(&(index / 48))), "{changed:?}");
        assert!(changed.len() > 96);
    }
}
