//! Single bits flipped anywhere in a prepared folder: each is found by whatever reads the file, before its rows are used.

use std::path::{Path, PathBuf};

use ple_data::ali_ccp_raw::{RawConfig, RawGeneratorConfig, generate_ali_ccp, prepare_ali_ccp};
use ple_data::describe::{DescribeOptions, describe};
use ple_data::prepare::{FeatureFile, Fitting, PreparedTable};
use ple_data::{
    DataError, ExitKind, FeatureSchema, ParquetShards, PreparedFolder, StreamConfig, UnlabelledRows,
    Vocabulary, read_table, read_tables,
};
use proptest::test_runner::{Config, TestRunner};

use super::random_log::{FEATURES, prepare};

/// A prepared folder with a vocabulary, its training rows and their schema.
struct Prepared {
    _folder: tempfile::TempDir,
    out: PathBuf,
    schema: FeatureSchema,
    shard: PathBuf,
    vocabulary: PathBuf,
}

fn table() -> Prepared {
    let folder = tempfile::tempdir().unwrap();
    let (log, out) = (folder.path().join("log.csv"), folder.path().join("out"));
    let row = |row: usize| format!("{row},u{},{},a:1|b,{}.5,{}\n", row % 7, row % 5, row % 11, row % 2);
    let rows: String = (0..60).map(row).collect();
    std::fs::write(&log, format!("row,user,item,tags,price,click\n{rows}")).unwrap();
    let features = FeatureFile::parse("features.toml", FEATURES).unwrap();
    prepare(&log, Fitting::New(&features), &out).unwrap();
    let prepared = PreparedTable::open(&out).unwrap();
    let (schema, shard) = (prepared.schema.schema.clone(), prepared.shards("train").unwrap().remove(0));
    Prepared { vocabulary: out.join("vocabulary/000-user.parquet"), _folder: folder, out, schema, shard }
}

fn ali_ccp() -> Prepared {
    let folder = tempfile::tempdir().unwrap();
    let vocabulary = Vocabulary::Small;
    let raw =
        RawGeneratorConfig { rows: 90, test_rows: 10, users: 5, features_per_user: 10, vocabulary, seed: 1 };
    generate_ali_ccp(&raw, folder.path()).unwrap();
    let out = folder.path().join("out");
    prepare_ali_ccp(folder.path(), &out, &RawConfig { min_count: 1, ..RawConfig::default() }, &|_| ())
        .unwrap();
    let prepared = PreparedFolder::find(&out).unwrap().unwrap();
    let (schema, shard) = (prepared.schema().clone(), prepared.shards("train").unwrap().remove(0));
    Prepared { vocabulary: out.join("vocabulary/101.parquet"), _folder: folder, out, schema, shard }
}

impl Prepared {
    /// Every way to the rows of the shard, each with its name.
    fn readers(&self) -> Vec<(&'static str, Result<(), DataError>)> {
        let (shard, schema, keys): (&Path, _, [&str; 0]) = (&self.shard, &self.schema, []);
        let folder = self.out.join("train");
        vec![
            ("read_table", read_table(shard, schema).map(drop)),
            ("read_tables", read_tables(&[shard], schema).map(drop)),
            ("streamed", ParquetShards::open(&[&folder], schema, StreamConfig::default()).map(drop)),
            ("to be scored", UnlabelledRows::open(&[&folder], schema, &keys).map(drop)),
            ("described", describe(&[&self.out], &DescribeOptions::default()).map(drop)),
        ]
    }
}

/// Flips bits of a file, one at a time, and puts it back as it was.
fn flip(path: &Path, cases: u32, check: impl Fn(u64)) {
    let whole = std::fs::read(path).unwrap();
    let mut runner = TestRunner::new(Config::with_cases(cases));
    runner
        .run(&(0..8 * whole.len()), |bit| {
            let mut damaged = whole.clone();
            damaged[bit / 8] ^= 1 << (bit % 8);
            std::fs::write(path, damaged).unwrap();
            check(bit as u64);
            Ok(())
        })
        .unwrap();
    std::fs::write(path, whole).unwrap();
}

#[track_caller]
fn refused(reader: &str, bit: u64, result: Result<(), DataError>) {
    match result {
        Ok(()) => panic!("{reader}: bit {bit} was not found"),
        Err(error) => assert_eq!(error.kind(), ExitKind::BadData, "{reader}, bit {bit}: {error}"),
    }
}

#[test]
fn a_flipped_bit_of_a_shard_is_found_by_every_reader() {
    for prepared in [table(), ali_ccp()] {
        assert!(prepared.readers().into_iter().all(|(_, result)| result.is_ok()));
        flip(&prepared.shard, 64, |bit| {
            for (reader, result) in prepared.readers() {
                refused(reader, bit, result);
            }
        });
    }
}

#[test]
fn a_flipped_bit_of_a_vocabulary_or_of_the_schema_is_found_when_the_folder_is_opened() {
    for prepared in [table(), ali_ccp()] {
        let opened = || PreparedFolder::find(&prepared.out).map(|found| assert!(found.is_some()));
        flip(&prepared.vocabulary, 64, |bit| refused("opened", bit, opened()));
        flip(&prepared.out.join("schema.json"), 256, |bit| {
            refused("opened", bit, opened());
            // Rows are refused too, since nothing is known of them any more.
            for (reader, result) in prepared.readers() {
                refused(reader, bit, result);
            }
        });
    }
}

/// The message for a file of the folder, without the temporary folder.
fn message(prepared: &Prepared, error: &DataError) -> String {
    let home = prepared.out.canonicalize().unwrap();
    error
        .to_string()
        .replace(&home.display().to_string(), "OUT")
        .replace(&prepared.out.display().to_string(), "OUT")
}

