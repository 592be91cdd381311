//! Two processes at one output: one makes it, the other one is told so at once; and what a killed one leaves is no obstacle.
//! The test starts itself as the second process.

#![allow(clippy::unwrap_used, clippy::print_stdout)]

use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitCode, Stdio};

use ple_files::{FileError, FolderLock, WholeFile, WholeFiles, WholeFolder};

/// An output that is being made.
enum Held {
    File(WholeFile),
    Files(WholeFiles),
    Folder(WholeFolder),
    Lock(FolderLock),
}

const KINDS: [&str; 4] = ["file", "files", "folder", "lock"];

impl Held {
    fn begin(kind: &str, path: &Path) -> Result<Self, FileError> {
        Ok(match kind {
            "file" => {
                let mut file = WholeFile::create(path)?;
                file.write_all(b"all of it").unwrap();
                Held::File(file)
            }
            "files" => {
                let files = WholeFiles::begin(path)?;
                fs::write(files.path().join(files.name()), "all of it").unwrap();
                Held::Files(files)
            }
            "folder" => {
                let folder = WholeFolder::begin(path)?;
                fs::write(folder.path().join("rows"), "all of it").unwrap();
                Held::Folder(folder)
            }
            _ => Held::Lock(FolderLock::take(path)?),
        })
    }

    fn finish(self) -> Result<(), FileError> {
        match self {
            Held::File(file) => file.finish(),
            Held::Files(files) => files.finish(),
            Held::Folder(folder) => folder.finish(),
            Held::Lock(lock) => {
                drop(lock);
                Ok(())
            }
        }
    }
}

/// The other process: begins an output, says so, and finishes it when it is told to.
fn child(kind: &str, path: &Path) -> ExitCode {
    let held = match Held::begin(kind, path) {
        Ok(held) => held,
        Err(error) => {
            println!("{error}");
            return ExitCode::from(error.kind().code());
        }
    };
    println!("begun");
    let mut line = String::new();
    std::io::stdin().read_line(&mut line).unwrap();
    match held.finish() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => ExitCode::from(error.kind().code()),
    }
}

fn start(kind: &str, path: &Path) -> Child {
    let mut command = Command::new(std::env::current_exe().unwrap());
    command.arg("child").arg(kind).arg(path);
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap()
}

/// The first line that a child says.
fn said(child: &mut Child) -> String {
    let mut line = String::new();
    BufReader::new(child.stdout.as_mut().unwrap()).read_line(&mut line).unwrap();
    line.trim_end().to_owned()
}

fn go_on(child: &mut Child) {
    child.stdin.take().unwrap().write_all(b"\n").unwrap();
}

/// What is left of an output of a kind, whole or not at all.
fn is_whole(kind: &str, path: &Path) -> bool {
    match kind {
        "file" | "files" => fs::read_to_string(path).unwrap() == "all of it",
        "folder" => fs::read_to_string(path.join("rows")).unwrap() == "all of it",
        _ => path.is_dir(),
    }
}

fn names(folder: &Path) -> Vec<PathBuf> {
    fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect()
}

fn a_second_process_is_told_at_once(kind: &str) {
    let place = tempfile::tempdir().unwrap();
    let path = place.path().join("out");
    let mut first = start(kind, &path);
    assert_eq!(said(&mut first), "begun");
    let mut second = start(kind, &path);
    assert_eq!(said(&mut second), format!("{}: another process is writing here", path.display()));
    assert_eq!(second.wait().unwrap().code(), Some(74));
    go_on(&mut first);
    assert!(first.wait().unwrap().success());
    assert!(is_whole(kind, &path));
    assert_eq!(names(place.path()), [path]);
}

fn what_a_killed_process_leaves_is_no_obstacle(kind: &str) {
    let place = tempfile::tempdir().unwrap();
    let path = place.path().join("out");
    let mut first = start(kind, &path);
    assert_eq!(said(&mut first), "begun");
    first.kill().unwrap();
    first.wait().unwrap();
    assert_eq!(names(place.path()).len(), 1);
    Held::begin(kind, &path).unwrap().finish().unwrap();
    assert!(is_whole(kind, &path));
    assert_eq!(names(place.path()), [path]);
}

/// Many start at once: of a file and of files one after the other or alone, of a folder exactly one.
fn of_many_at_least_one_succeeds(kind: &str) {
    for left_over in [false, true] {
        let place = tempfile::tempdir().unwrap();
        let path = place.path().join("out");
        if left_over {
            fs::create_dir(place.path().join(".out.unfinished")).unwrap();
            fs::write(place.path().join(".out.unfinished/rows"), "half").unwrap();
        }
        let mut children: Vec<Child> = (0..12).map(|_| start(kind, &path)).collect();
        children.iter_mut().for_each(|child| drop(child.stdin.take()));
        let codes: Vec<Option<i32>> = children.iter_mut().map(|child| child.wait().unwrap().code()).collect();
        let succeeded = codes.iter().filter(|code| **code == Some(0)).count();
        // A folder that is there already is refused with 2.
        let told = codes.iter().filter(|code| matches!(code, Some(74 | 2))).count();
        assert!(succeeded >= 1 && succeeded + told == 12, "{kind}: {codes:?}");
        assert!(kind != "folder" || succeeded == 1, "{codes:?}");
        assert!(is_whole(kind, &path));
        assert!(kind == "lock" || names(place.path()) == [path]);
    }
}

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().collect();
    if let [_, role, kind, path] = &arguments[..]
        && role == "child"
    {
        return child(kind, Path::new(path));
    }
    for kind in KINDS {
        a_second_process_is_told_at_once(kind);
        of_many_at_least_one_succeeds(kind);
        if kind != "lock" {
            what_a_killed_process_leaves_is_no_obstacle(kind);
        }
    }
    println!("two_processes: {} kinds of outputs ok", KINDS.len());
    ExitCode::SUCCESS
}
