//! Shards: the batches are the ones that the order defines, whatever the number of decoders and wherever one starts; each
//! row comes once an epoch; and a window that covers everything gives the batches of the table in memory.

use std::path::Path;

use ple_data::{
    Batch, BatchPlan, BatchPosition, Batches, FeatureSchema, LastBatch, ParquetShards, RowSource, Shuffle,
    StreamConfig, Table, write_parquet,
};
use proptest::prelude::*;

use crate::random_table::tables;

/// Writes a table as shards that are cut at random places, in folders.
fn write_shards(table: &Table, cuts: &[prop::sample::Index], folder: &Path) {
    let mut ends: Vec<usize> = cuts.iter().map(|cut| cut.index(table.rows())).collect();
    ends.extend([0, table.rows()]);
    ends.sort_unstable();
    ends.dedup();
    for (shard, pair) in ends.windows(2).enumerate() {
        let rows: Vec<u32> = (pair[0] as u32..pair[1] as u32).collect();
        let place = folder.join(format!("day={}", shard / 3));
        std::fs::create_dir_all(&place).unwrap();
        write_parquet(&table.select(&rows), place.join(format!("{shard:03}.parquet"))).unwrap();
    }
}

fn without_keys(table: &Table) -> Table {
    let schema = FeatureSchema { keys: vec![], ..table.schema().clone() };
    let mut columns = table.to_columns();
    columns.keys.clear();
    Table::new(schema, columns).unwrap()
}

fn open(table: &Table, folder: &Path, window_bytes: u64, decoders: usize) -> ParquetShards {
    ParquetShards::open(&[folder], table.schema(), StreamConfig { window_bytes, decoders }).unwrap()
}

fn batches_of(source: &RowSource, plan: BatchPlan, start: BatchPosition, together: usize) -> Vec<Batch> {
    let mut batches = Batches::new(source, plan, start, 2, together);
    std::iter::from_fn(|| batches.next_batch(|_| ()).map(|batch| batch.unwrap().clone())).collect()
}

fn batches_from(source: &RowSource, plan: BatchPlan, start: BatchPosition) -> Vec<Batch> {
    batches_of(source, plan, start, 2)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(120))]

    #[test]
    fn batches_are_those_of_the_order_for_any_number_of_decoders_and_any_start(
        table in tables(1..60, 2), cuts in proptest::collection::vec(any::<prop::sample::Index>(), 0..9),
        window_bytes in 0u64..3_000, batch_size in 1usize..20, seed: u64, starts in any::<prop::sample::Index>(),
    ) {
        let folder = tempfile::tempdir().unwrap();
        write_shards(&table, &cuts, folder.path());
        let table = without_keys(&table);
        let plan = BatchPlan { batch_size, last_batch: LastBatch::Keep, shuffle: Shuffle::Seeded(seed) };

        // The definition: the rows of every group, and the order's rows of every batch.
        let shards = open(&table, folder.path(), window_bytes, 1);
        prop_assert_eq!(shards.rows(), table.rows());
        let group_starts: Vec<usize> = shards.groups().0.iter()
            .scan(0, |start, &rows| { *start += rows as usize; Some(*start - rows as usize) }).collect();
        let source = RowSource::from(shards.clone());
        let mut expected = Vec::new();
        for epoch in 0..2 {
            let order = source.order(plan, epoch);
            let mut seen = vec![0; table.rows()];
            for k in 0..order.n_batches() {
                let rows: Vec<u32> = order.batch(k).into_iter().map(|(w, row)| {
                    let groups = order.window(w).groups.iter();
                    let mut rows = groups.flat_map(|&g| group_starts[g]..group_starts[g] + shards.groups().0[g] as usize);
                    rows.nth(row as usize).unwrap() as u32
                }).collect();
                rows.iter().for_each(|&row| seen[row as usize] += 1);
                let mut batch = Batch::new();
                table.gather(&rows, &mut batch);
                expected.push(batch);
            }
            prop_assert!(seen.iter().all(|&count| count == 1), "each row once in epoch {}", epoch);
        }
        let start = starts.index(expected.len());
        let n_batches = expected.len() / 2;
        let position = BatchPosition { epoch: (start / n_batches) as u64, batch: start % n_batches };
        for decoders in [1, 2, 3] {
            let source = RowSource::from(open(&table, folder.path(), window_bytes, decoders));
            prop_assert_eq!(&batches_from(&source, plan, position), &expected[start..], "{} decoders", decoders);
        }
    }

    #[test]
    fn one_window_is_the_table_in_memory(
        table in tables(1..60, 2), cuts in proptest::collection::vec(any::<prop::sample::Index>(), 0..9),
        batch_size in 1usize..20, seed: u64,
    ) {
        let folder = tempfile::tempdir().unwrap();
        write_shards(&table, &cuts, folder.path());
        let table = without_keys(&table);
        let plan = BatchPlan { batch_size, last_batch: LastBatch::Keep, shuffle: Shuffle::Seeded(seed) };
        let shards = RowSource::from(open(&table, folder.path(), u64::MAX, 2));
        let memory = RowSource::from(table.clone());
        let start = BatchPosition::default();
        prop_assert_eq!(batches_from(&shards, plan, start), batches_from(&memory, plan, start));
        for task in 0..table.schema().n_tasks() {
            prop_assert_eq!(shards.task_counts(task), memory.task_counts(task));
        }
        // In order, the windows are the table cut into pieces.
        let small = RowSource::from(open(&table, folder.path(), 0, 2));
        let mut first = 0;
        for window in small.windows() {
            let window = window.unwrap();
            let rows: Vec<u32> = (first..first + window.rows() as u32).collect();
            prop_assert_eq!(window.fingerprint(), table.select(&rows).fingerprint());
            first += window.rows() as u32;
        }
        prop_assert_eq!(first as usize, table.rows());
        prop_assert_eq!(small.fingerprint(), RowSource::from(open(&table, folder.path(), 0, 1)).fingerprint());
        if shards.rows() > 0 && shards.order(plan, 0) != small.order(plan, 0) {
            prop_assert_ne!(small.fingerprint(), shards.fingerprint(), "another order is other data");
        }
    }
}
