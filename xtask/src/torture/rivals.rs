//! Trials with two processes at one output: one does its work, and the other is refused, whichever is first.

use std::process::Output;

use super::job::{Again, Job};
use super::random::Random;

/// The exit code of a process that found another one at its output.
const EXIT_INPUT_OUTPUT: i32 = 74;

/// The exit code of a process that found a folder which is there already.
const EXIT_USAGE: i32 = 2;

/// Starts a job twice, the second time at a random moment of the first.
pub(crate) fn trial(job: &Job, random: &mut Random) -> Result<(), String> {
    let share = 1.2 * random.share() * random.share();
    job.clear()?;
    let io = |error: std::io::Error| error.to_string();
    let first = job.command().spawn().map_err(io)?;
    std::thread::sleep(job.time.mul_f64(share));
    let second = job.command().spawn().map_err(io)?;
    let outputs = [first.wait_with_output().map_err(io)?, second.wait_with_output().map_err(io)?];
    let what = format!("a second process after {:.0}% of the time", 100.0 * share);
    judge(job, &outputs).map_err(|problem| format!("{what}: {problem}"))?;
    job.compare().map_err(|problem| format!("{what}: {problem}"))
}

fn judge(job: &Job, outputs: &[Output; 2]) -> Result<(), String> {
    let refused = |output: &Output| {
        let text = String::from_utf8_lossy(&output.stderr);
        match output.status.code() {
            Some(EXIT_INPUT_OUTPUT) => text.contains("another process"),
            Some(EXIT_USAGE) => job.again() == Again::IsRefused,
            _ => false,
        }
    };
    let ended_well = outputs.iter().filter(|output| output.status.success()).count();
    match ended_well >= 1 && outputs.iter().all(|output| output.status.success() || refused(output)) {
        true => Ok(()),
        false => {
            let texts = outputs
                .iter()
                .map(|output| format!("{}\n{}", output.status, String::from_utf8_lossy(&output.stderr)));
            Err(format!("ended with {}", texts.collect::<Vec<_>>().join("and with ")))
        }
    }
}
