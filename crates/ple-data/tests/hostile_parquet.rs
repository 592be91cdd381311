//! Damaged and hostile Parquet files: cut off at every length, every byte changed, footers that lie. Each gives an
//! error or a sound table, and never a panic or a giant allocation.

#![allow(clippy::unwrap_used)]

use std::fs::File;
use std::panic::{set_hook, take_hook};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Once};

use arrow_array::StringArray;
use parquet::file::metadata::{ParquetMetaDataReader, ParquetMetaDataWriter, RowGroupMetaData};
use ple_data::{
    DataError, ExitKind, Feature, FeatureKind, FeatureSchema, Label, Pooling, Roles, SequenceColumn, Table,
    TableColumns, TaskType, infer_schema, read_parquet, write_parquet,
};

/// The decoder's own panics become errors; their messages would only drown those of a failing test.
fn silence_the_decoder() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        let usual = take_hook();
        set_hook(Box::new(move |panic| {
            let is_ours = |file: &str| !file.contains("parquet-") && !file.contains("arrow-");
            if panic.location().is_none_or(|location| is_ours(location.file())) {
                usual(panic);
            }
        }));
    });
}

fn schema() -> FeatureSchema {
    let history = FeatureKind::Sequence {
        vocab_size: 300,
        embedding_dim: 4,
        pooling: Pooling::Mean,
        padding_id: None,
        weights: Some("strengths".to_string()),
        shared_with: None,
    };
    FeatureSchema::new(
        vec![
            Feature::sparse("user", 1_000, 4),
            Feature::dense("price"),
            Feature { name: "history".to_string(), kind: history },
        ],
        vec![Label::new("click", TaskType::Classification)],
        vec!["session".to_string()],
    )
    .unwrap()
}

/// A small table with every kind of column.
fn table() -> Table {
    let rows = 40;
    let lengths = (0..rows).map(|row| row % 4);
    let offsets: Vec<usize> = std::iter::once(0)
        .chain(lengths.scan(0, |end, length| {
            *end += length;
            Some(*end)
        }))
        .collect();
    let ids: Vec<u32> = (0..offsets[rows] as u32).map(|position| position * 7 % 300).collect();
    let weights = ids.iter().map(|&id| id as f32 / 4.0).collect();
    let sessions: Vec<String> = (0..rows).map(|row| format!("session {}", row / 3)).collect();
    let columns = TableColumns {
        sparse: (0..rows as u32).map(|row| row * 37 % 1_000).collect(),
        dense: (0..rows).map(|row| row as f32 / 8.0).collect(),
        labels: (0..rows).map(|row| (row % 3 == 0) as u8 as f32).collect(),
        sequences: vec![SequenceColumn { offsets, ids, weights: Some(weights) }],
        keys: vec![Arc::new(StringArray::from(sessions))],
        ..TableColumns::default()
    };
    Table::new(schema(), columns).unwrap()
}

/// The bytes of the small table as a file, and the folder in which variants of it are tried.
struct Workshop {
    folder: tempfile::TempDir,
    bytes: Vec<u8>,
}

impl Workshop {
    fn open() -> Self {
        silence_the_decoder();
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("good.parquet");
        write_parquet(&table(), &path).unwrap();
        assert_eq!(read_parquet(&path, &schema()).unwrap().fingerprint(), table().fingerprint());
        Workshop { folder, bytes: std::fs::read(&path).unwrap() }
    }

    fn path(&self) -> PathBuf {
        self.folder.path().join("a.parquet")
    }

    fn read(&self, bytes: &[u8]) -> Result<Table, DataError> {
        // A new file each time: some file systems put a file that is overwritten on the disk at once.
        let _ = std::fs::remove_file(self.path());
        std::fs::write(self.path(), bytes).unwrap();
        read_parquet(self.path(), &schema())
    }

    /// The message for a file, without its folder.
    fn message(&self, bytes: &[u8]) -> String {
        let error = self.read(bytes).unwrap_err();
        assert_eq!(error.kind(), ExitKind::BadData);
        error.to_string().replace(&format!("{}/", self.folder.path().display()), "")
    }

