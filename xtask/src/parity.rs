//! `cargo xtask parity`: the comparison with PyTorch is an example of `ple-train`; this starts a release build of it.

use std::process::ExitCode;

use crate::cargo::run_example;

/// Runs the example `parity` on the given arguments and passes its exit code on.
pub(crate) fn run(arguments: &[&str]) -> ExitCode {
    run_example("ple-train", "parity", arguments)
}
