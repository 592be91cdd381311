//! Where data meets models: a schema becomes the model's features and tasks, a batch becomes the bank's input.

use ple_data::prepare::EncodedFeatures;
use ple_data::{Batch, FeatureSchema, SequenceBatch};
use ple_nn::{BankInput, Bins, FeatureKind, FeatureSpec, Pooling, SequenceInput, TaskKind, TaskSpec};

/// The features of a model for data of a schema.
pub fn feature_specs(schema: &FeatureSchema) -> Vec<FeatureSpec> {
    let kind = |kind: &ple_data::FeatureKind| match kind.clone() {
        ple_data::FeatureKind::Sparse { vocab_size, embedding_dim, shared_with } => {
            FeatureKind::Sparse { vocab_size, embedding_dim, shared_with }
        }
        ple_data::FeatureKind::Sequence {
            vocab_size,
            embedding_dim,
            pooling,
            padding_id,
            shared_with,
            ..
        } => {
            let pooling = match pooling {
                ple_data::Pooling::Mean => Pooling::Mean,
                ple_data::Pooling::Sum => Pooling::Sum,
            };
            FeatureKind::Sequence { vocab_size, embedding_dim, pooling, padding_id, shared_with }
        }
        ple_data::FeatureKind::Dense { bins } => FeatureKind::Dense {
            bins: bins.map(|bins| Bins { edges: bins.edges, embedding_dim: bins.embedding_dim }),
        },
    };
    schema.features.iter().map(|f| FeatureSpec { name: f.name.clone(), kind: kind(&f.kind) }).collect()
}

/// The tasks of a model for data of a schema.
pub fn task_specs(schema: &FeatureSchema) -> Vec<TaskSpec> {
    let kind = |task| match task {
        ple_data::TaskType::Classification => TaskKind::Classification,
        ple_data::TaskType::Regression => TaskKind::Regression,
    };
    schema.labels.iter().map(|label| TaskSpec { name: label.name.clone(), kind: kind(label.task) }).collect()
}

/// A batch as the embedding bank reads it, by reference.
pub fn bank_input<'a>(schema: &FeatureSchema, batch: &'a Batch) -> BankInput<'a> {
    let sequence = |index| {
        let sequence = batch.sequence(index);
        SequenceInput { offsets: &sequence.offsets, ids: &sequence.ids, weights: sequence.weights.as_deref() }
    };
    BankInput {
        batch: batch.rows(),
        sparse: (0..schema.n_sparse()).map(|feature| batch.sparse(feature)).collect(),
        sequences: (0..schema.n_sequences()).map(sequence).collect(),
        dense: batch.dense(),
    }
}

/// Rows that were encoded from raw values as the embedding bank reads them, by reference.
pub fn encoded_input(rows: &EncodedFeatures) -> BankInput<'_> {
    fn sequence(sequence: &SequenceBatch) -> SequenceInput<'_> {
        let SequenceBatch { offsets, ids, weights } = sequence;
        SequenceInput { offsets, ids, weights: weights.as_deref() }
    }
    BankInput {
        batch: rows.rows,
        sparse: rows.sparse.iter().map(Vec::as_slice).collect(),
        sequences: rows.sequences.iter().map(sequence).collect(),
        dense: rows.dense.view(),
    }
}
