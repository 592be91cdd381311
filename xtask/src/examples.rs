//! The examples as the gate runs them: built once, with the features of the whole workspace as in the step before, and
//! started as programs from the top of the workspace.

use std::path::PathBuf;
use std::process::{Command, Stdio};

use crate::cargo::{cargo, target_folder, workspace_root};

/// Builds all examples.
pub(crate) fn build() -> Result<(), String> {
    let status = cargo(["build", "--quiet", "--workspace", "--examples"]).status();
    match status {
        Ok(status) if status.success() => Ok(()),
        Ok(status) => Err(format!("`cargo build --workspace --examples` ended with {status}")),
        Err(error) => Err(format!("cargo could not be started: {error}")),
    }
}

/// The program of an example that has been built.
pub(crate) fn program(example: &str) -> PathBuf {
    target_folder().join("debug/examples").join(format!("{example}{}", std::env::consts::EXE_SUFFIX))
}

/// Starts a program where relative files are meant from the top of the workspace, and nobody types.
pub(crate) fn from_the_top(program: impl AsRef<std::ffi::OsStr>) -> Command {
    let mut command = Command::new(program);
    command.current_dir(workspace_root()).stdin(Stdio::null());
    command
}
