//! `cargo xtask torture`: faults from outside. A training run is killed at every point, or its disk fails or is full;
//! then it goes on, and the model that it ends with has the bytes of a run that nothing happened to. Values that are not
//! finite are put into every place of a step. Streams are closed, signals come and a second process starts at random
//! moments of every program.
//!
//! The short form is a step of the gate: 40 kills spread over the run, a few faults at system calls where `strace` is
//! installed, and some trials. The full form takes every call of every kind and 2,000 trials, and first lets every reader
//! see changed files, 20,000 in all, and a step 2,000 values.

mod fault;
mod job;
mod many_cases;
mod random;
mod rivals;
mod signals;
mod streams;
mod trials;
mod victim;

use std::process::ExitCode;

use fault::Fault;
use many_cases::ManyCases;
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
    // The gate's tests have run these with fewer cases.
    if extent == Extent::Full {
        MUTATIONS.run()?;
        DIVERGENCES.run()?;
    }
    let victim = Victim::prepare()?;
    println!("   a whole run takes {:.2} s and saves {} checkpoints", victim.seconds(), victim.checkpoints());
    kill(&victim)?;
    match fault::strace_is_there() {
        true => fail_system_calls(&victim, extent)?,
        false => {
            println!(
                "   not run: faults at system calls (there is no strace; install it, for example with apt)"
            );
        }
    }
    victim.remove()?;
    trials::run(match extent {
        Extent::Full => TRIALS,
        Extent::Short => SHORT_TRIALS,
    })
}

/// Changed files of all formats, seen by their readers.
const MUTATIONS: ManyCases = ManyCases {
    test: "mutations",
    variable: "PLE_MUTATIONS",
    cases: 20_000,
    done: "changed files ended in an error or in sound data, in bounded memory",
};

/// Values that are not finite or very large, in every place of a training step.
const DIVERGENCES: ManyCases = ManyCases {
    test: "divergence",
    variable: "PLE_DIVERGENCES",
    cases: 2_000,
    done: "values put into a run ended it within their step or left it finite, with nothing saved that is not",
};

/// Kills a run at points spread over its time.
fn kill(victim: &Victim) -> Result<(), String> {
    for point in 0..KILLS {
        // A kill that comes after the end makes the next one come sooner.
        let mut share = f64::from(point) / f64::from(KILLS);
        while !victim.survives_a_kill_at(share)? {
            share *= 0.9;
        }
    }
    println!("   killed at {KILLS} points of its time, and went on to the same bytes");
    Ok(())
}

/// Lets system calls of a run fail, each kind at several calls.
fn fail_system_calls(victim: &Victim, extent: Extent) -> Result<(), String> {
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
    Ok(())
}

/// The calls of each kind at which the short form lets something fail.
const SHORT_HITS: u32 = 3;

/// The number of calls in a row with a good end after which a kind has no further calls.
const MISSES: u32 = 3;

/// Random disturbances of programs.
const TRIALS: usize = 2000;

/// Those that the gate has time for.
const SHORT_TRIALS: usize = 42;
