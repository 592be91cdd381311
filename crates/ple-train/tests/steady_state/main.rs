//! From the second training step on, nothing is allocated that grows with the batch.

#![allow(clippy::unwrap_used)]

mod counting_allocator;

use counting_allocator::{Counting, largest_allocation};
use ple_data::{Batch, GeneratorConfig, Vocabulary, generate};
use ple_nn::ModelConfig;
use ple_tensor::{ParamStore, Workspace};
use ple_train::{
    Adam, AdamConfig, Balance, Balancer, Predictor, RankingModel, RunSeed, TrainState, bank_input,
    feature_specs, task_specs,
};

#[global_allocator]
static ALLOCATOR: Counting = Counting;

/// The largest allocation of steps 3 to 6 at a batch size.
fn largest_of_a_step(batch_size: u32) -> usize {
    let table =
        generate(&GeneratorConfig { rows: 6 * batch_size as usize, vocabulary: Vocabulary::Small, seed: 1 })
            .table;
    let schema = table.schema().clone();
    let checked = ModelConfig::default().check(feature_specs(&schema), task_specs(&schema)).unwrap();
    let mut store = ParamStore::new();
    let model = ple_nn::Model::new(&mut store, checked, &mut RunSeed(1).generator("initialization", 0));
    let balancer = Balancer::new(&Balance::Uwl, model.tasks(), &mut store).unwrap();
    let mut optimizer = Adam::new(AdamConfig::default(), 6, &mut store).unwrap();
    let mut state = TrainState {
        schema: &schema,
        model: &model,
        store: &mut store,
        balancer: &balancer,
        optimizer: &mut optimizer,
        workspace: Workspace::new(),
    };
    let mut batch = Batch::with_capacity(table.schema(), batch_size as usize);
    let indices: Vec<u32> = (0..6 * batch_size).collect();
    let mut step = |k: u32| {
        table.gather(&indices[(k * batch_size) as usize..((k + 1) * batch_size) as usize], &mut batch);
        let pass = state.forward_backward(&batch, 0).unwrap();
        state.update(pass);
    };
    step(0);
    step(1);
    largest_allocation(|| (2..6).for_each(&mut step))
}

/// The largest allocation of calls 3 to 6 for one row.
fn largest_of_a_prediction() -> usize {
    let table = generate(&GeneratorConfig { rows: 1, vocabulary: Vocabulary::Small, seed: 1 }).table;
    let model = RankingModel::new(table.schema().clone(), ModelConfig::default(), RunSeed(1)).unwrap();
    let predictor = Predictor::new(model);
    let mut batch = Batch::new();
    table.gather(&[0], &mut batch);
    let (input, mut out) = (bank_input(table.schema(), &batch), [0.0; 2]);
    let mut call = || predictor.predict(&input, &mut out).unwrap();
    (0..2).for_each(|_| call());
    largest_allocation(|| (0..4).for_each(|_| call()))
}

/// One test, since the allocator counts for all threads.
#[test]
fn a_step_allocates_nothing_that_grows_with_the_batch() {
    let (small, large) = (largest_of_a_step(512), largest_of_a_step(4096));
    // What is left are the matrix product's own packing buffers, whose size the block of rows fixes.
    assert!(large <= small, "{small} bytes at once in a step of 512 rows, {large} in one of 4,096");
    // The list of what the embedding copies, and the like; the weights of the first layer alone are 129,344 bytes.
    let largest = largest_of_a_prediction();
    assert!(largest <= 8192, "{largest} bytes at once in a prediction of one row");
}
