//! How well one column alone tells a task's positive rows from the others, as an AUC.
//!
//! Ids are scored by the positive rate that they have in the other half of the rows. Without this an id that occurs
//! once would predict its own row, and every user number would look like a leak.

use super::id_counts::IdCounts;
use super::report::{Gaps, TaskInPart};

/// Rows of the average rate that are mixed into an id's own, so that a rare id says little.
const PRIOR_ROWS: f64 = 5.0;

/// The AUC of a column of ids for a task; `None` without positive or negative rows in both halves.
pub(super) fn ids_alone(counts: &IdCounts, task: usize) -> Option<f64> {
    let place = |half: usize| 1 + 4 * task + 2 * half;
    let mut total = [[0_u64; 2]; 2];
    for (_, cell) in counts.cells() {
        for (half, sums) in total.iter_mut().enumerate() {
            sums[0] += u64::from(cell[place(half)]);
            sums[1] += u64::from(cell[place(half) + 1]);
        }
    }
    let mut sum = 0.0;
    for half in [0, 1] {
        let [rows, positives] = total[1 - half];
        let rate = positives as f64 / rows.max(1) as f64;
        let scored = counts.cells().map(|(_, cell)| {
            let (seen, hits) = (f64::from(cell[place(1 - half)]), f64::from(cell[place(1 - half) + 1]));
            let score = (hits + PRIOR_ROWS * rate) / (seen + PRIOR_ROWS);
            let (rows, positives) = (u64::from(cell[place(half)]), u64::from(cell[place(half) + 1]));
            (score, positives, rows - positives)
        });
        sum += auc(scored.filter(|group| group.1 + group.2 > 0).collect())?;
    }
    Some(sum / 2.0)
}

/// The AUC of a column of numbers for a task, in the direction that separates better.
pub(super) fn numbers_alone(rows: &[(f64, bool)]) -> Option<f64> {
    let up = auc(rows.iter().map(|&(value, label)| (value, u64::from(label), u64::from(!label))).collect())?;
    Some(up.max(1.0 - up))
}

/// What is said of a task by whether a column has a value, from its gaps among the rows of label 0 and of label 1; `None`
/// where it has no gap there, or nothing else.
pub(super) fn gaps_alone([negatives, positives]: [u64; 2], task: &TaskInPart) -> Option<Gaps> {
    let all_positives = task.positives?;
    let present = (all_positives - positives, task.rows - all_positives - negatives);
    let rows = negatives + positives;
    if rows == 0 || rows == task.rows {
        return None;
    }
    let up = auc(vec![(0.0, present.0, present.1), (1.0, positives, negatives)])?;
    Some(Gaps { rows, positives, auc: up.max(1.0 - up) })
}

/// The probability that a positive row has the higher score, ties counting one half, from groups of
/// (score, positives, negatives).
fn auc(mut groups: Vec<(f64, u64, u64)>) -> Option<f64> {
    groups.sort_unstable_by(|a, b| a.0.total_cmp(&b.0));
    let (mut below, mut won) = (0.0, 0.0);
    for tied in groups.chunk_by(|a, b| a.0 == b.0) {
        let positives: u64 = tied.iter().map(|group| group.1).sum();
        let negatives: u64 = tied.iter().map(|group| group.2).sum();
        won += positives as f64 * (below + negatives as f64 / 2.0);
        below += negatives as f64;
    }
    let positives: u64 = groups.iter().map(|group| group.1).sum();
    (positives > 0 && below > 0.0).then(|| won / (positives as f64 * below))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::id_counts::{Half, IdCounts};
    use super::{ids_alone, numbers_alone};

    fn counted(rows: impl Iterator<Item = (i64, bool)>) -> IdCounts {
        let mut counts = IdCounts::new(1);
        for (row, (id, label)) in rows.enumerate() {
            let half = if row / 3 % 2 == 0 { Half::First } else { Half::Second };
            counts.add(id, half, [i8::from(label)].into_iter());
        }
        counts
    }

    #[test]
    fn an_id_that_is_the_label_separates_all_and_one_of_a_kind_nothing() {
        let leak = counted((0..600).map(|row| (row % 7, row % 7 == 3)));
        assert_eq!(ids_alone(&leak, 0), Some(1.0));
        let unique = counted((0..600).map(|row| (row, row % 5 == 0)));
        assert_eq!(ids_alone(&unique, 0), Some(0.5));
        assert_eq!(ids_alone(&counted((0..60).map(|row| (row, false))), 0), None);
    }

    proptest! {
        /// The definition: over all pairs of a positive and a negative row.
        #[test]
        fn numbers_are_compared_in_pairs(rows in prop::collection::vec((0..8_u8, any::<bool>()), 2..60)) {
            let rows: Vec<(f64, bool)> = rows.into_iter().map(|(value, label)| (f64::from(value), label)).collect();
            let of = |wanted: bool| rows.iter().filter(move |row| row.1 == wanted).map(|row| row.0);
            let pairs = of(true).flat_map(|p| of(false).map(move |n| f64::from(u8::from(p > n)) + f64::from(u8::from(p == n)) / 2.0));
            let (n, won) = pairs.fold((0.0, 0.0), |(n, sum), pair| (n + 1.0, sum + pair));
            match numbers_alone(&rows) {
                None => prop_assert_eq!(n, 0.0),
                Some(auc) => prop_assert!((auc - (won / n).max(1.0 - won / n)).abs() < 1e-12),
            }
        }
    }
}
