//! Rule: a link in a page to a file of the project leads somewhere.

use super::finding::Finding;
use super::tree::Tree;

/// Finds links whose file or folder is not in the tree.
pub(crate) fn check(tree: &Tree) -> Vec<Finding> {
    let mut findings = Vec::new();
    for (path, text) in tree.texts().filter(|(path, _)| path.ends_with(".md")) {
        let folder = path.rsplit_once('/').map_or("", |(folder, _)| folder);
        let mut fenced = false;
        for (index, line) in text.lines().enumerate() {
            if line.trim_start().starts_with("```") {
                fenced = !fenced;
            }
            if fenced {
                continue;
            }
            for target in link_targets(line).filter(|target| is_local(target)) {
                let file = target.split('#').next().unwrap_or_default();
                let leads = match resolve(folder, file) {
                    Some(file) => tree.contains(&file),
                    None => false,
                };
                if !leads {
                    findings.push(Finding::at(
                        path,
                        index + 1,
                        format!("the link to `{target}` leads nowhere"),
                    ));
                }
            }
        }
    }
    findings
}

/// The targets of the inline links of a line, without titles, leaving out what stands in code spans.
fn link_targets(line: &str) -> impl Iterator<Item = &str> {
    line.match_indices("](").filter_map(move |(start, _)| {
        let in_code = line[..start].matches('`').count() % 2 == 1;
        let target = line[start + 2..].split([')', ' ']).next()?;
        (!in_code).then_some(target)
    })
}

/// Whether a target is a file of the project rather than an address or a place on the same page.
fn is_local(target: &str) -> bool {
    !target.starts_with('#') && !target.contains("://") && !target.starts_with("mailto:")
}

/// The path inside the tree that a relative link means, or `None` if it leaves the tree.
fn resolve(folder: &str, file: &str) -> Option<String> {
    let mut parts: Vec<&str> = folder.split('/').filter(|part| !part.is_empty()).collect();
    for part in file.split('/') {
        match part {
            "" | "." => {}
            ".." => {
                parts.pop()?;
            }
            name => parts.push(name),
        }
    }
    Some(parts.join("/"))
}

#[cfg(test)]
mod tests {
    use super::{Tree, check};

    fn found(page: &str) -> Vec<String> {
        let tree = Tree::of(&[("docs/a.md", page), ("README.md", ""), ("docs/pictures/b.svg", "")]);
        check(&tree).iter().map(ToString::to_string).collect()
    }

    #[test]
    fn links_that_lead_nowhere_are_found() {
        assert_eq!(found("x\n[a](missing.md)"), ["docs/a.md:2: the link to `missing.md` leads nowhere"]);
        assert_eq!(found("[a](../../README.md)").len(), 1);
    }

    #[test]
    fn links_that_lead_somewhere_are_not() {
        let page = "[a](../README.md#top) ![b](pictures/b.svg \"B\") [c](pictures/) [d](https://example.com/x) [e](#here)";
        assert!(found(page).is_empty(), "{:?}", found(page));
    }

    #[test]
    fn code_is_not_read_as_links() {
        assert!(found("```\n[a](missing.md)\n```\n`v[i](j)`").is_empty());
    }
}
