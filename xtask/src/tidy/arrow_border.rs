//! Rule: `ple-data` is the only crate that knows Arrow and Parquet.

use super::finding::Finding;
use super::manifests::dependencies;
use super::tree::Tree;

/// The folder of the crate that may.
const HOME: &str = "crates/ple-data/";

/// Finds a dependency on Arrow or Parquet in any other crate.
pub(crate) fn check(tree: &Tree) -> Vec<Finding> {
    let mut findings = Vec::new();
    for (path, manifest) in tree.crate_manifests().filter(|(path, _)| !path.starts_with(HOME)) {
        for dependency in dependencies(&manifest) {
            if dependency.name.starts_with("arrow") || dependency.name.starts_with("parquet") {
                let message = format!("only ple-data may depend on {}", dependency.name);
                findings.push(Finding::about(path, message));
            }
        }
    }
    findings
}

#[cfg(test)]
mod tests {
    use super::{Tree, check};

    #[test]
    fn arrow_outside_its_home_is_found() {
        let manifest =
            "[dependencies]\narrow-array.workspace = true\n[dev-dependencies]\nparquet.workspace = true";
        assert_eq!(check(&Tree::of(&[("crates/ple-train/Cargo.toml", manifest)])).len(), 2);
        assert!(check(&Tree::of(&[("crates/ple-data/Cargo.toml", manifest)])).is_empty());
    }
}
