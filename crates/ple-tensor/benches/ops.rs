//! Each operation by itself, forward and back, at the shapes of the tutorial's model: `cargo bench -p ple-tensor`.
//!
//! Criterion compares with the run before. Everything runs on one thread, since two threads measure the machine's other
//! guests, too.

use std::hint::black_box;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use ndarray::Array2;
use ple_tensor::{
    AdamStep, BatchNormParams, Mode, ParamStore, Role, RowStamps, RuleStep, Segment, SlotWidth, TableId,
    Tape, Var, Workspace, in_team,
};

const BATCH: usize = 1024;

/// A matrix of values in [-1, 1) that follow no pattern that a kernel could use.
fn matrix(rows: usize, columns: usize) -> Array2<f32> {
    let mut state = 0x2545_F491_4F6C_DD1D_u64;
    Array2::from_shape_simple_fn((rows, columns), || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        (state >> 40) as f32 / (1 << 23) as f32 - 1.0
    })
}

/// Measures `op` of an input `[BATCH, width]` in evaluation, and in training with its derivative.
fn op(
    criterion: &mut Criterion,
    name: &str,
    store: &ParamStore,
    width: usize,
    op: impl for<'a> Fn(&mut Tape<'a>, Var) -> Var + Sync,
) {
    let x = matrix(BATCH, width);
    let mut group = criterion.benchmark_group(name);
    group.throughput(Throughput::Elements(BATCH as u64));
    let mut workspace = Some(Workspace::new());
    group.bench_function("forward", |bencher| {
        bencher.iter(|| {
            in_team(|| {
                let mut tape = Tape::new(store, workspace.take().unwrap_or_default(), Mode::Evaluate);
                let input = tape.input(x.view());
                black_box(op(&mut tape, input));
                workspace = Some(tape.finish());
            });
        });
    });
    group.bench_function("forward and backward", |bencher| {
        bencher.iter(|| {
            in_team(|| {
                let mut tape =
                    Tape::new(store, workspace.take().unwrap_or_default(), Mode::Train { dropout_seed: 0 });
                let input = tape.variable(x.view());
                let y = op(&mut tape, input);
                let loss = if y.width() == 1 { y } else { y.columns(0..1) };
                let loss = tape.squared_error(loss, &[0.5; BATCH], &[1.0; BATCH]);
                let (gradients, mut buffers) = tape.backward(loss);
                buffers.recycle_gradients(gradients);
                workspace = Some(buffers);
            });
        });
    });
    group.finish();
}

fn network(criterion: &mut Criterion) {
    let mut store = ParamStore::new();
    let wide = store.add("wide", matrix(376, 86), Role::Decayed);
    let wide_bias = store.add("wide.bias", matrix(1, 86), Role::Decayed);
    let paper = store.add("paper", matrix(256, 640), Role::Decayed);
    let narrow = store.add("narrow", matrix(16, 8), Role::Decayed);
    let norm = BatchNormParams {
        gamma: store.add("gamma", matrix(1, 86), Role::Decayed),
        beta: store.add("beta", matrix(1, 86), Role::Decayed),
        running_mean: store.add("mean", Array2::zeros((1, 86)), Role::Buffer),
        running_variance: store.add("variance", Array2::ones((1, 86)), Role::Buffer),
        epsilon: 1e-5,
        momentum: 0.1,
    };
    op(criterion, "linear 376 x 86", &store, 376, |tape, x| tape.linear(x, wide, Some(wide_bias), 1));
    op(criterion, "linear 5 x (256 x 128)", &store, 1280, |tape, x| tape.linear(x, paper, None, 5));
    op(criterion, "linear 16 x 8", &store, 16, |tape, x| tape.linear(x, narrow, None, 1));
    op(criterion, "batch norm 86", &store, 86, |tape, x| tape.batch_norm(x, norm));
    op(criterion, "relu 86", &store, 86, |tape, x| tape.relu(x));
    op(criterion, "softmax 2 x 3", &store, 6, |tape, x| tape.softmax(x, 2));
    op(criterion, "2 mixtures 3 x 16", &store, 86, |tape, x| {
        let expert = |i: usize| x.columns(16 * i..16 * (i + 1));
        let experts = [0, 1, 4, 2, 3, 4].map(expert);
        tape.mixtures(&[x.columns(80..83), x.columns(83..86)], &experts)
    });
    op(criterion, "binary cross-entropy", &store, 1, |tape, x| {
        tape.bce_with_logits(x, &[1.0; BATCH], &[1.0; BATCH]);
        x
    });
}

