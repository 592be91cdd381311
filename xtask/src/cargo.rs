//! Starting cargo from the top of the workspace, with the same cargo that started this program.

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::Command;

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

#[cfg(test)]
mod tests {
    use super::workspace_root;

    #[test]
    fn the_root_is_the_folder_with_the_lock_file() {
        assert!(workspace_root().join("Cargo.lock").is_file());
    }
}
