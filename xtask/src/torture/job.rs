//! A program's work in the trials: what it is started with, what it makes when nothing disturbs it, and how it is
//! repeated after a disturbance.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::time::{Duration, Instant};

use crate::cargo::target_folder;
use crate::examples::{build, from_the_top, program};

/// What a second run finds where a first one has ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Again {
    /// It makes the same files once more.
    Replaces,
    /// It is refused with 2, since the folder is there.
    IsRefused,
}

/// A command line; `{in}` stands for the folder of inputs, `{out}` for that of the outputs.
struct Plan {
    example: &'static str,
    arguments: &'static str,
    again: Again,
}

const PLANS: &[Plan] = &[
    Plan {
        example: "ali_ccp",
        arguments: "--data data/ali_ccp_generated --stream --epochs 2 --batch-size 100 --checkpoint-every 3 --out {out}/run",
        again: Again::Replaces,
    },
    Plan {
        example: "score",
        arguments: "--model {in}/model --data data/ali_ccp_generated/ali_ccp_train_sample.parquet --out {out}/scores.parquet",
        again: Again::Replaces,
    },
    Plan {
        example: "export",
        arguments: "--model {in}/model --data data/ali_ccp_generated/ali_ccp_test_sample.parquet --out {out}/model.onnx",
        again: Again::Replaces,
    },
    Plan {
        example: "describe",
        arguments: "data/ali_ccp_generated --html {out}/data.html",
        again: Again::Replaces,
    },
    Plan {
        example: "prepare_table",
        arguments: "--data data/shop_log/log.csv --features data/shop_log/features.toml --out {out}/shop",
        again: Again::IsRefused,
    },
    Plan {
        example: "generate",
        arguments: "--rows 2000 --format parquet --out {out}/rows",
        again: Again::Replaces,
    },
    Plan { example: "draw", arguments: "{in}/model --out {out}/model.svg", again: Again::Replaces },
];

/// The model that `{in}` holds.
const MODEL: &str = "--data data/ali_ccp_generated --epochs 1 --batch-size 100 --out";

/// The exit code of a run that finds no checkpoint to go on from.
const EXIT_MISSING: i32 = 66;

/// Files by their places below a folder.
type Files = BTreeMap<PathBuf, Vec<u8>>;

/// A plan that has been carried out once.
pub(crate) struct Job {
    plan: &'static Plan,
    scratch: PathBuf,
    expected: Files,
    /// The time that it takes.
    pub(crate) time: Duration,
}

