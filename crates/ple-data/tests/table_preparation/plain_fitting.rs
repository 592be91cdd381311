//! What is prepared, compared with a plain re-computation with hash maps; whatever the threads, chunks and file formats.

use std::collections::HashMap;

use ple_data::prepare::{Fitting, PrepareConfig, TableInput, TrainOrder, prepare_table};
use ple_data::{FeatureKind, Table, quantile_edges};
use proptest::prelude::*;
use xxhash_rust::xxh3::xxh3_64_with_seed;

use super::random_log::{
    LogRow, contents, features, in_pool, log_rows, part, prepare, write_csv, write_parquet,
};

/// Numbers for texts by their counts, then whole numbers before other texts, each in order.
fn plain_vocabulary<'a>(texts: impl Iterator<Item = &'a str>, min_count: u64) -> HashMap<String, u32> {
    let mut counts: HashMap<&str, u64> = HashMap::new();
    texts.for_each(|text| *counts.entry(text).or_default() += 1);
    let mut frequent: Vec<(&str, u64)> =
        counts.into_iter().filter(|(_, count)| *count >= min_count).collect();
    frequent.sort_by_key(|&(text, count)| {
        let number = text.parse::<i64>().ok().filter(|number| number.to_string() == text);
        (u64::MAX - count, number.is_none(), number, text.to_owned())
    });
    (1..).zip(frequent).map(|(number, (text, _))| (text.to_owned(), number)).collect()
}

