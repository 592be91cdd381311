//! Rule: the tree says nothing of the machine it was written on: no absolute paths, no package hosts of its own.

use super::finding::Finding;
use super::tree::Tree;

/// Paths that exist on one machine only, in two parts each so that this file does not find itself.
const PATHS: &[&str] =
    &[concat!("/wo", "rk/"), concat!("/ro", "ot/"), concat!("/ho", "me/"), concat!("/tmp/", "bash_jobs")];

/// Settings that send cargo or pip elsewhere than to the usual registry.
const REGISTRIES: &[&str] = &[
    concat!("spa", "rse+http"),
    concat!("replace-", "with"),
    concat!("index-", "url"),
    concat!("GOPR", "OXY"),
];

/// The only source that the lock file may name.
const CRATES_IO: &str = "source = \"registry+https://github.com/rust-lang/crates.io-index\"";

/// Finds both in every file of text, and other sources in the lock file.
pub(crate) fn check(tree: &Tree) -> Vec<Finding> {
    let mut findings = Vec::new();
    for (path, text) in tree.texts() {
        for (index, line) in text.lines().enumerate() {
            if let Some(mark) = PATHS.iter().find(|mark| line.contains(*mark)) {
                findings.push(Finding::at(path, index + 1, format!("`{mark}` is a path of one machine")));
            }
            if let Some(mark) = REGISTRIES.iter().find(|mark| line.contains(*mark)) {
                findings.push(Finding::at(
                    path,
                    index + 1,
                    format!("`{mark}` names a registry of one machine"),
                ));
            }
            if path == "Cargo.lock" && line.starts_with("source = ") && line != CRATES_IO {
                findings.push(Finding::at(path, index + 1, "a package comes from elsewhere than crates.io"));
            }
        }
    }
    findings
}

#[cfg(test)]
mod tests {
    use super::{CRATES_IO, PATHS, REGISTRIES, Tree, check};

    #[test]
    fn every_trace_is_found() {
        for mark in PATHS.iter().chain(REGISTRIES) {
            let found = check(&Tree::of(&[(".ci/run", &format!("#!/bin/sh\ncd {mark}x"))]));
            assert_eq!(found.len(), 1, "{mark}");
            assert!(found[0].to_string().starts_with(".ci/run:2: "));
        }
    }

    #[test]
    fn another_source_in_the_lock_file_is_found() {
        let other = CRATES_IO.replace("github.com", "example.com");
        let lock = format!("[[package]]\n{CRATES_IO}\n[[package]]\n{other}");
        assert_eq!(check(&Tree::of(&[("Cargo.lock", &lock)])).len(), 1);
    }
}
