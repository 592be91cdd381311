//! Rule: a file or folder of code is named after its concept, not after the fact that it holds odds and ends.

use super::finding::Finding;
use super::tree::Tree;

/// Names that say nothing.
const EMPTY_NAMES: &[&str] = &["util", "utils", "helper", "helpers", "misc", "common", "base"];

/// Finds sources and folders of sources with such a name.
pub(crate) fn check(tree: &Tree) -> Vec<Finding> {
    tree.rust()
        .filter(|(path, _)| path.split('/').any(|part| EMPTY_NAMES.contains(&part.trim_end_matches(".rs"))))
        .map(|(path, _)| Finding::about(path, "the name says nothing; name it after what it holds"))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::{Tree, check};

    #[test]
    fn an_empty_name_is_found() {
        let tree = Tree::of(&[
            ("a/utils.rs", ""),
            ("a/common/mod.rs", ""),
            ("a/base64.rs", ""),
            ("docs/misc/a.md", ""),
        ]);
        assert_eq!(check(&tree).len(), 2);
    }
}
