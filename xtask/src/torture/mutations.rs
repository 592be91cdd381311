//! Changed files: the tests of that name, with as many cases as the full form asks for, and an end to their patience.

use std::time::{Duration, Instant};

use crate::cargo::cargo;

/// Changed files of all formats together.
const CASES: &str = "20000";

/// After so long one of them hangs.
const PATIENCE: Duration = Duration::from_secs(60 * 60);

/// Lets every reader see its share of changed files.
pub(crate) fn run() -> Result<(), String> {
    // Built before the clock runs.
    let test = |more: &[&str]| {
        let mut command = cargo(["test", "--quiet", "--workspace", "--test", "mutations"]);
        command.args(more).env("PLE_MUTATIONS", CASES);
        command
    };
    let built =
        test(&["--no-run"]).status().map_err(|error| format!("cargo could not be started: {error}"))?;
    if !built.success() {
        return Err(format!("the tests of changed files were not built: {built}"));
    }
    let mut child = test(&["--", "--nocapture"]).spawn().map_err(|error| error.to_string())?;
    let start = Instant::now();
    loop {
        match child.try_wait().map_err(|error| error.to_string())? {
            Some(status) if status.success() => break,
            Some(status) => return Err(format!("the tests of changed files ended with {status}")),
            None if start.elapsed() > PATIENCE => {
                child.kill().map_err(|error| error.to_string())?;
                return Err(format!("a changed file is still being read after {} s", PATIENCE.as_secs()));
            }
            None => std::thread::sleep(Duration::from_millis(200)),
        }
    }
    let seconds = start.elapsed().as_secs();
    println!(
        "   {CASES} changed files ended in an error or in sound data, in bounded memory and {seconds} s"
    );
    Ok(())
}
