//! Check sums of pages: `rows.parquet` was written by pyarrow 26 with `write_page_checksum`, 40 rows of `user`, `price` and
//! `click`. Whatever bit is flipped in its pages, the rows are the same or there is an error. (A footer has no check sum.)

#![allow(clippy::unwrap_used)]

use std::path::Path;

use ple_data::describe::{DescribeOptions, describe};
use ple_data::{
    DataError, ExitKind, Feature, FeatureSchema, Label, ParquetShards, RowSource, StreamConfig, Table,
    TaskType, UnlabelledRows, read_parquet,
};

const ROWS: &[u8] = include_bytes!("rows.parquet");

fn schema() -> FeatureSchema {
    let features = vec![Feature::sparse("user", 5, 4), Feature::dense("price")];
    FeatureSchema::new(features, vec![Label::new("click", TaskType::Classification)], vec![]).unwrap()
}

/// The ids, numbers and labels of the rows.
type Values = (Vec<u32>, Vec<f32>, Vec<f32>);

fn values(table: &Table) -> Values {
    let labels = if table.schema().n_tasks() == 0 { Vec::new() } else { table.labels(0).collect() };
    (table.sparse(0).collect(), table.dense(0).collect(), labels)
}

fn streamed(path: &Path) -> Result<Values, DataError> {
    let shards = ParquetShards::open(&[path], &schema(), StreamConfig::default())?;
    let window = RowSource::from(shards).windows().next().unwrap()?;
    Ok(values(&window))
}

fn to_be_scored(path: &Path) -> Result<Values, DataError> {
    let none: [&str; 0] = [];
    let piece = UnlabelledRows::open(&[path], &schema(), &none)?.next().unwrap()?;
    Ok(values(&piece))
}

#[test]
fn no_flipped_bit_changes_a_value() {
    let expected: Values = (
        (0..40).map(|row| row % 5).collect(),
        (0..40).map(|row| row as f32 / 4.0).collect(),
        (0..40).map(|row| (row % 2) as f32).collect(),
    );
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("rows.parquet");
    let mut n_found = 0;
    let footer = u32::from_le_bytes(ROWS[ROWS.len() - 8..][..4].try_into().unwrap()) as usize;
    for bit in 8 * 4..8 * (ROWS.len() - 8 - footer) {
        let mut damaged = ROWS.to_vec();
        damaged[bit / 8] ^= 1 << (bit % 8);
        std::fs::write(&path, &damaged).unwrap();
        match read_parquet(&path, &schema()) {
            Ok(table) => assert_eq!(values(&table), expected, "bit {bit}"),
            Err(_) => n_found += 1,
        }
    }
    // The values of three columns alone are 480 bytes.
    assert!(n_found >= 8 * 480, "{n_found}");
}

#[test]
fn every_reader_compares_them() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("rows.parquet");
    // The value 7.5 of row 30, which has no other mark.
    let place = ROWS.windows(4).position(|bytes| bytes == 7.5_f32.to_le_bytes()).unwrap();
    let mut damaged = ROWS.to_vec();
    damaged[place + 2] ^= 1;
    std::fs::write(&path, &damaged).unwrap();
    let results = [
        read_parquet(&path, &schema()).map(drop),
        streamed(&path).map(drop),
        to_be_scored(&path).map(drop),
        describe(&[&path], &DescribeOptions::default()).map(drop),
    ];
    for result in results {
        let error = result.unwrap_err();
        assert_eq!(error.kind(), ExitKind::BadData, "{error}");
        assert!(error.to_string().contains("CRC"), "{error}");
    }
    std::fs::write(&path, ROWS).unwrap();
    assert_eq!(streamed(&path).unwrap(), values(&read_parquet(&path, &schema()).unwrap()));
    assert_eq!(to_be_scored(&path).unwrap().1, streamed(&path).unwrap().1);
}

#[test]
fn shards_are_known_by_every_byte_and_not_by_their_footers_alone() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("rows.parquet");
    let mut damaged = ROWS.to_vec();
    // A page of a feature, which is not read before its window is.
    let place = ROWS.windows(4).position(|bytes| bytes == 7.5_f32.to_le_bytes()).unwrap();
    damaged[place] ^= 1;
    let known_by = |bytes: &[u8]| {
        std::fs::write(&path, bytes).unwrap();
        let source =
            RowSource::from(ParquetShards::open(&[&path], &schema(), StreamConfig::default()).unwrap());
        (source.fingerprint(), source.earlier_fingerprint())
    };
    let (before, after) = (known_by(ROWS), known_by(&damaged));
    assert_ne!(before.0, after.0);
    assert_eq!(before.1, after.1);
    assert_eq!(before, known_by(ROWS));
}
