//! `cargo xtask parity`: the comparison with PyTorch is an example of `ple-train`; this starts a release build of it.

use std::process::ExitCode;

use crate::cargo::cargo;

/// Runs the example `parity` on the given arguments and passes its exit code on.
pub(crate) fn run(arguments: &[&str]) -> ExitCode {
    let command = ["run", "--release", "--quiet", "-p", "ple-train", "--example", "parity", "--"];
    // Relative files are meant from where the user stands, so this command keeps that folder.
    let here = std::env::current_dir().unwrap_or_else(|_| crate::cargo::workspace_root());
    let status = cargo(command).current_dir(here).args(arguments).status();
    match status {
        // No code means that a signal ended the program: a failure without a number of its own.
        Ok(status) => ExitCode::from(status.code().and_then(|code| u8::try_from(code).ok()).unwrap_or(1)),
        Err(error) => {
            eprintln!("xtask parity: cargo could not be started: {error}");
            ExitCode::FAILURE
        }
    }
}
