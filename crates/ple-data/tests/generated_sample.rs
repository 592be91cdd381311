//! The sample in `data/ali_ccp_generated` is what its README says: generating it again gives the same files.

#![allow(clippy::unwrap_used)]

use std::path::{Path, PathBuf};

use ple_data::{
    GeneratedSplit, GeneratorConfig, Roles, Table, Vocabulary, generate_split, infer_schema, read_table,
    write_csv,
};

fn sample() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../data/ali_ccp_generated")
}

fn generated() -> GeneratedSplit {
    generate_split(&GeneratorConfig { rows: 1_000, vocabulary: Vocabulary::Small, seed: 2020 }, 300, 300)
}

fn parts(split: &GeneratedSplit) -> [(&'static str, &Table); 3] {
    [("train", &split.train.table), ("val", &split.val.table), ("test", &split.test.table)]
}

#[test]
fn the_csv_files_are_generated_again_byte_by_byte() {
    let folder = tempfile::tempdir().unwrap();
    for (part, table) in parts(&generated()) {
        let again = folder.path().join(part);
        write_csv(table, &again).unwrap();
        let kept = sample().join(format!("ali_ccp_{part}_sample.csv"));
        assert!(std::fs::read(kept).unwrap() == std::fs::read(again).unwrap(), "the {part} file differs");
    }
}

#[test]
fn both_formats_hold_the_generated_rows() {
    for (part, table) in parts(&generated()) {
        for extension in ["csv", "parquet"] {
            let path = sample().join(format!("ali_ccp_{part}_sample.{extension}"));
            let read = read_table(&path, table.schema()).unwrap();
            assert_eq!(read.rows(), table.rows());
            assert_eq!(read.fingerprint(), table.fingerprint(), "{part}, {extension}");
        }
    }
}

#[test]
fn the_schema_inferred_from_either_format_is_the_same() {
    let roles =
        Roles { labels: generated().train.table.schema().labels.clone(), keys: vec![], embedding_dim: 16 };
    let inferred = |extension: &str| {
        let paths =
            ["train", "val", "test"].map(|part| sample().join(format!("ali_ccp_{part}_sample.{extension}")));
        infer_schema(&paths, &roles).unwrap()
    };
    let schema = inferred("csv");
    assert_eq!(schema, inferred("parquet"));
    assert_eq!((schema.n_sparse(), schema.n_dense()), (23, 8));
}
