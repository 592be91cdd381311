//! The AUC within groups: how well rows are put in order that compete with each other, as those of one user do.

use ple_data::TaskType;

use super::best::Best;
use super::by_group::for_each_group;
use super::computed::{Computed, GroupCounts, LeftOut};
use super::definition::{self, Definition, Settings};
use super::roc_auc;
use super::rows::Rows;
use super::task_metrics::LabelCounts;
use super::undefined::Undefined;

/// The mean of the [AUC](roc_auc()) within each group, over the groups that have rows of both classes:
///
/// ```text
/// GAUC = sum over groups g of W_g AUC_g / sum over groups g of W_g,   W_g = sum of w_i over the rows i of g
/// ```
///
/// Without weights W_g is the number of the group's rows. Groups of one class have no AUC: they are left out of both sums, and
/// counted. A score that is the same for all rows of each group gives 1/2, however well it tells the groups apart. A row of
/// weight 0 is outside of the task, and one of [`NO_GROUP`](ple_data::NO_GROUP) is in no group. Time n log n of the rows, and
/// 16 bytes for each.
///
/// Source: H. Zhu et al., "Optimized Cost per Click in Taobao Display Advertising", KDD 2017.
///
/// # Errors
///
/// In the value: [`Undefined::NoRows`] without rows, [`Undefined::NoGroups`] if no group has both classes,
/// [`Undefined::NotFinite`] if a score or a weight of a row in a group is NaN or infinite.
///
/// # Panics
///
/// If the lengths differ, or a weight is negative.
///
/// # Examples
///
/// ```
/// use ple_train::metrics::{LeftOut, gauc};
///
/// let (scores, labels) = ([0.1, 0.9, 0.8, 0.2, 0.5, 0.7], [0.0, 1.0, 0.0, 1.0, 1.0, 1.0]);
/// let found = gauc(&scores, &labels, None, &[3, 3, 5, 5, 8, 8]);
/// assert_eq!(found.value, Ok(0.5));
/// let groups = found.groups.unwrap();
/// assert_eq!((groups.groups, groups.left_out, groups.because), (3, 1, LeftOut::OneClass));
/// ```
pub fn gauc(scores: &[f32], labels: &[f32], weights: Option<&[f32]>, groups: &[u32]) -> Computed {
    let (mut sum, mut total) = (0.0, 0.0);
    let mut not_finite = false;
    let mut counts =
        GroupCounts { groups: 0, left_out: 0, because: LeftOut::OneClass, rows_without_group: 0 };
    let rows = Rows { outputs: scores, labels, weights, groups: Some(groups) };
    counts.rows_without_group = for_each_group(&rows, |rows| {
        counts.groups += 1;
        match roc_auc(rows.outputs, rows.labels, rows.weights) {
            Ok(auc) => {
                let weight = rows.weights.map_or(rows.outputs.len() as f64, |weights| {
                    weights.iter().map(|&weight| f64::from(weight)).sum()
                });
                sum += weight * auc;
                total += weight;
            }
            Err(Undefined::NotFinite) => not_finite = true,
            Err(_) => counts.left_out += 1,
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

/// [`gauc`] as a metric, with the column of its groups.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Gauc {
    column: String,
}

impl Settings for Gauc {
    fn shown() -> Self {
        Self { column: "COLUMN".to_owned() }
    }

    fn read(text: Option<&str>) -> Result<Self, &'static str> {
        match text {
            Some(column) if !column.is_empty() => Ok(Self { column: column.to_owned() }),
            _ => Err("a column whose values are the groups, as in gauc@user_id"),
        }
    }
}

impl Definition for Gauc {
    fn name(&self) -> &'static str {
        "gauc"
    }

    fn heading(&self) -> &'static str {
        "GAUC"
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
        gauc(rows.outputs, rows.labels, rows.weights, rows.groups.expect("the groups by its column"))
    }

    fn check_labels(&self, counts: LabelCounts) -> Result<(), Undefined> {
        definition::both_classes(counts)
    }

    fn settings(&self) -> Option<String> {
        Some(self.column.clone())
    }
}

#[cfg(test)]
mod tests {
    use approx::assert_relative_eq;
    use ple_data::NO_GROUP;
    use proptest::prelude::*;

    use super::gauc;
    use crate::metrics::{GroupCounts, LeftOut, Metric, Undefined};

    /// Score, label, weight, group.
    type Row = (f32, f32, f32, u32);

