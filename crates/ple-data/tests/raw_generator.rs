//! The generator of raw files: what its lines hold, read with a plain reader of the format.

#![allow(clippy::unwrap_used)]

use std::collections::{BTreeMap, HashMap};
use std::path::Path;

use ple_data::Vocabulary;
use ple_data::ali_ccp_raw::{RawFiles, RawGeneratorConfig, RawPart, generate_ali_ccp};

fn config() -> RawGeneratorConfig {
    RawGeneratorConfig {
        rows: 3_000,
        test_rows: 1_000,
        users: 90,
        features_per_user: 200,
        vocabulary: Vocabulary::Small,
        seed: 7,
    }
}

/// The features of a list by field, in order, after a check of their number.
fn features(count: &str, list: &str) -> BTreeMap<String, Vec<(u64, f64)>> {
    let mut fields: BTreeMap<String, Vec<(u64, f64)>> = BTreeMap::new();
    let mut n = 0;
    for feature in list.split('\x01') {
        let (field, rest) = feature.split_once('\x02').unwrap();
        let (id, value) = rest.split_once('\x03').unwrap();
        fields.entry(field.to_owned()).or_default().push((id.parse().unwrap(), value.parse().unwrap()));
        n += 1;
    }
    assert_eq!(count.parse::<usize>().unwrap(), n);
    fields
}

fn texts(folder: &Path, part: RawPart) -> (String, String) {
    let files = RawFiles::in_folder(folder);
    let read = |path| std::fs::read_to_string(path).unwrap();
    (read(files.common_features(part)), read(files.skeleton(part)))
}

#[test]
fn lines_are_whole_and_every_row_finds_its_user() {
    let folder = tempfile::tempdir().unwrap();
    let generated = generate_ali_ccp(&config(), folder.path()).unwrap();
    assert_eq!((generated.train.users, generated.test.users), (90, 30));
    for (part, counts) in [(RawPart::Train, generated.train), (RawPart::Test, generated.test)] {
        let (common, skeleton) = texts(folder.path(), part);
        assert_eq!(counts.bytes, (common.len() + skeleton.len()) as u64);
        let mut users = HashMap::new();
        let mut n_features = 0;
        for line in common.lines() {
            let words: Vec<&str> = line.split(',').collect();
            let fields = features(words[1], words[2]);
            n_features += fields.values().map(Vec::len).sum::<usize>();
            assert!(
                ["101", "121", "129", "109_14", "150_14"].iter().all(|field| fields.contains_key(*field))
            );
            assert!(users.insert(words[0].to_owned(), fields).is_none(), "an index occurs twice");
        }
        let average = n_features as f64 / users.len() as f64;
        assert!((150.0..250.0).contains(&average), "{average} common features a user");

        let (mut changes, mut last, mut clicks, mut purchases) = (0, String::new(), 0, 0);
        for (row, line) in skeleton.lines().enumerate() {
            let words: Vec<&str> = line.split(',').collect();
            assert_eq!(words[0], (row + 1).to_string());
            let fields = features(words[4], words[5]);
            assert!(fields.keys().all(|field| !users[words[3]].contains_key(field)));
            assert!((1..=4).contains(&fields["210"].len()));
            clicks += u64::from(words[1] == "1");
            purchases += u64::from(words[1] == "1" && words[2] == "1");
            changes += usize::from(words[3] != last);
            last = words[3].to_owned();
        }
        assert_eq!(changes, users.len(), "rows are grouped by user");
        assert_eq!((clicks, purchases), (counts.clicks, counts.purchases));
        assert_eq!(counts.rows, skeleton.lines().count() as u64);
    }
}

#[test]
fn the_threads_change_no_byte() {
    let [one, three] = [1, 3].map(|threads| {
        let folder = tempfile::tempdir().unwrap();
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        pool.install(|| generate_ali_ccp(&config(), folder.path()).unwrap());
        RawPart::ALL.map(|part| texts(folder.path(), part))
    });
    assert!(one == three);
}

#[test]
fn a_folder_that_is_not_there_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let error = generate_ali_ccp(&config(), &folder.path().join("no")).unwrap_err();
    assert!(error.to_string().contains("common_features_train.csv: could not write"), "{error}");
}
