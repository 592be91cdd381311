//! Exact mode over thousands of steps: rows that nobody reads for most of them, and replays at any time, leave the bytes
//! of the dense mode.

#![allow(clippy::unwrap_used)]

use ndarray::Array2;
use ple_nn::{BankInput, Builder, EmbeddingBank, FeatureSpec, Initialization};
use ple_tensor::{Mode, ParamStore, Role, Tape, Workspace, Written};
use ple_train::{AdamConfig, DecayKind, Optimizer, OptimizerConfig, RuleConfig, SgdConfig, TableUpdates};
use rand::rngs::SmallRng;
use rand::{Rng, SeedableRng};

const STEPS: u64 = 5_000;
const BATCH: usize = 3;

/// When every row is brought up to date, apart from the end.
#[derive(Clone, Copy)]
enum Replays {
    Never,
    /// After a step with this probability, as evaluations and checkpoints would.
    Sometimes(f64),
}

/// The ids of two features at a step. Small ids are common, most rows are read once in a thousand steps or never, and
/// row 0 at the first and the last step alone.
fn ids(step: u64, random: &mut SmallRng) -> [Vec<u32>; 2] {
    [300_f64, 40.0].map(|vocabulary| {
        let draw = |random: &mut SmallRng| {
            (vocabulary.powf(random.random::<f64>()) as u32).clamp(1, vocabulary as u32 - 1)
        };
        let mut ids: Vec<u32> = (0..BATCH).map(|_| draw(random)).collect();
        if step == 1 || step == STEPS {
            ids[0] = 0;
        }
        ids
    })
}

/// The weights after all steps.
fn train(config: &OptimizerConfig, replays: Replays) -> Vec<u32> {
    let mut store = ParamStore::new();
    let mut random = SmallRng::seed_from_u64(1);
    let builder = &mut Builder {
        store: &mut store,
        random: &mut rand_chacha::ChaCha8Rng::seed_from_u64(2),
        initialization: Initialization::Torch,
    };
    // A row of a whole vector or two, and one of less.
    let features = [FeatureSpec::sparse("wide", 300, 16), FeatureSpec::sparse("narrow", 40, 5)];
    let bank = EmbeddingBank::new(builder, &features, 0.1);
    let weight = store.add("weight", Array2::from_elem((21, 1), 0.3), Role::Decayed);
    let mut adam = Optimizer::new(config.clone(), STEPS, &mut store).unwrap();
    let mut replay_times = SmallRng::seed_from_u64(3);
    let no_dense = Array2::zeros((BATCH, 0));
    let mut workspace = Workspace::new();
    for step in 1..=STEPS {
        let ids = ids(step, &mut random);
        let labels: [f32; BATCH] = std::array::from_fn(|_| random.random());
        let input = BankInput {
            batch: BATCH,
            sparse: ids.iter().map(|ids| &ids[..]).collect(),
            sequences: vec![],
            dense: no_dense.view(),
        };
        assert_eq!(adam.catch_up(&mut store, &bank, &input), Written::Finite);
        let mut tape = Tape::new(&store, workspace, Mode::Train { dropout_seed: 0 });
        let x = bank.forward(&mut tape, &input);
        let y = tape.linear(x, weight, None, 1);
        let loss = tape.squared_error(y, &labels, &[1.0; BATCH]);
        let (gradients, buffers) = tape.backward(loss);
        assert_eq!(adam.update(&mut store, &gradients), Written::Finite);
        workspace = buffers;
        workspace.recycle_gradients(gradients);
        if let Replays::Sometimes(probability) = replays
            && replay_times.random_bool(probability)
        {
            assert_eq!(adam.catch_up_all(&mut store), Written::Finite);
        }
    }
    assert_eq!(adam.catch_up_all(&mut store), Written::Finite);
    let tables = store.table_ids().flat_map(|id| {
        let table = store.table(id);
        (0..table.rows).flat_map(|row| store.table_row(id, row).to_vec()).collect::<Vec<_>>()
    });
    tables.chain(store.matrix(weight).iter().copied()).map(f32::to_bits).collect()
}

#[test]
fn five_thousand_steps_with_gaps_leave_the_bytes_of_dense_steps() {
    let cases = [(0.0, DecayKind::Coupled), (1e-3, DecayKind::Coupled), (1e-3, DecayKind::Decoupled)];
    for (weight_decay, decay) in cases {
        let adam = AdamConfig { weight_decay, decay, ..AdamConfig::default() };
        let config = |tables| OptimizerConfig { tables, ..adam.clone().into() };
        let dense = train(&config(TableUpdates::Dense), Replays::Never);
        assert!(dense.iter().all(|bits| f32::from_bits(*bits).is_finite()));
        for replays in [Replays::Never, Replays::Sometimes(0.001), Replays::Sometimes(0.1)] {
            assert!(dense == train(&config(TableUpdates::Exact), replays), "{decay:?} {weight_decay}");
        }
        assert!(dense != train(&config(TableUpdates::Lazy), Replays::Never));
    }
}

#[test]
fn every_optimiser_replays_what_rows_have_missed() {
    for mut of_tables in RuleConfig::all() {
        for weight_decay in [0.0, 1e-3] {
            *of_tables.rate_and_decay_mut()[1] = weight_decay;
            let for_tables = Some(of_tables.clone());
            let config =
                |tables| OptimizerConfig { tables, for_tables: for_tables.clone(), ..Default::default() };
            let dense = train(&config(TableUpdates::Dense), Replays::Never);
            assert!(dense == train(&config(TableUpdates::Exact), Replays::Sometimes(0.01)), "{of_tables:?}");
            let lazy = train(&config(TableUpdates::Lazy), Replays::Never);
            assert!(weight_decay == 0.0 || dense != lazy, "{of_tables:?}");
        }
    }
    let plain = SgdConfig { momentum: 0.0, ..SgdConfig::default() };
    let config = |tables| OptimizerConfig { tables, ..plain.clone().into() };
    let dense = train(&config(TableUpdates::Dense), Replays::Never);
    assert!(dense == train(&config(TableUpdates::Lazy), Replays::Never), "nothing is missed");
}

#[test]
fn moments_that_fade_to_nothing_do_so_alike() {
    // Without decay a row that is read once keeps a first moment that falls below the smallest normal number after some
    // 800 steps, and to zero after some 1,000.
    let adam = AdamConfig { weight_decay: 0.0, beta2: 0.9, ..AdamConfig::default() };
    let config = |tables| OptimizerConfig { tables, ..adam.clone().into() };
    assert!(
        train(&config(TableUpdates::Dense), Replays::Never)
            == train(&config(TableUpdates::Exact), Replays::Never)
    );
}
