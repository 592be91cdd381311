//! The Parquet shards, the lists of users, and the schema, against a plain reading.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use ple_data::ali_ccp_raw::{CommonFeatures, ListsOfUser, Prepared, RawConfig, prepare_ali_ccp};
use ple_data::{
    ALI_CCP_DENSE, ALI_CCP_SPARSE, Feature, FeatureKind, FeatureSchema, Label, Pooling, Table, TaskType,
    read_table,
};

use crate::plain_reading::{PlainRow, frequent, last_value, rows};
use crate::raw_texts::{RawTexts, forge_schema};

const LISTS: [&str; 5] = ["210", "109_14", "110_14", "127_14", "150_14"];
const MIN_COUNT: u32 = 3;

/// Small blocks and shards, so that a few hundred rows cross every border.
pub(crate) fn config() -> RawConfig {
    RawConfig { min_count: MIN_COUNT, block_bytes: 5_000, shard_bytes: 9_000, ..RawConfig::default() }
}

pub(crate) fn prepared(texts: &RawTexts, config: &RawConfig) -> (tempfile::TempDir, Prepared) {
    let folder = tempfile::tempdir().unwrap();
    texts.write(folder.path());
    let out = folder.path().join("out");
    prepare_ali_ccp(folder.path(), &out, config, &|_| ()).unwrap();
    let prepared = Prepared::open(&out).unwrap();
    prepared.verify().unwrap();
    (folder, prepared)
}

/// The numbers of all ids of all fields: by count, then by id.
pub(crate) fn numbers(train: &[PlainRow], min_count: u32) -> Vec<BTreeMap<String, u32>> {
    let all_or_last = |features: &[(String, f32)], field: &str| {
        let mut ids = features.iter().map(|(id, _)| id.clone());
        if LISTS.contains(&field) { ids.collect() } else { ids.next_back().into_iter().collect() }
    };
    let numbered = |mut ids: Vec<(String, u32)>| {
        ids.sort_by_key(|(id, count)| (u32::MAX - count, id.parse::<u64>().unwrap()));
        ids.into_iter().zip(1..).map(|((id, _), number)| (id, number)).collect()
    };
    frequent(train, min_count, all_or_last).into_iter().map(numbered).collect()
}

/// A row as text: labels, the number of each single id, scaled dense values, and each list.
fn expected_row(row: &PlainRow, numbers: &[BTreeMap<String, u32>], ranges: &[(f32, f32)]) -> String {
    let number = |field: usize, id: &String| numbers[field].get(id).copied().unwrap_or(0);
    let mut text = format!("{} {}", row.click, row.purchase);
    for (field, name) in ALI_CCP_SPARSE.iter().enumerate() {
        let features = row.fields.get(*name).map_or(&[][..], Vec::as_slice);
        if LISTS.contains(name) {
            let list: Vec<_> = features.iter().map(|(id, weight)| (number(field, id), *weight)).collect();
            text += &format!(" {list:?}");
        } else {
            text += &format!(" {}", features.last().map_or(0, |(id, _)| number(field, id)));
        }
    }
    for (column, (least, largest)) in ALI_CCP_DENSE.iter().zip(ranges) {
        let value = last_value(row, &column[1..]);
        text += &format!(" {}", if largest > least { (value - least) / (largest - least) } else { 0.0 });
    }
    text
}

/// The schema of the shards with every list column, also the rows' own lists of fields that users have.
fn full_schema(prepared: &Prepared) -> FeatureSchema {
    let mut schema = prepared.schema.schema.clone();
    schema.features.retain(|feature| !matches!(feature.kind, FeatureKind::Sequence { .. }));
    for list in &prepared.schema.common.lists {
        let Some(column) = &list.row_column else { continue };
        let kind = FeatureKind::Sequence {
            vocab_size: list.vocab_size,
            embedding_dim: 4,
            pooling: Pooling::Sum,
            padding_id: None,
            weights: Some(format!("{column}_weights")),
            shared_with: None,
        };
        schema.features.push(Feature { name: column.clone(), kind });
    }
    schema.labels.push(Label::in_column("user", "user", TaskType::Regression));
    schema
}

/// The rows of a table in the same form, joined with the lists of their users.
fn found_rows(table: &Table, prepared: &Prepared, common: &CommonFeatures) -> Vec<String> {
    let schema = table.schema();
    let sparse: Vec<Vec<u32>> =
        (0..schema.n_sparse()).map(|feature| table.sparse(feature).collect()).collect();
    let dense: Vec<Vec<f32>> = (0..schema.n_dense()).map(|feature| table.dense(feature).collect()).collect();
    let labels: Vec<Vec<f32>> = (0..3).map(|task| table.labels(task).collect()).collect();
    let sequences: Vec<&str> = schema.sequences().map(|feature| feature.name.as_str()).collect();
    let list = |row: usize, field: &str| {
        let place = prepared.schema.common.lists.iter().position(|list| list.field == field).unwrap();
        let mut lists = ListsOfUser::default();
        common.read(labels[2][row] as usize, &mut lists).unwrap();
        let (ids, weights) = lists.list(place);
        let of_user: Vec<_> = ids.iter().copied().zip(weights.iter().copied()).collect();
        let column = prepared.schema.common.lists[place].row_column.as_deref();
        match column.and_then(|column| sequences.iter().position(|name| *name == column)) {
            Some(sequence) if of_user.is_empty() => {
                let column = &table.sequences()[sequence];
                let range = column.offsets[row]..column.offsets[row + 1];
                let weights = column.weights.as_ref().unwrap();
                range.map(|place| (column.ids[place], weights[place])).collect()
            }
            _ => of_user,
        }
    };
    let row = |row: usize| {
        let mut text = format!("{} {}", labels[0][row], labels[1][row]);
        let mut single = 0;
        for field in ALI_CCP_SPARSE {
            if LISTS.contains(&field) {
                text += &format!(" {:?}", list(row, field));
            } else {
                text += &format!(" {}", sparse[single][row]);
                single += 1;
            }
        }
        dense.iter().for_each(|column| text += &format!(" {}", column[row]));
        text
    };
    (0..table.rows()).map(row).collect()
}

