//! The run that faults happen to: two epochs on streamed sample rows, with a checkpoint every third step.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::time::{Duration, Instant};

use super::fault::Fault;
use crate::cargo::target_folder;
use crate::examples::{build, from_the_top, program};

/// What the run is started with besides its folder.
const ARGUMENTS: &[&str] = &[
    "--data",
    "data/ali_ccp_generated",
    "--stream",
    "--epochs",
    "2",
    "--batch-size",
    "100",
    "--checkpoint-every",
    "3",
    "--tables",
    "exact",
    "--out",
];

/// The exit code of an error of input or output.
const EXIT_INPUT_OUTPUT: i32 = 74;

/// The exit code of a run that finds no checkpoint to go on from.
const EXIT_MISSING: i32 = 66;

/// What has to be the same in the end: the bytes of the tensors and of the manifest.
#[derive(Clone, Debug, Default, PartialEq)]
struct Outcome {
    tensors: Vec<u8>,
    manifest: Vec<u8>,
}

/// A run, and what it comes to when nothing happens to it.
pub(crate) struct Victim {
    program: PathBuf,
    scratch: PathBuf,
    expected: Outcome,
    time: Duration,
}

impl Victim {
    /// Builds the program and runs it once without any fault.
    pub(crate) fn prepare() -> Result<Self, String> {
        build()?;
        let mut victim = Victim {
            program: program("ali_ccp"),
            scratch: target_folder().join("torture"),
            expected: Outcome::default(),
            time: Duration::ZERO,
        };
        // The first run finds cold files; the second one says how long it takes.
        for _ in 0..2 {
            victim.clear("whole")?;
            let start = Instant::now();
            succeeded(&victim.finish(victim.command("whole", &[]))?)?;
            victim.time = start.elapsed();
            victim.expected = victim.outcome("whole")?;
        }
        Ok(victim)
    }

    /// The time that a whole run takes.
    pub(crate) fn seconds(&self) -> f64 {
        self.time.as_secs_f64()
    }

    /// The number of checkpoints that a whole run leaves.
    pub(crate) fn checkpoints(&self) -> usize {
        fs::read_dir(self.scratch.join("whole/checkpoints")).map_or(0, Iterator::count)
    }

    /// Kills a run after a share of the time that a whole one takes, and lets it go on. Says whether it was killed.
    pub(crate) fn survives_a_kill_at(&self, share: f64) -> Result<bool, String> {
        self.clear("killed")?;
        let mut command = self.command("killed", &[]);
        command.stdout(Stdio::null()).stderr(Stdio::null());
        let mut child = command.spawn().map_err(|error| error.to_string())?;
        std::thread::sleep(self.time.mul_f64(share));
        let ended = child.try_wait().map_err(|error| error.to_string())?.is_some();
        child.kill().map_err(|error| error.to_string())?;
        child.wait().map_err(|error| error.to_string())?;
        self.go_on("killed", &format!("killed after {:.0}% of its time", 100.0 * share))?;
        Ok(!ended)
    }

    /// Lets a fault happen at call `n` of a thread, and the run go on where the fault ended it. False if there is no such
    /// call. A call that the run can do without, such as one that shows progress, leaves the bytes as they are.
    pub(crate) fn survives(&self, fault: Fault, n: u32) -> Result<bool, String> {
        self.clear("faulty")?;
        let mut command = from_the_top("strace");
        let log = self.scratch.join("calls");
        command
            .args(fault.strace(n, &log))
            .arg(&self.program)
            .args(ARGUMENTS)
            .arg(self.scratch.join("faulty"));
        let output = self.finish(command)?;
        let what = format!("{fault}, call {n}");
        let text = String::from_utf8_lossy(&output.stderr);
        match output.status.code() {
            Some(0) => {
                self.compare("faulty", &what)?;
                return Ok(Fault::happened(&log));
            }
            None if fault.kills() => {}
            Some(EXIT_INPUT_OUTPUT) if !fault.kills() => {}
            _ => return Err(format!("{what}: the run ended with {}\n{text}", output.status)),
        }
        self.go_on("faulty", &what)?;
        Ok(true)
    }

    /// Removes what the runs have left.
    pub(crate) fn remove(&self) -> Result<(), String> {
        fs::remove_dir_all(&self.scratch).map_err(|error| format!("{}: {error}", self.scratch.display()))
    }

    /// Goes on from the last checkpoint, or anew where there is none, and compares what comes out.
    fn go_on(&self, name: &str, what: &str) -> Result<(), String> {
        let mut output = self.finish(self.command(name, &["--resume", "--threads", "1"]))?;
        if output.status.code() == Some(EXIT_MISSING) {
            output = self.finish(self.command(name, &[]))?;
        }
        succeeded(&output).map_err(|problem| format!("{what}, then going on: {problem}"))?;
        self.compare(name, what)
    }

    fn compare(&self, name: &str, what: &str) -> Result<(), String> {
        let found = self.outcome(name).map_err(|problem| format!("{what}: {problem}"))?;
        match (found.tensors == self.expected.tensors, found.manifest == self.expected.manifest) {
            (true, true) => Ok(()),
            (false, _) => Err(format!("{what}: the tensors are not those of a whole run")),
            (true, false) => Err(format!("{what}: the manifest is not that of a whole run")),
        }
    }

    fn command(&self, name: &str, more: &[&str]) -> Command {
        let mut command = from_the_top(&self.program);
        command.args(ARGUMENTS).arg(self.scratch.join(name)).args(more);
        command
    }

    fn finish(&self, mut command: Command) -> Result<Output, String> {
        command.output().map_err(|error| format!("{command:?}: {error}"))
    }

    fn outcome(&self, name: &str) -> Result<Outcome, String> {
        let read = |file: &str| {
            let path = self.scratch.join(name).join(file);
            fs::read(&path).map_err(|error| format!("{}: {error}", path.display()))
        };
        Ok(Outcome { tensors: read("model.safetensors")?, manifest: read("manifest.json")? })
    }

    fn clear(&self, name: &str) -> Result<(), String> {
        let folder: &Path = &self.scratch.join(name);
        if folder.exists() {
            fs::remove_dir_all(folder).map_err(|error| format!("{}: {error}", folder.display()))?;
        }
        fs::create_dir_all(folder).map_err(|error| format!("{}: {error}", folder.display()))
    }
}

fn succeeded(output: &Output) -> Result<(), String> {
    match output.status.success() {
        true => Ok(()),
        false => {
            Err(format!("the run ended with {}\n{}", output.status, String::from_utf8_lossy(&output.stderr)))
        }
    }
}
