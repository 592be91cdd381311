//! Rule: nothing is left open in the tree. What is not done is said in the issue tracker, not in the source.

use super::finding::Finding;
use super::source_text::has_word;
use super::tree::Tree;

/// The marks, in two parts each so that this file does not find itself.
const WORDS: &[&str] = &[concat!("TO", "DO"), concat!("FIX", "ME"), concat!("XX", "X")];
const MACROS: &[&str] = &[concat!("to", "do!("), concat!("unimple", "mented!(")];

/// Finds the marks in sources, manifests and pages.
pub(crate) fn check(tree: &Tree) -> Vec<Finding> {
    let mut findings = Vec::new();
    let kinds = [".rs", ".toml", ".md"];
    for (path, text) in tree.texts().filter(|(path, _)| kinds.iter().any(|kind| path.ends_with(kind))) {
        for (index, line) in text.lines().enumerate() {
            let word = WORDS.iter().find(|word| has_word(line, word));
            let call = MACROS.iter().find(|call| line.contains(*call));
            if let Some(mark) = word.or(call) {
                findings.push(Finding::at(path, index + 1, format!("`{mark}` leaves something open")));
            }
        }
    }
    findings
}

#[cfg(test)]
mod tests {
    use super::{MACROS, Tree, WORDS, check};

    #[test]
    fn every_mark_is_found() {
        for mark in WORDS.iter().chain(MACROS) {
            let text = format!("first\nsecond {mark} more");
            let found = check(&Tree::of(&[("a.md", &text), ("a.bin", &text)]));
            assert_eq!(found.len(), 1, "{mark}");
            assert!(found[0].to_string().starts_with("a.md:2: "));
        }
    }
}
