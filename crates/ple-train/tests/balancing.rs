//! Strategies that look at each task's gradient: the step that they take, against plain numbers, and what they refuse.

#![allow(clippy::unwrap_used)]

use std::collections::BTreeMap;

use ple_data::{Batch, Table, TableColumns, ali_ccp_schema};
use ple_nn::{Architecture, MlpConfig, ModelConfig};
use ple_tensor::{Gradients, ParamStore, Workspace};
use ple_train::{
    Aggregator, Balance, Balancer, DecayingWeights, DynamicWeightAverage, GradNorm, Gramian, Objective,
    Optimizer, OptimizerConfig, Progress, RankingModel, RunInput, RunSeed, Targets, TrainConfig, TrainError,
    TrainState, fit,
};
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;

const ROWS: usize = 200;

/// Rows whose second label is against the first one in most rows; `inside` are the weights of the two tasks.
fn table(inside: [f32; 2]) -> Table {
    let random = &mut ChaCha8Rng::seed_from_u64(5);
    let mut schema = ali_ccp_schema(&[10; 23], 4);
    schema.labels.iter_mut().for_each(|label| label.weight = Some("weight".to_owned()));
    let mut columns = TableColumns::default();
    for _ in 0..ROWS {
        columns.sparse.extend((0..23).map(|_| random.random_range(0..10_u32)));
        columns.dense.extend((0..8).map(|_| random.random_range(0.0..1.0_f32)));
        let click = f32::from(random.random::<bool>());
        columns.labels.extend([click, if random.random_range(0..4) > 0 { 1.0 - click } else { click }]);
    }
    columns.weights = Some(inside.repeat(ROWS));
    Table::new(schema, columns).unwrap()
}

struct Step {
    gradients: Gradients,
    total: f32,
    store: ParamStore,
}

impl Step {
    /// The first step of a model by name, whose first values are by the seed of `progress`.
    fn take(
        model: &str,
        balance: &Balance,
        inside: [f32; 2],
        progress: Progress,
    ) -> Result<Self, TrainError> {
        let table = table(inside);
        let model = RankingModel::new(table.schema().clone(), named(model), progress.seed)?;
        let objectives = Objective::of_tasks(model.model(), &BTreeMap::new())?;
        let mut store = model.store().clone();
        let mut balancer = Balancer::new(balance, model.model(), &objectives, &mut store)?;
        let mut optimizer = Optimizer::new(OptimizerConfig::default(), 10, &mut store)?;
        let mut batch = Batch::new();
        table.gather(&(0..ROWS as u32).collect::<Vec<_>>(), &mut batch);
        let mut state = TrainState {
            schema: table.schema(),
            model: model.model(),
            store: &mut store,
            objectives: &objectives,
            balancer: &mut balancer,
            optimizer: &mut optimizer,
            targets: Targets::default(),
            workspace: Workspace::new(),
        };
        let pass = state.forward_backward(&batch, progress).unwrap();
        Ok(Self { gradients: pass.gradients, total: pass.total, store })
    }

    /// The gradients as plain numbers, by the name of the parameter and the place.
    fn flat(&self) -> BTreeMap<(String, usize), f64> {
        let mut flat = BTreeMap::new();
        for block in self.store.blocks() {
            let Some(matrix) = self.gradients.matrix(block.matrix) else { continue };
            let values = matrix.slice(ndarray::s![.., block.columns.clone()]);
            for (place, &value) in values.iter().enumerate() {
                flat.insert((block.name.clone(), place), f64::from(value));
            }
        }
        for id in self.store.table_ids() {
            let Some(rows) = self.gradients.table(id) else { continue };
            let (name, dim) = (&self.store.table(id).name, self.store.table(id).dim);
            for (row, values) in rows.rows.iter().zip(rows.values.chunks(dim)) {
                for (column, &value) in values.iter().enumerate() {
                    flat.insert((name.clone(), *row as usize * dim + column), f64::from(value));
                }
            }
        }
        flat
    }
}

fn named(model: &str) -> ModelConfig {
    let [expert, tower] = [[6], [4]].map(MlpConfig::new);
    let architecture = Architecture::named(model, expert, tower).unwrap();
    ModelConfig { architecture, embedding_deviation: 0.3, ..ModelConfig::default() }
}

fn first() -> Progress {
    Progress::first(RunSeed(1))
}

/// The gradients of the two tasks, each alone.
fn of_each_task(model: &str, progress: Progress) -> [BTreeMap<(String, usize), f64>; 2] {
    [vec![1.0, 0.0], vec![0.0, 1.0]]
        .map(|weights| Step::take(model, &Balance::Weights(weights), [1.0; 2], progress).unwrap().flat())
}