#[test]
fn what_is_damaged_is_named_with_the_next_step() {
    let prepared = table();
    let whole = std::fs::read(&prepared.shard).unwrap();
    let mut damaged = whole.clone();
    damaged[20] ^= 4;
    std::fs::write(&prepared.shard, &damaged).unwrap();
    let next =
        "expected: prepared data as it was written\nnext: copy the folder again, or prepare the data again";
    for (_, result) in prepared.readers() {
        let text = "OUT/train/part-00000.parquet: the file is damaged: its hash is another one than schema.json says";
        assert_eq!(message(&prepared, &result.unwrap_err()), format!("{text}\n{next}"));
    }
    std::fs::write(&prepared.shard, &whole[..40]).unwrap();
    for (_, result) in prepared.readers() {
        let text = format!("it has 40 bytes, and schema.json says {}", whole.len());
        let text = format!("OUT/train/part-00000.parquet: the file is damaged: {text}\n{next}");
        assert_eq!(message(&prepared, &result.unwrap_err()), text);
    }
    std::fs::write(&prepared.shard, &whole).unwrap();

    let path = prepared.out.join("schema.json");
    let schema = std::fs::read_to_string(&path).unwrap();
    std::fs::write(&path, schema.replace("\"embedding_dim\": 4", "\"embedding_dim\": 8")).unwrap();
    let error = PreparedTable::open(&prepared.out).unwrap_err();
    let text = "OUT/schema.json: the file is damaged: it is not as it was written";
    assert_eq!(message(&prepared, &error), format!("{text}\n{next}"));

    // What is sealed and does not fit the files all the same.
    let forged = |before: &str, after: &str| {
        let (body, _) = schema.rsplit_once(",\n  \"xxh3\": \"").unwrap();
        assert!(body.contains(before), "{before}");
        let body = body.replace(before, after);
        let seal = ple_data::ContentHash::of(body.as_bytes());
        std::fs::write(&path, format!("{body},\n  \"xxh3\": \"{seal}\"\n}}\n")).unwrap();
    };
    forged("\"rows\": 60", "\"rows\": 61");
    for (_, result) in prepared.readers() {
        let text =
            "OUT/train/part-00000.parquet: the file is damaged: it has 60 rows, and schema.json says 61";
        assert_eq!(message(&prepared, &result.unwrap_err()), format!("{text}\n{next}"));
    }
    forged("\"minimum\": 0.5", "\"minimum\": 0.25");
    let error = PreparedTable::open(&prepared.out).unwrap_err();
    let text = "OUT/schema.json: the file is damaged: it says another transformation than its own";
    assert_eq!(message(&prepared, &error), format!("{text}\n{next}"));

    std::fs::write(&path, "{\"format\": \"ple-data.table.7\"}").unwrap();
    let error = PreparedTable::open(&prepared.out).unwrap_err();
    assert_eq!(
        message(&prepared, &error),
        "OUT/schema.json: this is no schema.json of prepared data: the format is `ple-data.table.7`, not `ple-data.table.2`\n\
         expected: the file as it was written\n\
         next: name a prepared folder, or copy it again, or prepare the data again"
    );
    assert_eq!(error.kind(), ExitKind::BadData);
}

#[test]
fn folders_that_were_prepared_are_folders_that_are_read() {
    let prepared = table();
    let none: [&str; 0] = [];
    let scored = |path: &Path| UnlabelledRows::open(&[path], &prepared.schema, &none);
    let error = scored(&prepared.out).unwrap_err();
    assert_eq!(
        message(&prepared, &error),
        "OUT: the prepared folder has no part `test`\n\
         expected: rows to score\n\
         next: pass the part that is meant, as in OUT/train"
    );
    assert_eq!(error.kind(), ExitKind::MissingInput);
    let rows = scored(&prepared.out.join("train")).unwrap();
    assert_eq!((rows.rows(), rows.prepared()), (60, &[][..]));
    let error = scored(&prepared.vocabulary).unwrap_err();
    assert_eq!(
        message(&prepared, &error),
        "OUT/vocabulary/000-user.parquet: the file is no part of the rows: it has numbers of ids, or what users share\n\
         expected: shards of rows\n\
         next: pass OUT/test, or another part of the folder"
    );
    // Vocabularies are tables all the same.
    describe(&[&prepared.vocabulary], &DescribeOptions::default()).unwrap();

    // A part is what the schema says, with all of its shards.
    std::fs::remove_file(&prepared.shard).unwrap();
    let error = scored(&prepared.out.join("train")).unwrap_err();
    assert_eq!(error.kind(), ExitKind::MissingInput, "{error}");

    let ali_ccp = ali_ccp();
    let rows = UnlabelledRows::open(&[&ali_ccp.out], &ali_ccp.schema, &none).unwrap();
    assert_eq!((rows.rows(), rows.prepared()), (5, &[ali_ccp.out.clone()][..]));
}

#[test]
fn a_schema_json_of_another_purpose_is_left_alone() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::create_dir(folder.path().join("day")).unwrap();
    let file = folder.path().join("day/train.csv");
    std::fs::write(&file, "user,click\n1,0\n").unwrap();
    let schema = table().schema;
    for text in [schema.to_json(), "no JSON at all".to_owned(), "{\"format\": \"theirs\"}".to_owned()] {
        std::fs::write(folder.path().join("schema.json"), text).unwrap();
        assert_eq!(PreparedFolder::find(folder.path()).unwrap(), None);
        describe(&[folder.path()], &DescribeOptions::default()).unwrap();
        describe(&[&file], &DescribeOptions::default()).unwrap();
    }
}
