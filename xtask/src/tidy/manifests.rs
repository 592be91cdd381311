//! Rule: every manifest takes its versions and its lints from the workspace, and no profile turns panics into aborts.

use super::finding::Finding;
use super::tree::Tree;

/// Which table of a manifest a dependency stands in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// `[dependencies]`.
    Normal,
    /// `[dev-dependencies]`: tests, examples and benchmarks.
    Dev,
    /// `[build-dependencies]`.
    Build,
}

/// One dependency of a manifest.
pub(crate) struct Dependency {
    /// The name of the crate, also where the manifest calls it something else.
    pub(crate) name: String,
    /// Where it stands.
    pub(crate) kind: Kind,
    from_workspace: bool,
}

/// Finds versions and lints of a crate's own, and profiles that abort.
pub(crate) fn check(tree: &Tree) -> Vec<Finding> {
    let mut findings = Vec::new();
    for (path, manifest) in tree.crate_manifests() {
        for dependency in dependencies(&manifest).into_iter().filter(|dependency| !dependency.from_workspace)
        {
            let message = format!("{} takes no version from [workspace.dependencies]", dependency.name);
            findings.push(Finding::about(path, message));
        }
        if !is_workspace(manifest.get("lints")) {
            findings.push(Finding::about(path, "has no `[lints] workspace = true`"));
        }
    }
    let manifests = tree.texts().filter(|(path, _)| *path == "Cargo.toml" || path.ends_with("/Cargo.toml"));
    for (path, text) in manifests {
        let manifest: toml::Table = text.parse().unwrap_or_default();
        let profiles = manifest.get("profile").and_then(toml::Value::as_table);
        for (name, profile) in profiles.into_iter().flatten() {
            if profile.get("panic").and_then(toml::Value::as_str) == Some("abort") {
                let message = format!("profile {name} aborts on panic, but decoding relies on unwinding");
                findings.push(Finding::about(path, message));
            }
        }
    }
    findings
}

/// Every dependency of a manifest, those for one target included.
pub(crate) fn dependencies(manifest: &toml::Table) -> Vec<Dependency> {
    let mut found = dependencies_of_tables(manifest);
    let targets = manifest.get("target").and_then(toml::Value::as_table);
    for (_, target) in targets.into_iter().flatten() {
        found.extend(target.as_table().map(dependencies_of_tables).unwrap_or_default());
    }
    found
}

fn dependencies_of_tables(tables: &toml::Table) -> Vec<Dependency> {
    let kinds = [
        ("dependencies", Kind::Normal),
        ("dev-dependencies", Kind::Dev),
        ("build-dependencies", Kind::Build),
    ];
    let mut found = Vec::new();
    for (key, kind) in kinds {
        let entries = tables.get(key).and_then(toml::Value::as_table);
        for (name, entry) in entries.into_iter().flatten() {
            let name = entry.get("package").and_then(toml::Value::as_str).unwrap_or(name).to_owned();
            found.push(Dependency { name, kind, from_workspace: is_workspace(Some(entry)) });
        }
    }
    found
}

fn is_workspace(entry: Option<&toml::Value>) -> bool {
    entry.and_then(|entry| entry.get("workspace")).and_then(toml::Value::as_bool) == Some(true)
}

#[cfg(test)]
mod tests {
    use super::{Kind, Tree, check, dependencies};

    fn found(path: &str, manifest: &str) -> Vec<String> {
        check(&Tree::of(&[(path, manifest)])).iter().map(ToString::to_string).collect()
    }

    #[test]
    fn a_version_of_its_own_is_found() {
        let manifest = "[lints]\nworkspace = true\n[dependencies]\nrand = '0.9'\nserde.workspace = true";
        assert_eq!(
            found("crates/a/Cargo.toml", manifest),
            ["crates/a/Cargo.toml: rand takes no version from [workspace.dependencies]"]
        );
    }

    #[test]
    fn missing_lints_are_found() {
        assert_eq!(found("xtask/Cargo.toml", ""), ["xtask/Cargo.toml: has no `[lints] workspace = true`"]);
    }

    #[test]
    fn a_profile_that_aborts_is_found() {
        assert_eq!(found("Cargo.toml", "[profile.release]\npanic = 'abort'").len(), 1);
        assert!(found("Cargo.toml", "[profile.release]\npanic = 'unwind'").is_empty());
    }

    #[test]
    fn dependencies_of_every_kind_are_seen() {
        let manifest =
            "[dependencies]\na = '1'\n[dev-dependencies]\nb = '1'\n[target.x.build-dependencies]\nc = '1'";
        let manifest: toml::Table = manifest.parse().unwrap();
        let found: Vec<_> =
            dependencies(&manifest).into_iter().map(|found| (found.name, found.kind)).collect();
        let expected = [("a", Kind::Normal), ("b", Kind::Dev), ("c", Kind::Build)];
        assert_eq!(found, expected.map(|(name, kind)| (name.to_owned(), kind)));
    }
}
