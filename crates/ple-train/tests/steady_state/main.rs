//! From the third training step on, nothing is allocated that grows with the batch.

#![allow(clippy::unwrap_used)]

mod counting_allocator;

use counting_allocator::{Counting, allocations};
use ple_data::{Batch, GeneratorConfig, Vocabulary, generate};
use ple_nn::ModelConfig;
use ple_tensor::{ParamStore, Workspace};
use ple_train::{
    Balance, Balancer, Objective, Optimizer, OptimizerConfig, Progress, RunSeed, Targets, TrainState,
    feature_specs, task_specs,
};
use std::collections::BTreeMap;

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
    let objectives = Objective::of_tasks(&model, &BTreeMap::new()).unwrap();
    let mut balancer = Balancer::new(&Balance::Uwl, &model, &objectives, &mut store).unwrap();
    let mut optimizer = Optimizer::new(OptimizerConfig::default(), 6, &mut store).unwrap();
    let mut state = TrainState {
        schema: &schema,
        model: &model,
        store: &mut store,
        objectives: &objectives,
        balancer: &mut balancer,
        optimizer: &mut optimizer,
        targets: Targets::default(),
        workspace: Workspace::new(),
    };
    let mut batch = Batch::with_capacity(table.schema(), batch_size as usize);
    let indices: Vec<u32> = (0..6 * batch_size).collect();
    let mut step = |k: u32| {
        table.gather(&indices[(k * batch_size) as usize..((k + 1) * batch_size) as usize], &mut batch);
        let pass = state.forward_backward(&batch, Progress::first(RunSeed(0))).unwrap();
        state.update(pass).unwrap();
    };
    step(0);
    step(1);
    // A thread that first takes its turn at something after the third step, since the machine is busy, has its scratch memory
    // from then on: what stays is in every window of steps.
    let windows = (0..3).map(|_| allocations(|| (2..6).for_each(&mut step)).1);
    windows.min().unwrap()
}

/// One test, since the allocator counts for all threads.
#[test]
fn a_step_allocates_nothing_that_grows_with_the_batch() {
    let (small, large) = (largest_of_a_step(512), largest_of_a_step(4096));
    // What is left are the matrix product's own packing buffers, whose size the block of rows fixes.
    assert!(large <= small, "{small} bytes at once in a step of 512 rows, {large} in one of 4,096");
}
