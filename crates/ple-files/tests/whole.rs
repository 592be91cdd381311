//! Files and folders that appear whole: what is there before, during and after, whatever stands in the way.

#![allow(clippy::unwrap_used)]

use std::fs;
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::path::Path;

use ple_files::{ExitKind, FileError, FolderLock, WholeFile, WholeFiles, WholeFolder, write_whole};
use proptest::prelude::*;

fn names(folder: &Path) -> Vec<String> {
    let entries = fs::read_dir(folder).unwrap();
    let mut names: Vec<String> =
        entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

#[test]
fn a_failed_write_leaves_the_old_file_and_nothing_else() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("out.csv");
    write_whole(&path, |file| file.write_all(b"old")).unwrap();
    let failed = write_whole(&path, |file| {
        file.write_all(b"half")?;
        Err::<(), _>(io::ErrorKind::StorageFull.into())
    });
    let text = failed.unwrap_err().to_string();
    assert_eq!(
        text,
        format!(
            "{}: could not write: no storage space\nnext: check the permissions, the free space and the disk",
            path.display()
        )
    );
    assert_eq!(fs::read(&path).unwrap(), b"old");
    assert_eq!(names(folder.path()), ["out.csv"]);
}

#[test]
fn the_old_file_stays_until_the_new_one_is_whole() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("out.csv");
    fs::write(&path, "old").unwrap();
    let mut file = WholeFile::create(&path).unwrap();
    file.write_all(b"xew").unwrap();
    file.seek(SeekFrom::Start(0)).unwrap();
    file.write_all(b"n").unwrap();
    file.flush().unwrap();
    assert_eq!(names(folder.path()), [".out.csv.unfinished", "out.csv"]);
    assert_eq!(fs::read_to_string(&path).unwrap(), "old");
    file.finish().unwrap();
    assert_eq!(fs::read_to_string(&path).unwrap(), "new");
    assert_eq!(names(folder.path()), ["out.csv"]);
}

#[test]
fn one_output_has_one_writer() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("out");
    let busy = format!(
        "{}: another process is writing here\nexpected: one process at a time for each output\n\
         next: wait until it has ended, or choose another output",
        path.display()
    );
    let first = WholeFile::create(&path).unwrap();
    for second in [
        WholeFile::create(&path).map(drop),
        WholeFolder::begin(&path).map(drop),
        WholeFiles::begin(&path).map(drop),
    ] {
        let error = second.unwrap_err();
        assert_eq!((error.to_string(), error.kind()), (busy.clone(), ExitKind::InputOutput));
    }
    first.finish().unwrap();
    assert!(WholeFile::create(&path).is_ok());
    fs::remove_file(&path).unwrap();
    let first = WholeFolder::begin(&path).unwrap();
    assert_eq!(WholeFolder::begin(&path).unwrap_err().to_string(), busy);
    first.finish().unwrap();
    let lock = FolderLock::take(&path).unwrap();
    assert_eq!(FolderLock::take(&path).unwrap_err().to_string(), busy);
    drop(lock);
    assert!(FolderLock::take(&path).is_ok());
    assert!(names(&path).is_empty());
}

#[test]
fn what_a_killed_process_left_is_replaced() {
    for left in ["file", "folder", "link", "pipe"] {
        let folder = tempfile::tempdir().unwrap();
        let (path, unfinished) = (folder.path().join("out"), folder.path().join(".out.unfinished"));
        fs::write(folder.path().join("other"), "of somebody else").unwrap();
        let leave = || match left {
            "file" => fs::write(&unfinished, "half").unwrap(),
            "folder" => {
                fs::create_dir_all(unfinished.join("a/b")).unwrap();
                fs::write(unfinished.join("a/b/c"), "half").unwrap();
            }
            #[cfg(unix)]
            "link" => std::os::unix::fs::symlink(folder.path().join("other"), &unfinished).unwrap(),
            #[cfg(unix)]
            "pipe" => {
                let made = std::process::Command::new("mkfifo").arg(&unfinished).status().unwrap();
                assert!(made.success());
            }
            _ => {}
        };
        leave();
        write_whole(&path, |file| file.write_all(b"all")).unwrap();
        assert_eq!(fs::read_to_string(&path).unwrap(), "all", "{left}");
        fs::remove_file(&path).unwrap();
        leave();
        WholeFolder::begin(&path).unwrap().finish().unwrap();
        assert!(names(&path).is_empty(), "{left}");
        assert_eq!(names(folder.path()), ["other", "out"], "{left}");
        assert_eq!(fs::read_to_string(folder.path().join("other")).unwrap(), "of somebody else", "{left}");
    }
}

