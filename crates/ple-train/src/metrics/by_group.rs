//! The rows of each group one after the other: what metrics within groups share.

use ple_data::NO_GROUP;

use super::radix_sort::{RadixKey, radix_sort};
use super::rows::Rows;

/// Calls `visit` with the rows of each group, in the order of the groups' numbers and within one in the order of the rows, and
/// gives the number of rows that are in no group. Rows of weight 0 are outside of the task, and groups of such rows alone are
/// not visited.
///
/// It takes time linear in the rows, and 16 bytes for each.
///
/// # Panics
///
/// If the rows have no groups, or the lengths differ.
///
/// # Examples
///
/// ```
/// use ple_train::metrics::{Rows, for_each_group};
///
/// let (outputs, labels, groups) = ([0.1, 0.2, 0.3, 0.4], [0.0, 1.0, 1.0, 0.0], [7, 2, 7, ple_data::NO_GROUP]);
/// let rows = Rows { outputs: &outputs, labels: &labels, weights: None, groups: Some(&groups) };
/// let mut visited = Vec::new();
/// let without_group = for_each_group(&rows, |rows| visited.push(rows.outputs.to_vec()));
/// assert_eq!((visited, without_group), (vec![vec![0.2], vec![0.1, 0.3]], 1));
/// ```
pub fn for_each_group(rows: &Rows<'_>, mut visit: impl FnMut(&Rows<'_>)) -> usize {
    let Rows { outputs, labels, weights, groups } = *rows;
    let groups = groups.expect("a metric within groups: the rows have no groups");
    assert_eq!(outputs.len(), labels.len(), "a metric within groups: one label for each row");
    assert_eq!(outputs.len(), groups.len(), "a metric within groups: one group for each row");
    assert!(
        weights.is_none_or(|weights| weights.len() == outputs.len()),
        "a metric within groups: one weight for each row"
    );
    assert!(u32::try_from(outputs.len()).is_ok(), "a metric within groups: more than 2^32 rows");
    let mut without_group = 0;
    let mut order: Vec<u64> = Vec::with_capacity(groups.len());
    for (row, &group) in groups.iter().enumerate() {
        if weights.is_none_or(|weights| weights[row] != 0.0) {
            match group {
                NO_GROUP => without_group += 1,
                group => order.push(u64::from(group) << 32 | row as u64),
            }
        }
    }
    radix_sort(&mut order);
    let (mut of_outputs, mut of_labels, mut of_weights) = (Vec::new(), Vec::new(), Vec::new());
    for group in order.chunk_by(|a, b| a.key() == b.key()) {
        let rows = || group.iter().map(|entry| (entry & u64::from(u32::MAX)) as usize);
        of_outputs.clear();
        of_outputs.extend(rows().map(|row| outputs[row]));
        of_labels.clear();
        of_labels.extend(rows().map(|row| labels[row]));
        if let Some(weights) = weights {
            of_weights.clear();
            of_weights.extend(rows().map(|row| weights[row]));
        }
        visit(&Rows {
            outputs: &of_outputs,
            labels: &of_labels,
            weights: weights.map(|_| &of_weights[..]),
            groups: None,
        });
    }
    without_group
}