    /// The file with the claims of its one row group changed.
    fn with_row_group(&self, change: impl FnOnce(RowGroupMetaData) -> RowGroupMetaData) -> Vec<u8> {
        let good = self.folder.path().join("good.parquet");
        let metadata = ParquetMetaDataReader::new().parse_and_finish(&File::open(&good).unwrap()).unwrap();
        let footer_length = u32::from_le_bytes(self.bytes[self.bytes.len() - 8..][..4].try_into().unwrap());
        let mut bytes = self.bytes[..self.bytes.len() - 8 - footer_length as usize].to_vec();
        let mut builder = metadata.into_builder();
        let groups = vec![change(builder.take_row_groups().remove(0))];
        ParquetMetaDataWriter::new(&mut bytes, &builder.set_row_groups(groups).build()).finish().unwrap();
        bytes
    }
}

#[test]
fn a_file_cut_off_anywhere_is_an_error() {
    let workshop = Workshop::open();
    for length in 0..workshop.bytes.len() {
        let error =
            workshop.read(&workshop.bytes[..length]).expect_err("a part of a file was read as a whole");
        assert_eq!(error.kind(), ExitKind::BadData, "{length} bytes: {error}");
    }
}

#[test]
fn a_changed_byte_never_panics() {
    let workshop = Workshop::open();
    let roles = Roles { labels: schema().labels, keys: schema().keys, embedding_dim: 4 };
    let mut refused = 0;
    for position in 0..workshop.bytes.len() {
        for flip in [0x01, 0x80, 0xFF] {
            let mut bytes = workshop.bytes.clone();
            bytes[position] ^= flip;
            match workshop.read(&bytes) {
                // What was read may differ, but it has to be a table: `Table::new` checks it again.
                Ok(table) => drop(Table::new(schema(), table.to_columns()).unwrap()),
                Err(_) => refused += 1,
            }
            if flip == 0x01 {
                let _ = infer_schema(&[workshop.path()], &roles);
            }
        }
    }
    assert!(
        refused > workshop.bytes.len() / 2,
        "{refused} of {} files were refused",
        3 * workshop.bytes.len()
    );
}

#[test]
fn a_file_with_another_file_behind_it_is_read_as_the_last_footer_says() {
    let workshop = Workshop::open();
    let mut bytes = workshop.bytes.clone();
    bytes.extend_from_slice(&workshop.bytes);
    // The offsets of the second footer point into the first copy, which is the same.
    assert_eq!(workshop.read(&bytes).unwrap().fingerprint(), table().fingerprint());
}

#[test]
fn a_footer_that_disagrees_with_its_row_groups() {
    let workshop = Workshop::open();
    // Field 3 of the footer, an i64 of 40 in zigzag form, and the head of field 4, a list.
    let rows = [0x16, 80, 0x19];
    let positions: Vec<usize> =
        (0..workshop.bytes.len() - 3).filter(|&start| workshop.bytes[start..start + 3] == rows).collect();
    assert_eq!(positions.len(), 1);
    let mut bytes = workshop.bytes.clone();
    bytes[positions[0] + 1] = 82;
    assert_eq!(
        workshop.message(&bytes),
        "a.parquet: the file is damaged or cut short: the footer claims 41 rows, its row groups 40\n\
         expected: a complete Parquet file\n\
         next: copy or write the file again"
    );
}

fn with_rows(group: RowGroupMetaData, rows: i64) -> RowGroupMetaData {
    group.into_builder().set_num_rows(rows).build().unwrap()
}

#[test]
fn a_row_group_that_claims_rows_that_it_does_not_have() {
    let workshop = Workshop::open();
    let bytes = workshop.with_row_group(|group| with_rows(group, 41));
    assert_eq!(
        workshop.message(&bytes),
        "a.parquet: the file is damaged or cut short: row group 0 claims 41 rows and holds 40\n\
         expected: a complete Parquet file\n\
         next: copy or write the file again"
    );
}

#[test]
fn a_row_group_that_claims_more_rows_than_any_table_has() {
    let workshop = Workshop::open();
    let bytes = workshop.with_row_group(|group| with_rows(group, i64::MAX));
    assert_eq!(
        workshop.message(&bytes),
        "a.parquet: the number of rows is 9223372036854775807\n\
         expected: at most 4294967295\n\
         next: split the file, or write it again if it is damaged"
    );
}

#[test]
fn a_row_group_with_a_negative_number_of_rows() {
    let workshop = Workshop::open();
    let bytes = workshop.with_row_group(|group| with_rows(group, -1));
    assert_eq!(
        workshop.message(&bytes),
        "a.parquet: the file is damaged or cut short: row group 0 claims -1 rows\n\
         expected: a complete Parquet file\n\
         next: copy or write the file again"
    );
}