#[test]
fn what_cannot_be_replaced_is_refused_before_anything_is_written() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    fs::create_dir(at("folder")).unwrap();
    fs::write(at("folder/file"), "").unwrap();
    fs::write(at("file"), "").unwrap();
    let text = |error: FileError| {
        (error.to_string().replace(&format!("{}/", folder.path().display()), ""), error.kind())
    };
    let configuration = |text: &str| (text.to_owned(), ExitKind::Configuration);
    let as_file = |name: &str| text(WholeFile::create(&at(name)).unwrap_err());
    assert_eq!(
        as_file("folder"),
        configuration(
            "folder: found a folder where a file is to be written\nexpected: a file, or nothing yet\nnext: choose another output"
        )
    );
    assert_eq!(
        as_file("new/"),
        configuration(
            "new/: there is no name to write to\nexpected: a path that ends in a name\nnext: choose another output"
        )
    );
    assert_eq!(
        as_file("no/file"),
        (
            "no/file: could not write: its folder does not exist\nnext: check the permissions, the free space and the disk"
                .to_owned(),
            ExitKind::InputOutput
        )
    );
    assert_eq!(as_file("file/file").1, ExitKind::InputOutput);
    let as_folder = |name: &str| text(WholeFolder::begin(&at(name)).unwrap_err());
    assert_eq!(
        as_folder("file"),
        configuration(
            "file: found a file where a folder is to be written\nexpected: a folder, or nothing yet\nnext: choose another output"
        )
    );
    assert_eq!(
        as_folder("folder"),
        configuration(
            "folder: the folder is not empty\nexpected: a folder that does not exist yet, or an empty one\nnext: choose another output, or remove the folder"
        )
    );
    assert_eq!(names(folder.path()), ["file", "folder"]);
}

#[cfg(unix)]
#[test]
fn a_device_a_pipe_and_a_socket_are_neither_replaced_nor_written() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    assert!(std::process::Command::new("mkfifo").arg(at("pipe")).status().unwrap().success());
    let _socket = std::os::unix::net::UnixListener::bind(at("socket")).unwrap();
    std::os::unix::fs::symlink("/dev/null", at("null")).unwrap();
    std::os::unix::fs::symlink(at("nothing"), at("broken")).unwrap();
    for (name, found) in [
        ("pipe", "a pipe"),
        ("socket", "a socket"),
        ("null", "a device"),
        ("broken", "a link to what is not there"),
    ] {
        for error in [
            WholeFile::create(&at(name)).unwrap_err(),
            WholeFiles::begin(&at(name)).unwrap_err(),
            WholeFolder::begin(&at(name)).unwrap_err(),
            FolderLock::take(&at(name)).unwrap_err(),
        ] {
            let start = format!("{}: found {found} where a f", at(name).display());
            assert!(error.to_string().starts_with(&start), "{error}");
            assert_eq!(error.kind(), ExitKind::Configuration);
        }
    }
    assert_eq!(names(folder.path()), ["broken", "null", "pipe", "socket"]);
}

#[cfg(unix)]
#[test]
fn a_link_stays_a_link_and_what_it_leads_to_is_replaced() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    fs::create_dir(at("elsewhere")).unwrap();
    fs::create_dir(at("elsewhere/empty")).unwrap();
    fs::write(at("elsewhere/real"), "old").unwrap();
    std::os::unix::fs::symlink(at("elsewhere/real"), at("link")).unwrap();
    std::os::unix::fs::symlink(at("elsewhere/empty"), at("folder")).unwrap();

    write_whole(&at("link"), |file| file.write_all(b"new")).unwrap();
    assert!(fs::symlink_metadata(at("link")).unwrap().is_symlink());
    assert_eq!(fs::read_to_string(at("elsewhere/real")).unwrap(), "new");

    let files = WholeFiles::begin(&at("link")).unwrap();
    assert_eq!(files.name(), "real");
    fs::write(files.path().join("real"), "newest").unwrap();
    files.finish().unwrap();
    assert_eq!(fs::read_to_string(at("link")).unwrap(), "newest");

    let made = WholeFolder::begin(&at("folder")).unwrap();
    fs::write(made.path().join("file"), "in it").unwrap();
    made.finish().unwrap();
    assert_eq!(fs::read_to_string(at("elsewhere/empty/file")).unwrap(), "in it");
    assert_eq!(names(folder.path()), ["elsewhere", "folder", "link"]);
    assert_eq!(names(&at("elsewhere")), ["empty", "real"]);
}

