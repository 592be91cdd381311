//! Starting cargo from the top of the workspace, with the same cargo that started this program.

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};

/// The folder that holds the workspace's `Cargo.toml`, wherever this program was started from.
pub(crate) fn workspace_root() -> PathBuf {
    let manifest_dir = std::env::var_os("CARGO_MANIFEST_DIR")
        .map_or_else(|| PathBuf::from(env!("CARGO_MANIFEST_DIR")), PathBuf::from);
    manifest_dir.parent().map_or_else(|| manifest_dir.clone(), Path::to_path_buf)
}

/// The folder that cargo builds into.
pub(crate) fn target_folder() -> PathBuf {
    let target = std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| PathBuf::from("target"), PathBuf::from);
    workspace_root().join(target)
}

/// A cargo command that runs at the top of the workspace.
pub(crate) fn cargo<'a>(arguments: impl IntoIterator<Item = &'a str>) -> Command {
    let program = std::env::var_os("CARGO").unwrap_or_else(|| OsString::from("cargo"));
    let mut command = Command::new(program);
    command.current_dir(workspace_root()).args(arguments);
    command
}

/// Runs a release build of an example on the given arguments and passes its exit code on.
pub(crate) fn run_example(package: &str, example: &str, arguments: &[&str]) -> ExitCode {
    let command = ["run", "--release", "--quiet", "-p", package, "--example", example, "--"];
    // Relative files are meant from where the user stands, so this command keeps that folder.
    let here = std::env::current_dir().unwrap_or_else(|_| workspace_root());
    let status = cargo(command).current_dir(here).args(arguments).status();
    match status {
        // No code means that a signal ended the program: a failure without a number of its own.
        Ok(status) => ExitCode::from(status.code().and_then(|code| u8::try_from(code).ok()).unwrap_or(1)),
        Err(error) => {
            eprintln!("xtask {example}: cargo could not be started: {error}");
            ExitCode::FAILURE
        }
    }
}

#[cfg(test)]
mod tests {
    use super::workspace_root;

    #[test]
    fn the_root_is_the_folder_with_the_lock_file() {
        assert!(workspace_root().join("Cargo.lock").is_file());
    }
}
