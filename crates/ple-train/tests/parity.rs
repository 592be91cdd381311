//! Agreement with PyTorch on every golden file, and the proof that a disagreement would be seen.

#![allow(clippy::unwrap_used)]

use std::path::{Path, PathBuf};

use ple_nn::Architecture;
use ple_train::TableUpdates;
use ple_train::parity::{GROUPS, GoldenFile, check_aggregators, check_golden};

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden")
}

fn files() -> Vec<PathBuf> {
    let mut files: Vec<PathBuf> =
        std::fs::read_dir(folder()).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.retain(|file| file.extension().is_some_and(|extension| extension == "safetensors"));
    files.sort();
    assert!(files.len() >= 11, "{files:?}");
    files
}

#[test]
fn every_golden_file_agrees() {
    for path in files() {
        let golden = GoldenFile::read(&path).unwrap();
        for tables in [TableUpdates::Dense, TableUpdates::Exact] {
            let report = check_golden(&golden, tables).unwrap();
            assert!(report.agrees(), "{tables:?}: {report}");
        }
    }
}

#[test]
fn every_aggregator_agrees_with_torchjd() {
    let reports = check_aggregators(&folder().join("aggregators.json")).unwrap();
    assert_eq!(reports.len(), 10);
    for report in reports {
        assert!(report.agrees() && report.largest.is_some(), "{report}");
    }
}

#[test]
fn an_aggregator_that_differs_and_one_that_is_not_built_are_said() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("cases.json");
    let check = |text: &str| {
        std::fs::write(&path, text).unwrap();
        check_aggregators(&path)
    };
    let case = r#"{"jacobian": [[3, 4], [0, 1]], "aggregated": {"sum": [3, 5.1], "mean": [1.5, 2.5], "fastest": [0, 0]}}"#;
    let reports = check(&format!("{{\"cases\": [{case}]}}")).unwrap();
    let lines: Vec<String> = reports.iter().map(ToString::to_string).collect();
    assert_eq!(
        lines,
        [
            "fastest           1 cases  not built",
            "mean              1 cases  largest difference 0.0e0  ok",
            "sum               1 cases  largest difference 2.0e-2  DIFFERS",
        ]
    );
    assert_eq!(reports.iter().map(|report| report.agrees()).collect::<Vec<_>>(), [true, true, false]);
    for (text, detail) in [
        ("{", "EOF while parsing an object at line 1 column 1"),
        ("{\"cases\": []}", "it has no cases"),
        (
            r#"{"cases": [{"jacobian": [[1], [1, 2]], "aggregated": {}}]}"#,
            "case 0 has a Jacobian without rows of one length",
        ),
        (
            r#"{"cases": [{"jacobian": [[1, 2]], "aggregated": {"sum": [1]}}]}"#,
            "case 0 has a vector of `sum` that is not as long as the rows",
        ),
    ] {
        let error = check(text).unwrap_err().to_string();
        let expected = "expected: JSON with `cases`, each a `jacobian` and what is `aggregated` of it";
        assert_eq!(error, format!("{}: {detail}\n{expected}", path.display()));
    }
}

#[test]
fn exact_and_dense_print_the_same_line() {
    let golden = GoldenFile::read(&folder().join("ple_sequence_mean.safetensors")).unwrap();
    let [dense, exact] =
        [TableUpdates::Dense, TableUpdates::Exact].map(|t| check_golden(&golden, t).unwrap());
    assert_eq!(dense, exact);
}

#[test]
fn a_model_that_is_missing_is_named() {
    let bytes = std::fs::read(folder().join("mmoe.safetensors")).unwrap();
    let (place, name) = (b"\\\"mmoe\\\"", b"\\\"mmeo\\\"");
    let at = bytes.windows(place.len()).position(|window| window == place).unwrap();
    let mut other = bytes.clone();
    other[at..at + name.len()].copy_from_slice(name);
    let error = GoldenFile::parse(Path::new("other.safetensors"), &other).unwrap_err().to_string();
    let known: Vec<String> = Architecture::names().map(|name| format!("`{name}`")).collect();
    assert_eq!(
        error,
        format!(
            "other.safetensors: there is no model `mmeo`\nexpected: one of {}\nnext: did you mean `mmoe`?",
            known.join(", ")
        )
    );
}

/// One value of each group is moved by ten times its tolerance.
#[test]
fn one_wrong_value_in_any_group_is_seen() {
    let path = folder().join("ple_tutorial.safetensors");
    let bytes = std::fs::read(&path).unwrap();
    let tensors = [
        ("out.eval", "out.eval"),
        ("out.train", "batch1.out.train"),
        ("loss", "batch2.loss"),
        ("loss", "batch0.task_loss"),
        ("grad", "grad.cgc_layers.0.experts_shared.0.mlp.0.weight"),
        ("grad", "grad.embedding.embed_dict.205.weight"),
        ("after", "after.embedding.embed_dict.101.weight"),
        ("after", "after.towers.1.mlp.1.running_var"),
        ("after.out.eval", "after.out.eval"),
    ];
    assert!(GROUPS.iter().all(|group| tensors.iter().any(|(of, _)| of == group)));
    for (group, tensor) in tensors {
        let (header, metadata) = safetensors::SafeTensors::read_metadata(&bytes).unwrap();
        let start = 8 + header + metadata.info(tensor).unwrap().data_offsets.0;
        let value = f32::from_le_bytes(bytes[start..start + 4].try_into().unwrap());
        let tolerance = if group == "grad" { 2e-6 + 1e-4 * value.abs() } else { 2e-5 };
        let mut changed = bytes.clone();
        changed[start..start + 4].copy_from_slice(&(value + 10.0 * tolerance).to_le_bytes());
        let golden = GoldenFile::parse(&path, &changed).unwrap();
        let report = check_golden(&golden, TableUpdates::Dense).unwrap();
        // Of all groups that tensor alone.
        assert!(!report.agrees() && report.to_string().ends_with(&format!("DIFFERS ({tensor})")), "{report}");
    }
}

#[test]
fn a_file_that_is_cut_short_or_is_none_is_refused() {
    let path = folder().join("ple_tutorial.safetensors");
    let bytes = std::fs::read(&path).unwrap();
    for length in [0, 7, 8, 100, bytes.len() / 2, bytes.len() - 1] {
        let error =
            GoldenFile::parse(Path::new("cut.safetensors"), &bytes[..length]).unwrap_err().to_string();
        assert!(error.starts_with("cut.safetensors: "), "{error}");
    }
    let missing = GoldenFile::read(Path::new("no/such/file.safetensors")).unwrap_err().to_string();
    assert!(missing.starts_with("no/such/file.safetensors: No such file"), "{missing}");
}
