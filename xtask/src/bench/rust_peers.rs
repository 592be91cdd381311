//! The peers that are written in Rust: a workspace of its own, built for this processor into a folder of its own.

use std::path::PathBuf;

use super::peers::succeed;
use crate::cargo::{cargo, target_folder, workspace_root};

/// Builds them.
pub(crate) fn build() -> Result<(), String> {
    // Cargo finds the flags for this processor in the configuration beside the manifest.
    let mut command = cargo(["build", "--release", "--quiet"]);
    command.current_dir(workspace_root().join("xtask").join("peers").join("rust"));
    // The flags of whoever called would take the place of those.
    command.env_remove("RUSTFLAGS").env("CARGO_TARGET_DIR", folder());
    succeed(&mut command)
}

/// One of their programs.
pub(crate) fn program(name: &str) -> PathBuf {
    folder().join("release").join(format!("{name}{}", std::env::consts::EXE_SUFFIX))
}

fn folder() -> PathBuf {
    target_folder().join("rust-peers")
}
