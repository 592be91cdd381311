//! Lists of users joined to the rows of batches, against a plain reading of the raw files, and what is refused.

use std::fs;

use ple_data::ali_ccp_raw::{Prepared, RawConfig};
use ple_data::{
    Batch, BatchPlan, BatchPosition, Batches, FeatureKind, LastBatch, ParquetShards, RowSource, Shuffle,
    StreamConfig, Table, read_table, write_parquet,
};
use proptest::prelude::*;

use crate::parquet::{numbers, prepared};
use crate::plain_reading::{PlainRow, rows};
use crate::raw_texts::{RawTexts, forge_schema, push_common, push_row};

const FIELDS: [&str; 5] = ["210", "109_14", "110_14", "127_14", "150_14"];

/// Lists of ids (with the weight that follows from the place) of the fields that a user or a row has.
type Lists = Vec<(usize, Vec<u8>)>;

fn lists(most: usize) -> impl Strategy<Value = Lists> {
    proptest::collection::vec((0..FIELDS.len(), proptest::collection::vec(1u8..9, 1..4)), 0..most)
}

/// The lists as features; a field counts once.
fn features(lists: &Lists, number: usize) -> String {
    let mut text = Vec::new();
    for (field, name) in FIELDS.iter().enumerate() {
        let Some((_, ids)) = lists.iter().find(|(listed, _)| *listed == field) else { continue };
        for (place, id) in ids.iter().enumerate() {
            text.push(format!("{name}={id}:{}.{place}5", number % 7));
        }
    }
    text.join(" ")
}

/// Raw files whose rows can be told apart: each has its number as the value of 508.
fn raw_texts(users: &[Lists], rows: &[(prop::sample::Index, Lists)]) -> RawTexts {
    let mut texts = RawTexts { common: [Vec::new(), Vec::new()], skeleton: [Vec::new(), Vec::new()] };
    for part in 0..2 {
        for (number, lists) in users.iter().enumerate() {
            push_common(&mut texts.common[part], &format!("user {number}"), &features(lists, number));
        }
        for (number, (user, lists)) in rows.iter().enumerate() {
            let own = format!("{} 508=1:{number}", features(lists, number + 3));
            let index = format!("user {}", user.index(users.len()));
            push_row(&mut texts.skeleton[part], ["0,0", "1,0"][number % 2], &index, own.trim());
        }
    }
    texts
}

/// Ids with their weights.
type List = Vec<(u32, f32)>;

/// What the raw files say of a row's lists, by the numbers of the ids.
fn expected_list(row: &PlainRow, field: &str, numbers: &[std::collections::BTreeMap<String, u32>]) -> List {
    let position = ple_data::ALI_CCP_SPARSE.iter().position(|name| *name == field).unwrap();
    let features = row.fields.get(field).map_or(&[][..], Vec::as_slice);
    features.iter().map(|(id, weight)| (numbers[position][id], *weight)).collect()
}

/// The lists of each row of a batch, with its number.
fn found_lists(batch: &Batch, schema: &ple_data::FeatureSchema, n_rows: usize) -> Vec<(usize, Vec<List>)> {
    let marker = schema.dense().position(|feature| feature.name == "D508").unwrap();
    let row = |row: usize| {
        let scaled = batch.dense()[[row, marker]];
        let number = (scaled * (n_rows - 1) as f32).round() as usize;
        let list = |field: &&str| {
            let feature = schema.sequences().position(|feature| feature.name == **field);
            let Some(feature) = feature else { return Vec::new() };
            let sequence = batch.sequence(feature);
            let span = sequence.offsets[row] as usize..sequence.offsets[row + 1] as usize;
            let weights = sequence.weights.as_ref().unwrap()[span.clone()].iter().copied();
            sequence.ids[span].iter().copied().zip(weights).collect()
        };
        (number, FIELDS.iter().map(list).collect())
    };
    (0..batch.rows()).map(row).collect()
}

