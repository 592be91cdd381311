//! Terminals: progress that cannot be shown is dropped, a result whose reader has gone ends quietly and one that finds a
//! full disk is an error after the work, a wrong command line is an object for who reads JSON, and no name from a file
//! steers a terminal.

use std::fs::{self, File};
use std::process::Stdio;

use serde_json::Value;

use super::Check;
use super::scene::{Ended, Scene};

pub(super) const CHECKS: &[Check] = &[
    Check { says: "progress that nothing takes stops no work", run: progress_is_dropped },
    Check { says: "a result whose reader has gone ends quietly", run: closed_results },
    Check { says: "a result on a full disk is an error after the work", run: full_results },
    Check { says: "a command line that is not understood is an object with --json", run: usage_errors },
    Check { says: "names from files do not steer a terminal", run: names },
    Check { says: "threads that no machine has are refused", run: threads },
];

/// A stream that takes nothing.
#[derive(Clone, Copy, Debug)]
enum Refusing {
    /// A pipe whose reader has gone.
    Closed,
    /// A disk without room.
    Full,
}

impl Refusing {
    fn open(self) -> Result<Stdio, String> {
        match self {
            Refusing::Closed => std::io::pipe().map(|(_reader, writer)| writer.into()),
            Refusing::Full => File::options().write(true).open("/dev/full").map(Stdio::from),
        }
        .map_err(|error| format!("{self:?}: {error}"))
    }
}

/// Programs that print a result, in an order in which each finds what it reads, and a file that each leaves.
const RUNS: &[(&str, &str, &str)] = &[
    ("ali_ccp", "--rows 2000 --epochs 1 --json --out {}/model", "model/model.onnx"),
    ("draw", "{}/model --out {}/model.dot", "model.dot"),
    ("generate", "--rows 200 --format parquet --out {}/rows", "rows/ali_ccp_test_sample.parquet"),
    ("score", "--model {}/model --data {}/rows --out {}/scores.parquet --json", "scores.parquet"),
    ("export", "--model {}/model --data {}/rows --out {}/more.onnx", "more.onnx"),
    ("describe", "data/shop_log/log.csv --html {}/page.html", "page.html"),
    (
        "prepare_table",
        "--data data/shop_log/log.csv --features data/shop_log/features.toml --out {}/shop",
        "shop/schema.json",
    ),
    ("generate_ali_ccp", "--rows 2000 --features-per-user 20 --out {}/raw", "raw/sample_skeleton_test.csv"),
    ("prepare_ali_ccp", "--raw {}/raw --out {}/prepared", "prepared/schema.json"),
];

/// Runs a program with streams of one's own.
fn run(scene: &Scene, example: &str, arguments: &str, out: Stdio, notes: Stdio) -> Result<Ended, String> {
    let mut command = scene.command(example, arguments);
    let child = command.stdout(out).stderr(notes).spawn().map_err(|error| format!("{command:?}: {error}"))?;
    let output = child.wait_with_output().map_err(|error| format!("{command:?}: {error}"))?;
    Ok(Ended::new(format!("{example} {arguments}"), &output))
}

fn progress_is_dropped(scene: &Scene) -> Result<(), String> {
    for refusing in [Refusing::Closed, Refusing::Full] {
        for name in ["model", "shop", "prepared"] {
            // Folders that have to be new.
            let _ = fs::remove_dir_all(scene.path(name));
        }
        for (example, arguments, leaves) in RUNS {
            run(scene, example, arguments, Stdio::piped(), refusing.open()?)?.expect(0, "")?;
            scene.bytes(leaves)?;
        }
        // An error that cannot be said has its code all the same.
        run(scene, "describe", "{}/none.csv", Stdio::piped(), refusing.open()?)?.expect(66, "")?;
        run(scene, "describe", "--none", Stdio::piped(), refusing.open()?)?.expect(2, "")?;
    }
    Ok(())
}

fn closed_results(scene: &Scene) -> Result<(), String> {
    for (example, arguments, leaves) in RUNS {
        run(scene, example, arguments, Refusing::Closed.open()?, Stdio::piped())?.expect(0, "")?;
        scene.bytes(leaves)?;
    }
    run(scene, "ali_ccp", "--help", Refusing::Closed.open()?, Stdio::piped())?.expect(0, "").map(drop)
}

fn full_results(scene: &Scene) -> Result<(), String> {
    const SAYS: &str = "error: standard output: could not write: No space left";
    for (example, arguments, leaves) in RUNS {
        run(scene, example, arguments, Refusing::Full.open()?, Stdio::piped())?.expect(74, SAYS)?;
        scene.bytes(leaves)?;
    }
    run(scene, "ali_ccp", "--help", Refusing::Full.open()?, Stdio::piped())?.expect(74, SAYS).map(drop)
}

