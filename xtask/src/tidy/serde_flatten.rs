//! Rule: no flattened structs, because flattening switches the refusal of unknown keys off in silence.

use super::finding::Finding;
use super::source_text::{code_lines, has_word};
use super::tree::Tree;

/// Finds the attribute in any position of a serde list.
pub(crate) fn check(tree: &Tree) -> Vec<Finding> {
    let mut findings = Vec::new();
    for (path, text) in tree.rust() {
        for (number, line) in code_lines(text) {
            if line.contains(concat!("#[ser", "de(")) && has_word(line, "flatten") {
                findings.push(Finding::at(
                    path,
                    number,
                    "flattening lets unknown keys pass; nest the struct instead",
                ));
            }
        }
    }
    findings
}

#[cfg(test)]
mod tests {
    use super::{Tree, check};

    #[test]
    fn the_attribute_is_found_wherever_it_stands() {
        let text = concat!(
            "//! Head.\n#[ser",
            "de(default, flatten)]\n// #[ser",
            "de(flatten)]\nlet a = b.flatten();"
        );
        assert_eq!(check(&Tree::of(&[("a.rs", text)])).len(), 1);
    }
}
