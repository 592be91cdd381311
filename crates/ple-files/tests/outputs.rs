//! Outputs that must not be written, each refused before anything is, with the exact message.

#![allow(clippy::unwrap_used)]

use std::fs;
use std::path::{Path, PathBuf};

use ple_files::{ExitKind, FileError, Outputs, WholeFile};
use proptest::prelude::*;

/// A folder with rows, an older result, and names that lead to them in other ways.
fn place() -> tempfile::TempDir {
    let place = tempfile::tempdir().unwrap();
    let at = |name: &str| place.path().join(name);
    fs::create_dir_all(at("rows/deep")).unwrap();
    fs::create_dir_all(at("out/checkpoints")).unwrap();
    for file in ["rows/test.csv", "rows/deep/more.csv", "out/model.onnx", "notes.txt"] {
        fs::write(at(file), file).unwrap();
    }
    fs::hard_link(at("rows/test.csv"), at("same.csv")).unwrap();
    #[cfg(unix)]
    {
        std::os::unix::fs::symlink(at("rows/test.csv"), at("link.csv")).unwrap();
        std::os::unix::fs::symlink(at("rows"), at("rows_too")).unwrap();
        std::os::unix::fs::symlink(at("out"), at("out_too")).unwrap();
    }
    place
}

/// All files below a folder with their contents.
fn contents(folder: &Path) -> Vec<(PathBuf, Vec<u8>)> {
    let mut all = Vec::new();
    for entry in fs::read_dir(folder).unwrap() {
        let entry = entry.unwrap();
        match entry.path().is_dir() {
            true => all.extend(contents(&entry.path())),
            false => all.push((entry.path(), fs::read(entry.path()).unwrap())),
        }
    }
    all.sort();
    all
}

fn refused(place: &Path, outputs: &Outputs) -> (String, ExitKind) {
    let before = contents(place);
    let error = outputs.check().unwrap_err();
    assert_eq!(contents(place), before);
    (error.to_string().replace(&format!("{}/", place.display()), ""), error.kind())
}

#[test]
fn an_output_is_no_input_by_whatever_name() {
    let place = place();
    let at = |name: &str| place.path().join(name);
    let end = "expected: an output that is none of the files that are read\nnext: choose another output";
    let replaces = |output: &str, input: &str| {
        let also = if output == input { String::new() } else { format!(", {input}") };
        (format!("{output}: --out would replace an input{also}\n{end}"), ExitKind::Configuration)
    };
    let as_file = |output: &str| {
        refused(place.path(), &Outputs::new().file(&at(output), "--out").inputs([at("rows/test.csv")]))
    };
    for output in ["rows/test.csv", "same.csv", "link.csv", "rows_too/test.csv", "rows/deep/../test.csv"] {
        assert_eq!(as_file(output), replaces(output, "rows/test.csv"));
    }
    let inside = Outputs::new().own_folder(&at("rows_too"), "--out").inputs([at("rows/deep/more.csv")]);
    assert_eq!(refused(place.path(), &inside), replaces("rows_too", "rows/deep/more.csv"));
    let free = Outputs::new().file(&at("rows/new.csv"), "--out").inputs([at("rows/test.csv"), at("gone")]);
    free.check().unwrap();
    assert!(!at("rows/new.csv").exists());
}

#[test]
fn two_outputs_have_two_places() {
    let place = place();
    let at = |name: &str| place.path().join(name);
    let run = |out: &str, predictions: &str| {
        Outputs::new()
            .folder(&at(out), "--out")
            .file(&at(out).join("model.onnx"), "model.onnx of --out")
            .own_folder(&at(out).join("checkpoints"), "checkpoints of --out")
            .file(&at(predictions), "--predictions")
    };
    let end = "expected: another place for each output\nnext: choose another path for one of them";
    for (out, predictions, other) in [
        ("out", "out/model.onnx", "model.onnx of --out"),
        ("out_too", "out/model.onnx", "model.onnx of --out"),
        ("new", "new/model.onnx", "model.onnx of --out"),
        ("new", "new/../new/model.onnx", "model.onnx of --out"),
        ("out", "out_too/checkpoints/rows.parquet", "checkpoints of --out"),
        ("new", "new/checkpoints/a/b", "checkpoints of --out"),
        ("new", "new", "--out"),
    ] {
        let text = format!("{predictions}: {other} and --predictions would replace each other\n{end}");
        assert_eq!(refused(place.path(), &run(out, predictions)), (text, ExitKind::Configuration));
    }
    run("out", "out/rows.parquet").check().unwrap();
    run("new", "rows.parquet").check().unwrap();
    assert!(at("new").is_dir());
}

#[test]
fn what_stands_in_the_way_is_named() {
    let place = place();
    let at = |name: &str| place.path().join(name);
    let kind = |outputs: Outputs| refused(place.path(), &outputs);
    let (text, code) = kind(Outputs::new().file(&at("rows"), "--out"));
    assert!(text.starts_with("rows: found a folder where a file is to be written\n"), "{text}");
    assert_eq!(code, ExitKind::Configuration);
    for outputs in [
        Outputs::new().folder(&at("notes.txt"), "--out"),
        Outputs::new().own_folder(&at("notes.txt"), "--out"),
        Outputs::new().new_folder(&at("notes.txt"), "--out"),
    ] {
        let (text, code) = kind(outputs);
        assert!(text.starts_with("notes.txt: found a file where a folder is to be written\n"), "{text}");
        assert_eq!(code, ExitKind::Configuration);
    }
    let (text, _) = kind(Outputs::new().new_folder(&at("rows"), "--out"));
    assert!(text.starts_with("rows: the folder is not empty\n"), "{text}");
    assert_eq!(kind(Outputs::new().file(&at("none/file"), "--out")).1, ExitKind::InputOutput);
    assert_eq!(kind(Outputs::new().file(&at("notes.txt/file"), "--out")).1, ExitKind::InputOutput);
    let writing = WholeFile::create(&at("scores")).unwrap();
    let error = Outputs::new().file(&at("scores"), "--out").check().unwrap_err();
    assert!(matches!(error, FileError::Busy { .. }), "{error}");
    drop(writing);
    Outputs::new().file(&at("scores"), "--out").new_folder(&at("a/b/c"), "--folder").check().unwrap();
    assert!(!at("scores").exists() && !at("a/b/c").exists());
}

proptest! {
    // Few, because every case waits for the disk.
    #![proptest_config(ProptestConfig::with_cases(48))]

    /// Whatever name leads to a file, the output is refused exactly if it is the input's file.
    #[test]
    fn names_are_told_apart_by_what_they_lead_to(
        output in prop::sample::select(vec!["rows/test.csv", "same.csv", "link.csv", "notes.txt", "rows/new.csv", "rows_too/test.csv", "out_too/model.onnx"]),
        input in prop::sample::select(vec!["rows/test.csv", "same.csv", "link.csv", "notes.txt", "rows_too/test.csv", "out/model.onnx", "gone.csv"]),
        dots in prop::sample::select(vec!["", "rows/..", "out/./..", "rows/deep/../.."]),
    ) {
        let place = place();
        let at = |name: &str| place.path().join(dots).join(name);
        let same = match (fs::read(at(output)), fs::read(place.path().join(input))) {
            // Each file holds its first name.
            (Ok(output), Ok(input)) => output == input,
            _ => false,
        };
        let outputs = Outputs::new().file(&at(output), "--out").inputs([place.path().join(input)]);
        prop_assert_eq!(outputs.check().is_err(), same);
    }
}