/// Every example program.
const PROGRAMS: &[&str] = &[
    "ali_ccp",
    "census_income",
    "score",
    "export",
    "generate",
    "parity",
    "draw",
    "describe",
    "prepare_table",
    "prepare_ali_ccp",
    "generate_ali_ccp",
    "own_loop",
];

fn usage_errors(scene: &Scene) -> Result<(), String> {
    for example in PROGRAMS {
        let ended = run(scene, example, "--json --no-such-option", Stdio::piped(), Stdio::null())?;
        let ended = ended.expect(2, "")?;
        let object: Value = serde_json::from_str(ended.text().lines().last().unwrap_or_default())
            .map_err(|error| format!("{example}: {error}\n{}", ended.text()))?;
        let says = object["error"].as_str().is_some_and(|error| error.starts_with("unexpected argument"));
        if object["exit_code"] != 2 || !says {
            return Err(format!("{example}: neither the code nor the error\n{}", ended.text()));
        }
        scene.run(example, "--help")?.expect(0, "Usage:")?;
    }
    Ok(())
}

/// A name of a column with an escape, a mark that turns the direction, a null, a bell and a control of the C1 set.
const NAME: &str = "a\u{1b}[31mb\u{202e}c\0d\u{7}e\u{9b}f";

fn names(scene: &Scene) -> Result<(), String> {
    let rows: String = (0..40).map(|row| format!("{},{row},{}\n", row % 7, row % 2)).collect();
    let write =
        |name: &str, text: String| fs::write(scene.path(name), text).map_err(|error| error.to_string());
    write("odd.csv", format!("{NAME},other,click\n{rows}"))?;
    write(
        "odd.toml",
        "[[label]]\nname = \"click\"\ntask = \"classification\"\n\n[[sparse]]\ncolumn = \"none\"\n"
            .to_owned(),
    )?;
    write("odd.json", "{\"training\": {\"\\u001b[31m\\u202e\": 1}}".to_owned())?;
    let runs = [
        ("describe", "{}/odd.csv --label click"),
        ("describe", "{}/odd.csv --label clik"),
        ("describe", "{}/odd.csv --label click --json"),
        ("prepare_table", "--data {}/odd.csv --features {}/odd.toml --out {}/odd"),
        ("ali_ccp", "--data {}/odd.csv --out {}/odd-model --json"),
        ("ali_ccp", "--settings {}/odd.json --out {}/odd-model --json"),
        ("ali_ccp", "--rows \u{1b}[31m\u{202e} --json"),
        ("score", "--model {}/\u{1b}[31m\u{202e}\u{9b} --data {}/odd.csv --out {}/odd.parquet --json"),
    ];
    for (example, arguments) in runs {
        let ended = scene.run(example, arguments)?;
        let text = ended.text();
        if let Some(found) = text.chars().find(|&letter| letter != '\n' && steers(letter)) {
            return Err(format!("{example} {arguments:?} printed {found:?}\n{}", text.escape_debug()));
        }
        if text.is_empty() {
            return Err(format!("{example} {arguments:?} printed nothing, so nothing was checked"));
        }
    }
    Ok(())
}

fn steers(letter: char) -> bool {
    let turns =
        "\u{61c}\u{200e}\u{200f}\u{202a}\u{202b}\u{202c}\u{202d}\u{202e}\u{2066}\u{2067}\u{2068}\u{2069}";
    letter.is_control() || turns.contains(letter)
}

fn threads(scene: &Scene) -> Result<(), String> {
    for threads in ["4000", "9223372036854775808"] {
        scene
            .run("ali_ccp", &format!("--rows 2000 --epochs 1 --threads {threads} --out {{}}/model"))?
            .expect(2, &format!("--threads is {threads}\nexpected: at most "))?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::PROGRAMS;
    use crate::cargo::workspace_root;

    /// Of a program that is not in the list nothing is known.
    #[test]
    fn every_example_is_a_program_here() {
        let manifest = std::fs::read_to_string(workspace_root().join("crates/ple-train/Cargo.toml")).unwrap();
        let manifest: toml::Table = manifest.parse().unwrap();
        let examples = manifest.get("example").and_then(toml::Value::as_array).cloned().unwrap_or_default();
        let mut names: Vec<_> = examples.iter().map(|example| example["name"].as_str().unwrap()).collect();
        let mut here = PROGRAMS.to_vec();
        names.sort_unstable();
        here.sort_unstable();
        assert_eq!(names, here);
    }
}
