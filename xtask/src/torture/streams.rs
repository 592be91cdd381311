//! Trials with standard streams: the reader of a pipe goes away after some bytes, or the disk below a stream is full.

use std::fs::OpenOptions;
use std::io::Read;
use std::process::{ExitStatus, Stdio};

use super::job::Job;
use super::random::Random;

/// What becomes of a stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stream {
    /// Everything is read.
    Read,
    /// Its reader goes away after so many bytes.
    ClosedAfter(usize),
    /// Nothing can be written to it.
    Full,
}

/// The exit code of a result that could not be printed.
const EXIT_INPUT_OUTPUT: i32 = 74;

/// Disturbs the streams of a job once, which has to do its work all the same.
pub(crate) fn trial(job: &Job, random: &mut Random) -> Result<(), String> {
    let (output, error) = (stream(random), stream(random));
    job.clear()?;
    let status = run(job, output, error)?;
    let what = format!("standard output {output:?}, standard error {error:?}");
    let expected = if output == Stream::Full { EXIT_INPUT_OUTPUT } else { 0 };
    if status.code() != Some(expected) {
        return Err(format!("{what}: ended with {status}, expected {expected}"));
    }
    job.compare().map_err(|problem| format!("{what}: {problem}"))
}

fn stream(random: &mut Random) -> Stream {
    match random.below(4) {
        0 => Stream::Read,
        1 => Stream::Full,
        _ => Stream::ClosedAfter(random.below(600)),
    }
}

fn run(job: &Job, output: Stream, error: Stream) -> Result<ExitStatus, String> {
    let stdio = |stream| match stream {
        Stream::Full => OpenOptions::new().write(true).open("/dev/full").map(Stdio::from),
        Stream::Read | Stream::ClosedAfter(_) => Ok(Stdio::piped()),
    };
    let io = |error: std::io::Error| error.to_string();
    let mut command = job.command();
    command.stdout(stdio(output).map_err(io)?).stderr(stdio(error).map_err(io)?);
    let mut child = command.spawn().map_err(io)?;
    let (from_output, from_error) = (child.stdout.take(), child.stderr.take());
    std::thread::scope(|scope| {
        scope.spawn(|| drain(from_output, output));
        drain(from_error, error);
    });
    child.wait().map_err(io)
}

/// Reads what is to be read, and goes away.
fn drain(pipe: Option<impl Read>, stream: Stream) {
    let Some(pipe) = pipe else { return };
    let limit = match stream {
        Stream::ClosedAfter(bytes) => bytes as u64,
        Stream::Read | Stream::Full => u64::MAX,
    };
    // What the program says is not looked at here, and an error of the pipe is its end.
    let _ = std::io::copy(&mut pipe.take(limit), &mut std::io::sink());
}
