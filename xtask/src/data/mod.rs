//! `cargo xtask data`: the chores with data, each a program that this starts.

use std::process::ExitCode;

use crate::cargo::run_example;

/// The commands, and the example that does the work of each.
const COMMANDS: &[(&str, &str)] = &[
    ("describe", "describe"),
    ("prepare", "prepare_table"),
    ("generate-ali-ccp", "generate_ali_ccp"),
    ("ali-ccp", "prepare_ali_ccp"),
];

/// Runs the example of a command on the given arguments and passes its exit code on; `None` if there is no such command.
pub(crate) fn run(command: &str, arguments: &[&str]) -> Option<ExitCode> {
    let (_, example) = COMMANDS.iter().find(|(name, _)| *name == command)?;
    Some(run_example("ple-train", example, arguments))
}
