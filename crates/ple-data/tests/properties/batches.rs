//! Batches: every row once an epoch, gathered as a plain loop would, however many at a time.

use ple_data::{
    Batch, BatchPlan, BatchPosition, Batches, EpochOrder, LastBatch, PlannedBatch, RowSource, Shuffle, Table,
};
use proptest::prelude::*;
use rayon::prelude::*;

use crate::random_table::tables;

fn shuffles() -> impl Strategy<Value = Shuffle> {
    prop_oneof![Just(Shuffle::InOrder), any::<u64>().prop_map(Shuffle::Seeded)]
}

/// A batch made row by row, in the plainest way.
fn assert_gathered(batch: &Batch, table: &Table, indices: &[u32]) {
    let (schema, columns) = (table.schema(), table.to_columns());
    assert_eq!(batch.rows(), indices.len());
    assert_eq!(batch.dense().dim(), (indices.len(), schema.n_dense()));
    for (position, &index) in indices.iter().enumerate() {
        let row = index as usize;
        for f in 0..schema.n_sparse() {
            assert_eq!(batch.sparse(f)[position], columns.sparse[row * schema.n_sparse() + f]);
        }
        for d in 0..schema.n_dense() {
            let value = columns.dense[row * schema.n_dense() + d];
            assert_eq!(batch.dense()[[position, d]].to_bits(), value.to_bits());
        }
        for task in 0..schema.n_tasks() {
            let place = row * schema.n_tasks() + task;
            assert_eq!(batch.labels(task)[position], columns.labels[place]);
            let weight = columns.weights.as_ref().map_or(1.0, |weights| weights[place]);
            assert_eq!(batch.weights(task)[position], weight);
        }
        for (s, column) in columns.sequences.iter().enumerate() {
            let sequence = batch.sequence(s);
            let span = sequence.offsets[position] as usize..sequence.offsets[position + 1] as usize;
            let source = column.offsets[row]..column.offsets[row + 1];
            assert_eq!(sequence.ids[span.clone()], column.ids[source.clone()]);
            let weights = sequence.weights.as_ref().map(|weights| &weights[span]);
            assert_eq!(weights, column.weights.as_ref().map(|weights| &weights[source]));
        }
    }
    for s in 0..columns.sequences.len() {
        let sequence = batch.sequence(s);
        assert_eq!(sequence.offsets.first(), Some(&0));
        assert_eq!(sequence.offsets.len(), indices.len() + 1);
        assert_eq!(sequence.offsets.last().map(|&end| end as usize), Some(sequence.ids.len()));
    }
}

/// The rows of a batch of one window.
fn rows_of(order: &EpochOrder, k: usize) -> Vec<u32> {
    order.batch(k).into_iter().map(|(_, row)| row).collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    #[test]
    fn every_row_comes_once_unless_it_is_dropped(
        rows in 0usize..300, batch_size in 1usize..50, drops: bool, shuffle in shuffles(), epoch: u64,
    ) {
        let last_batch = if drops { LastBatch::Drop } else { LastBatch::Keep };
        let order = EpochOrder::new(rows, BatchPlan { batch_size, last_batch, shuffle }, epoch);
        let sizes: Vec<usize> = (0..order.n_batches()).map(|k| order.batch(k).len()).collect();
        let mut seen: Vec<u32> = (0..order.n_batches()).flat_map(|k| rows_of(&order, k)).collect();
        seen.sort_unstable();
        seen.dedup();

        let rest = rows % batch_size;
        let mut expected = vec![batch_size; rows / batch_size];
        match expected.last_mut() {
            _ if drops || rest == 0 => {}
            Some(last) if rest == 1 => *last += 1,
            _ => expected.push(rest),
        }
        prop_assert_eq!(&sizes, &expected);
        prop_assert_eq!(seen.len(), expected.iter().sum::<usize>());
        prop_assert_eq!(order.largest_batch(), expected.iter().copied().max().unwrap_or(0));
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(500))]

    #[test]
    fn gathering_is_a_plain_loop_whatever_the_batch_held_before(
        first in tables(1..40, 3), second in tables(1..40, 3),
        picks in proptest::collection::vec(proptest::collection::vec(any::<prop::sample::Index>(), 0..40), 1..5),
    ) {
        let mut batch = Batch::new();
        for (position, picks) in picks.iter().enumerate() {
            let table = if position % 2 == 0 { &first } else { &second };
            let indices: Vec<u32> = picks.iter().map(|pick| pick.index(table.rows()) as u32).collect();
            table.gather(&indices, &mut batch);
            assert_gathered(&batch, table, &indices);
            let mut fresh = Batch::with_capacity(table.schema(), indices.len());
            table.gather(&indices, &mut fresh);
            prop_assert_eq!(&fresh, &batch);
        }
    }

    #[test]
    fn batches_are_the_gathered_ones_from_any_step_and_in_groups_of_any_size(
        table in tables(1..60, 2), batch_size in 1usize..20, shuffle in shuffles(), step in 0usize..8,
        together in 1usize..5, gathers: bool,
    ) {
        let source = RowSource::from(table.clone());
        let plan = BatchPlan { batch_size, last_batch: LastBatch::Keep, shuffle };
        let orders = [3, 4].map(|epoch| source.order(plan, epoch));
        let start = BatchPosition { epoch: 3, batch: step };
        let mut batches = Batches::new(&source, plan, start, 5, together);
        let mut plain = Batch::new();
        let this = (step..orders[0].n_batches()).map(|k| (0, k));
        let all: Vec<(usize, usize)> = this.chain((0..orders[1].n_batches()).map(|k| (1, k))).collect();
        let gather_all = |group: &mut [PlannedBatch]| {
            if gathers {
                group.par_iter_mut().for_each(PlannedBatch::gather);
            }
        };
        for (epoch, k) in all {
            table.gather(&rows_of(&orders[epoch], k), &mut plain);
            prop_assert_eq!(batches.next_batch(gather_all).unwrap().unwrap(), &plain);
        }
        prop_assert!(batches.next_batch(gather_all).is_none());
    }
}
