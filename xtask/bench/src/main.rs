//! One native measurement in one process: `cargo xtask bench` runs it in alternation with its peers.
//!
//! The last line of standard output is one JSON object. A process measures one thing, so that its peak memory is that
//! of this thing, and no measurement finds the caches and the heap that another one left.

#![cfg_attr(test, allow(clippy::unwrap_used))]
#![allow(clippy::print_stdout, clippy::print_stderr)]

mod control;
mod evaluate;
mod graph;
mod infer;
mod limits;
mod losses;
mod memory;
mod memory_of_runs;
mod multiply_add_rate;
mod options;
mod outcome;
mod profile;
mod raw_files;
mod raw_rows;
mod repeats;
mod row_rates;
mod train;
mod workload;

use std::process::ExitCode;

use clap::Parser;
use options::{Command, Options};
use serde_json::Value;

fn main() -> ExitCode {
    let options = Options::parse();
    let pool = rayon::ThreadPoolBuilder::new().num_threads(options.threads).build();
    let result = match pool {
        Ok(pool) => pool.install(|| run(&options)),
        Err(error) => Err(error.to_string()),
    };
    match result {
        Ok(line) => {
            println!("{line}");
            ExitCode::SUCCESS
        }
        Err(error) => {
            eprintln!("ple-bench: {error}");
            ExitCode::FAILURE
        }
    }
}

/// Measures what was asked for.
fn run(options: &Options) -> Result<Value, String> {
    let outcome = match &options.command {
        Command::Train(train) => train::measure(train),
        Command::Infer(infer) => infer::measure(infer),
        Command::Evaluate(evaluate) => evaluate::measure(evaluate),
        Command::Prepare(prepare) => return raw_files::prepare(prepare),
        Command::Profile(profile) => return profile::measure(profile),
        Command::Limits(limits) => return limits::measure(limits),
        Command::Control => return Ok(control::measure()),
        Command::Export(export) => return raw_rows::export(export),
        Command::Graph(graph) => return graph::write(graph),
        Command::Memory(memory) => return memory_of_runs::measure(memory),
    };
    outcome.map(|outcome| outcome.json())
}
