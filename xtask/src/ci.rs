//! `cargo xtask ci`: the one gate. Steps in order, each with a header and its time; the first failure ends it.

use std::process::{Command, ExitCode};
use std::time::Instant;

use crate::EXIT_USAGE;
use crate::buckets;
use crate::cargo::cargo;
use crate::end_to_end;
use crate::examples;
use crate::promises;
use crate::serving;
use crate::tidy;
use crate::torture;

/// Which steps of the gate run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Steps<'a> {
    /// All that a Rust toolchain and a C compiler can run.
    All,
    /// These but the tests, because the caller has just run them.
    WithoutTests,
    /// One, by its name, whatever it takes.
    One(&'a str),
}

impl Steps<'_> {
    fn include(self, step: &Step) -> bool {
        match self {
            Steps::All => step.takes == Takes::Toolchain,
            Steps::WithoutTests => step.takes == Takes::Toolchain && step.name != TESTS,
            Steps::One(name) => step.name == name,
        }
    }
}

/// What a machine has to have for a step.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Takes {
    /// The Rust toolchain and a C compiler.
    Toolchain,
    /// Python and the way to its packages as well, so the step is run by its name.
    Python,
}

/// One step of the gate: it says in words what failed.
struct Step {
    name: &'static str,
    takes: Takes,
    action: fn() -> Result<(), String>,
}

impl Step {
    const fn new(name: &'static str, action: fn() -> Result<(), String>) -> Self {
        Self { name, takes: Takes::Toolchain, action }
    }

    const fn with_python(name: &'static str, action: fn() -> Result<(), String>) -> Self {
        Self { name, takes: Takes::Python, action }
    }
}

/// The steps in the order in which they run: the quick ones first, so that a slip is found early.
const STEPS: &[Step] = &[
    Step::new("format", format),
    Step::new("clippy", clippy),
    Step::new("tidy", tidy::check_workspace),
    Step::new(TESTS, tests),
    Step::new("docs", docs),
    Step::new("examples", examples::build),
    Step::new("end to end", end_to_end::run_all),
    Step::new("promises", promises::check),
    Step::new("torture", torture::short),
    Step::with_python("serving", serving::check),
    Step::with_python("buckets", buckets::check),
];

/// The name of the step that `--skip-tests` leaves out.
const TESTS: &str = "tests";

/// Runs the gate and says on its last line how it went.
pub(crate) fn run(steps: Steps<'_>) -> ExitCode {
    let start = Instant::now();
    let chosen: Vec<&Step> = STEPS.iter().filter(|step| steps.include(step)).collect();
    if chosen.is_empty() {
        let names: Vec<&str> = STEPS.iter().map(|step| step.name).collect();
        eprintln!("xtask ci: there is no such step; there are: {}", names.join(", "));
        return ExitCode::from(EXIT_USAGE);
    }
    for (index, step) in chosen.iter().enumerate() {
        println!("== {}. {}", index + 1, step.name);
        let step_start = Instant::now();
        if let Err(reason) = (step.action)() {
            eprintln!("xtask ci: step `{}` failed: {reason}", step.name);
            return ExitCode::FAILURE;
        }
        println!("== {} passed in {:.1} s", step.name, step_start.elapsed().as_secs_f64());
    }
    if steps != Steps::One(chosen[0].name) {
        let by_name = STEPS.iter().filter(|step| step.takes == Takes::Python);
        let by_name: Vec<&str> = by_name.map(|step| step.name).collect();
        println!(
            "== not run, since they take Python and its packages: {} (cargo xtask ci --only NAME)",
            by_name.join(", ")
        );
        println!("== all other steps passed in {:.1} s", start.elapsed().as_secs_f64());
    }
    ExitCode::SUCCESS
}

fn format() -> Result<(), String> {
    require_component("fmt", "rustfmt")?;
    succeed(&mut cargo(["fmt", "--all", "--check"]))
}

fn clippy() -> Result<(), String> {
    require_component("clippy", "clippy")?;
    succeed(&mut cargo(["clippy", "--quiet", "--workspace", "--all-targets", "--", "-D", "warnings"]))
}

fn tests() -> Result<(), String> {
    succeed(&mut cargo(["test", "--quiet", "--workspace"]))
}

fn docs() -> Result<(), String> {
    let mut command = cargo(["doc", "--quiet", "--no-deps", "--workspace"]);
    succeed(command.env("RUSTDOCFLAGS", "-D warnings"))
}

/// A toolchain may come without its formatter or linter: say so in one line, with the command that adds it.
fn require_component(subcommand: &str, component: &str) -> Result<(), String> {
    match cargo([subcommand, "--version"]).output() {
        Ok(output) if output.status.success() => Ok(()),
        _ => Err(format!(
            "the toolchain has no `cargo {subcommand}`; add it with `rustup component add {component}`"
        )),
    }
}

/// Runs a command that prints for itself.
fn succeed(command: &mut Command) -> Result<(), String> {
    match command.status() {
        Ok(status) if status.success() => Ok(()),
        Ok(status) => Err(format!("{} ended with {status}", command_line(command))),
        Err(error) => Err(format!("{} could not be started: {error}", command_line(command))),
    }
}

/// The command as a user would type it.
fn command_line(command: &Command) -> String {
    let words = command.get_args().map(|word| word.to_string_lossy().into_owned());
    format!("`cargo {}`", words.collect::<Vec<_>>().join(" "))
}

#[cfg(test)]
mod tests {
    use super::{STEPS, TESTS, cargo, succeed};

    #[test]
    fn the_step_that_can_be_left_out_exists() {
        assert_eq!(STEPS.iter().filter(|step| step.name == TESTS).count(), 1);
    }

    #[test]
    fn a_failing_command_is_named_with_its_status() {
        let mut command = cargo(["no-such-subcommand"]);
        let reason = succeed(command.stderr(std::process::Stdio::null())).unwrap_err();
        assert!(reason.starts_with("`cargo no-such-subcommand` ended with exit"), "{reason}");
    }
}
