//! The runs of the examples that the gate makes, as a user would type them: with good input, and with bad.

use std::fs;
use std::path::PathBuf;
use std::process::Stdio;

use crate::cargo::{cargo, workspace_root};

/// One run of an example, and the exit code that it must give.
struct Run {
    example: &'static str,
    /// `{scratch}` stands for a folder that is made fresh for this pass of the gate.
    arguments: &'static [&'static str],
    exit_code: i32,
}

/// Every run, in order: a later one may read what an earlier one left in `{scratch}`.
const RUNS: &[Run] = &[
    Run {
        example: "ali_ccp",
        arguments: &["--rows", "4000", "--epochs", "1", "--out", "{scratch}/ali_ccp", "--json"],
        exit_code: 0,
    },
    Run { example: "ali_ccp", arguments: &["--data", "{scratch}/missing"], exit_code: 66 },
];

/// Examples that have no run of their own here, each with its reason.
const NOT_RUN: &[(&str, &str)] = &[
    ("parity", "it needs golden files, which are its arguments"),
    ("census_income", "it needs the data set, which is not part of the project"),
];

/// Runs the examples in order and stops at the first that does not end as it must.
pub(crate) fn run_all() -> Result<(), String> {
    let scratch = fresh_scratch()?;
    for run in RUNS {
        let place = scratch.to_string_lossy();
        let arguments: Vec<String> =
            run.arguments.iter().map(|word| word.replace("{scratch}", &place)).collect();
        let line = format!("{} {}", run.example, arguments.join(" "));
        println!("   {line}");
        let status = cargo(["run", "--quiet", "-p", "ple-train", "--example", run.example, "--"])
            .args(&arguments)
            .stdin(Stdio::null())
            .status()
            .map_err(|error| format!("{line}: {error}"))?;
        if status.code() != Some(run.exit_code) {
            return Err(format!("{line} ended with {status}, expected exit code {}", run.exit_code));
        }
    }
    for (example, reason) in NOT_RUN {
        println!("   not run: {example} ({reason})");
    }
    fs::remove_dir_all(&scratch).map_err(|error| format!("{}: {error}", scratch.display()))
}

/// An empty folder inside the target folder, so that a run leaves nothing in the checkout.
fn fresh_scratch() -> Result<PathBuf, String> {
    let target = std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| PathBuf::from("target"), PathBuf::from);
    let scratch = workspace_root().join(target).join("end-to-end");
    if scratch.exists() {
        fs::remove_dir_all(&scratch).map_err(|error| format!("{}: {error}", scratch.display()))?;
    }
    fs::create_dir_all(&scratch).map_err(|error| format!("{}: {error}", scratch.display()))?;
    Ok(scratch)
}

#[cfg(test)]
mod tests {
    use super::{NOT_RUN, RUNS};
    use crate::cargo::workspace_root;

    /// An example that the gate never runs is one that breaks in silence.
    #[test]
    fn every_example_is_run_or_says_why_not() {
        let manifest = std::fs::read_to_string(workspace_root().join("crates/ple-train/Cargo.toml")).unwrap();
        let manifest: toml::Table = manifest.parse().unwrap();
        let examples = manifest.get("example").and_then(toml::Value::as_array).cloned().unwrap_or_default();
        for example in examples {
            let name = example.get("name").and_then(toml::Value::as_str).unwrap();
            let run = RUNS.iter().any(|run| run.example == name);
            let excused = NOT_RUN.iter().any(|(excused, _)| *excused == name);
            assert!(run != excused, "example `{name}` belongs in exactly one of RUNS and NOT_RUN");
        }
    }
}
