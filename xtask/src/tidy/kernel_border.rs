//! Rule: unsafe code lives in the kernel files, and nowhere else.

use super::finding::Finding;
use super::source_text::{code_lines, has_word};
use super::tree::Tree;

/// The folders whose files may hold it.
const FOLDERS: &[&str] = &["crates/ple-tensor/src/kernel/", "crates/ple-tensor/tests/kernel/"];

/// File names that may hold it anywhere: a test's allocator that counts.
const FILE_NAMES: &[&str] = &["counting_allocator.rs"];

/// The keyword, and the lint that would have to be switched off, in two parts so that this file does not find itself.
const MARKS: &[&str] = &[concat!("un", "safe"), concat!("un", "safe_code")];

/// Finds the keyword in any other file.
pub(crate) fn check(tree: &Tree) -> Vec<Finding> {
    let mut findings = Vec::new();
    for (path, text) in tree.rust().filter(|(path, _)| !may_hold(path)) {
        for (number, line) in code_lines(text) {
            if MARKS.iter().any(|mark| has_word(line, mark)) {
                findings.push(Finding::at(
                    path,
                    number,
                    "this file is not on the list of those with such code",
                ));
            }
        }
    }
    findings
}

fn may_hold(path: &str) -> bool {
    let name = path.rsplit('/').next().unwrap_or(path);
    FOLDERS.iter().any(|folder| path.starts_with(folder)) || FILE_NAMES.contains(&name)
}

#[cfg(test)]
mod tests {
    use super::{MARKS, Tree, check};

    #[test]
    fn it_is_found_outside_the_list_and_not_inside() {
        let text = format!("//! Head.\n// {0} in a comment\nfn a() {{ {0} {{ b() }} }}", MARKS[0]);
        let files = [
            "crates/ple-nn/src/a.rs",
            "crates/ple-tensor/src/kernel/a.rs",
            "crates/a/tests/counting_allocator.rs",
        ];
        let tree = Tree::of(&files.map(|file| (file, text.as_str())));
        let found: Vec<_> = check(&tree).iter().map(ToString::to_string).collect();
        assert_eq!(found.len(), 1);
        assert!(found[0].starts_with("crates/ple-nn/src/a.rs:3: "), "{found:?}");
    }

    #[test]
    fn switching_the_lint_off_is_found() {
        let text = format!("//! Head.\n#![allow({})]", MARKS[1]);
        assert_eq!(check(&Tree::of(&[("crates/ple-nn/src/lib.rs", &text)])).len(), 1);
    }
}
