//! `cargo xtask bench`: the workloads, ours and our peers' in alternation, and what one is to the other.
//!
//! Each measurement is a process of its own that prints one JSON object; this module starts them, round after round,
//! and makes medians, ratios, a table, a JSON file and the tables of `docs/benchmarks.md` of what they print.

mod contestant;
mod control;
mod docs_page;
mod machine;
mod options;
mod peers;
mod plan;
mod ratios;
mod report;
mod results;
mod rust_peers;
mod spread;
pub(crate) mod text_table;

use std::process::ExitCode;

use contestant::Contestant;
use machine::Machine;
use options::Options;
use peers::Python;
use report::Report;
use results::Results;

use crate::cargo::{cargo, target_folder};

/// What the caller gets for a wrong option.
const EXIT_USAGE: u8 = 2;

/// The page of `cargo xtask bench --help`.
const HELP: &str = "\
Measures the workloads and prints a table of medians and ratios. Usage: cargo xtask bench [OPTIONS]

  --only NAME           one workload, or all whose names begin so: train_full, train_small, exact_full,
                        paper, stream, lists, raw, infer_1, infer_256, infer_1024, infer_8192, graph_1, graph_1024,
                        evaluate
  --quick               two minutes without peers: fewer rows and rounds
  --rounds N            how often each contestant runs (5; 2 with --quick)
  --threads N           threads of every contestant (2, or as many as there are)
  --peers               PyTorch, torch-rechub, ONNX Runtime and burn too, in an environment under target/
  --peers-python PATH   the same with a Python that has them (xtask/peers/requirements.txt)
  --out FILE            everything that was measured, as JSON
  --write-docs          the tables of docs/benchmarks.md
";

/// Runs the command.
pub(crate) fn run(arguments: &[&str]) -> ExitCode {
    if arguments.iter().any(|word| ["--help", "-h"].contains(word)) {
        print!("{HELP}");
        return ExitCode::SUCCESS;
    }
    let options = match Options::parse(arguments) {
        Ok(options) => options,
        Err(problem) => {
            eprintln!("xtask bench: {problem}\n\n{HELP}");
            return ExitCode::from(EXIT_USAGE);
        }
    };
    match measure(&options) {
        Ok(problems) if problems.is_empty() => ExitCode::SUCCESS,
        Ok(problems) => {
            problems.iter().for_each(|problem| eprintln!("xtask bench: {problem}"));
            ExitCode::FAILURE
        }
        Err(problem) => {
            eprintln!("xtask bench: {problem}");
            ExitCode::FAILURE
        }
    }
}

/// Builds, measures, prints and writes. Gives back what went wrong with single contestants.
fn measure(options: &Options) -> Result<Vec<String>, String> {
    build()?;
    let python = Python::find(&options.peers, options)?;
    if python.is_some() {
        rust_peers::build()?;
    }
    let contestants = plan::contestants(options, python.as_ref());
    let (results, mut problems) = run_rounds(&contestants, &plan::control(options), options.rounds)?;
    problems.extend(results.unequal_work());

    let machine = Machine::describe(&results);
    let report = Report::new(machine, &results, options);
    println!("{}", report.text());
    if let Some(path) = &options.out {
        std::fs::write(path, format!("{:#}\n", report.json()))
            .map_err(|error| format!("{}: {error}", path.display()))?;
        println!("written: {}", path.display());
    }
    if options.write_docs {
        println!("written: {}", docs_page::write(&report)?.display());
    }
    Ok(problems)
}

/// Builds the program that measures, as a user's release build is made.
pub(crate) fn build() -> Result<(), String> {
    let status = cargo(["build", "--release", "--quiet", "-p", "ple-bench"]).status();
    match status {
        Ok(status) if status.success() => Ok(()),
        Ok(status) => Err(format!("the release build of ple-bench ended with {status}")),
        Err(error) => Err(format!("cargo could not be started: {error}")),
    }
}

/// Every contestant in turn, as often as there are rounds: a machine that slows down slows all of them down. Before and
/// after each workload runs the control.
fn run_rounds(
    contestants: &[Contestant],
    control: &Contestant,
    rounds: usize,
) -> Result<(Results, Vec<String>), String> {
    let mut results = Results::default();
    let mut problems = Vec::new();
    let mut before = "";
    for round in 0..rounds {
        for contestant in contestants {
            let Contestant { workload, name, .. } = contestant;
            if *workload != before {
                let seconds = control::seconds(control)?;
                results.control.ran(seconds, workload, round);
                before = workload;
            }
            if results.has_failed(workload, name) {
                continue;
            }
            match contestant.measure() {
                Ok(sample) => {
                    let rate = results::rate(&sample).map_or_else(String::new, text_table::grouped);
                    eprintln!("round {} of {rounds}: {workload:<12} {name:<28} {rate}", round + 1);
                    results.add(workload, name, round, sample);
                }
                Err(problem) => {
                    eprintln!("round {} of {rounds}: {workload:<12} {name:<28} failed", round + 1);
                    results.fail(workload, name);
                    problems.push(format!("{workload}, {name}: {problem}"));
                }
            }
        }
    }
    results.control.ended(control::seconds(control)?);
    Ok((results, problems))
}

/// The program that measures.
pub(crate) fn native_program() -> std::path::PathBuf {
    target_folder().join("release").join(format!("ple-bench{}", std::env::consts::EXE_SUFFIX))
}
