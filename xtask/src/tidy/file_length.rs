//! Rule: one concept a file, so a source outside of the test targets stays under a length.

use super::finding::Finding;
use super::tree::{Tree, is_test_target};

/// The most lines that a source may have, its unit tests included.
const MOST_LINES: usize = 450;

/// Finds sources that have grown past it.
pub(crate) fn check(tree: &Tree) -> Vec<Finding> {
    tree.rust()
        .filter(|(path, _)| !is_test_target(path))
        .map(|(path, text)| (path, text.lines().count()))
        .filter(|(_, lines)| *lines > MOST_LINES)
        .map(|(path, lines)| {
            Finding::about(
                path,
                format!("has {lines} lines, more than {MOST_LINES}; is it still one concept?"),
            )
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::{MOST_LINES, Tree, check};

    #[test]
    fn one_line_too_many_is_found() {
        let full = "\n".repeat(MOST_LINES);
        let over = "\n".repeat(MOST_LINES + 1);
        assert_eq!(check(&Tree::of(&[("a.rs", &full), ("b.rs", &over), ("a/tests/c.rs", &over)])).len(), 1);
    }
}