fn files_below(folder: &Path) -> BTreeMap<PathBuf, Vec<u8>> {
    let mut files = BTreeMap::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        match path.is_dir() {
            true => files.extend(files_below(&path)),
            false => drop(files.insert(path.clone(), std::fs::read(&path).unwrap())),
        }
    }
    files
        .into_iter()
        .map(|(path, bytes)| (path.strip_prefix(folder).unwrap_or(&path).to_owned(), bytes))
        .collect()
}

#[test]
fn every_row_is_there_once_with_everything_that_it_has() {
    let texts = RawTexts::with_odd_lines();
    let (_folder, prepared) = prepared(&texts, &config());
    let (train, test) = (rows(&texts, 0), rows(&texts, 1));
    let numbers = numbers(&train, MIN_COUNT);
    for (field, expected) in ALI_CCP_SPARSE.iter().zip(&numbers) {
        let found = prepared.vocabulary(field).unwrap().into_iter();
        assert_eq!(found.map(|(id, number)| (id.to_string(), number)).collect::<BTreeMap<_, _>>(), *expected);
    }
    assert_eq!(prepared.vocabulary("click").unwrap(), []);
    let ranges: Vec<(f32, f32)> = ALI_CCP_DENSE
        .iter()
        .map(|column| {
            let values = || train.iter().map(|row| last_value(row, &column[1..]));
            (values().fold(f32::INFINITY, f32::min), values().fold(f32::NEG_INFINITY, f32::max))
        })
        .collect();
    for (facts, numbers) in prepared.schema.vocabularies.iter().zip(&numbers) {
        assert_eq!(facts.vocab_size, numbers.len() + 1, "{}", facts.field);
    }

    let common = prepared.common_features().unwrap();
    let schema = full_schema(&prepared);
    let found = |part: &str| -> Vec<String> {
        let shards = prepared.shards(part).unwrap();
        assert!(shards.len() > 2, "{part} has {} shards", shards.len());
        let tables = shards.iter().map(|shard| read_table(shard, &schema).unwrap());
        tables.flat_map(|table| found_rows(&table, &prepared, &common)).collect()
    };
    let expected = |rows: &[PlainRow]| -> Vec<String> {
        rows.iter().map(|row| expected_row(row, &numbers, &ranges)).collect()
    };
    let (found_train, expected_train) = (found("train"), expected(&train));
    assert_ne!(found_train, expected_train, "the rows are shuffled");
    let (found_val, found_test) = (found("val"), found("test"));
    assert_eq!((found_val.len(), found_test.len()), (test.len() / 2, test.len().div_ceil(2)));
    for (mut found, mut expected) in
        [(found_train, expected_train), ([found_val, found_test].concat(), expected(&test))]
    {
        found.sort();
        expected.sort();
        assert_eq!(found.len(), expected.len());
        for (found, expected) in found.iter().zip(&expected) {
            assert_eq!(found, expected);
        }
    }
}

#[test]
fn neither_threads_nor_blocks_change_a_byte() {
    let texts = RawTexts::with_odd_lines();
    let mut all = Vec::new();
    for (threads, block_bytes) in [(1, 1 << 20), (2, 3_000), (5, 700)] {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        let config = RawConfig { block_bytes, ..config() };
        let (folder, _) = pool.install(|| prepared(&texts, &config));
        all.push(files_below(&folder.path().join("out")));
    }
    assert!(all.windows(2).all(|pair| pair[0] == pair[1]));
    let (folder, other) = prepared(&texts, &RawConfig { seed: 1, ..config() });
    assert!(files_below(&folder.path().join("out")) != all[0]);
    assert_eq!(other.schema.parts[0].rows, rows(&texts, 0).len() as u64);
}

#[test]
fn a_damaged_folder_is_found() {
    let (folder, prepared) = prepared(&RawTexts::with_odd_lines(), &config());
    let out = folder.path().join("out");
    let shard = prepared.shards("val").unwrap()[0].clone();
    let mut bytes = std::fs::read(&shard).unwrap();
    bytes[100] ^= 1;
    std::fs::write(&shard, &bytes).unwrap();
    let error = Prepared::open(&out).unwrap().verify().unwrap_err().to_string();
    assert!(error.contains("part-00000.parquet: the file is damaged: its hash is another one"), "{error}");
    std::fs::write(&shard, &bytes[1..]).unwrap();
    let error = Prepared::open(&out).unwrap_err().to_string();
    assert!(error.contains("bytes, and schema.json says"), "{error}");

    forge_schema(&out, "val/part-00000", "../part-00000");
    let error = Prepared::open(&out).unwrap_err().to_string();
    assert!(error.contains("the name `../part-00000.parquet` leads out of its folder"), "{error}");
    forge_schema(&out, "prepared.2", "prepared.9");
    let error = Prepared::open(&out).unwrap_err().to_string();
    assert!(error.contains("the format is `ple-data.prepared.9`, not `ple-data.prepared.2`"), "{error}");
}
