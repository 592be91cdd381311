//! Where a check plays: a fresh folder, programs that are started from the top of the workspace, and how they ended.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use crate::cargo::target_folder;
use crate::examples::{from_the_top, program};

/// A fresh folder of a check.
pub(super) struct Scene {
    folder: PathBuf,
}

impl Scene {
    /// Makes the folder, empty.
    pub(super) fn new(name: &str) -> Result<Self, String> {
        let folder = target_folder().join("promises").join(name);
        if folder.exists() {
            fs::remove_dir_all(&folder).map_err(|error| format!("{}: {error}", folder.display()))?;
        }
        fs::create_dir_all(&folder).map_err(|error| format!("{}: {error}", folder.display()))?;
        Ok(Scene { folder })
    }

    /// A path in the folder.
    pub(super) fn path(&self, name: &str) -> PathBuf {
        self.folder.join(name)
    }

    /// Writes a file into the folder, and makes the folders above it.
    pub(super) fn write(&self, name: &str, text: &str) -> Result<(), String> {
        let path = self.path(name);
        let folder = path.parent().unwrap_or(&self.folder);
        fs::create_dir_all(folder).map_err(|error| format!("{}: {error}", folder.display()))?;
        fs::write(&path, text).map_err(|error| format!("{}: {error}", path.display()))
    }

    /// A program with arguments: words with blanks between them, in which `{}` stands for the folder.
    pub(super) fn command(&self, example: &str, arguments: &str) -> Command {
        let folder = self.folder.to_string_lossy();
        let mut command = from_the_top(program(example));
        command.args(arguments.split_whitespace().map(|word| word.replace("{}", &folder)));
        command
    }

    /// Runs a program to its end.
    pub(super) fn run(&self, example: &str, arguments: &str) -> Result<Ended, String> {
        let mut command = self.command(example, arguments);
        command.stdout(Stdio::piped()).stderr(Stdio::piped());
        let output = command.output().map_err(|error| format!("{command:?}: {error}"))?;
        Ok(Ended::new(format!("{example} {arguments}"), &output))
    }

    /// Runs a program that has to end well.
    pub(super) fn succeed(&self, example: &str, arguments: &str) -> Result<Ended, String> {
        self.run(example, arguments)?.expect(0, "")
    }

    /// Fails if a file does not have these bytes.
    pub(super) fn expect_bytes(&self, name: &str, expected: &[u8]) -> Result<(), String> {
        match read(&self.path(name))? == expected {
            true => Ok(()),
            false => Err(format!("{name} has other bytes than before")),
        }
    }

    /// The bytes of a file.
    pub(super) fn bytes(&self, name: &str) -> Result<Vec<u8>, String> {
        read(&self.path(name))
    }
}

fn read(path: &Path) -> Result<Vec<u8>, String> {
    fs::read(path).map_err(|error| format!("{}: {error}", path.display()))
}

/// How a program ended.
pub(super) struct Ended {
    line: String,
    code: Option<i32>,
    text: String,
}

impl Ended {
    /// Of an output that was kept.
    pub(super) fn new(line: String, output: &Output) -> Self {
        let text = [&output.stdout[..], &output.stderr[..]].concat();
        Ended { line, code: output.status.code(), text: String::from_utf8_lossy(&text).into_owned() }
    }

    /// What the program printed: standard output, then standard error.
    pub(super) fn text(&self) -> &str {
        &self.text
    }

    /// Fails unless the program ended with this code and said this.
    pub(super) fn expect(self, code: i32, says: &str) -> Result<Self, String> {
        let Ended { line, code: found, text } = &self;
        if *found != Some(code) {
            let found = found.map_or_else(|| "a signal".to_owned(), |found| found.to_string());
            return Err(format!("`{line}` ended with {found}, expected {code}\n{text}"));
        }
        match text.contains(says) {
            true => Ok(self),
            false => Err(format!("`{line}` does not say `{says}`\n{text}")),
        }
    }
}
