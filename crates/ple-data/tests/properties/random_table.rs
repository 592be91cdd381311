//! Random schemas, and tables that agree with them.

use std::ops::Range;
use std::sync::Arc;

use arrow_array::{ArrayRef, Int64Array, LargeStringArray};
use ple_data::{
    DenseBins, Feature, FeatureKind, FeatureSchema, Label, Pooling, SequenceColumn, Table, TableColumns,
    TaskType,
};
use proptest::prelude::*;

/// How large a random table is and what it holds. Small numbers of everything, so that shrinking tells something.
#[derive(Debug, Clone)]
pub(crate) struct Shape {
    rows: usize,
    sparse: usize,
    dense: usize,
    sequences: usize,
    tasks: usize,
    keys: usize,
    has_weights: bool,
    seed: u64,
}

/// Shapes of tables, with up to `most_sequences` sequence features.
pub(crate) fn shapes(rows: Range<usize>, most_sequences: usize) -> impl Strategy<Value = Shape> {
    let counts =
        (rows, 0usize..5, 0usize..4, 0..=most_sequences, 1usize..4, 0usize..3, any::<bool>(), any::<u64>());
    counts.prop_map(|(rows, sparse, dense, sequences, tasks, keys, has_weights, seed)| Shape {
        rows,
        // At least one feature.
        sparse: if dense + sequences == 0 { sparse.max(1) } else { sparse },
        dense,
        sequences,
        tasks,
        keys,
        has_weights,
        seed,
    })
}

/// Random tables.
pub(crate) fn tables(rows: Range<usize>, most_sequences: usize) -> impl Strategy<Value = Table> {
    shapes(rows, most_sequences).prop_map(|shape| shape.table())
}

impl Shape {
    /// A number that is fixed by the seed and the place where it is used (SplitMix64's finish).
    fn draw(&self, purpose: &str, a: usize, b: usize) -> u64 {
        let mut z = self.seed;
        for part in purpose.bytes().map(u64::from).chain([a as u64, b as u64]) {
            z = (z ^ part).wrapping_add(0x9E37_79B9_7F4A_7C15);
            z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
            z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
            z ^= z >> 31;
        }
        z
    }

    fn below(&self, bound: usize, purpose: &str, a: usize, b: usize) -> usize {
        (self.draw(purpose, a, b) % bound as u64) as usize
    }

    fn vocab_size(&self, purpose: &str, feature: usize) -> usize {
        [1, 2, 300, 20_000_000, u32::MAX as usize][self.below(5, purpose, feature, 0)]
    }

    /// Any finite number: round ones, tiny and huge ones, both zeros.
    fn number(&self, purpose: &str, a: usize, b: usize) -> f32 {
        let bits = self.draw(purpose, a, b);
        match bits % 8 {
            0 => 0.0,
            1 => -0.0,
            2 => f32::MAX,
            3 => f32::MIN_POSITIVE / 2.0,
            4 => (bits >> 8) as u16 as f32,
            _ => Some(f32::from_bits((bits >> 16) as u32)).filter(|value| value.is_finite()).unwrap_or(0.1),
        }
    }

