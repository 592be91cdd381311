//! Signals are asked for in every phase and never taken for success: the program ends with 130, says what it has kept, and
//! a run goes on to the bytes of one that nothing happened to.

use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};

use super::Check;
use super::scene::{Ended, Scene};

pub(super) const CHECKS: &[Check] = &[
    Check { says: "a run that a signal ends in training goes on to the same bytes", run: in_training },
    Check { says: "a signal before the first step, or while rows are prepared, ends with 130", run: before },
];

/// The training run that is interrupted.
const RUN: &str = "--rows 20000 --batch-size 50 --epochs 2 --threads 1 --out {}/";

/// The signals that end a program. Under `nohup` the last of them is ignored, here and by all that is started from here.
fn signals() -> &'static [&'static str] {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let ignored = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
    let ignored = ignored.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok()).unwrap_or(0);
    match ignored & 1 {
        0 => &["INT", "TERM", "HUP"],
        _ => {
            println!("   interrupts: not run with SIGHUP, which is ignored here");
            &["INT", "TERM"]
        }
    }
}

fn in_training(scene: &Scene) -> Result<(), String> {
    scene.succeed("ali_ccp", &format!("{RUN}whole"))?;
    let expected = scene.bytes("whole/model.safetensors")?;
    for signal in signals() {
        // Its table begins with this line, after which the first step comes.
        let ended = interrupted(scene, "ali_ccp", &format!("{RUN}{signal}"), "epoch  task", signal)?;
        ended.expect(130, "the run is saved in")?.expect(130, " --resume")?;
        scene.succeed("ali_ccp", &format!("{RUN}{signal} --resume"))?;
        scene.expect_bytes(&format!("{signal}/model.safetensors"), &expected)?;
    }
    Ok(())
}

fn before(scene: &Scene) -> Result<(), String> {
    for signal in signals() {
        let arguments = "--rows 20000000 --epochs 1 --threads 1 --out {}/never";
        interrupted(scene, "ali_ccp", arguments, "generating", signal)?
            .expect(130, "before the first step; nothing was saved")?;
        let arguments = "--rows 20000000 --out {}/never";
        interrupted(scene, "generate_ali_ccp", arguments, "generating", signal)?
            .expect(130, "interrupted: ")?;
    }
    Ok(())
}

/// Sends a signal when a program has printed a line that begins so, and gives back how it ended and what it said after that.
fn interrupted(
    scene: &Scene,
    example: &str,
    arguments: &str,
    line: &str,
    signal: &str,
) -> Result<Ended, String> {
    let mut command = scene.command(example, arguments);
    let failed = |error: std::io::Error| format!("{example} {arguments}: {error}");
    let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().map_err(failed)?;
    let notes = child.stderr.take().ok_or("standard error is not piped")?;
    let mut lines = BufReader::new(notes).lines();
    for found in lines.by_ref() {
        if found.map_err(failed)?.starts_with(line) {
            send(&child, signal)?;
            break;
        }
    }
    let said = lines.map(|line| line.map_err(failed)).collect::<Result<Vec<_>, _>>()?;
    let mut output = child.wait_with_output().map_err(failed)?;
    output.stderr = said.join("\n").into_bytes();
    Ok(Ended::new(format!("{example} {arguments}, under SIG{signal}"), &output))
}

fn send(child: &Child, signal: &str) -> Result<(), String> {
    let status = Command::new("kill").args([&format!("-{signal}"), &child.id().to_string()]).status();
    match status {
        Ok(status) if status.success() => Ok(()),
        Ok(status) => Err(format!("kill -{signal} ended with {status}")),
        Err(error) => Err(format!("kill could not be started: {error}")),
    }
}