#[cfg(unix)]
#[test]
fn other_users_may_read_what_the_umask_lets_them() {
    use std::os::unix::fs::PermissionsExt;
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    fs::write(at("plain"), "").unwrap();
    fs::create_dir(at("plain_folder")).unwrap();
    write_whole(&at("whole"), |file| file.write_all(b"x")).unwrap();
    WholeFolder::begin(&at("whole_folder")).unwrap().finish().unwrap();
    let mode = |name: &str| fs::metadata(at(name)).unwrap().permissions().mode();
    assert_eq!(mode("whole"), mode("plain"));
    assert_eq!(mode("whole_folder"), mode("plain_folder"));
}

#[test]
fn a_folder_for_outputs_is_made_and_probed() {
    let place = tempfile::tempdir().unwrap();
    let folder = place.path().join("a/b");
    ple_files::create_folder(&folder).unwrap();
    ple_files::create_folder(&folder).unwrap();
    assert!(names(&folder).is_empty());
    fs::write(place.path().join("file"), "").unwrap();
    let error = ple_files::create_folder(&place.path().join("file/folder")).unwrap_err();
    assert_eq!(error.kind(), ExitKind::InputOutput);
    let error = ple_files::create_folder(&place.path().join("file")).unwrap_err();
    assert_eq!(error.kind(), ExitKind::Configuration);
}

/// What can happen to an output, one after the other.
#[derive(Debug, Clone)]
enum Event {
    /// A file of these bytes is written and gets its name.
    Finish(Vec<u8>),
    /// It is given up after these bytes.
    GiveUp(Vec<u8>),
    /// The process is killed after these bytes: its lock is gone, its unfinished file is not.
    Kill(Vec<u8>),
    /// The same while a folder is made.
    KillFolder,
}

fn event() -> impl Strategy<Value = Event> {
    let bytes = || proptest::collection::vec(any::<u8>(), 0..200);
    prop_oneof![
        bytes().prop_map(Event::Finish),
        bytes().prop_map(Event::GiveUp),
        bytes().prop_map(Event::Kill),
        Just(Event::KillFolder),
    ]
}

proptest! {
    // Few, because every case waits for the disk.
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn a_name_always_holds_the_last_whole_file(events in proptest::collection::vec(event(), 1..12)) {
        let folder = tempfile::tempdir().unwrap();
        let (path, unfinished) = (folder.path().join("out"), folder.path().join(".out.unfinished"));
        let mut expected: Option<Vec<u8>> = None;
        for event in events {
            match event {
                Event::Finish(bytes) => {
                    write_whole(&path, |file| file.write_all(&bytes)).unwrap();
                    prop_assert!(!unfinished.exists());
                    expected = Some(bytes);
                }
                Event::GiveUp(bytes) => {
                    let mut file = WholeFile::create(&path).unwrap();
                    file.write_all(&bytes).unwrap();
                    drop(file);
                    prop_assert!(!unfinished.exists());
                }
                Event::Kill(bytes) => {
                    let _ = fs::remove_dir_all(&unfinished);
                    fs::write(&unfinished, bytes).unwrap();
                }
                Event::KillFolder => {
                    let _ = fs::remove_file(&unfinished);
                    fs::create_dir_all(unfinished.join("part")).unwrap();
                }
            }
            let mut found = Vec::new();
            let read = fs::File::open(&path).ok().map(|mut file| file.read_to_end(&mut found).unwrap());
            prop_assert_eq!(read.map(|_| found), expected.clone());
        }
    }
}
