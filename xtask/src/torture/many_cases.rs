//! A randomised test of the workspace with as many cases as the full form asks for, and an end to its patience.

use std::time::{Duration, Instant};

use crate::cargo::cargo;

/// A randomised test whose number of cases an environment variable sets.
pub(crate) struct ManyCases {
    /// The name of the test target, in any crate.
    pub(crate) test: &'static str,
    /// The environment variable.
    pub(crate) variable: &'static str,
    /// The cases of all targets of that name together.
    pub(crate) cases: u32,
    /// What has been found when it passes.
    pub(crate) done: &'static str,
}

/// After this time a case hangs.
const PATIENCE: Duration = Duration::from_secs(60 * 60);

impl ManyCases {
    /// Builds and runs the test.
    pub(crate) fn run(&self) -> Result<(), String> {
        // Built before the clock runs.
        let test = |more: &[&str]| {
            let mut command = cargo(["test", "--quiet", "--workspace", "--test", self.test]);
            command.args(more).env(self.variable, self.cases.to_string());
            command
        };
        let built =
            test(&["--no-run"]).status().map_err(|error| format!("cargo could not be started: {error}"))?;
        if !built.success() {
            return Err(format!("the test `{}` was not built: {built}", self.test));
        }
        let mut child = test(&["--", "--nocapture"]).spawn().map_err(|error| error.to_string())?;
        let start = Instant::now();
        loop {
            match child.try_wait().map_err(|error| error.to_string())? {
                Some(status) if status.success() => break,
                Some(status) => return Err(format!("the test `{}` ended with {status}", self.test)),
                None if start.elapsed() > PATIENCE => {
                    child.kill().map_err(|error| error.to_string())?;
                    return Err(format!(
                        "a case of `{}` still runs after {} s",
                        self.test,
                        PATIENCE.as_secs()
                    ));
                }
                None => std::thread::sleep(Duration::from_millis(200)),
            }
        }
        println!("   {} {}, in {} s", self.cases, self.done, start.elapsed().as_secs());
        Ok(())
    }
}