/// A table of 500,000 rows of 16 with moments, and ids of which some are common and most are not.
fn table() -> (ParamStore, TableId, Vec<u32>) {
    const ROWS: usize = 500_000;
    let mut store = ParamStore::new();
    let table = store.add_table("table", ROWS, 16);
    store.set_slots(&[SlotWidth::Row; 2], RowStamps::None);
    let uniform = matrix(1, BATCH);
    let ids =
        uniform.iter().map(|u| ((ROWS as f32).powf((u + 1.0) / 2.0) as u32).min(ROWS as u32 - 1)).collect();
    (store, table, ids)
}

fn tables(criterion: &mut Criterion) {
    let (mut store, table, ids) = table();
    let segments = || vec![Segment::Lookup { table, ids: &ids }];
    let mut group = criterion.benchmark_group("table");
    group.throughput(Throughput::Elements(BATCH as u64));
    let mut workspace = Some(Workspace::new());
    group.bench_function("look-ups", |bencher| {
        bencher.iter(|| {
            in_team(|| {
                let mut tape = Tape::new(&store, workspace.take().unwrap_or_default(), Mode::Evaluate);
                black_box(tape.embedding(BATCH, segments()));
                workspace = Some(tape.finish());
            });
        });
    });
    group.bench_function("look-ups and gradients of rows", |bencher| {
        bencher.iter(|| {
            in_team(|| {
                let mut tape =
                    Tape::new(&store, workspace.take().unwrap_or_default(), Mode::Train { dropout_seed: 0 });
                let x = tape.embedding(BATCH, segments());
                let loss = tape.squared_error(x.columns(0..1), &[0.5; BATCH], &[1.0; BATCH]);
                let (gradients, mut buffers) = tape.backward(loss);
                buffers.recycle_gradients(gradients);
                workspace = Some(buffers);
            });
        });
    });
    let step = adam_step();
    let mut rows: Vec<u32> = ids.clone();
    rows.sort_unstable();
    rows.dedup();
    let gradients = vec![0.1; rows.len() * 16];
    group.bench_function("Adam of rows", |bencher| {
        bencher.iter(|| {
            in_team(|| {
                let mut tables = store.tables_mut();
                step.update_rows(&mut tables[table.index()], &rows, &gradients)
            })
        });
    });
    let missed = vec![step; 100];
    group.bench_function("replay of 100 steps in two rows", |bencher| {
        bencher.iter(|| {
            in_team(|| {
                let mut tables = store.tables_mut();
                AdamStep::replay(&missed, &mut tables[table.index()], &[17, 170_000])
            })
        });
    });
    group.finish();
}

fn dense_adam(criterion: &mut Criterion) {
    let (mut weights, mut m, mut v) = (vec![0.1; 32_336], vec![0.0; 32_336], vec![0.0; 32_336]);
    let gradient = vec![0.01; weights.len()];
    let mut group = criterion.benchmark_group("Adam");
    group.throughput(Throughput::Elements(weights.len() as u64));
    group.bench_function("376 x 86", |bencher| {
        bencher.iter(|| adam_step().update(&mut weights, &mut [&mut m, &mut v], &gradient));
    });
    group.finish();
}

fn adam_step() -> AdamStep {
    AdamStep {
        beta1: 0.9,
        one_minus_beta1: 0.1,
        beta2: 0.999,
        one_minus_beta2: 0.001,
        epsilon: 1e-8,
        coupled_decay: 1e-5,
        kept: 1.0,
        step_size: 1e-3,
        root_correction: 1.0,
    }
}

/// Every group, in a pool of one thread.
fn all(criterion: &mut Criterion) {
    // It fails where the pool exists already, which is none of ours then.
    let _ = rayon::ThreadPoolBuilder::new().num_threads(1).build_global();
    network(criterion);
    tables(criterion);
    dense_adam(criterion);
}

criterion_group!(benches, all);
criterion_main!(benches);