/// Whether both tasks read what a parameter of a model makes.
fn is_shared(name: &str) -> bool {
    !["tower.", "gate.", ".task."].iter().any(|own| name.contains(own))
}

#[test]
fn shared_parameters_get_what_the_aggregator_makes_of_the_tasks_gradients() {
    let mut n_conflicts = 0;
    for (model, seed) in
        ["ple", "mmoe", "shared-bottom"].into_iter().flat_map(|m| (0..4).map(move |s| (m, s)))
    {
        let progress = Progress::first(RunSeed(seed));
        let [a, b] = of_each_task(model, progress);
        let product = |x: &BTreeMap<(String, usize), f64>, y: &BTreeMap<(String, usize), f64>| -> f64 {
            x.iter().filter(|((name, _), _)| is_shared(name)).map(|(key, x)| x * y[key]).sum()
        };
        let products = [[product(&a, &a), product(&a, &b)], [product(&b, &a), product(&b, &b)]];
        n_conflicts += usize::from(products[0][1] < 0.0);
        let gramian = Gramian::new(2, |i, j| products[i][j]);
        for (balance, aggregator) in
            [(Balance::Pcgrad, Aggregator::PcGrad), (Balance::Mgda, Aggregator::Mgda)]
        {
            let weights = aggregator.weights(&gramian);
            let found = Step::take(model, &balance, [1.0; 2], progress).unwrap().flat();
            let longest = found.values().fold(0.0_f64, |most, value| most.max(value.abs()));
            assert_eq!(found.len(), a.len());
            for (key, value) in &found {
                let expected = match is_shared(&key.0) {
                    true => weights[0] * a[key] + weights[1] * b[key],
                    false => a[key] + b[key],
                };
                // Sums of gradients in 32 bits, in another order.
                assert!((value - expected).abs() <= 2e-6 * longest, "{model} {key:?}: {value} {expected}");
            }
        }
    }
    assert!(n_conflicts > 0, "no two gradients are in conflict");
}

#[test]
fn a_task_without_rows_is_left_out() {
    for balance in [Balance::Pcgrad, Balance::Mgda, Balance::GradNorm(GradNorm::default())] {
        let step = Step::take("ple", &balance, [1.0, 0.0], first()).unwrap();
        let alone = Step::take("ple", &Balance::Weights(vec![1.0, 1.0]), [1.0, 0.0], first()).unwrap();
        assert_eq!(step.flat(), alone.flat(), "{balance:?}");
        let nothing = Step::take("ple", &balance, [0.0, 0.0], first()).unwrap();
        assert!(nothing.flat().values().all(|value| *value == 0.0) && nothing.total == 0.0);
    }
}

#[test]
fn auxiliary_losses_are_added_as_they_are() {
    let with = |balance: &Balance| Step::take("aitm", balance, [1.0; 2], first()).unwrap().flat();
    let (sum, pcgrad) = (with(&Balance::Weights(vec![1.0, 1.0])), with(&Balance::Pcgrad));
    // What one task alone learns is not weighed, and the calibrator reaches it.
    let own = |flat: &BTreeMap<(String, usize), f64>| -> Vec<((String, usize), f64)> {
        flat.iter()
            .filter(|((name, _), _)| name.starts_with("tower.1"))
            .map(|(k, v)| (k.clone(), *v))
            .collect()
    };
    let (sum, pcgrad) = (own(&sum), own(&pcgrad));
    assert!(!sum.is_empty());
    for ((key, one), (_, other)) in sum.iter().zip(&pcgrad) {
        assert!((one - other).abs() <= 1e-7, "{key:?} {one} {other}");
    }
}

#[test]
fn weights_decay_by_epoch() {
    let balance =
        Balance::DecayingWeights(DecayingWeights { weights: vec![2.0, 0.5], decay: vec![0.5, 3.0] });
    let progress = Progress { epoch: 2, ..first() };
    let step = Step::take("ple", &balance, [1.0; 2], progress).unwrap();
    let fixed = Step::take("ple", &Balance::Weights(vec![0.5, 4.5]), [1.0; 2], progress).unwrap();
    assert_eq!((step.flat(), step.total), (fixed.flat(), fixed.total));
}

/// The first weights are 1, and the step after has those that pull the tasks together.
#[test]
fn grad_norm_begins_with_equal_weights() {
    let balance = Balance::GradNorm(GradNorm::default());
    let step = Step::take("ple", &balance, [1.0; 2], first()).unwrap();
    let sum = Step::take("ple", &Balance::Weights(vec![1.0, 1.0]), [1.0; 2], first()).unwrap();
    assert_eq!(step.flat(), sum.flat());
}

