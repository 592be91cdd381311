//! The peers that run in Python: their interpreter, the rows that their programs read, and the graphs that they make.

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use super::native_program;
use super::options::{Options, Peers};
use super::plan::WORKLOADS;
use crate::cargo::{target_folder, workspace_root};
use crate::python::{environment, onnx_runtime_library};

/// Rows that the peers may read.
const ROWS: &str = "1000448";

/// A Python that can run the peers.
#[derive(Clone, Debug)]
pub(crate) struct Python {
    /// The interpreter.
    pub program: PathBuf,
    /// ONNX Runtime's library, which comes with its Python package.
    pub onnx_runtime: PathBuf,
    scripts: PathBuf,
    rows: PathBuf,
}

impl Python {
    /// Finds or makes what was asked for, and writes the rows.
    pub(crate) fn find(peers: &Peers, options: &Options) -> Result<Option<Self>, String> {
        let program = match peers {
            Peers::Absent => return Ok(None),
            Peers::Python(path) => path.clone(),
            Peers::Managed => environment("peers-venv", "peers/requirements.txt")?,
        };
        let rows = target_folder().join("bench");
        if WORKLOADS.iter().any(|workload| *workload != "raw" && options.wants(workload)) {
            for vocabulary in ["full", "small"] {
                eprintln!("writing the peers' rows, {vocabulary} vocabulary");
                export(vocabulary, &rows.join(vocabulary))?;
            }
        }
        let onnx_runtime = onnx_runtime_library(&program)?;
        let python = Self::at(program, onnx_runtime);
        if ["graph_1", "graph_1024"].into_iter().any(|workload| options.wants(workload)) {
            python.make_graphs()?;
        }
        Ok(Some(python))
    }

    /// One whose programs are known.
    pub(crate) fn at(program: PathBuf, onnx_runtime: PathBuf) -> Self {
        let scripts = workspace_root().join("xtask").join("peers");
        Self { program, onnx_runtime, scripts, rows: target_folder().join("bench") }
    }

    /// Lets torch-rechub export its model, and this project the same weights.
    fn make_graphs(&self) -> Result<(), String> {
        eprintln!("exporting torch-rechub's model, and the same weights as a graph of ours");
        let mut theirs = Command::new(&self.program);
        theirs.args(self.arguments("rechub_export.py", 1, &[]));
        succeed(theirs.stdout(Stdio::null()).stderr(Stdio::null()))?;
        let mut ours = Command::new(native_program());
        ours.arg("graph").arg("--weights").arg(self.rows.join("rechub.safetensors"));
        succeed(ours.arg("--out").arg(self.our_graph()).stdout(Stdio::null()))
    }

    /// The folder of the rows of a vocabulary.
    pub(crate) fn rows_of(&self, vocabulary: &str) -> PathBuf {
        self.rows.join(vocabulary)
    }

    /// The graph that torch-rechub makes of its model.
    pub(crate) fn graph(&self) -> PathBuf {
        self.rows.join("rechub.onnx")
    }

    /// The graph that this project makes of the same weights.
    pub(crate) fn our_graph(&self) -> PathBuf {
        self.rows.join("ple.onnx")
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

/// The folder of the raw files, which the first contestant that reads them makes.
pub(crate) fn raw_folder() -> PathBuf {
    target_folder().join("bench").join("raw")
}

fn export(vocabulary: &str, out: &Path) -> Result<(), String> {
    let mut command = Command::new(native_program());
    command.args(["export", "--vocabulary", vocabulary, "--rows", ROWS, "--out"]).arg(out);
    succeed(command.stdout(Stdio::null()))
}

/// Runs a command that prints for itself.
pub(crate) fn succeed(command: &mut Command) -> Result<(), String> {
    let program = command.get_program().to_string_lossy().into_owned();
    match command.status() {
        Ok(status) if status.success() => Ok(()),
        Ok(status) => Err(format!("{program} ended with {status}")),
        Err(error) => Err(format!("{program} could not be started: {error}")),
    }
}
