//! Rule: every source opens by saying why it exists.

use super::finding::Finding;
use super::tree::Tree;

/// Finds sources whose first line is not an inner doc comment with words in it.
pub(crate) fn check(tree: &Tree) -> Vec<Finding> {
    let opens = |text: &str| {
        let first = text.lines().next().unwrap_or_default();
        first.strip_prefix("//!").is_some_and(|words| !words.trim().is_empty())
    };
    tree.rust()
        .filter(|(_, text)| !opens(text))
        .map(|(path, _)| {
            Finding::at(path, 1, "does not open with a `//!` line that says why the file exists")
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::{Tree, check};

    #[test]
    fn a_bare_or_empty_head_is_found() {
        let tree = Tree::of(&[
            ("a.rs", "fn a() {}"),
            ("b.rs", "//!\nfn b() {}"),
            ("c.rs", "//! Why.\n"),
            ("d.rs", ""),
        ]);
        assert_eq!(check(&tree).len(), 3);
    }
}
