//! The normalised discounted cumulative gain within groups: how good the tops of the lists are.

use std::cmp::Reverse;
use std::num::NonZeroU32;

use ple_data::TaskType;

use super::best::Best;
use super::by_group::for_each_group;
use super::computed::{Computed, GroupCounts, LeftOut};
use super::definition::{self, Definition, Settings};
use super::radix_sort::ordered_bits;
use super::rows::Rows;
use super::task_metrics::LabelCounts;
use super::undefined::Undefined;

/// The mean over groups of the discounted gain of the scores' order over that of the best order, of the first k rows or of
/// all:
///
/// ```text
/// NDCG_g = sum over ranks r = 1..k of y_(r) / log2(r + 1)   over the same with the labels of g in falling order
/// ```
///
/// with `y_(r)` the label of the row of g with the r-th highest score: the gain is linear in labels, which may be any numbers
/// from 0 on. Rows of equal scores share their ranks: each has the mean of their discounts. The result of a group equals
/// scikit-learn's `ndcg_score([labels], [scores], k=k)`. A group without a positive label has no value: it is left out, and
/// counted (scikit-learn counts it as 0).
///
/// Each group counts the same. With weights, a group counts as much as the mean weight of its rows; they do not change the
/// order or the gain within it. A row of weight 0 is outside of the task, takes no rank, and is not looked at; one of
/// [`NO_GROUP`](ple_data::NO_GROUP) is in no group. Time n log n of the rows, and 16 bytes for each.
///
/// Source: K. Järvelin and J. Kekäläinen, "Cumulated Gain-Based Evaluation of IR Techniques", ACM TOIS 20(4), 2002.
///
/// # Errors
///
/// In the value: [`Undefined::NoRows`] without rows, [`Undefined::NoGroups`] if no group has a positive label,
/// [`Undefined::NotFinite`] if a score, a label or a weight of a row in a group is NaN or infinite.
///
/// # Panics
///
/// If the lengths differ, or a weight or a label is negative.
///
/// # Examples
///
/// ```
/// use ple_train::metrics::ndcg;
///
/// // The only click of the user 4 is second of three; the user 6 clicked nothing.
/// let (scores, labels) = ([0.9, 0.5, 0.1, 0.7], [0.0, 1.0, 0.0, 0.0]);
/// let found = ndcg(&scores, &labels, None, &[4, 4, 4, 6], None);
/// assert!((found.value.unwrap() - 1.0 / 3.0_f64.log2()).abs() < 1e-15);
/// assert_eq!(found.groups.unwrap().to_string(), "1 of 2 groups left out: no positive");
/// ```
pub fn ndcg(
    scores: &[f32],
    labels: &[f32],
    weights: Option<&[f32]>,
    groups: &[u32],
    k: Option<NonZeroU32>,
) -> Computed {
    let (mut sum, mut total) = (0.0, 0.0);
    let mut not_finite = false;
    let mut counts =
        GroupCounts { groups: 0, left_out: 0, because: LeftOut::NoPositive, rows_without_group: 0 };
    let mut discounts = Discounts { sums: vec![0.0], k: k.map_or(usize::MAX, |k| k.get() as usize) };
    let mut ranked: Vec<(u32, f32)> = Vec::new();
    let rows = Rows { outputs: scores, labels, weights, groups: Some(groups) };
    counts.rows_without_group = for_each_group(&rows, |rows| {
        counts.groups += 1;
        ranked.clear();
        for (&score, &label) in rows.outputs.iter().zip(rows.labels) {
            assert!(label.is_nan() || label >= 0.0, "ndcg: the label {label} is negative");
            match ordered_bits(score) {
                Ok(bits) if label.is_finite() => ranked.push((bits, label)),
                _ => not_finite = true,
            }
        }
        let mut weight = 0.0;
        for &of_row in rows.weights.unwrap_or(&[]) {
            assert!(of_row.is_nan() || of_row > 0.0, "ndcg: the weight {of_row} is negative");
            not_finite |= !of_row.is_finite();
            weight += f64::from(of_row);
        }
        let weight = if rows.weights.is_some() { weight / rows.outputs.len() as f64 } else { 1.0 };
        match discounts.normalised_gain(&mut ranked) {
            Some(gain) => {
                sum += weight * gain;
                total += weight;
            }
            None => counts.left_out += 1,
        }
    });
    let value = match () {
        () if not_finite => Err(Undefined::NotFinite),
        () if total > 0.0 => Ok(sum / total),
        () if counts.groups + counts.rows_without_group == 0 => Err(Undefined::NoRows),
        () => Err(Undefined::NoGroups),
    };
    Computed { value, groups: Some(counts) }
}

/// The sums of the discounts of the first ranks; those behind rank k are 0.
struct Discounts {
    sums: Vec<f64>,
    k: usize,
}

impl Discounts {
    /// The sum of the discounts of the first n ranks.
    fn sum(&mut self, n: usize) -> f64 {
        let n = n.min(self.k);
        while self.sums.len() <= n {
            let rank = self.sums.len() as f64;
            self.sums.push(self.sums[self.sums.len() - 1] + 1.0 / (rank + 1.0).log2());
        }
        self.sums[n]
    }

