//! What was measured on, and with what: the processor, the versions, the commit.

use std::collections::BTreeMap;
use std::process::Command;

use serde_json::{Value, json};

use super::results::Results;
use crate::cargo::workspace_root;

/// The machine, the programs and the source.
#[derive(Clone, Debug)]
pub(crate) struct Machine {
    /// The processor's name.
    pub processor: String,
    /// How many of its cores there are here.
    pub cores: usize,
    /// What our kernels run on.
    pub instruction_set: String,
    /// Names and versions.
    pub versions: BTreeMap<String, String>,
    /// The commit, with a mark if files differ from it.
    pub commit: String,
}

impl Machine {
    /// Asks the system, and what the contestants said of themselves.
    pub(crate) fn describe(results: &Results) -> Self {
        let samples = || results.rows().iter().flat_map(|row| &row.samples).map(|(_, sample)| sample);
        let instruction_set = samples().find_map(|sample| sample["instruction_set"].as_str());
        let mut versions = BTreeMap::from([("ple".to_owned(), env!("CARGO_PKG_VERSION").to_owned())]);
        if let Some(rustc) = first_line("rustc", &["--version"]) {
            versions.insert("rustc".to_owned(), rustc.trim_start_matches("rustc ").to_owned());
        }
        for (name, version) in samples().filter_map(|sample| sample["versions"].as_object()).flatten() {
            versions.insert(name.clone(), version.as_str().unwrap_or_default().to_owned());
        }
        Self {
            processor: processor(&std::fs::read_to_string("/proc/cpuinfo").unwrap_or_default()),
            cores: std::thread::available_parallelism().map_or(1, std::num::NonZero::get),
            instruction_set: instruction_set.unwrap_or("unknown").to_owned(),
            versions,
            commit: commit(),
        }
    }

    /// The part of the report under `machine`.
    pub(crate) fn json(&self) -> Value {
        json!({
            "processor": self.processor,
            "cores": self.cores,
            "instruction_set": self.instruction_set,
        })
    }
}

/// The processor's name in the text of `/proc/cpuinfo`, or the architecture where there is none.
fn processor(cpuinfo: &str) -> String {
    let line = cpuinfo.lines().find_map(|line| line.strip_prefix("model name"));
    let name = line.and_then(|line| line.split_once(':')).map(|(_, name)| name.trim());
    name.unwrap_or(std::env::consts::ARCH).to_owned()
}

fn commit() -> String {
    let commit = first_line("git", &["rev-parse", "HEAD"]).unwrap_or_else(|| "unknown".to_owned());
    match first_line("git", &["status", "--porcelain", "--untracked-files=no"]) {
        Some(_) => format!("{commit} and changes"),
        None => commit,
    }
}

/// The first line that a command prints in the workspace, if it prints one.
fn first_line(program: &str, arguments: &[&str]) -> Option<String> {
    let output = Command::new(program).current_dir(workspace_root()).args(arguments).output().ok()?;
    let text = String::from_utf8(output.stdout).ok()?;
    text.lines().next().map(str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::processor;

    #[test]
    fn the_processor_is_named() {
        assert_eq!(processor("vendor_id\t: X\nmodel name\t: Some CPU @ 2 GHz\n"), "Some CPU @ 2 GHz");
        assert_eq!(processor(""), std::env::consts::ARCH);
    }
}