fn batches(source: &RowSource, plan: BatchPlan, start: BatchPosition) -> Vec<Batch> {
    let mut batches = Batches::new(source, plan, start, 2, 2);
    std::iter::from_fn(|| batches.next_batch(|_| ()).map(|batch| batch.unwrap().clone())).collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn joined_batches_hold_what_the_raw_files_say(
        users in proptest::collection::vec(lists(5), 1..9),
        raw_rows in proptest::collection::vec((any::<prop::sample::Index>(), lists(3)), 2..60),
        batch_size in 1usize..20, window_bytes in 0u64..2_000, seed: u64, start in any::<prop::sample::Index>(),
    ) {
        let texts = raw_texts(&users, &raw_rows);
        let config = RawConfig { min_count: 1, block_bytes: 900, shard_bytes: 500, seed, ..RawConfig::default() };
        let (_folder, prepared) = prepared(&texts, &config);
        let plain = rows(&texts, 0);
        let numbers = numbers(&plain, 1);
        let lists = prepared.user_lists().unwrap();
        let (files, schema) = (prepared.shards("train").unwrap(), &prepared.schema.schema);
        let streamed = |window_bytes, decoders| -> RowSource {
            let config = StreamConfig { window_bytes, decoders };
            ParquetShards::open_joined(&files, schema, &lists, config).unwrap().into()
        };
        let table = lists.read_tables(&files, schema).unwrap();
        let memory = RowSource::from(table.clone());
        let plan = BatchPlan { batch_size, last_batch: LastBatch::Keep, shuffle: Shuffle::Seeded(seed) };
        let first = BatchPosition::default();

        for source in [&memory, &streamed(window_bytes, 1)] {
            let all = batches(source, plan, first);
            let mut seen = vec![0; plain.len()];
            for (number, found) in all.iter().flat_map(|batch| found_lists(batch, source.schema(), plain.len())) {
                seen[number] += 1;
                for (field, found) in FIELDS.iter().zip(found) {
                    let expected = expected_list(&plain[number], field, &numbers);
                    prop_assert_eq!(&found, &expected, "field {} of row {}", field, number);
                }
            }
            prop_assert!(seen.iter().all(|&count| count == 2), "each row once in each of two epochs");
        }

        // One window is the table in memory; decoders and the start change nothing.
        prop_assert_eq!(batches(&streamed(u64::MAX, 2), plan, first), batches(&memory, plan, first));
        let expected = batches(&streamed(window_bytes, 1), plan, first);
        let start = start.index(expected.len());
        let n_batches = expected.len() / 2;
        let position = BatchPosition { epoch: (start / n_batches) as u64, batch: start % n_batches };
        for decoders in [2, 3] {
            prop_assert_eq!(&batches(&streamed(window_bytes, decoders), plan, position), &expected[start..]);
        }

        // Copied to every row, the lists are the same; another choice of rows takes its users along.
        let order: Vec<u32> = (0..table.rows() as u32).rev().collect();
        let (mut joined, mut copied) = (Batch::new(), Batch::new());
        table.gather(&order, &mut joined);
        let all_lists = table.clone().with_lists_copied().unwrap();
        all_lists.gather(&order, &mut copied);
        prop_assert_eq!(&joined, &copied);
        table.select(&order).gather(&(0..order.len() as u32).collect::<Vec<_>>(), &mut copied);
        prop_assert_eq!(&joined, &copied);
    }
}

fn joined(prepared: &Prepared) -> Table {
    let lists = prepared.user_lists().unwrap();
    lists.read_tables(&prepared.shards("train").unwrap(), &prepared.schema.schema).unwrap()
}

#[test]
fn a_written_table_has_the_lists_in_every_row() {
    let (folder, prepared) = prepared(&RawTexts::with_odd_lines(), &RawConfig::default());
    let table = joined(&prepared);
    assert_eq!(table.schema().n_sequences(), 5);
    let path = folder.path().join("copied.parquet");
    write_parquet(&table, &path).unwrap();
    let back = read_table(&path, table.schema()).unwrap();
    assert_eq!(back.fingerprint(), table.clone().with_lists_copied().unwrap().fingerprint());
    assert_ne!(back.fingerprint(), table.fingerprint());
    let longest = back.sequences().iter().map(|list| list.ids.len()).max().unwrap();
    assert!(longest > 10 * table.rows(), "{longest} ids for {} rows", table.rows());
    let mut schema = table.schema().clone();
    for feature in &mut schema.features {
        if let FeatureKind::Sparse { embedding_dim, .. } | FeatureKind::Sequence { embedding_dim, .. } =
            &mut feature.kind
        {
            *embedding_dim = 3;
        }
    }
    assert_eq!(table.with_schema(schema).unwrap().rows(), back.rows());
}

