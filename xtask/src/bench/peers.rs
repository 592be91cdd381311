//! The Python of the peers: found, or made under the target folder, and the rows that its programs read.

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::Command;

use super::native_program;
use super::options::{Options, Peers};
use super::plan::WORKLOADS;
use crate::cargo::{target_folder, workspace_root};

/// Rows that the peers may read.
const ROWS: &str = "1000448";

/// A Python that can run the peers.
#[derive(Clone, Debug)]
pub(crate) struct Python {
    /// The interpreter.
    pub program: PathBuf,
    scripts: PathBuf,
    rows: PathBuf,
}

impl Python {
    /// Finds or makes what was asked for, and writes the rows.
    pub(crate) fn find(peers: &Peers, options: &Options) -> Result<Option<Self>, String> {
        let program = match peers {
            Peers::Absent => return Ok(None),
            Peers::Python(path) => path.clone(),
            Peers::Managed => environment()?,
        };
        let rows = target_folder().join("bench");
        if WORKLOADS.iter().any(|workload| options.wants(workload)) {
            for vocabulary in ["full", "small"] {
                eprintln!("writing the peers' rows, {vocabulary} vocabulary");
                export(vocabulary, &rows.join(vocabulary))?;
            }
        }
        Ok(Some(Self { program, scripts: workspace_root().join("xtask").join("peers"), rows }))
    }

    /// The arguments that run a script.
    pub(crate) fn arguments(&self, script: &str, threads: usize, arguments: &[&str]) -> Vec<OsString> {
        let mut words = vec![self.scripts.join(script).into_os_string()];
        words.extend(["--rows".into(), self.rows.clone().into_os_string()]);
        words.extend(["--threads".into(), threads.to_string().into()]);
        words.extend(arguments.iter().map(OsString::from));
        words
    }
}

fn export(vocabulary: &str, out: &Path) -> Result<(), String> {
    let mut command = Command::new(native_program());
    command.args(["export", "--vocabulary", vocabulary, "--rows", ROWS, "--out"]).arg(out);
    succeed(command.stdout(std::process::Stdio::null()))
}

/// An environment with everything in `xtask/peers/requirements.txt`, made if it is not there.
fn environment() -> Result<PathBuf, String> {
    let folder = target_folder().join("peers-venv");
    let program = match cfg!(windows) {
        true => folder.join("Scripts").join("python.exe"),
        false => folder.join("bin").join("python"),
    };
    let done = folder.join("complete");
    if !done.is_file() {
        eprintln!("making a Python environment in {}", folder.display());
        succeed(Command::new("python3").args(["-m", "venv"]).arg(&folder))?;
        let requirements = workspace_root().join("xtask").join("peers").join("requirements.txt");
        let mut install = Command::new(&program);
        succeed(install.args(["-m", "pip", "install", "--quiet", "--requirement"]).arg(requirements))?;
        std::fs::write(&done, "").map_err(|error| format!("{}: {error}", done.display()))?;
    }
    Ok(program)
}

fn succeed(command: &mut Command) -> Result<(), String> {
    let program = command.get_program().to_string_lossy().into_owned();
    match command.status() {
        Ok(status) if status.success() => Ok(()),
        Ok(status) => Err(format!("{program} ended with {status}")),
        Err(error) => Err(format!("{program} could not be started: {error}")),
    }
}
