//! Inputs that are not what they should be, each with the exact message.

#![allow(clippy::unwrap_used)]

use std::fs;

use ple_files::{ExitKind, FileError, open_file, read_bytes, read_text};
use proptest::prelude::*;

#[test]
fn each_wrong_input_has_its_message() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    fs::write(at("latin1"), b"gr\xFC\xDFe").unwrap();
    fs::write(at("late"), b"one\ntwo\nthree \xFF").unwrap();
    fs::write(at("long"), "12345678").unwrap();
    fs::create_dir(at("folder")).unwrap();
    let mut cases = vec![
        (
            "none",
            ExitKind::MissingInput,
            "none: there is no such file or folder\nnext: check the path; a relative one starts at the folder that the \
             program was started in",
        ),
        (
            "folder",
            ExitKind::BadData,
            "folder: found a folder\nexpected: a regular file\nnext: check the path",
        ),
        (
            "latin1",
            ExitKind::BadData,
            "latin1, line 1: the text is not UTF-8\nexpected: a file in UTF-8\nnext: save the file as UTF-8",
        ),
        (
            "long",
            ExitKind::BadData,
            "long: the file has more than 7 bytes\nexpected: at most so many, since it is read into memory as a \
             whole\nnext: check that it is the right file",
        ),
    ];
    #[cfg(unix)]
    {
        let piped = "next: write its contents into a file, and name that: inputs are read more than once";
        assert!(std::process::Command::new("mkfifo").arg(at("pipe")).status().unwrap().success());
        let _socket = std::os::unix::net::UnixListener::bind(at("socket")).unwrap();
        std::os::unix::fs::symlink("/dev/zero", at("zero")).unwrap();
        std::os::unix::fs::symlink(at("gone"), at("broken")).unwrap();
        let text = |name: &str| read_text(&at(name), 7).unwrap_err().to_string();
        assert!(text("pipe").ends_with(&format!("pipe: found a pipe\nexpected: a regular file\n{piped}")));
        assert!(text("zero").ends_with(&format!("zero: found a device\nexpected: a regular file\n{piped}")));
        cases.push((
            "socket",
            ExitKind::BadData,
            "socket: found a socket\nexpected: a regular file\nnext: check the path",
        ));
        cases.push((
            "broken",
            ExitKind::BadData,
            "broken: found a link to what is not there\nexpected: a regular file\nnext: correct the link",
        ));
    }
    for (name, kind, expected) in cases {
        let error = read_text(&at(name), 7).unwrap_err();
        let text = error.to_string().replace(&format!("{}/", folder.path().display()), "");
        assert_eq!((text.as_str(), error.kind()), (expected, kind));
    }
    let error = read_text(&at("late"), 100).unwrap_err();
    assert!(matches!(error, FileError::NotUtf8 { line: 3, .. }), "{error}");
    let beyond = read_text(&at("long/file"), 7).unwrap_err();
    let text = beyond.to_string().replace(&format!("{}/", folder.path().display()), "");
    assert_eq!(text, "long: found a file\nexpected: a folder\nnext: name the folder that holds the files");
    assert_eq!(beyond.kind(), ExitKind::BadData);
    assert!(open_file(&at("long")).is_ok());
}

proptest! {
    #[test]
    fn a_file_is_read_if_it_is_not_longer_than_the_limit(length in 0usize..300, limit in 0u64..300) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("file");
        let bytes: Vec<u8> = (0..length).map(|position| position as u8).collect();
        fs::write(&path, &bytes).unwrap();
        match read_bytes(&path, limit) {
            Ok(found) => {
                prop_assert!(length as u64 <= limit);
                prop_assert_eq!(found, bytes);
            }
            Err(error) => {
                prop_assert!(length as u64 > limit);
                let is_too_long = matches!(error, FileError::TooLong { .. });
                prop_assert!(is_too_long);
            }
        }
    }
}