fn assert_is_plain(rows: &[LogRow], table: &Table) {
    let users = plain_vocabulary(rows.iter().filter_map(|row| row.user.as_deref()), 2);
    let item_texts: Vec<String> =
        rows.iter().filter_map(|row| row.item).map(|item| item.to_string()).collect();
    let items = plain_vocabulary(item_texts.iter().map(String::as_str), 1);
    let tags = plain_vocabulary(rows.iter().flat_map(|row| &row.tags).map(|(tag, _)| tag.as_str()), 2);
    let known = |vocabulary: &HashMap<String, u32>, text: &str| vocabulary.get(text).copied().unwrap_or(0);

    let expected: Vec<u32> =
        rows.iter().map(|row| row.user.as_ref().map_or(0, |user| known(&users, user))).collect();
    assert_eq!(table.sparse(0).collect::<Vec<_>>(), expected);
    let expected: Vec<u32> =
        rows.iter().map(|row| row.item.map_or(0, |item| known(&items, &item.to_string()))).collect();
    assert_eq!(table.sparse(1).collect::<Vec<_>>(), expected);
    let bucket = |item: i64| 1 + (xxh3_64_with_seed(item.to_string().as_bytes(), 3) % 5) as u32;
    let expected: Vec<u32> = rows.iter().map(|row| row.item.map_or(0, bucket)).collect();
    assert_eq!(table.sparse(2).collect::<Vec<_>>(), expected);
    let sizes: Vec<usize> =
        table.schema().features.iter().filter_map(|feature| feature.vocab_size()).collect();
    assert_eq!(sizes[..4], [users.len() + 1, items.len() + 1, 6, tags.len() + 1]);

    let sequence = &table.sequences()[0];
    let elements = rows.iter().flat_map(|row| &row.tags);
    assert_eq!(sequence.ids, elements.clone().map(|(tag, _)| known(&tags, tag)).collect::<Vec<_>>());
    assert_eq!(sequence.weights.as_deref().unwrap(), elements.map(|(_, weight)| *weight).collect::<Vec<_>>());
    let lengths: Vec<usize> = sequence.offsets.windows(2).map(|pair| pair[1] - pair[0]).collect();
    assert_eq!(lengths, rows.iter().map(|row| row.tags.len()).collect::<Vec<_>>());

    let present: Vec<f64> = rows.iter().filter_map(|row| row.price).collect();
    let (minimum, maximum) =
        present.iter().fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), &x| (low.min(x), high.max(x)));
    let width = if present.is_empty() { 0.0 } else { maximum - minimum };
    let expected = rows.iter().map(|row| match width > 0.0 {
        true => ((row.price.unwrap_or(0.5) - minimum) / width) as f32,
        false => 0.0,
    });
    assert_eq!(table.dense(0).collect::<Vec<_>>(), expected.collect::<Vec<_>>());

    let n = present.len().max(1) as f64;
    // Of distances to one of them, so that no digit is lost to their size.
    let origin = present.first().copied().unwrap_or(0.0);
    let mean = present.iter().map(|&x| x - origin).sum::<f64>() / n;
    let variance = present.iter().map(|&x| (x - origin - mean).powi(2)).sum::<f64>() / n;
    for (row, found) in rows.iter().zip(table.dense(1)) {
        let distance = row.price.map_or(0.0, |price| price - origin - mean);
        let expected = if width > 0.0 { distance / variance.sqrt() } else { 0.0 };
        assert!((f64::from(found) - expected).abs() < 1e-5, "{found} {expected}");
    }

    let log = |value: f64| value.abs().ln_1p().copysign(value) as f32;
    let expected: Vec<f32> = rows.iter().map(|row| log(row.price.unwrap_or(0.0))).collect();
    assert_eq!(table.dense(2).collect::<Vec<_>>(), expected);
    let edges = quantile_edges(&present.iter().map(|&value| log(value)).collect::<Vec<_>>(), 4);
    let last = table.schema().features.last().unwrap();
    let FeatureKind::Dense { bins } = &last.kind else { panic!("{last:?}") };
    assert_eq!(bins.as_ref().map_or(&[][..], |bins| &bins.edges), edges);
    assert_eq!(
        table.labels(0).collect::<Vec<_>>(),
        rows.iter().map(|row| f32::from(u8::from(row.click))).collect::<Vec<_>>()
    );
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]
    #[test]
    fn a_prepared_table_is_the_plain_one(rows in log_rows(1..120), rows_per_group in 1_usize..50) {
        let folder = tempfile::tempdir().unwrap();
        let (csv, parquet) = (folder.path().join("log.csv"), folder.path().join("log.parquet"));
        write_csv(&rows, &csv);
        write_parquet(&rows, &parquet, rows_per_group);
        let outs = [folder.path().join("from-csv"), folder.path().join("from-parquet")];
        for (file, out) in [&csv, &parquet].into_iter().zip(&outs) {
            prepare(file, Fitting::New(&features()), out).unwrap();
            assert_is_plain(&rows, &part(out, "train"));
        }
    }

    #[test]
    fn threads_and_chunks_change_no_byte(
        rows in log_rows(1..120),
        threads in 1_usize..5,
        chunk_bytes in 1_usize..400,
        chunk_rows in 1_usize..40,
        shard_bytes in 1_u64..3000,
        order in prop::sample::select(vec![TrainOrder::AsInFiles, TrainOrder::Shuffled { seed: 3 }]),
        is_csv in any::<bool>(),
    ) {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join(if is_csv { "log.csv" } else { "log.parquet" });
        match is_csv {
            true => write_csv(&rows, &file),
            false => write_parquet(&rows, &file, 17),
        }
        let input = TableInput { train: vec![file], ..TableInput::default() };
        let outs = ["plain", "cut"].map(|name| folder.path().join(name));
        let plain = PrepareConfig { shard_bytes, order, ..PrepareConfig::default() };
        let cut = PrepareConfig { chunk_bytes, chunk_rows, ..plain.clone() };
        for ((config, threads), out) in [(plain, 1), (cut, threads)].into_iter().zip(&outs) {
            in_pool(threads, || prepare_table(&input, Fitting::New(&features()), out, &config, &|_| ())).unwrap();
        }
        prop_assert!(contents(&outs[0]) == contents(&outs[1]));
    }
}