impl Job {
    /// Builds the programs and does each job without a disturbance.
    pub(crate) fn all() -> Result<Vec<Job>, String> {
        build()?;
        let scratch = target_folder().join("torture-trials");
        let input = scratch.join("in");
        empty(&input)?;
        let model = from_the_top(program("ali_ccp"))
            .args(MODEL.split_whitespace())
            .arg(input.join("model"))
            .output()
            .map_err(|error| error.to_string())?;
        succeeded(&model)?;
        let job = |plan: &'static Plan| {
            let mut job =
                Job { plan, scratch: scratch.clone(), expected: Files::new(), time: Duration::ZERO };
            job.clear()?;
            let start = Instant::now();
            succeeded(&finish(&mut job.command())?)?;
            job.time = start.elapsed();
            job.expected = job.files()?;
            match job.expected.is_empty() {
                true => Err(format!("{} makes no file", plan.example)),
                false => Ok(job),
            }
        };
        PLANS.iter().map(job).collect()
    }

    /// The program's name.
    pub(crate) fn name(&self) -> &'static str {
        self.plan.example
    }

    /// What a second run finds.
    pub(crate) fn again(&self) -> Again {
        self.plan.again
    }

    /// Removes the outputs.
    pub(crate) fn clear(&self) -> Result<(), String> {
        empty(&self.out())
    }

    /// The command, whose output nobody has read yet.
    pub(crate) fn command(&self) -> Command {
        let (input, out) = (self.scratch.join("in"), self.out());
        let mut command = from_the_top(program(self.plan.example));
        command.args(self.plan.arguments.split_whitespace().map(|word| {
            word.replace("{in}", &input.to_string_lossy()).replace("{out}", &out.to_string_lossy())
        }));
        command.stdout(Stdio::piped()).stderr(Stdio::piped());
        command
    }

    /// Fails unless the outputs are those of an undisturbed run, and nothing else is there.
    pub(crate) fn compare(&self) -> Result<(), String> {
        let found = self.files()?;
        for (place, bytes) in &found {
            match self.expected.get(place) {
                None => return Err(format!("{} is left over", place.display())),
                Some(expected) if expected != bytes => {
                    return Err(format!("{} has other bytes", place.display()));
                }
                Some(_) => {}
            }
        }
        match self.expected.keys().find(|place| !found.contains_key(*place)) {
            Some(place) => Err(format!("{} is missing", place.display())),
            None => Ok(()),
        }
    }

    /// Whether the outputs are there, whole.
    pub(crate) fn is_done(&self) -> bool {
        self.compare().is_ok()
    }

    /// Repeats a job that was disturbed: a run goes on where it can, and every other job begins anew.
    pub(crate) fn repeat(&self) -> Result<(), String> {
        if self.again() == Again::IsRefused && self.is_done() {
            return Ok(());
        }
        let mut output = finish(&mut self.command())?;
        if self.name() == "ali_ccp" && !output.status.success() {
            output = finish(self.command().arg("--resume"))?;
            if output.status.code() == Some(EXIT_MISSING) {
                output = finish(self.command().arg("--overwrite"))?;
            }
        }
        succeeded(&output).map_err(|problem| format!("once more: {problem}"))?;
        self.compare().map_err(|problem| format!("once more: {problem}"))
    }

    /// Removes what the trials have left.
    pub(crate) fn remove_all(jobs: &[Job]) -> Result<(), String> {
        let Some(job) = jobs.first() else { return Ok(()) };
        fs::remove_dir_all(&job.scratch).map_err(|error| format!("{}: {error}", job.scratch.display()))
    }

    fn out(&self) -> PathBuf {
        self.scratch.join(self.plan.example)
    }

    /// All files but the checkpoints of a run, of which an unbroken one keeps others.
    fn files(&self) -> Result<Files, String> {
        let mut files = Files::new();
        let mut folders = vec![self.out()];
        while let Some(folder) = folders.pop() {
            let entries = fs::read_dir(&folder).map_err(|error| format!("{}: {error}", folder.display()))?;
            for entry in entries.flatten() {
                let path = entry.path();
                if path.is_dir() && entry.file_name() != "checkpoints" {
                    folders.push(path);
                } else if path.is_file() {
                    let bytes = fs::read(&path).map_err(|error| format!("{}: {error}", path.display()))?;
                    let place = path.strip_prefix(self.out()).map_err(|error| error.to_string())?;
                    files.insert(place.to_owned(), bytes);
                }
            }
        }
        Ok(files)
    }
}

/// Runs a command to its end.
pub(crate) fn finish(command: &mut Command) -> Result<Output, String> {
    command.output().map_err(|error| format!("{command:?}: {error}"))
}

/// Fails unless a program ended well.
pub(crate) fn succeeded(output: &Output) -> Result<(), String> {
    match output.status.success() {
        true => Ok(()),
        false => {
            Err(format!("the run ended with {}\n{}", output.status, String::from_utf8_lossy(&output.stderr)))
        }
    }
}

/// Makes a folder empty.
fn empty(folder: &Path) -> Result<(), String> {
    if folder.exists() {
        fs::remove_dir_all(folder).map_err(|error| format!("{}: {error}", folder.display()))?;
    }
    fs::create_dir_all(folder).map_err(|error| format!("{}: {error}", folder.display()))
}
