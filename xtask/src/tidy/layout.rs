//! Rule: the top level holds what the architecture page names, and nothing else.

use std::collections::BTreeSet;

use super::finding::Finding;
use super::tree::Tree;

/// The names that may stand at the top, besides hidden ones and licences.
const TOP_LEVEL: &[&str] = &[
    "CHANGELOG.md",
    "CONTRIBUTING.md",
    "Cargo.lock",
    "Cargo.toml",
    "README.md",
    "clippy.toml",
    "crates",
    "data",
    "deny.toml",
    "docs",
    "examples",
    "rust-toolchain.toml",
    "rustfmt.toml",
    "xtask",
];

/// Finds names at the top level that are not in the layout.
pub(crate) fn check(tree: &Tree) -> Vec<Finding> {
    let top: BTreeSet<&str> = tree.paths().filter_map(|path| path.split('/').next()).collect();
    top.into_iter()
        .filter(|name| !name.starts_with('.') && !name.starts_with("LICENSE") && !TOP_LEVEL.contains(name))
        .map(|name| {
            Finding::about(name, "is not part of the top-level layout; it belongs in one of its folders")
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::{Tree, check};

    #[test]
    fn an_extra_folder_is_found() {
        let tree = Tree::of(&[("scripts/a.sh", ""), (".ci/run", ""), ("LICENSE-MIT", ""), ("docs/a.md", "")]);
        let found = check(&tree);
        assert_eq!(found.len(), 1);
        assert!(found[0].to_string().starts_with("scripts: is not part"));
    }
}