#[test]
fn other_lists_are_other_data() {
    let fingerprints = |texts: &RawTexts| {
        let (_folder, prepared) = prepared(texts, &RawConfig { min_count: 1, ..RawConfig::default() });
        let lists = prepared.user_lists().unwrap();
        let (files, schema) = (prepared.shards("train").unwrap(), &prepared.schema.schema);
        let shards = ParquetShards::open_joined(&files, schema, &lists, StreamConfig::default()).unwrap();
        [joined(&prepared).fingerprint(), shards.fingerprint()]
    };
    let mut texts = RawTexts::small();
    let before = fingerprints(&texts);
    assert_eq!(before, fingerprints(&texts));
    let text = String::from_utf8(texts.common[0].clone()).unwrap();
    texts.common[0] = text.replace("0.25", "0.75").into_bytes();
    assert!(before.iter().zip(fingerprints(&texts)).all(|(before, after)| *before != after));
}

/// Changes one of the files of lists, and what `schema.json` says of it.
fn forge(prepared_folder: &std::path::Path, file: &str, change: impl FnOnce(&mut Vec<u8>)) {
    let path = prepared_folder.join("common").join(file);
    let mut bytes = fs::read(&path).unwrap();
    let hash = |bytes: &[u8]| format!("{:032x}", xxhash_rust::xxh3::xxh3_128(bytes));
    let before = hash(&bytes);
    change(&mut bytes);
    fs::write(&path, &bytes).unwrap();
    forge_schema(prepared_folder, &before, &hash(&bytes));
}

#[test]
fn lists_that_are_not_as_they_must_be_are_refused() {
    let (folder, _) = prepared(&RawTexts::small(), &RawConfig { min_count: 1, ..RawConfig::default() });
    let out = folder.path().join("out");
    let error = || Prepared::open(&out).unwrap().user_lists().unwrap_err().to_string();

    let (ids, weights) = (out.join("common/ids.bin"), out.join("common/weights.bin"));
    let whole = [fs::read(&ids).unwrap(), fs::read(&weights).unwrap()];
    let mut changed = whole[0].clone();
    changed[0] ^= 1;
    fs::write(&ids, changed).unwrap();
    let text = error();
    assert!(
        text.contains("ids.bin: the file is damaged: its hash is another one than schema.json says"),
        "{text}"
    );
    fs::write(&ids, &whole[0]).unwrap();

    forge(&out, "ids.bin", |bytes| bytes[..4].copy_from_slice(&77u32.to_le_bytes()));
    let text = error();
    let expected = "the file is damaged: user 0 has in the list `109_14` the id 77, where 3 are known";
    assert!(text.contains(expected), "{text}");
    forge(&out, "ids.bin", |bytes| bytes.copy_from_slice(&whole[0]));

    forge(&out, "weights.bin", |bytes| bytes[4..8].copy_from_slice(&f32::NAN.to_le_bytes()));
    let text = error();
    assert!(text.contains("user 0 has in the list `109_14` the weight NaN"), "{text}");
    forge(&out, "weights.bin", |bytes| bytes.copy_from_slice(&whole[1]));

    forge(&out, "offsets.bin", |bytes| bytes[8..16].copy_from_slice(&u64::MAX.to_le_bytes()));
    let text = error();
    assert!(text.contains("its numbers do not start at 0, fall, or are not one for each list"), "{text}");
}

#[test]
fn a_user_that_does_not_exist_is_an_id_outside_of_its_vocabulary() {
    let config = RawConfig { min_count: 1, ..RawConfig::default() };
    let (_one, one) = prepared(&RawTexts::small(), &config);
    let mut more = RawTexts::small();
    push_common(&mut more.common[0], "w", "101=1:1.0");
    let (_other, other) = prepared(&more, &config);
    // The rows of the test part come after one more user of the training part.
    let files = other.shards("test").unwrap();
    let lists = one.user_lists().unwrap();
    let error = lists.read_tables(&files, &one.schema.schema).unwrap_err().to_string();
    assert!(error.contains("column `user`: found the id"), "{error}");
}
