//! Rule: no test is switched off, and none waits for time to pass.

use super::finding::Finding;
use super::source_text::code_lines;
use super::tree::{Tree, is_test_target};

const IGNORE: &str = concat!("#[ig", "nore");
const SLEEP: &str = concat!("thread::", "sleep");

/// Finds ignored tests anywhere, and sleeping in test targets and unit tests.
pub(crate) fn check(tree: &Tree) -> Vec<Finding> {
    let mut findings = Vec::new();
    for (path, text) in tree.rust() {
        let mut in_tests = is_test_target(path);
        for (number, line) in code_lines(text) {
            in_tests |= line.contains("#[cfg(test)]");
            if line.contains(IGNORE) {
                findings.push(Finding::at(path, number, "a test that is switched off checks nothing"));
            }
            if in_tests && line.contains(SLEEP) {
                findings.push(Finding::at(
                    path,
                    number,
                    "a test that sleeps is slow or wrong; wait for the event",
                ));
            }
        }
    }
    findings
}

#[cfg(test)]
mod tests {
    use super::{IGNORE, SLEEP, Tree, check};

    #[test]
    fn ignored_and_sleeping_tests_are_found() {
        let ignored = format!("//! Head.\n#[test]\n{IGNORE}]\nfn a() {{}}");
        let asleep =
            format!("//! Head.\nfn poll() {{ {SLEEP}(d) }}\n#[cfg(test)]\nmod tests {{ {SLEEP}(d) }}");
        assert_eq!(check(&Tree::of(&[("a.rs", &ignored)])).len(), 1);
        assert_eq!(check(&Tree::of(&[("a.rs", &asleep)])).len(), 1);
        assert_eq!(check(&Tree::of(&[("a/tests/a.rs", &asleep)])).len(), 2);
    }
}
