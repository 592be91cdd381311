//! `cargo xtask torture`: faults from outside, at every point of a run. A training run is killed, or its disk fails or is
//! full; then it goes on, and the model that it ends with has the bytes of a run that nothing happened to.
//!
//! The short form is a step of the gate: 40 kills spread over the run, and a few faults at system calls where `strace` is
//! installed. The full form takes every call of every kind, and first lets every reader see changed files, 20,000 in all.

mod fault;
mod mutations;
mod victim;

use std::process::ExitCode;

use fault::Fault;
use victim::Victim;

/// How much of it to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Extent {
    /// Every system call.
    Full,
    /// What the gate has time for.
    Short,
}

/// The points, spread over the time that a whole run takes, at which it is killed.
const KILLS: u32 = 40;

/// Runs the command.
pub(crate) fn run(extent: Extent) -> ExitCode {
    match torture(extent) {
        Ok(()) => ExitCode::SUCCESS,
        Err(problem) => {
            eprintln!("xtask torture: {problem}");
            ExitCode::FAILURE
        }
    }
}

/// The step of the gate.
pub(crate) fn short() -> Result<(), String> {
    torture(Extent::Short)
}

fn torture(extent: Extent) -> Result<(), String> {
    // The gate's tests have seen some thousands of them.
    if extent == Extent::Full {
        mutations::run()?;
    }
    let victim = Victim::prepare()?;
    println!("   a whole run takes {:.2} s and saves {} checkpoints", victim.seconds(), victim.checkpoints());
    for point in 0..KILLS {
        // A kill that comes after the end makes the next one come sooner.
        let mut share = f64::from(point) / f64::from(KILLS);
        while !victim.survives_a_kill_at(share)? {
            share *= 0.9;
        }
    }
    println!("   killed at {KILLS} points of its time, and went on to the same bytes");
    if !fault::strace_is_there() {
        println!("   not run: faults at system calls (there is no strace; install it, for example with apt)");
        return victim.remove();
    }
    for fault in Fault::ALL {
        let (mut hits, mut misses, mut call) = (0, 0, 1);
        while misses < MISSES && !(extent == Extent::Short && hits == SHORT_HITS) {
            match victim.survives(fault, call)? {
                true => (hits, misses) = (hits + 1, 0),
                false => misses += 1,
            }
            call += match extent {
                Extent::Full => 1,
                Extent::Short => 1 + 9 * hits * hits,
            };
        }
        println!("   {fault}: at {hits} calls, each with the same bytes at the end");
        if hits == 0 {
            return Err(format!("{fault}: no call was hit, so nothing was tested"));
        }
    }
    victim.remove()
}

/// The calls of each kind at which the short form lets something fail.
const SHORT_HITS: u32 = 3;

/// So many calls in a row at which a run ends well are the end of the calls of a kind.
const MISSES: u32 = 3;
