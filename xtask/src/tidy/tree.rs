//! What the rules look at: the files of the checkout that git knows or would add, with their text.

use std::collections::BTreeMap;
use std::path::Path;
use std::process::Command;

use crate::cargo::workspace_root;

/// The paths of the checkout, relative and with forward slashes, and the text of each file that is UTF-8.
pub(crate) struct Tree {
    files: BTreeMap<String, Option<String>>,
}

impl Tree {
    /// Reads the workspace. Without git the folders are walked instead, and a note says so.
    pub(crate) fn of_workspace() -> Result<Self, String> {
        let root = workspace_root();
        let paths = match paths_from_git(&root) {
            Some(paths) => paths,
            None => {
                println!("note: git does not answer here, so every file but those in target/ is looked at");
                let mut paths = Vec::new();
                walk(&root, "", &mut paths)?;
                paths
            }
        };
        let mut files = BTreeMap::new();
        for path in paths {
            // A tracked file that was deleted and not yet committed is no longer part of the tree.
            if let Ok(bytes) = std::fs::read(root.join(&path)) {
                files.insert(path, String::from_utf8(bytes).ok());
            }
        }
        Ok(Self { files })
    }

    /// A tree that exists only in a test.
    #[cfg(test)]
    pub(crate) fn of(files: &[(&str, &str)]) -> Self {
        let files = files.iter().map(|(path, text)| ((*path).to_owned(), Some((*text).to_owned())));
        Self { files: files.collect() }
    }

    /// Every path, in order.
    pub(crate) fn paths(&self) -> impl Iterator<Item = &str> {
        self.files.keys().map(String::as_str)
    }

    /// Whether the path is a file, or a folder that holds one.
    pub(crate) fn contains(&self, path: &str) -> bool {
        let folder = format!("{path}/");
        path.is_empty() || self.files.keys().any(|file| file == path || file.starts_with(&folder))
    }

    /// Every file of text, as path and text, in order.
    pub(crate) fn texts(&self) -> impl Iterator<Item = (&str, &str)> {
        self.files.iter().filter_map(|(path, text)| Some((path.as_str(), text.as_deref()?)))
    }

    /// Every Rust source, as path and text.
    pub(crate) fn rust(&self) -> impl Iterator<Item = (&str, &str)> {
        self.texts().filter(|(path, _)| path.ends_with(".rs"))
    }

    /// The manifest of every crate of the workspace, as path and parsed table. A manifest that does not parse is left
    /// to cargo, which says so better.
    pub(crate) fn crate_manifests(&self) -> impl Iterator<Item = (&str, toml::Table)> {
        self.texts()
            .filter(|(path, _)| path.ends_with("/Cargo.toml"))
            .filter_map(|(path, text)| Some((path, text.parse().ok()?)))
    }
}

/// Whether a source is a test or benchmark target rather than part of a crate.
pub(crate) fn is_test_target(path: &str) -> bool {
    path.split('/').any(|folder| folder == "tests" || folder == "benches") || path.ends_with("/tests.rs")
}

fn paths_from_git(root: &Path) -> Option<Vec<String>> {
    let arguments = ["ls-files", "-z", "--cached", "--others", "--exclude-standard"];
    let output = Command::new("git").current_dir(root).args(arguments).output().ok()?;
    if !output.status.success() {
        return None;
    }
    let listing = String::from_utf8(output.stdout).ok()?;
    Some(listing.split('\0').filter(|path| !path.is_empty()).map(str::to_owned).collect())
}

fn walk(root: &Path, folder: &str, paths: &mut Vec<String>) -> Result<(), String> {
    let place = root.join(folder);
    let entries = std::fs::read_dir(&place).map_err(|error| format!("{}: {error}", place.display()))?;
    for entry in entries {
        let entry = entry.map_err(|error| format!("{}: {error}", place.display()))?;
        let name = entry.file_name().to_string_lossy().into_owned();
        let path = if folder.is_empty() { name.clone() } else { format!("{folder}/{name}") };
        let kind = entry.file_type().map_err(|error| format!("{path}: {error}"))?;
        if kind.is_dir() && name != ".git" && path != "target" {
            walk(root, &path, paths)?;
        } else if kind.is_file() {
            paths.push(path);
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::{Tree, is_test_target, walk};
    use crate::cargo::workspace_root;

    #[test]
    fn folders_are_known_by_the_files_in_them() {
        let tree = Tree::of(&[("docs/a.md", "")]);
        assert!(tree.contains("docs") && tree.contains("docs/a.md") && !tree.contains("doc"));
    }

    #[test]
    fn test_targets_are_told_apart() {
        assert!(is_test_target("crates/a/tests/b.rs") && is_test_target("crates/a/src/b/tests.rs"));
        assert!(!is_test_target("crates/a/src/latest.rs"));
    }

    #[test]
    fn without_git_the_walk_finds_the_same_manifest() {
        let mut paths = Vec::new();
        walk(&workspace_root(), "", &mut paths).unwrap();
        assert!(paths.iter().any(|path| path == "xtask/Cargo.toml"));
        assert!(!paths.iter().any(|path| path.starts_with("target/") || path.starts_with(".git/")));
    }
}
