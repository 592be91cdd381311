//! Rule: there is a changelog, and it has a place for what is not released yet.

use super::finding::Finding;
use super::tree::Tree;

const FILE: &str = "CHANGELOG.md";
const HEADING: &str = "## [Unreleased]";

/// Finds a changelog that is missing or has no place for new entries.
pub(crate) fn check(tree: &Tree) -> Vec<Finding> {
    match tree.texts().find(|(path, _)| *path == FILE) {
        None => vec![Finding::about(FILE, "is missing")],
        Some((_, text)) if text.lines().any(|line| line == HEADING) => Vec::new(),
        Some(_) => vec![Finding::about(FILE, format!("has no heading `{HEADING}`"))],
    }
}

#[cfg(test)]
mod tests {
    use super::{FILE, HEADING, Tree, check};

    #[test]
    fn a_missing_changelog_or_heading_is_found() {
        assert_eq!(check(&Tree::of(&[])).len(), 1);
        assert_eq!(check(&Tree::of(&[(FILE, "# Changelog\n")])).len(), 1);
        assert!(check(&Tree::of(&[(FILE, HEADING)])).is_empty());
    }
}
