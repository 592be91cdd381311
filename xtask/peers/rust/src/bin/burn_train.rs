//! Trains the tutorial's PLE with burn on a CPU, as a Rust user would write it: modules, autodiff, Adam over everything.
//!
//! Arguments: the folder of the rows, the number of steps.

use std::error::Error;
use std::path::Path;
use std::time::Instant;

use burn::module::{Initializer, Module, Param};
use burn::nn::{BatchNorm, BatchNormConfig, Embedding, EmbeddingConfig, Linear, LinearConfig};
use burn::optim::decay::WeightDecayConfig;
use burn::optim::{AdamConfig, GradientsParams};
use burn::tensor::activation::{log_sigmoid, relu, softmax};
use burn::tensor::{Device, Int, Tensor, TensorData};
use ple_peers::{Rows, peak_bytes};
use serde_json::json;

const BATCH: usize = 1024;
const WARM_UP: usize = 2;
const STEPS_PER_LOSS: usize = 50;
const DIM: usize = 16;
const WIDTH: usize = 16;
const TOWER: usize = 8;
const TASKS: usize = 2;
/// Experts that a task's gate mixes: two of its own and the shared one.
const MIXED: usize = 3;

/// All experts and gates read one input, so they are one linear map and one batch norm.
#[derive(Module, Debug)]
struct Ple {
    arena: Embedding,
    first: Linear,
    first_norm: BatchNorm,
    towers: Vec<Tower>,
    log_variances: Param<Tensor<1>>,
}

#[derive(Module, Debug)]
struct Tower {
    first: Linear,
    norm: BatchNorm,
    last: Linear,
}

impl Ple {
    fn new(vocabulary: usize, features: usize, dense: usize, device: &Device) -> Self {
        let width = (2 * TASKS + 1) * WIDTH + TASKS * MIXED;
        let tower = || Tower {
            first: LinearConfig::new(WIDTH, TOWER).init(device),
            norm: BatchNormConfig::new(TOWER).init(device),
            last: LinearConfig::new(TOWER, 1).init(device),
        };
        let normal = Initializer::Normal { mean: 0.0, std: 1e-4 };
        Self {
            arena: EmbeddingConfig::new(vocabulary, DIM).with_initializer(normal).init(device),
            first: LinearConfig::new(features * DIM + dense, width).init(device),
            first_norm: BatchNormConfig::new(width).init(device),
            towers: (0..TASKS).map(|_| tower()).collect(),
            log_variances: Initializer::Zeros.init([TASKS], device),
        }
    }

    /// One logit for each task, `[batch, 1]`.
    fn forward(&self, rows: Tensor<2, Int>, dense: Tensor<2>) -> Vec<Tensor<2>> {
        let [batch, features] = rows.dims();
        let embedded = self.arena.forward(rows).reshape([batch, features * DIM]);
        let y = self.first_norm.forward(self.first.forward(Tensor::cat(vec![embedded, dense], 1)));
        let experts = relu(y.clone().narrow(1, 0, (2 * TASKS + 1) * WIDTH));
        let expert = |index: usize| experts.clone().narrow(1, index * WIDTH, WIDTH);
        (0..TASKS)
            .map(|task| {
                let gate = y.clone().narrow(1, (2 * TASKS + 1) * WIDTH + task * MIXED, MIXED);
                let gate = softmax(gate, 1);
                let mixed = [2 * task, 2 * task + 1, 2 * TASKS];
                let mixed = mixed.iter().enumerate().map(|(i, &e)| gate.clone().narrow(1, i, 1) * expert(e));
                let stream = mixed.reduce(|sum, part| sum + part).expect("there are three experts");
                let tower = &self.towers[task];
                tower.last.forward(relu(tower.norm.forward(tower.first.forward(stream))))
            })
            .collect()
    }
}

fn main() -> Result<(), Box<dyn Error>> {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let [folder, steps] = &words[..] else { return Err("expected: FOLDER STEPS".into()) };
    let steps: usize = steps.parse()?;
    let device = Device::flex().autodiff();
    device.seed(2020);

    let Rows { sparse, dense: values, labels, vocabularies, dense_names, .. } =
        Rows::read(Path::new(folder))?;
    let (features, dense) = (vocabularies.len(), dense_names.len());
    let starts = vocabularies.iter().scan(0, |next, size| {
        *next += size;
        Some((*next - size) as i64)
    });
    let starts: Vec<i64> = starts.collect();
    let ids: Vec<i64> = sparse
        .iter()
        .zip(starts.iter().cycle())
        .map(|(&id, start)| i64::from(id) + start)
        .take(steps * BATCH * features)
        .collect();

    let vocabulary = vocabularies.iter().sum::<usize>();
    let mut model = Ple::new(vocabulary, features, dense, &device);
    // It counts the two buffers of each batch norm, and the loss has parameters of its own.
    let buffers = 2 * ((2 * TASKS + 1) * WIDTH + TASKS * MIXED + TASKS * TOWER);
    let parameters = model.num_params() - buffers - TASKS;
    let decay = Some(WeightDecayConfig::new(1e-5));
    let mut optimizer = AdamConfig::new().with_epsilon(1e-8).with_weight_decay(decay).init();

    let mut losses = Vec::new();
    let mut start = Instant::now();
    for step in 0..steps {
        if step == WARM_UP {
            start = Instant::now();
        }
        let part = |width: usize| step * BATCH * width..(step + 1) * BATCH * width;
        let rows = TensorData::new(ids[part(features)].to_vec(), [BATCH, features]);
        let numbers = TensorData::new(values[part(dense)].to_vec(), [BATCH, dense]);
        let targets = TensorData::new(labels[part(TASKS)].to_vec(), [BATCH, TASKS]);
        let targets = Tensor::<2>::from_data(targets, &device);
        let logits = model.forward(Tensor::from_data(rows, &device), Tensor::from_data(numbers, &device));

        let task_losses = logits.into_iter().enumerate().map(|(task, logit)| {
            let target = targets.clone().narrow(1, task, 1);
            let other = target.clone().neg().add_scalar(1.0);
            (target * log_sigmoid(logit.clone()) + other * log_sigmoid(logit.neg())).mean().neg()
        });
        let task_losses = Tensor::cat(task_losses.collect(), 0);
        let weights = model.log_variances.val();
        let total = (weights.clone().neg().exp() * task_losses.clone() + weights.div_scalar(2.0)).sum();
        let gradients = GradientsParams::from_grads(total.backward(), &model);
        model = optimizer.step(1e-3, model, gradients);
        losses.push(task_losses.mean().into_scalar::<f32>() as f64);
    }
    let seconds = start.elapsed().as_secs_f64();
    let means: Vec<f64> = losses
        .chunks_exact(STEPS_PER_LOSS)
        .map(|stretch| stretch.iter().sum::<f64>() / STEPS_PER_LOSS as f64)
        .collect();
    let rows = (steps - WARM_UP) * BATCH;
    println!(
        "{}",
        json!({
            "rows_per_second": rows as f64 / seconds,
            "rows": rows,
            "seconds": seconds,
            "parameters": parameters,
            "losses": means,
            "steps_per_loss": STEPS_PER_LOSS,
            "peak_memory_bytes": peak_bytes(),
            "versions": {"burn": "0.22"},
        })
    );
    Ok(())
}