/// The group with the sizes of its first column replaced.
fn with_sizes(group: RowGroupMetaData, compressed: i64, unpacked: i64) -> RowGroupMetaData {
    let mut columns = group.columns().to_vec();
    columns[0] = columns[0]
        .clone()
        .into_builder()
        .set_total_compressed_size(compressed)
        .set_total_uncompressed_size(unpacked)
        .build()
        .unwrap();
    group.into_builder().set_column_metadata(columns).build().unwrap()
}

#[test]
fn a_column_that_claims_bytes_beyond_the_file() {
    let workshop = Workshop::open();
    let bytes = workshop.with_row_group(|group| with_sizes(group, 1 << 40, 100));
    let length = bytes.len();
    assert_eq!(
        workshop.message(&bytes),
        format!(
            "a.parquet: the file is damaged or cut short: row group 0, column `session` claims bytes 4 to 1099511627780 of a file of {length}\n\
             expected: a complete Parquet file\n\
             next: copy or write the file again"
        )
    );
}

#[test]
fn a_column_that_claims_to_unpack_to_more_than_the_limit() {
    let workshop = Workshop::open();
    let bytes = workshop.with_row_group(|group| with_sizes(group, 10, 1 << 62));
    assert_eq!(
        workshop.message(&bytes),
        "a.parquet: the unpacked size of row group 0, column `session` is 4611686018427387904\n\
         expected: at most 2147483648\n\
         next: split the file, or write it again if it is damaged"
    );
}

/// A number as Thrift's compact form writes an i32.
fn zigzag(value: u32) -> Vec<u8> {
    let mut rest = u64::from(value) * 2;
    let mut bytes = Vec::new();
    while rest > 0x7F {
        bytes.push(rest as u8 | 0x80);
        rest >>= 7;
    }
    bytes.push(rest as u8);
    bytes
}

#[test]
fn a_page_that_claims_to_unpack_to_two_gigabytes_is_refused_before_they_are_reserved() {
    let workshop = Workshop::open();
    // The first page starts behind the magic: the head of field 1 and its value, then field 2, the unpacked size.
    let page = &workshop.bytes[4..];
    assert_eq!((page[0], page[2]), (0x15, 0x15));
    let end = 3 + page[3..].iter().position(|byte| byte & 0x80 == 0).unwrap() + 1;
    let claim = zigzag(i32::MAX as u32);
    let mut column = [&page[..3], &claim, &page[end..]].concat();

    // The column with the claim stands behind all others; the footer points to it.
    let footer_length =
        u32::from_le_bytes(workshop.bytes[workshop.bytes.len() - 8..][..4].try_into().unwrap());
    let mut bytes = workshop.bytes[..workshop.bytes.len() - 8 - footer_length as usize].to_vec();
    let good = workshop.folder.path().join("good.parquet");
    let metadata = ParquetMetaDataReader::new().parse_and_finish(&File::open(&good).unwrap()).unwrap();
    let mut builder = metadata.into_builder();
    let group = builder.take_row_groups().remove(0);
    let mut columns = group.columns().to_vec();
    column.truncate(columns[0].compressed_size() as usize + claim.len() - (end - 3));
    columns[0] = columns[0]
        .clone()
        .into_builder()
        .set_dictionary_page_offset(Some(bytes.len() as i64))
        .set_total_compressed_size(column.len() as i64)
        .build()
        .unwrap();
    let start = bytes.len();
    bytes.extend_from_slice(&column);
    let group = group.into_builder().set_column_metadata(columns).build().unwrap();
    ParquetMetaDataWriter::new(&mut bytes, &builder.set_row_groups(vec![group]).build()).finish().unwrap();

    assert_eq!(
        workshop.message(&bytes),
        format!(
            "a.parquet: the unpacked size of the page at byte {start}, column `session` is 2147483647\n\
             expected: at most 268435456\n\
             next: split the file, or write it again if it is damaged"
        )
    );
}

#[test]
fn the_sample_of_the_project_cut_off_at_some_lengths_is_an_error() {
    silence_the_decoder();
    let path =
        Path::new(env!("CARGO_MANIFEST_DIR")).join("../../data/ali_ccp_generated/ali_ccp_val_sample.parquet");
    let bytes = std::fs::read(path).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let cut = folder.path().join("cut.parquet");
    let schema = ple_data::ali_ccp_schema(&ple_data::Vocabulary::Small.sizes(), 16);
    for length in (0..bytes.len()).step_by(997) {
        std::fs::write(&cut, &bytes[..length]).unwrap();
        assert!(read_parquet(&cut, &schema).is_err(), "{length} bytes");
    }
}