#[test]
fn a_run_with_each_strategy_gives_the_same_bytes_on_any_threads() {
    let table = table([1.0; 2]);
    for balance in [
        Balance::Pcgrad,
        Balance::Mgda,
        Balance::GradNorm(GradNorm::default()),
        Balance::DynamicWeightAverage(DynamicWeightAverage::default()),
        Balance::DecayingWeights(DecayingWeights { weights: vec![1.0, 1.0], decay: vec![0.9, 0.8] }),
    ] {
        let run = |threads| {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
            pool.install(|| {
                let mut model = RankingModel::new(table.schema().clone(), named("ple"), RunSeed(3)).unwrap();
                let input = RunInput { train: table.clone().into(), validation: None, checkpoints: None };
                let config = TrainConfig {
                    epochs: 3,
                    batch_size: 40,
                    balance: balance.clone(),
                    ..TrainConfig::default()
                };
                fit(&mut model, &input, &config, &mut ()).unwrap();
                model.predict(&table).unwrap()
            })
        };
        assert_eq!(run(1), run(2), "{balance:?}");
    }
}

#[test]
fn what_does_not_fit_is_refused_before_the_first_step() {
    let error = |model: &str, balance: Balance| match Step::take(model, &balance, [1.0; 2], first()) {
        Ok(_) => panic!("{balance:?}"),
        Err(error) => error.to_string(),
    };
    let grad_norm = |alpha, learning_rate| Balance::GradNorm(GradNorm { alpha, learning_rate });
    let decaying = |decay: &[f32]| {
        Balance::DecayingWeights(DecayingWeights { weights: vec![1.0; 2], decay: decay.to_vec() })
    };
    assert_eq!(
        error("esmm", grad_norm(1.5, 0.1)),
        "balance is `grad_norm`, and the tasks of this esmm share no last values\nexpected: a model with shared experts or a shared bottom, such as ple, mmoe or shared-bottom\nnext: correct balance"
    );
    assert_eq!(
        error("aitm", grad_norm(1.5, 0.1)).lines().next(),
        Some("balance is `grad_norm`, and the tasks of this aitm share no last values")
    );
    assert_eq!(
        error("ple", grad_norm(-1.0, 0.1)),
        "balance: grad_norm: alpha is -1.0\nexpected: a finite number from 0\nnext: correct balance: grad_norm: alpha"
    );
    assert_eq!(
        error("ple", grad_norm(1.0, f64::NAN)),
        "balance: grad_norm: learning_rate is NaN\nexpected: a finite number above 0\nnext: correct balance: grad_norm: learning_rate"
    );
    for decay in [&[0.9, 0.0][..], &[0.9], &[-1.0, 1.0]] {
        assert_eq!(
            error("ple", decaying(decay)),
            format!(
                "balance: decaying_weights: decay is {decay:?}\nexpected: 2 finite numbers above 0\nnext: correct balance: decaying_weights: decay"
            )
        );
    }
    assert_eq!(
        error("ple", Balance::DynamicWeightAverage(DynamicWeightAverage { temperature: 0.0 })),
        "balance: dynamic_weight_average: temperature is 0.0\nexpected: a finite number above 0\nnext: correct balance: dynamic_weight_average: temperature"
    );
    let mut schema = table([1.0; 2]).schema().clone();
    schema.labels.truncate(1);
    let model = RankingModel::new(schema, named("ple"), RunSeed(1)).unwrap();
    let objectives = Objective::of_tasks(model.model(), &BTreeMap::new()).unwrap();
    for balance in [Balance::Pcgrad, Balance::Mgda, grad_norm(1.0, 0.1)] {
        let mut store = model.store().clone();
        let error = Balancer::new(&balance, model.model(), &objectives, &mut store).unwrap_err().to_string();
        let name = balance.name();
        assert_eq!(
            error,
            format!(
                "balance is `{name}`, and the model has one task\nexpected: at least two tasks, since it compares their gradients\nnext: correct balance"
            )
        );
    }
    assert_eq!(
        "pcgard".parse::<Balance>().unwrap_err().to_string(),
        "there is no balance `pcgard`\nexpected: one of mean, uwl, pcgrad, mgda, weights, decaying_weights, dynamic_weight_average, grad_norm\nnext: did you mean `pcgrad`?"
    );
    assert_eq!(
        "weights".parse::<Balance>().unwrap_err().to_string(),
        "balance is `weights` alone\nexpected: its settings, in a settings file: {\"training\": {\"balance\": {\"weights\": ...}}}\nnext: correct balance"
    );
    assert_eq!("grad_norm".parse::<Balance>().unwrap(), Balance::GradNorm(GradNorm::default()));
}
