//! The rows of a sample, a few at a time: padded to their longest list, they stay small.

use std::ops::Range;

use ndarray::s;
use ple_nn::{BankInput, SequenceInput};

/// The most elements of padded lists at a time: rows times the longest list of each sequence feature, added up.
const MOST_ELEMENTS: usize = 1 << 18;

/// Cuts the rows of a sample into runs, each with as many rows as stay below the limit when their lists are padded, and one
/// row at least.
pub(crate) fn runs(sample: &BankInput<'_>) -> Vec<Range<usize>> {
    let mut runs = Vec::new();
    let (mut start, mut longest) = (0, vec![0; sample.sequences.len()]);
    for row in 0..sample.batch {
        let length =
            |sequence: &SequenceInput<'_>| (sequence.offsets[row + 1] - sequence.offsets[row]) as usize;
        let with_row: Vec<usize> = (sample.sequences.iter().zip(&longest))
            .map(|(sequence, &longest)| length(sequence).max(longest))
            .collect();
        let elements = with_row.iter().sum::<usize>().saturating_mul(row + 1 - start);
        if elements > MOST_ELEMENTS && row > start {
            runs.push(start..row);
            start = row;
            longest = sample.sequences.iter().map(length).collect();
        } else {
            longest = with_row;
        }
    }
    runs.push(start..sample.batch);
    runs
}

/// Some rows of a sample.
pub(crate) struct SampleRows {
    rows: Range<usize>,
    /// Of each sequence feature, from 0 on.
    offsets: Vec<Vec<u32>>,
}

impl SampleRows {
    pub(crate) fn new(sample: &BankInput<'_>, rows: Range<usize>) -> Self {
        let of_rows = |sequence: &SequenceInput<'_>| {
            let offsets = &sequence.offsets[rows.start..=rows.end];
            offsets.iter().map(|offset| offset - offsets[0]).collect()
        };
        Self { offsets: sample.sequences.iter().map(of_rows).collect(), rows }
    }

    /// The rows as an input of a model.
    pub(crate) fn input<'p>(&'p self, sample: &'p BankInput<'_>) -> BankInput<'p> {
        let Range { start, end } = self.rows;
        let sequence = |(sequence, offsets): (&SequenceInput<'p>, &'p Vec<u32>)| {
            let elements = sequence.offsets[start] as usize..sequence.offsets[end] as usize;
            SequenceInput {
                offsets,
                ids: &sequence.ids[elements.clone()],
                weights: sequence.weights.map(|weights| &weights[elements]),
            }
        };
        BankInput {
            batch: end - start,
            sparse: sample.sparse.iter().map(|ids| &ids[start..end]).collect(),
            sequences: sample.sequences.iter().zip(&self.offsets).map(sequence).collect(),
            dense: sample.dense.slice(s![start..end, ..]),
        }
    }
}

#[cfg(test)]
mod tests {
    use ndarray::Array2;
    use proptest::prelude::*;

    use super::{BankInput, MOST_ELEMENTS, SampleRows, SequenceInput, runs};

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(200))]
        #[test]
        fn runs_are_all_rows_in_order_and_small(
            lengths in proptest::collection::vec((0_usize..3, 0_usize..40_000), 1..40),
        ) {
            let offsets = |of: fn(&(usize, usize)) -> usize| {
                let mut end = 0;
                let ends = lengths.iter().map(|length| { end += of(length) as u32; end });
                std::iter::once(0).chain(ends).collect::<Vec<u32>>()
            };
            let (short, long) = (offsets(|length| length.0), offsets(|length| length.1));
            let ids = |offsets: &[u32]| (0..offsets[offsets.len() - 1]).collect::<Vec<u32>>();
            let (short_ids, long_ids) = (ids(&short), ids(&long));
            let sparse: Vec<u32> = (0..lengths.len() as u32).collect();
            let dense = Array2::from_shape_fn((lengths.len(), 2), |(row, _)| row as f32);
            let sequence = |offsets, ids| SequenceInput { offsets, ids, weights: None };
            let sequences = vec![sequence(&short, &short_ids), sequence(&long, &long_ids)];
            let sample = BankInput { batch: lengths.len(), sparse: vec![&sparse], sequences, dense: dense.view() };

            let mut next = 0;
            let mut elements: [Vec<u32>; 2] = Default::default();
            for run in runs(&sample) {
                prop_assert_eq!(run.start, next);
                next = run.end;
                let of_run = &lengths[run.clone()];
                let longest = of_run.iter().map(|l| l.0).max().unwrap() + of_run.iter().map(|l| l.1).max().unwrap();
                prop_assert!(run.len() == 1 || longest * run.len() <= MOST_ELEMENTS);
                let rows = SampleRows::new(&sample, run.clone());
                let input = rows.input(&sample);
                prop_assert_eq!((input.batch, input.sparse[0]), (run.len(), &sparse[run.clone()]));
                prop_assert_eq!(input.dense.column(1).to_vec(), run.clone().map(|row| row as f32).collect::<Vec<_>>());
                for (all, sequence) in elements.iter_mut().zip(&input.sequences) {
                    prop_assert_eq!(sequence.offsets.len(), run.len() + 1);
                    prop_assert_eq!(sequence.offsets[run.len()] as usize, sequence.ids.len());
                    all.extend_from_slice(sequence.ids);
                }
            }
            prop_assert_eq!(next, lengths.len());
            prop_assert_eq!(elements, [short_ids.clone(), long_ids.clone()]);
        }
    }
}
