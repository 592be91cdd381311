//! The one top of every example program: arguments, threads, signals, panics, and the code that the program ends with.
//!
//! A program is its options with a [`run`](Program::run); its `main` is `program::main::<Arguments>()`. Exit codes: 0 for
//! work that is done, 2 for a wrong command line or setting, 65 for bad data, 66 for missing input, 70 for a bug of the
//! program, 74 for input and output, 77 for numbers that are not finite, 130 for a run that a signal has ended.

#![allow(dead_code, reason = "a program asks for what it needs of it")]

pub(crate) mod console;
pub(crate) mod failure;
pub(crate) mod interrupts;
mod panics;
mod threads;

use std::ffi::OsString;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::process::ExitCode;

use failure::Failure;
use ple_tensor::InstructionSet;
use ple_train::TrainError;

/// The options of a program, and its work.
pub(crate) trait Program: clap::Parser + Sync {
    /// The threads asked for; all processors without.
    fn threads(&self) -> Option<usize> {
        None
    }

    /// The work. What it finds is printed with [`console::say`].
    ///
    /// # Errors
    /// Whatever ends it early, with its exit code.
    fn run(&self) -> Result<(), Failure>;
}

/// Runs a program from its command line to its exit code. An error is printed on standard error, and with `--json` among
/// the words as an object with `error` and `exit_code` on standard output.
pub(crate) fn main<P: Program>() -> ExitCode {
    panics::remember();
    let json = asks_for_json(std::env::args_os());
    // A panic of this thread or of one that it waits for ends here, after the files that were being written are gone.
    let result = catch_unwind(AssertUnwindSafe(|| run::<P>(json)));
    let result = result.unwrap_or_else(|panic| Err(panics::failure(panic.as_ref())));
    interrupts::claim_the_end();
    let result = result.and_then(|()| interrupts::check()).and_then(|()| console::finish());
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            failure.print(json);
            ExitCode::from(failure.exit_code())
        }
    }
}

fn run<P: Program>(json: bool) -> Result<(), Failure> {
    let program = match P::try_parse() {
        Ok(program) => program,
        Err(error) if error.use_stderr() => return Err(error.into()),
        Err(help) => {
            console::said(help.print());
            return Ok(());
        }
    };
    InstructionSet::requested().map_err(TrainError::from)?;
    interrupts::listen(json);
    threads::pool(program.threads())?.install(|| program.run())
}

/// Whether a command line has the word `--json` among its options: where it cannot be parsed, nothing else says so.
fn asks_for_json(words: impl Iterator<Item = OsString>) -> bool {
    words.take_while(|word| word != "--").any(|word| word == "--json")
}
