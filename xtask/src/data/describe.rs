//! `cargo xtask data describe`: the work is `ple_data::describe`, called by an example; this starts a release build of it.

use std::process::ExitCode;

use crate::cargo::run_example;

/// Runs the example `describe` on the given arguments and passes its exit code on.
pub(crate) fn run(arguments: &[&str]) -> ExitCode {
    run_example("ple-train", "describe", arguments)
}
