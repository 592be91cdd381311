//! `cargo xtask profile`: where a training step's time goes, and how many instructions it takes.
//!
//! Times say what is slow, and drift with the machine. Instructions are the same on a busy machine as on an idle one, so
//! a regression shows in them even where times are noise.

use std::process::{Command, ExitCode, Stdio};

use serde_json::Value;

use crate::bench::text_table::{grouped, plain};
use crate::bench::{build, native_program};

const HELP: &str = "\
Shows where a training step's time goes. Usage: cargo xtask profile [OPTIONS]

  --vocabulary full|small   the sizes of the vocabularies (full)
  --size tutorial|paper     the model (tutorial)
  --threads N               threads (all)
  --steps N                 steps that are measured (500)
  --instructions            count the instructions of a step on one thread instead, under callgrind
";

/// Rows of the table, at most: a row for each operation would not fit a screen.
const SHOWN: usize = 24;

/// Steps of the shorter of the two runs under callgrind.
const COUNTED_STEPS: u64 = 4;

/// Runs the command.
pub(crate) fn run(arguments: &[&str]) -> ExitCode {
    if arguments.iter().any(|word| ["--help", "-h"].contains(word)) {
        print!("{HELP}");
        return ExitCode::SUCCESS;
    }
    let instructions = arguments.contains(&"--instructions");
    let rest: Vec<&str> = arguments.iter().copied().filter(|word| *word != "--instructions").collect();
    match if instructions { count(&rest) } else { measure(&rest) } {
        Ok(text) => {
            println!("{text}");
            ExitCode::SUCCESS
        }
        Err(problem) => {
            eprintln!("xtask profile: {problem}");
            ExitCode::FAILURE
        }
    }
}

fn measure(arguments: &[&str]) -> Result<String, String> {
    build()?;
    let output = succeed(Command::new(native_program()).arg("profile").args(arguments))?;
    let profile = serde_json::from_str(&output.stdout).map_err(|error| format!("its output: {error}"))?;
    Ok(table(&profile))
}

/// The slowest operations, and the whole step.
fn table(profile: &Value) -> String {
    let number = |value: &Value| value.as_f64().unwrap_or(0.0);
    let (pass, update) = (number(&profile["pass_microseconds"]), number(&profile["update_microseconds"]));
    let total = pass + update;
    let mut ops: Vec<&Value> = profile["ops"].as_array().into_iter().flatten().collect();
    ops.sort_by(|a, b| number(&b["microseconds"]).total_cmp(&number(&a["microseconds"])));
    let line =
        |name: String, time: f64| vec![name, format!("{time:.1}"), format!("{:.1}", 100.0 * time / total)];
    let of = |op: &Value| {
        format!("{} {}", op["direction"].as_str().unwrap_or("?"), op["name"].as_str().unwrap_or("?"))
    };
    let mut rows: Vec<_> =
        ops.iter().take(SHOWN).map(|op| line(of(op), number(&op["microseconds"]))).collect();
    let rest: f64 = ops.iter().skip(SHOWN).map(|op| number(&op["microseconds"])).sum();
    rows.push(line(format!("{} more operations", ops.len().saturating_sub(SHOWN)), rest));
    rows.push(line("Adam".to_owned(), update));
    rows.push(line("whole step".to_owned(), total));
    let head = format!(
        "{} steps of 1,024 rows, {} threads, {}; gathering a batch takes a thread {} us more\n\n",
        profile["steps"],
        profile["threads"],
        profile["instruction_set"].as_str().unwrap_or("?"),
        grouped(number(&profile["gather_microseconds"])),
    );
    head + &plain(&["of a step", "us", "%"], &rows, 1)
}

/// Instructions of a step: what a run of some steps takes less than one of twice as many.
fn count(arguments: &[&str]) -> Result<String, String> {
    build()?;
    let (fewer, more) =
        (instructions(arguments, COUNTED_STEPS)?, instructions(arguments, 2 * COUNTED_STEPS)?);
    let step = (more - fewer) as f64 / COUNTED_STEPS as f64;
    Ok(format!(
        "{} instructions a step of 1,024 rows, {} a row, on one thread",
        grouped(step),
        grouped(step / 1024.0)
    ))
}

fn instructions(arguments: &[&str], steps: u64) -> Result<u64, String> {
    let mut command = Command::new("valgrind");
    command.args(["--tool=callgrind", "--callgrind-out-file=/dev/null"]).arg(native_program()).arg("profile");
    command.args(arguments).args(["--threads", "1", "--steps", &steps.to_string()]);
    let output = succeed(&mut command)?;
    collected(&output.stderr)
        .ok_or_else(|| format!("callgrind did not say what it collected: {}", output.stderr))
}

/// The number behind `Collected :` in callgrind's report.
fn collected(report: &str) -> Option<u64> {
    let line = report.lines().find(|line| line.contains("Collected"))?;
    line.rsplit(':').next()?.trim().parse().ok()
}

struct Output {
    stdout: String,
    stderr: String,
}

fn succeed(command: &mut Command) -> Result<Output, String> {
    let name = command.get_program().to_string_lossy().into_owned();
    let output = command.stdin(Stdio::null()).output().map_err(|error| format!("{name}: {error}"))?;
    let text = |bytes: Vec<u8>| String::from_utf8_lossy(&bytes).into_owned();
    let (stdout, stderr) = (text(output.stdout), text(output.stderr));
    match output.status.success() {
        true => Ok(Output { stdout, stderr }),
        false => Err(format!("{name} ended with {}: {}", output.status, stderr.trim())),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::{collected, table};

    #[test]
    fn the_table_adds_up() {
        let ops = json!([
            { "name": "relu", "direction": "forward", "microseconds": 10.0 },
            { "name": "linear of w", "direction": "backward", "microseconds": 60.0 },
        ]);
        let text = table(&json!({
            "steps": 5, "threads": 2, "instruction_set": "x86_64 avx2", "ops": ops, "gather_microseconds": 7.0,
            "pass_microseconds": 75.0, "update_microseconds": 25.0,
        }));
        let lines: Vec<&str> = text.lines().collect();
        assert!(lines[3].starts_with("backward linear of w") && lines[3].ends_with("60.0"), "{text}");
        assert!(lines[6].starts_with("Adam") && lines[6].contains("25.0"), "{text}");
        assert!(lines[7].starts_with("whole step") && lines[7].ends_with("100.0"), "{text}");
    }

    #[test]
    fn the_count_is_read() {
        assert_eq!(collected("==1== \n==1== Collected : 123456\n"), Some(123_456));
        assert_eq!(collected("nothing"), None);
    }
}
