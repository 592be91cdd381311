//! The known name nearest to one that is not known, for error messages.

/// The candidate with the smallest edit distance to `name`, unless even that one has little in common with it.
///
/// Upper and lower case count as equal when two candidates are compared, so `Click` finds `click`.
pub(crate) fn nearest_name<'a>(name: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<String> {
    let wanted = name.to_lowercase();
    let limit = (wanted.chars().count() / 2).max(1);
    candidates
        .into_iter()
        .map(|candidate| (edit_distance(&wanted, &candidate.to_lowercase()), candidate))
        .filter(|&(distance, _)| distance <= limit)
        .min_by_key(|&(distance, _)| distance)
        .map(|(_, candidate)| candidate.to_string())
}

/// The line of a message that offers a name, if there is one.
pub(crate) fn nearest_line(nearest: &Option<String>) -> String {
    match nearest {
        Some(name) => format!("\nnearest: `{name}`"),
        None => String::new(),
    }
}

/// Levenshtein's distance: the fewest insertions, deletions and replacements of characters.
fn edit_distance(left: &str, right: &str) -> usize {
    let right: Vec<char> = right.chars().collect();
    let mut previous: Vec<usize> = (0..=right.len()).collect();
    for (i, a) in left.chars().enumerate() {
        let mut current = vec![i + 1];
        for (j, &b) in right.iter().enumerate() {
            let replaced = previous[j] + usize::from(a != b);
            current.push(replaced.min(previous[j + 1] + 1).min(current[j] + 1));
        }
        previous = current;
    }
    previous[right.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn distances_are_levenshteins() {
        assert_eq!(edit_distance("kitten", "sitting"), 3);
        assert_eq!(edit_distance("", "abc"), 3);
        assert_eq!(edit_distance("abc", "abc"), 0);
    }

    #[test]
    fn a_slip_of_the_finger_is_found_and_nonsense_is_not() {
        assert_eq!(nearest_name("purchse", ["click", "purchase"]).as_deref(), Some("purchase"));
        assert_eq!(nearest_name("Click", ["click", "purchase"]).as_deref(), Some("click"));
        assert_eq!(nearest_name("zzzzzz", ["click", "purchase"]), None);
    }
}
