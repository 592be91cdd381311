//! Rule: a crate of ours depends only on those that the architecture picture lets it know.

use super::finding::Finding;
use super::manifests::{Kind, dependencies};
use super::tree::Tree;

/// One crate of ours and the crates of ours that it may use.
struct Node {
    name: &'static str,
    uses: &'static [&'static str],
    /// More that its examples and tests may use.
    uses_in_examples: &'static [&'static str],
}

/// The picture in `docs/architecture.md`, as data. A new crate is a new line here and there.
const PICTURE: &[Node] = &[
    Node { name: "ple-files", uses: &[], uses_in_examples: &[] },
    Node { name: "ple-tensor", uses: &[], uses_in_examples: &[] },
    Node { name: "ple-data", uses: &["ple-files"], uses_in_examples: &[] },
    Node { name: "ple-nn", uses: &["ple-tensor"], uses_in_examples: &[] },
    Node {
        name: "ple-train",
        uses: &["ple-nn", "ple-tensor", "ple-data", "ple-files"],
        uses_in_examples: &["ple-onnx"],
    },
    Node { name: "ple-onnx", uses: &["ple-tensor", "ple-nn", "ple-files"], uses_in_examples: &[] },
    Node {
        name: "ple-bench",
        uses: &["ple-files", "ple-tensor", "ple-data", "ple-nn", "ple-train", "ple-onnx"],
        uses_in_examples: &[],
    },
    Node { name: "ple-peers", uses: &[], uses_in_examples: &[] },
    Node { name: "xtask", uses: &[], uses_in_examples: &[] },
];

/// Finds dependencies that are no arrow of the picture, and crates that are not in it.
pub(crate) fn check(tree: &Tree) -> Vec<Finding> {
    let mut findings = Vec::new();
    for (path, manifest) in tree.crate_manifests() {
        let name =
            manifest.get("package").and_then(|package| package.get("name")).and_then(|name| name.as_str());
        let Some(node) = PICTURE.iter().find(|node| Some(node.name) == name) else {
            findings.push(Finding::about(path, "this crate is not in the picture of crates in xtask's tidy"));
            continue;
        };
        for dependency in dependencies(&manifest) {
            let ours = PICTURE.iter().any(|other| other.name == dependency.name);
            let allowed = node.uses.contains(&dependency.name.as_str())
                || dependency.kind == Kind::Dev && node.uses_in_examples.contains(&dependency.name.as_str());
            if ours && !allowed {
                let message = format!("{} may not depend on {}", node.name, dependency.name);
                findings.push(Finding::about(path, message));
            }
        }
    }
    findings
}

#[cfg(test)]
mod tests {
    use super::{Tree, check};

    fn found(manifest: &str) -> Vec<String> {
        check(&Tree::of(&[("crates/a/Cargo.toml", manifest)])).iter().map(ToString::to_string).collect()
    }

    #[test]
    fn an_edge_that_is_not_drawn_is_found() {
        let manifest = "[package]\nname = 'ple-data'\n[dependencies]\nple-tensor.workspace = true";
        assert_eq!(found(manifest), ["crates/a/Cargo.toml: ple-data may not depend on ple-tensor"]);
    }

    #[test]
    fn an_edge_under_another_name_or_for_one_target_is_found() {
        let manifest = "[package]\nname = 'ple-data'\n[target.'cfg(unix)'.build-dependencies]\nt = { package = 'ple-tensor' }";
        assert_eq!(found(manifest), ["crates/a/Cargo.toml: ple-data may not depend on ple-tensor"]);
    }

    #[test]
    fn the_examples_may_use_what_the_crate_may_not() {
        let dev = "[package]\nname = 'ple-train'\n[dev-dependencies]\nple-onnx.workspace = true";
        assert!(found(dev).is_empty());
        let normal = "[package]\nname = 'ple-train'\n[dependencies]\nple-onnx.workspace = true";
        assert_eq!(found(normal).len(), 1);
    }

    #[test]
    fn a_crate_that_is_not_drawn_is_found() {
        assert_eq!(found("[package]\nname = 'ple-more'").len(), 1);
    }
}
