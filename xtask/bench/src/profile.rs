//! Where a training step's time goes, operation by operation.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use ple_data::{Batch, BatchPlan, EpochOrder, LastBatch, Shuffle};
use ple_tensor::{Direction, Workspace};
use ple_train::{
    Balance, Balancer, Objective, Optimizer, OptimizerConfig, Progress, RankingModel, RunSeed, Targets,
    TrainState,
};
use serde_json::{Value, json};

use crate::options::Profile;
use crate::workload;

/// Rows to a step.
const BATCH: usize = 1024;

/// Steps before anything counts: they find the buffers.
const WARM_UP: usize = 3;

/// The batches that the steps take turns with.
const BATCHES: usize = 50;

/// Trains and takes the time of every operation.
pub(crate) fn measure(options: &Profile) -> Result<Value, String> {
    let table = workload::table(options.vocabulary, BATCH * BATCHES)?;
    let config = workload::model_config(options.size);
    let model = RankingModel::new(table.schema().clone(), config, RunSeed(workload::SEED));
    let model = model.map_err(|error| error.to_string())?;
    let (schema, network, mut store) = (model.schema(), model.model(), model.store().clone());
    let objectives = Objective::of_tasks(network, &BTreeMap::new()).map_err(|e| e.to_string())?;
    let mut balancer =
        Balancer::new(&Balance::Uwl, network, &objectives, &mut store).map_err(|e| e.to_string())?;
    let n_steps = (WARM_UP + options.steps) as u64;
    let mut optimizer =
        Optimizer::new(OptimizerConfig::default(), n_steps, &mut store).map_err(|e| e.to_string())?;
    let shuffle = Shuffle::Seeded(workload::SEED);
    let plan = BatchPlan { batch_size: BATCH, last_batch: LastBatch::Keep, shuffle };
    let order = EpochOrder::new(table.rows(), plan, 0);
    let rows = order.window_order(0);

    let mut batch = Batch::new();
    let mut workspace = Workspace::new();
    let (mut gather, mut passes, mut updates) = (Duration::ZERO, Duration::ZERO, Duration::ZERO);
    for step in 0..WARM_UP + options.steps {
        if step == WARM_UP {
            workspace.measure_times();
            (gather, passes, updates) = (Duration::ZERO, Duration::ZERO, Duration::ZERO);
        }
        let start = Instant::now();
        table.gather(&rows[order.positions(step % BATCHES)], &mut batch);
        gather += start.elapsed();

        let mut state = TrainState {
            schema,
            model: network,
            store: &mut store,
            objectives: &objectives,
            balancer: &mut balancer,
            optimizer: &mut optimizer,
            targets: Targets::default(),
            workspace: std::mem::take(&mut workspace),
        };
        let start = Instant::now();
        let pass = state.forward_backward(
            &batch,
            Progress { step: step as u64, ..Progress::first(RunSeed(workload::SEED)) },
        );
        let pass = pass.map_err(|first| first.to_string())?;
        passes += start.elapsed();
        let start = Instant::now();
        state.update(pass).map_err(|first| first.to_string())?;
        updates += start.elapsed();
        workspace = state.workspace;
    }

    let microseconds = |time: Duration| time.as_secs_f64() * 1e6 / options.steps as f64;
    let ops = workspace.times().into_iter().flat_map(|times| times.ops()).map(|op| {
        let direction = match op.direction {
            Direction::Forward => "forward",
            Direction::Backward => "backward",
        };
        json!({ "name": op.name, "direction": direction, "microseconds": microseconds(op.total) })
    });
    Ok(json!({
        "steps": options.steps,
        "ops": ops.collect::<Vec<_>>(),
        "gather_microseconds": microseconds(gather),
        "pass_microseconds": microseconds(passes),
        "update_microseconds": microseconds(updates),
        "threads": rayon::current_num_threads(),
        "instruction_set": ple_train::instruction_set(),
    }))
}

#[cfg(test)]
mod tests {
    use super::measure;
    use crate::options::{Profile, Size, Vocabulary};

    #[test]
    fn operations_have_their_time_in_both_directions() {
        let options = Profile { vocabulary: Vocabulary::Small, size: Size::Tutorial, steps: 2 };
        let profile = measure(&options).unwrap();
        let ops = profile["ops"].as_array().unwrap();
        let of = |direction: &str| ops.iter().filter(|op| op["direction"] == direction).count();
        assert!(of("forward") > 10);
        // The embedding's gradient is part of that of the linear map that reads it.
        assert_eq!(of("forward"), of("backward") + 1);
        let total: f64 = ops.iter().map(|op| op["microseconds"].as_f64().unwrap()).sum();
        assert!(total > 0.0 && total <= profile["pass_microseconds"].as_f64().unwrap());
    }
}
