//! From the second call on a predictor allocates nothing: not for one row, not for four, whatever the model is made of.

#![allow(clippy::unwrap_used)]

#[path = "../steady_state/counting_allocator.rs"]
mod counting_allocator;

use counting_allocator::{Counting, allocations};
use ndarray::Array2;
use ple_data::{DenseBins, Feature, FeatureKind, FeatureSchema, Label, TaskType};
use ple_nn::{
    Activation, Architecture, BankInput, MlpConfig, MmoeConfig, ModelConfig, Norm, PleConfig, SequenceInput,
    SharedBottomConfig,
};
use ple_train::{Predictor, RankingModel, RunSeed};

#[global_allocator]
static ALLOCATOR: Counting = Counting;

/// Every kind of feature, and both kinds of tasks.
fn schema() -> FeatureSchema {
    let mut age = Feature::dense("age");
    age.kind = FeatureKind::Dense { bins: Some(DenseBins { edges: vec![18.0, 30.0], embedding_dim: 3 }) };
    let features = vec![
        Feature::sparse("user", 90, 16),
        Feature::sequence("history", 50, 8),
        age,
        Feature::dense("price"),
    ];
    let labels = vec![
        Label::new("click", TaskType::Classification),
        Label::new("conversion", TaskType::Classification),
        Label::new("minutes", TaskType::Regression),
    ];
    FeatureSchema::new(features, labels, vec![]).unwrap()
}

fn models() -> Vec<ModelConfig> {
    let activations = [
        Activation::Relu,
        Activation::Sigmoid,
        Activation::Softmax,
        Activation::LeakyRelu,
        Activation::Prelu,
        Activation::Dice,
    ];
    let mut models = Vec::new();
    for activation in activations {
        let mlp = |dims: [usize; 2]| MlpConfig { activation, ..MlpConfig::new(dims) };
        let towers = vec![mlp([8, 4])];
        let ple = PleConfig {
            n_levels: 2,
            n_specific_experts: 5,
            n_shared_experts: 4,
            expert: mlp([16, 8]),
            towers: towers.clone(),
        };
        let mmoe = MmoeConfig { n_experts: 20, expert: mlp([16, 8]), towers: towers.clone() };
        let shared = SharedBottomConfig { bottom: mlp([16, 8]), towers };
        for architecture in
            [Architecture::Ple(ple), Architecture::Mmoe(mmoe), Architecture::SharedBottom(shared)]
        {
            for norm in [Norm::Batch, Norm::None] {
                let architecture = architecture.clone();
                models.push(ModelConfig { architecture, norm, gate_norm: norm, ..ModelConfig::default() });
            }
        }
    }
    models
}

/// The allocations of calls 3 to 12 with `rows` rows.
fn allocations_of_calls(config: &ModelConfig, rows: usize) -> (usize, usize) {
    let predictor = Predictor::new(RankingModel::new(schema(), config.clone(), RunSeed(1)).unwrap());
    let users: Vec<u32> = (0..rows as u32).collect();
    let offsets: Vec<u32> = (0..=rows as u32).map(|row| 2 * row).collect();
    let history: Vec<u32> = (0..2 * rows as u32).map(|element| element % 50).collect();
    let dense = Array2::from_shape_fn((rows, 2), |(row, column)| (10 * row + column) as f32);
    let request = BankInput {
        batch: rows,
        sparse: vec![&users],
        sequences: vec![SequenceInput { offsets: &offsets, ids: &history, weights: None }],
        dense: dense.view(),
    };
    let mut out = vec![0.0; 3 * rows];
    let mut call = || predictor.predict(&request, &mut out).unwrap();
    (0..2).for_each(|_| call());
    allocations(|| (0..10).for_each(|_| call()))
}

/// One test, since the allocator counts for all threads.
#[test]
fn a_predictor_allocates_nothing_after_its_first_calls() {
    for config in models() {
        for rows in [1, 3, 4] {
            let (number, largest) = allocations_of_calls(&config, rows);
            assert_eq!(number, 0, "10 calls of {rows} rows, up to {largest} bytes at once, by {config:?}");
        }
    }
}
