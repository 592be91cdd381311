//! The project's chores in one place: `cargo xtask help` lists them.
//!
//! This program depends on no crate of ours, so that it compiles in seconds. A command that needs them starts a
//! build of an example and hands its arguments on.

#![cfg_attr(test, allow(clippy::unwrap_used))]
#![allow(clippy::print_stdout, clippy::print_stderr)]

mod bench;
mod buckets;
mod cargo;
mod ci;
mod data;
mod draw;
mod end_to_end;
mod examples;
mod parity;
mod profile;
mod promises;
mod python;
mod serving;
mod tidy;
mod torture;

use std::process::ExitCode;

/// What the caller gets for a command or an option that does not exist.
const EXIT_USAGE: u8 = 2;

const HELP: &str = "\
The project's chores. Usage: cargo xtask COMMAND [ARGUMENTS]

  ci [--skip-tests]   the gate: format, clippy, tidy, tests, docs, examples, their runs and models;
                      stops at the first step that fails; --only STEP runs one of them
  tidy                the house rules alone: who may depend on whom, layout, file heads, links
  bench [OPTIONS]     speed: the workloads, the machine's limits, peers; --help lists the options
  profile [OPTIONS]   where a training step's time goes, or how many instructions it takes
  parity FILE...      compare models with golden files made by PyTorch; --onnx DIR writes them there
  torture [--short]   kill a run and fail its disk at every point; it ends with the same bytes
  data describe PATH  what is in CSV or Parquet files, and what looks wrong there
  data prepare --data PATH --features FILE --out DIR  any table with raw ids, ready for training
  data ali-ccp --raw DIR --out DIR  Ali-CCP's raw files to Parquet, or with --compat to CSV
  data generate-ali-ccp --out DIR   raw files in Ali-CCP's format, of any size
  draw MODEL --out F  a picture of a saved model: F ends in .svg, .dot or .mmd
  help                this page

Examples:
  cargo xtask ci
  cargo xtask tidy
";

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match words.as_slice() {
        ["ci"] => ci::run(ci::Steps::All),
        ["ci", "--skip-tests"] => ci::run(ci::Steps::WithoutTests),
        ["ci", "--only", step] => ci::run(ci::Steps::One(step)),
        ["tidy"] => tidy::run(),
        ["torture"] => torture::run(torture::Extent::Full),
        ["torture", "--short"] => torture::run(torture::Extent::Short),
        ["parity", files @ ..] => parity::run(files),
        ["data", command, options @ ..] => data::run(command, options).unwrap_or_else(|| {
            usage(&format!(
                "data has no command `{command}`; there are describe, prepare, ali-ccp and generate-ali-ccp"
            ))
        }),
        ["data"] => usage("data needs one of its commands: describe, prepare, ali-ccp, generate-ali-ccp"),
        ["draw", options @ ..] => draw::run(options),
        ["bench", options @ ..] => bench::run(options),
        ["profile", options @ ..] => profile::run(options),
        ["help" | "--help" | "-h"] => {
            print!("{HELP}");
            ExitCode::SUCCESS
        }
        [] => usage("no command was given"),
        ["ci" | "tidy" | "torture" | "help", ..] => {
            usage(&format!("unexpected arguments: {}", words.join(" ")))
        }
        [unknown, ..] => usage(&format!("unknown command: {unknown}")),
    }
}

/// Says what was wrong with the command line, shows the help on standard error, and gives the exit code for it.
fn usage(problem: &str) -> ExitCode {
    eprintln!("xtask: {problem}\n\n{HELP}");
    ExitCode::from(EXIT_USAGE)
}

#[cfg(test)]
mod tests {
    use super::HELP;

    #[test]
    fn the_help_fits_a_screen() {
        assert!(HELP.lines().count() <= 24);
        assert!(HELP.lines().all(|line| line.len() <= 100));
    }
}
