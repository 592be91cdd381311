//! Parts by fractions, by a column whose values stay together, and by given files.

use std::collections::HashMap;

use arrow_array::cast::AsArray;
use ple_data::prepare::{
    FeatureFile, Fitting, PrepareConfig, PreparedTable, TableInput, TrainOrder, prepare_table,
};

use super::random_log::part;

/// A log of so many rows, of 100 users.
fn log(rows: usize) -> String {
    let row = |number: usize| format!("{number},user-{},{}\n", number * 7 % 100, number % 3 / 2);
    "row,user,click\n".to_owned() + &(0..rows).map(row).collect::<String>()
}

fn features(split: &str) -> FeatureFile {
    let text = format!("keys = [\"row\"]\n[[sparse]]\nname = \"user\"\n[[label]]\nname = \"click\"\n{split}");
    FeatureFile::parse("features.toml", &text).unwrap()
}

/// The row numbers of each part.
fn rows_of_parts(input: &TableInput, features: &FeatureFile) -> HashMap<String, Vec<usize>> {
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("out");
    let config = PrepareConfig { order: TrainOrder::AsInFiles, ..PrepareConfig::default() };
    prepare_table(input, Fitting::New(features), &out, &config, &|_| ()).unwrap();
    let prepared = PreparedTable::open(&out).unwrap();
    let names = prepared.schema.parts.iter().map(|part| part.name.clone());
    names
        .map(|name| {
            let table = part(&out, &name);
            let keys = table.keys()[0].as_string::<i64>();
            let rows = keys.iter().map(|key| key.unwrap().parse().unwrap()).collect();
            (name, rows)
        })
        .collect()
}

#[test]
fn a_split_by_fractions_gives_each_row_to_one_part() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("log.csv"), log(20_000)).unwrap();
    let input = TableInput::find(&[folder.path()]).unwrap();
    let seed = |seed: u64| features(&format!("[split]\nval = 0.1\ntest = 0.25\nseed = {seed}\n"));
    let parts = rows_of_parts(&input, &seed(1));
    let mut all: Vec<usize> = parts.values().flatten().copied().collect();
    all.sort_unstable();
    assert_eq!(all, (0..20_000).collect::<Vec<_>>());
    assert!(parts["val"].len().abs_diff(2_000) < 200, "{}", parts["val"].len());
    assert!(parts["test"].len().abs_diff(5_000) < 300, "{}", parts["test"].len());
    assert!(parts.values().all(|rows| rows.is_sorted()), "rows keep their order");
    assert_eq!(parts, rows_of_parts(&input, &seed(1)));
    assert_ne!(parts, rows_of_parts(&input, &seed(2)));
}

#[test]
fn rows_with_one_user_stay_together() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("log.csv"), log(5_000)).unwrap();
    let input = TableInput::find(&[folder.path()]).unwrap();
    let parts = rows_of_parts(&input, &features("[split]\nval = 0.2\ntest = 0.2\nby = \"user\"\n"));
    let mut part_of_user = HashMap::new();
    for (part, rows) in &parts {
        for row in rows {
            assert_eq!(part_of_user.entry(row * 7 % 100).or_insert(part), &part);
        }
    }
    assert_eq!(parts.len(), 3);
}

#[test]
fn files_that_name_their_part_are_not_divided() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("train.csv"), log(300)).unwrap();
    std::fs::write(folder.path().join("test.csv"), log(50)).unwrap();
    let named = TableInput::find(&[folder.path()]).unwrap();
    let [train, test] = ["train.csv", "test.csv"].map(|name| folder.path().join(name));
    let none: [&std::path::Path; 0] = [];
    let swapped = TableInput::of_parts(&[&test], &none, &[&train]).unwrap();
    for (input, sizes) in [(named, [300, 50]), (swapped, [50, 300])] {
        let parts = rows_of_parts(&input, &features("[split]\nval = 0.5\n"));
        assert_eq!([parts["train"].len(), parts["test"].len()], sizes);
        assert!(!parts.contains_key("val"));
    }
    let alone = TableInput::of_parts(&[&train], &none, &none).unwrap();
    let parts = rows_of_parts(&alone, &features("[split]\nval = 0.5\n"));
    assert_eq!(parts["train"].len() + parts["val"].len(), 300);
}