    /// The schema, with names that need care in CSV.
    pub(crate) fn schema(&self) -> FeatureSchema {
        let mut features = Vec::new();
        for feature in 0..self.sparse {
            // The second sparse feature shares the table of the first.
            let owner = if feature == 1 { 0 } else { feature };
            features.push(Feature {
                name: format!("sparse, {feature}"),
                kind: FeatureKind::Sparse {
                    vocab_size: self.vocab_size("sparse", owner),
                    embedding_dim: 1 + owner,
                    shared_with: (owner != feature).then(|| format!("sparse, {owner}")),
                },
            });
        }
        for feature in 0..self.dense {
            let bins = DenseBins { edges: vec![-0.1, 0.3, 1e9], embedding_dim: 3 };
            features.push(Feature {
                name: format!("D\"{feature}\""),
                kind: FeatureKind::Dense { bins: (feature % 2 == 1).then_some(bins) },
            });
        }
        for feature in 0..self.sequences {
            let vocab_size = self.vocab_size("sequence", feature);
            features.push(Feature {
                name: format!("sequence {feature}"),
                kind: FeatureKind::Sequence {
                    vocab_size,
                    embedding_dim: 2,
                    pooling: if feature % 2 == 0 { Pooling::Mean } else { Pooling::Sum },
                    padding_id: (feature % 2 == 0).then_some(0),
                    weights: (feature % 2 == 1).then(|| format!("weights of sequence {feature}")),
                    shared_with: None,
                },
            });
        }
        let keys = (0..self.keys).map(|key| format!("clé {key}")).collect();
        FeatureSchema::new(features, (0..self.tasks).map(|task| self.label(task)).collect(), keys).unwrap()
    }

    /// The first task is weighed by a column of its own, the second by the label of the first, the third not at all.
    fn label(&self, task: usize) -> Label {
        let kind = if task == 2 { TaskType::Regression } else { TaskType::Classification };
        let mut label = Label::in_column(format!("task {task}"), format!("label {task}"), kind);
        if self.has_weights {
            label.weight = [Some("weight"), Some("label 0"), None][task].map(str::to_string);
        }
        label
    }

    fn label_value(&self, row: usize, task: usize) -> f32 {
        if task == 2 { self.number("label", row, task) } else { self.below(2, "label", row, task) as f32 }
    }

    fn weight(&self, row: usize, task: usize) -> f32 {
        match task {
            0 => self.number("weight", row, task).abs(),
            1 => self.label_value(row, 0),
            _ => 1.0,
        }
    }

    pub(crate) fn table(&self) -> Table {
        let schema = self.schema();
        let mut columns =
            TableColumns { weights: self.has_weights.then(Vec::new), ..TableColumns::default() };
        for row in 0..self.rows {
            for (f, feature) in schema.sparse().enumerate() {
                columns.sparse.push(self.below(feature.vocab_size().unwrap(), "id", row, f) as u32);
            }
            columns.dense.extend((0..self.dense).map(|d| self.number("dense", row, d)));
            columns.labels.extend((0..self.tasks).map(|task| self.label_value(row, task)));
            if let Some(weights) = &mut columns.weights {
                weights.extend((0..self.tasks).map(|task| self.weight(row, task)));
            }
        }
        for (s, feature) in schema.sequences().enumerate() {
            let mut sequence = SequenceColumn { offsets: vec![0], ids: Vec::new(), weights: None };
            for row in 0..self.rows {
                for element in 0..self.below(4, "length", row, s) {
                    let place = element * 10 + s;
                    sequence
                        .ids
                        .push(self.below(feature.vocab_size().unwrap(), "element", row, place) as u32);
                }
                sequence.offsets.push(sequence.ids.len());
            }
            if matches!(feature.kind, FeatureKind::Sequence { weights: Some(_), .. }) {
                let weights = (0..sequence.ids.len()).map(|place| self.number("strength", place, s).abs());
                sequence.weights = Some(weights.collect());
            }
            columns.sequences.push(sequence);
        }
        columns.keys = (0..self.keys).map(|key| self.key(key)).collect();
        Table::new(schema, columns).unwrap()
    }

    fn key(&self, key: usize) -> ArrayRef {
        if key == 0 {
            Arc::new(Int64Array::from_iter_values(
                (0..self.rows).map(|row| self.draw("key", row, key) as i64),
            ))
        } else {
            let texts = ["", "a,b", "say \"hi\"", "007", " blanks ", "ümlaut", "12", "\t", "\r"];
            let values = (0..self.rows).map(|row| texts[self.below(texts.len(), "key", row, key)]);
            Arc::new(LargeStringArray::from_iter_values(values))
        }
    }
}