    /// The gain of the order of the first values over that of the labels, or nothing without a positive label.
    fn normalised_gain(&mut self, ranked: &mut [(u32, f32)]) -> Option<f64> {
        ranked.sort_unstable_by_key(|&(_, label)| Reverse((label + 0.0).to_bits()));
        let best = self.gain(ranked, |a, b| a.1 == b.1);
        ranked.sort_unstable_by_key(|&(score, _)| Reverse(score));
        (best > 0.0).then(|| self.gain(ranked, |a, b| a.0 == b.0) / best)
    }

    /// The gain of rows in order, of which neighbours may share their ranks.
    fn gain(&mut self, ranked: &[(u32, f32)], tied: impl Fn(&(u32, f32), &(u32, f32)) -> bool) -> f64 {
        let (mut gain, mut above) = (0.0, 0);
        for tied in ranked.chunk_by(tied) {
            let mean = tied.iter().map(|&(_, label)| f64::from(label)).sum::<f64>() / tied.len() as f64;
            let before = self.sum(above);
            above += tied.len();
            gain += mean * (self.sum(above) - before);
        }
        gain
    }
}

/// [`ndcg`] as a metric, with the column of its groups and the length of the list.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Ndcg {
    column: String,
    k: Option<NonZeroU32>,
}

impl Settings for Ndcg {
    fn shown() -> Self {
        Self { column: "COLUMN".to_owned(), k: None }
    }

    fn read(text: Option<&str>) -> Result<Self, &'static str> {
        let text = text.unwrap_or_default();
        let (column, k) = match text.rsplit_once(',') {
            Some((column, k)) => (column, k.parse().ok().map(Some)),
            None => (text, Some(None)),
        };
        match k {
            Some(k) if !column.is_empty() => Ok(Self { column: column.to_owned(), k }),
            _ => Err(
                "a column whose values are the groups, and how many rows of a list count unless all do, as in ndcg@user_id,10",
            ),
        }
    }
}

impl Definition for Ndcg {
    fn name(&self) -> &'static str {
        "ndcg"
    }

    fn heading(&self) -> &'static str {
        "NDCG"
    }

    fn best(&self) -> Best {
        Best::Highest
    }

    fn task(&self) -> TaskType {
        TaskType::Classification
    }

    fn column(&self) -> Option<&str> {
        Some(&self.column)
    }

    fn compute_served(&self, rows: &Rows<'_>) -> Option<Computed> {
        Some(self.compute(rows))
    }

    fn compute(&self, rows: &Rows<'_>) -> Computed {
        let groups = rows.groups.expect("the groups by its column");
        ndcg(rows.outputs, rows.labels, rows.weights, groups, self.k)
    }

    fn check_labels(&self, counts: LabelCounts) -> Result<(), Undefined> {
        definition::a_positive(counts)
    }

    fn settings(&self) -> Option<String> {
        Some(match self.k {
            Some(k) => format!("{},{k}", self.column),
            None => self.column.clone(),
        })
    }
}

#[cfg(test)]
mod tests {
    use std::num::NonZeroU32;

    use approx::assert_relative_eq;
    use ple_data::NO_GROUP;
    use proptest::prelude::*;

    use super::ndcg;
    use crate::metrics::{Metric, Undefined};

    /// Score, label, weight, group.
    type Row = (f32, f32, f32, u32);

    /// The definition row by row: each has the mean of the discounts of the ranks that it may have.
    fn plain(rows: &[&Row], k: usize) -> Option<f64> {
        let discount = |rank: usize| if rank < k { 1.0 / (rank as f64 + 2.0).log2() } else { 0.0 };
        let gain = |score: &dyn Fn(&Row) -> f32| -> f64 {
            let of_row = |row: &&&Row| {
                let above = rows.iter().filter(|other| score(other) > score(row)).count();
                let tied = rows.iter().filter(|other| score(other) == score(row)).count();
                let mean = (above..above + tied).map(discount).sum::<f64>() / tied as f64;
                f64::from(row.1) * mean
            };
            rows.iter().map(|row| of_row(&row)).sum()
        };
        let best = gain(&|row| row.1);
        (best > 0.0).then(|| gain(&|row| row.0) / best)
    }

