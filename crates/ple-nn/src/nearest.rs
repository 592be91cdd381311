//! The known name nearest to one that is not known: what every refusal of a name ends with.

/// The known name with the fewest edits between it and the one found, or `None` if none is near.
///
/// An edit inserts, removes or replaces a letter, or swaps two neighbours; near means at most a third of the longer
/// name, and at least one edit is always near. Upper and lower case count as equal.
pub fn nearest<'a>(found: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let found = found.to_lowercase();
    let with_edits = known.into_iter().map(|name| (edits(&found, &name.to_lowercase()), name));
    let (edits, name) = with_edits.min_by_key(|(edits, _)| *edits)?;
    let longer = found.chars().count().max(name.chars().count());
    (edits <= (longer / 3).max(1)).then_some(name)
}

/// The optimal string alignment distance, in one pass over the table with three rows kept.
fn edits(left: &str, right: &str) -> usize {
    let left: Vec<char> = left.chars().collect();
    let right: Vec<char> = right.chars().collect();
    let mut before = vec![0; right.len() + 1];
    let mut above: Vec<usize> = (0..=right.len()).collect();
    for i in 0..left.len() {
        let mut row = vec![i + 1];
        for j in 0..right.len() {
            let replaced = above[j] + usize::from(left[i] != right[j]);
            let mut fewest = replaced.min(above[j + 1] + 1).min(row[j] + 1);
            if i > 0 && j > 0 && left[i] == right[j - 1] && left[i - 1] == right[j] {
                fewest = fewest.min(before[j - 1] + 1);
            }
            row.push(fewest);
        }
        before = std::mem::replace(&mut above, row);
    }
    above[right.len()]
}

#[cfg(test)]
mod tests {
    use super::{edits, nearest};

    #[test]
    fn edits_are_counted() {
        for (left, right, expected) in
            [("", "", 0), ("", "abc", 3), ("auc", "auc", 0), ("acu", "auc", 1), ("kitten", "sitting", 3)]
        {
            assert_eq!(edits(left, right), expected, "{left} {right}");
            assert_eq!(edits(right, left), expected, "{right} {left}");
        }
    }

    #[test]
    fn only_a_near_name_is_suggested() {
        assert_eq!(nearest("CLICK", ["click", "purchase"]), Some("click"));
        assert_eq!(nearest("purchse", ["click", "purchase"]), Some("purchase"));
        assert_eq!(nearest("zebra", ["click", "purchase"]), None);
        assert_eq!(nearest("click", []), None);
    }
}