    /// The definition over pairs: the value, and the groups, those left out and the rows without one.
    fn plain(rows: &[Row]) -> (Option<f64>, usize, usize, usize) {
        let (mut sum, mut total, mut n_groups, mut left_out) = (0.0, 0.0, 0, 0);
        let inside: Vec<&Row> = rows.iter().filter(|row| row.2 != 0.0).collect();
        let mut groups: Vec<u32> =
            inside.iter().map(|row| row.3).filter(|&group| group != NO_GROUP).collect();
        groups.sort_unstable();
        groups.dedup();
        for group in groups {
            let rows: Vec<&&Row> = inside.iter().filter(|row| row.3 == group).collect();
            n_groups += 1;
            let (mut right, mut pairs) = (0.0, 0.0);
            for positive in rows.iter().filter(|row| row.1 == 1.0) {
                for negative in rows.iter().filter(|row| row.1 == 0.0) {
                    let weight = f64::from(positive.2) * f64::from(negative.2);
                    pairs += weight;
                    right += weight
                        * match positive.0 {
                            score if score > negative.0 => 1.0,
                            score if score == negative.0 => 0.5,
                            _ => 0.0,
                        };
                }
            }
            if pairs == 0.0 {
                left_out += 1;
                continue;
            }
            let weight: f64 = rows.iter().map(|row| f64::from(row.2)).sum();
            sum += weight * right / pairs;
            total += weight;
        }
        let without = inside.iter().filter(|row| row.3 == NO_GROUP).count();
        ((total > 0.0).then(|| sum / total), n_groups, left_out, without)
    }

    proptest! {
        #[test]
        fn it_is_its_definition(
            rows in prop::collection::vec((-4_i8..4, prop::bool::ANY, 0_u8..4, 0_u32..7), 0..80),
            extreme in prop::bool::ANY,
        ) {
            // Few scores, so that many are tied, some of them as large as numbers are; groups of one row and of one class.
            let scale = if extreme { 8e37 } else { 0.5 };
            let group = |group: u32| if group == 6 { NO_GROUP } else { group * 1_000_003 };
            let rows: Vec<Row> = rows
                .into_iter()
                .map(|(z, y, w, g)| (f32::from(z) * scale, f32::from(u8::from(y)), f32::from(w) / 2.0, group(g)))
                .collect();
            let [scores, labels, weights] =
                [0, 1, 2].map(|column| rows.iter().map(|row| [row.0, row.1, row.2][column]).collect::<Vec<f32>>());
            let groups: Vec<u32> = rows.iter().map(|row| row.3).collect();
            let unweighted: Vec<Row> = rows.iter().map(|row| (row.0, row.1, 1.0, row.3)).collect();
            for (rows, weights) in [(&rows, Some(&weights[..])), (&unweighted, None)] {
                let found = gauc(&scores, &labels, weights, &groups);
                let (value, n_groups, left_out, rows_without_group) = plain(rows);
                let because = LeftOut::OneClass;
                let counts = GroupCounts { groups: n_groups, left_out, because, rows_without_group };
                prop_assert_eq!(found.groups, Some(counts));
                match (found.value, value) {
                    (Ok(found), Some(value)) => prop_assert!((found - value).abs() < 1e-12),
                    (Err(Undefined::NoRows), None) => prop_assert_eq!(n_groups + rows_without_group, 0),
                    (Err(Undefined::NoGroups), None) => prop_assert!(n_groups + rows_without_group > 0),
                    other => prop_assert!(false, "{other:?}"),
                }
            }
        }
    }

    /// scikit-learn 1.9.1 within each of the first two groups, and numpy's average; the third one has one class:
    ///
    /// ```python
    /// a = [roc_auc_score(y[g == k], s[g == k]) for k in (0, 1)]
    /// np.average(a, weights=[3, 3])
    /// a = [roc_auc_score(y[g == k], s[g == k], sample_weight=w[g == k]) for k in (0, 1)]
    /// np.average(a, weights=[w[g == k].sum() for k in (0, 1)])
    /// ```
    #[test]
    fn equals_scikit_learn_within_groups() {
        let labels = [1.0, 0.0, 1.0, 0.0, 1.0, 1.0, 0.0, 0.0];
        let scores = [0.5, 0.5, 2.0, -1.0, 0.0, -1.0, 0.25, 3.0];
        let weights = [1.0, 2.0, 0.5, 1.0, 3.0, 1.0, 2.0, 0.25];
        let groups = [0, 0, 0, 1, 1, 1, 2, 2];
        assert_relative_eq!(gauc(&scores, &labels, None, &groups).value.unwrap(), 0.75, max_relative = 1e-14);
        let found = gauc(&scores, &labels, Some(&weights), &groups);
        assert_relative_eq!(found.value.unwrap(), 0.7892156862745098, max_relative = 1e-14);
        assert_eq!(found.groups.unwrap().to_string(), "1 of 3 groups left out: one class");
    }

    #[test]
    fn a_score_that_is_not_finite_is_said_of_groups_of_one_class_too() {
        let value = |groups: &[u32]| gauc(&[f32::NAN, 0.5, 1.0], &[1.0, 0.0, 1.0], None, groups).value;
        assert_eq!(value(&[0, 1, 1]), Err(Undefined::NotFinite));
        assert_eq!(value(&[NO_GROUP, 1, 1]), Ok(1.0));
    }

    #[test]
    fn the_column_stands_after_the_name() {
        let metric: Metric = "gauc@user.id".parse().unwrap();
        assert_eq!((metric.column(), metric.heading().as_str()), (Some("user.id"), "GAUC@user.id"));
        for text in ["gauc", "gauc@"] {
            assert_eq!(
                text.parse::<Metric>().unwrap_err().to_string(),
                format!(
                    "the metric `gauc` is `{text}`\nexpected: a column whose values are the groups, as in gauc@user_id\nnext: \
                     correct the metric `gauc`"
                )
            );
        }
    }
}