    proptest! {
        #[test]
        fn it_is_its_definition(
            rows in prop::collection::vec((-4_i8..4, 0_u8..4, 0_u8..4, 0_u32..7), 0..80),
            k in 0_u32..9,
            extreme in prop::bool::ANY,
        ) {
            let scale = if extreme { 8e37 } else { 0.5 };
            let group = |group: u32| if group == 6 { NO_GROUP } else { group * 1_000_003 };
            let rows: Vec<Row> = rows
                .into_iter()
                .map(|(z, y, w, g)| (f32::from(z) * scale, f32::from(y) / 2.0, f32::from(w) / 2.0, group(g)))
                .collect();
            let [scores, labels, weights] =
                [0, 1, 2].map(|column| rows.iter().map(|row| [row.0, row.1, row.2][column]).collect::<Vec<f32>>());
            let groups: Vec<u32> = rows.iter().map(|row| row.3).collect();
            let unweighted: Vec<Row> = rows.iter().map(|row| (row.0, row.1, 1.0, row.3)).collect();
            let k = NonZeroU32::new(k);
            for (rows, weights) in [(&rows, Some(&weights[..])), (&unweighted, None)] {
                let (mut sum, mut total, mut n_groups, mut left_out) = (0.0, 0.0, 0, 0);
                for group in (0..6).map(|group| group * 1_000_003) {
                    let rows: Vec<&Row> = rows.iter().filter(|row| row.3 == group && row.2 > 0.0).collect();
                    if rows.is_empty() {
                        continue;
                    }
                    n_groups += 1;
                    let weight = rows.iter().map(|row| f64::from(row.2)).sum::<f64>() / rows.len() as f64;
                    match plain(&rows, k.map_or(usize::MAX, |k| k.get() as usize)) {
                        Some(value) => (sum, total) = (sum + weight * value, total + weight),
                        None => left_out += 1,
                    }
                }
                let found = ndcg(&scores, &labels, weights, &groups, k);
                let counts = found.groups.unwrap();
                prop_assert_eq!((counts.groups, counts.left_out), (n_groups, left_out));
                match found.value {
                    Ok(value) => prop_assert!((value - sum / total).abs() < 1e-12, "{value} {}", sum / total),
                    Err(Undefined::NoRows) => prop_assert_eq!(n_groups + counts.rows_without_group, 0),
                    Err(other) => prop_assert!(other == Undefined::NoGroups && n_groups == left_out),
                }
            }
        }
    }

    /// scikit-learn 1.9.1: `ndcg_score([[1, 0, 1, 0, 1], [0, 1, 0, 0, 1]], [[.5, .5, 2, -1, .5], [0, -1, 0, 3, 0]], k=k)`,
    /// the same with `sample_weight=[2, .5]`, and graded labels: `ndcg_score([[3, 0, 1.5, 2]], [[.1, .1, .7, .1]], k=2)`.
    #[test]
    fn equals_scikit_learn() {
        let labels = [1.0, 0.0, 1.0, 0.0, 1.0, 0.0, 1.0, 0.0, 0.0, 1.0];
        let scores = [0.5, 0.5, 2.0, -1.0, 0.5, 0.0, -1.0, 0.0, 3.0, 0.0];
        let weights = [2.0, 2.0, 2.0, 2.0, 2.0, 0.5, 0.5, 0.5, 0.5, 0.5];
        let groups = [0, 0, 0, 0, 0, 1, 1, 1, 1, 1];
        let expected = [
            (0, 0.7570968472536002, 0.8775374227062104),
            (1, 0.5, 0.8),
            (2, 0.49999999999999994, 0.7226294385530916),
            (3, 0.5271175216066712, 0.7047027538472198),
        ];
        for (k, plain, weighted) in expected {
            let value = |weights| ndcg(&scores, &labels, weights, &groups, NonZeroU32::new(k)).value.unwrap();
            assert_relative_eq!(value(None), plain, max_relative = 1e-14);
            assert_relative_eq!(value(Some(&weights)), weighted, max_relative = 1e-14);
        }
        let graded = ndcg(&[0.1, 0.1, 0.7, 0.1], &[3.0, 0.0, 1.5, 2.0], None, &[0; 4], NonZeroU32::new(2));
        assert_relative_eq!(graded.value.unwrap(), 0.598693970321955, max_relative = 1e-14);
    }

    #[test]
    fn a_number_that_is_not_finite_is_said() {
        let value = |score, label, weight| {
            ndcg(&[score, 0.0], &[label, 1.0], Some(&[weight, 1.0]), &[0, 0], None).value
        };
        assert_eq!(value(f32::NAN, 1.0, 1.0), Err(Undefined::NotFinite));
        assert_eq!(value(0.5, f32::INFINITY, 1.0), Err(Undefined::NotFinite));
        assert_eq!(value(0.5, 1.0, f32::INFINITY), Err(Undefined::NotFinite));
        assert_eq!(value(f32::NAN, 1.0, 0.0), Ok(1.0));
    }

    #[test]
    fn column_and_length_stand_after_the_name() {
        for (text, column) in
            [("ndcg@user_id", "user_id"), ("ndcg@user_id,10", "user_id"), ("ndcg@a,b,3", "a,b")]
        {
            let metric: Metric = text.parse().unwrap();
            assert_eq!((metric.to_string().as_str(), metric.column()), (text, Some(column)));
        }
        for text in ["ndcg", "ndcg@", "ndcg@,5", "ndcg@user_id,0", "ndcg@user_id,x", "ndcg@user_id,"] {
            let error = text.parse::<Metric>().unwrap_err().to_string();
            let expected = "\nexpected: a column whose values are the groups, and how many rows of a list count unless all do, \
                            as in ndcg@user_id,10\nnext: correct the metric `ndcg`";
            assert_eq!(error, format!("the metric `ndcg` is `{text}`{expected}"));
        }
    }
}
