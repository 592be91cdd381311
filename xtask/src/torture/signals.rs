//! Trials with signals: at a random moment of a job, which then ends as interrupted or killed and can be repeated.

use std::process::{Child, Command, Output};

use super::job::Job;
use super::random::Random;

/// The signals, by the names of `kill`.
const SIGNALS: [&str; 4] = ["INT", "TERM", "HUP", "KILL"];

/// The exit code of an interrupted program.
const EXIT_INTERRUPTED: i32 = 130;

/// Sends one signal. A job that ends well all the same has done its work before the signal came.
pub(crate) fn trial(job: &Job, random: &mut Random) -> Result<(), String> {
    let (signal, share) = (random.choose(&SIGNALS), 1.05 * random.share());
    let what = format!("SIG{signal} after {:.0}% of the time", 100.0 * share);
    job.clear()?;
    let child = job.command().spawn().map_err(|error| error.to_string())?;
    std::thread::sleep(job.time.mul_f64(share));
    send(&child, signal)?;
    let output = child.wait_with_output().map_err(|error| error.to_string())?;
    judge(job, signal, &output).map_err(|problem| format!("{what}: {problem}"))?;
    job.repeat().map_err(|problem| format!("{what}: {problem}"))
}

fn judge(job: &Job, signal: &str, output: &Output) -> Result<(), String> {
    let text = String::from_utf8_lossy(&output.stderr);
    match output.status.code() {
        Some(0) if text.contains("interrupted") => Err(format!("taken for success\n{text}")),
        Some(0) => job.compare(),
        // The default action of a signal, before the program has a handler.
        None => Ok(()),
        Some(EXIT_INTERRUPTED) if signal != "KILL" => Ok(()),
        Some(code) => Err(format!("ended with {code}\n{text}")),
    }
}

/// Sends a signal; a child that has ended does not mind.
fn send(child: &Child, signal: &str) -> Result<(), String> {
    let mut kill = Command::new("sh");
    kill.args(["-c", &format!("kill -{signal} {} 2>/dev/null || true", child.id())]);
    let status = kill.status().map_err(|error| format!("sh could not be started: {error}"))?;
    match status.success() {
        true => Ok(()),
        false => Err(format!("`kill -{signal}` ended with {status}")),
    }
}
