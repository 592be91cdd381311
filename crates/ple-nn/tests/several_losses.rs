//! Several losses of one forward pass, for every model: their gradients against tapes of their own, the gradients at shared
//! values, and what dot products and sums of gradients come to.

#![allow(clippy::unwrap_used)]

use std::collections::BTreeMap;

use ndarray::Array2;
use ple_nn::{Architecture, BankInput, FeatureSpec, MlpConfig, Model, ModelConfig, TaskKind, TaskSpec};
use ple_tensor::{Gradients, Mode, ParamStore, SharedParameters, Tape, Var, Workspace};
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;

const BATCH: usize = 300;

struct Net {
    store: ParamStore,
    model: Model,
    ids: [Vec<u32>; 2],
    dense: Array2<f32>,
    labels: Vec<f32>,
    weights: [Vec<f32>; 2],
}

impl Net {
    fn new(model: &str) -> Self {
        let random = &mut ChaCha8Rng::seed_from_u64(7);
        let [expert, tower] = [[7], [5]].map(MlpConfig::new);
        let architecture = Architecture::named(model, expert, tower).unwrap();
        let features = vec![
            FeatureSpec::sparse("user", 200, 6),
            FeatureSpec::sparse("item", 12, 6),
            FeatureSpec::dense("price"),
        ];
        let task = |name: &str| TaskSpec { name: name.into(), kind: TaskKind::Classification };
        let config = ModelConfig { architecture, embedding_deviation: 0.5, ..ModelConfig::default() };
        let checked = config.check(features, vec![task("click"), task("buy")]).unwrap();
        let mut store = ParamStore::new();
        let model = Model::new(&mut store, checked, random);
        let ids = [200, 12].map(|n| (0..BATCH).map(|_| random.random_range(0..n)).collect());
        let dense = Array2::from_shape_simple_fn((BATCH, 1), || random.random_range(-1.0f32..1.0));
        let labels = (0..BATCH).map(|_| f32::from(random.random::<bool>())).collect();
        let weights = [(); 2].map(|()| (0..BATCH).map(|_| random.random_range(0.0f32..1.0)).collect());
        Self { store, model, ids, dense, labels, weights }
    }

    fn input(&self) -> BankInput<'_> {
        let sparse = self.ids.iter().map(Vec::as_slice).collect();
        BankInput { batch: BATCH, sparse, sequences: vec![], dense: self.dense.view() }
    }

    /// A tape with the forward pass, the losses of the first and the last head, and the shared values.
    fn recorded(&self) -> (Tape<'_>, [Var; 2], Vec<Var>) {
        let mut tape = Tape::new(&self.store, Workspace::new(), Mode::Train { dropout_seed: 0 });
        let outputs = self.model.forward(&mut tape, &self.input());
        let heads = [outputs.logits[0], *outputs.logits.last().unwrap()];
        let [first, second] = &self.weights;
        let losses = [
            tape.bce_with_logits(heads[0], &self.labels, first),
            tape.bce_with_logits(heads[1], &self.labels, second),
        ];
        (tape, losses, outputs.shared)
    }

    /// The gradients as plain numbers, by the name of the parameter and the place.
    fn flat(&self, gradients: &Gradients) -> BTreeMap<(String, usize), f64> {
        let mut flat = BTreeMap::new();
        for id in self.store.matrix_ids() {
            let values = gradients
                .matrix(id)
                .into_iter()
                .flat_map(|matrix| matrix.iter().copied().collect::<Vec<_>>());
            let name = self.store.matrix_name(id);
            flat.extend(
                values.enumerate().map(|(place, value)| ((name.to_owned(), place), f64::from(value))),
            );
        }
        for id in self.store.table_ids() {
            let Some(rows) = gradients.table(id) else { continue };
            let (name, dim) = (self.store.table(id).name.clone(), self.store.table(id).dim);
            for (row, values) in rows.rows.iter().zip(rows.values.chunks(dim)) {
                for (column, &value) in values.iter().enumerate() {
                    flat.insert((name.clone(), *row as usize * dim + column), f64::from(value));
                }
            }
        }
        flat
    }
}

fn every_model(check: impl Fn(Net)) {
    Architecture::known().iter().for_each(|model| check(Net::new(model.name)));
}

#[test]
fn each_loss_has_the_gradients_of_a_tape_of_its_own() {
    every_model(|net| {
        let (tape, losses, _) = net.recorded();
        let (each, buffers, _) = tape.backward_each(&losses);
        let mut with_buffers = Vec::new();
        for (number, gradients) in each.iter().enumerate() {
            let (tape, losses, _) = net.recorded();
            let (own, _) = tape.backward(losses[number]);
            assert_eq!(net.flat(gradients), net.flat(&own));
            for id in net.store.matrix_ids() {
                assert_eq!(gradients.reached_columns(id), own.reached_columns(id));
            }
            with_buffers.push(own);
        }
        let combined = Gradients::default().with_buffers(buffers);
        assert_eq!(combined.buffers(), with_buffers[0].buffers());
    });
}

/// Their values are compared in `ple-tensor`.
#[test]
fn gradients_at_shared_values_are_there_and_change_nothing() {
    for name in ["ple", "mmoe", "shared-bottom"] {
        let net = Net::new(name);
        let (mut tape, losses, shared) = net.recorded();
        assert!(!shared.is_empty(), "{name}");
        for loss in losses {
            let at = tape.gradient_at(loss, &shared);
            assert_eq!(at.len(), shared.len());
            for (gradient, value) in at.into_iter().zip(&shared) {
                let gradient = gradient.unwrap();
                assert_eq!(gradient.dim(), tape.value(*value).dim());
                assert!(gradient.iter().any(|&value| value != 0.0));
                tape.recycle(gradient);
            }
        }
        // What was asked does not change what comes after.
        let (each, _, _) = tape.backward_each(&losses);
        let (tape, losses, _) = net.recorded();
        assert_eq!(net.flat(&each[1]), net.flat(&tape.backward(losses[1]).0));
    }
}

#[test]
fn products_and_sums_are_those_of_plain_numbers() {
    every_model(|net| {
        let (tape, losses, _) = net.recorded();
        let (each, _, mut workspace) = tape.backward_each(&losses);
        let [a, b] = [net.flat(&each[0]), net.flat(&each[1])];
        let product = |x: &BTreeMap<_, f64>, y: &BTreeMap<_, f64>| -> f64 {
            x.iter().filter_map(|(key, x)| Some(x * y.get(key)?)).sum()
        };
        let near = |found: f64, expected: f64| {
            assert!((found - expected).abs() <= 1e-12 + 1e-10 * expected.abs(), "{found} {expected}");
        };
        near(each[0].dot(&each[1]), product(&a, &b));
        near(each[0].norm(), product(&a, &a).sqrt());

        // Over shared parameters: a parameter of one loss alone is 0 in the other, but for what is 0 by chance.
        let shared = SharedParameters::of(&each);
        let is_shared = |key: &(String, usize)| {
            a.get(key).is_some_and(|v| *v != 0.0) && b.get(key).is_some_and(|v| *v != 0.0)
        };
        let over: f64 = a.iter().filter(|(key, _)| is_shared(key)).map(|(_, value)| value * value).sum();
        let found = each[0].dot_over(&each[0], &shared);
        assert!(found >= over * (1.0 - 1e-9) && found <= product(&a, &a) * (1.0 + 1e-9));
        near(each[0].dot_over(&each[1], &shared), product(&a, &b));

        let mut each = each.into_iter();
        let (mut sum, other) = (each.next().unwrap(), each.next().unwrap());
        sum.add_scaled(-0.5, &other, &mut workspace);
        let expected = a
            .iter()
            .map(|(key, value)| (key, *value))
            .chain(b.iter().map(|(key, value)| (key, -0.5 * value)));
        let mut plain = BTreeMap::new();
        expected.for_each(|(key, value)| *plain.entry(key.clone()).or_insert(0.0) += value);
        let found = net.flat(&sum);
        assert_eq!(found.len(), plain.len());
        for (key, value) in &plain {
            assert!(
                (found[key] - value).abs() <= 1e-7 + 1e-6 * value.abs(),
                "{key:?}: {} {value}",
                found[key]
            );
        }
    });
}

/// Shared parameters get the weighted sum, all others the gradient of the loss that they belong to.
#[test]
fn a_combination_over_shared_parameters_leaves_the_others_alone() {
    let net = Net::new("ple");
    let (tape, losses, _) = net.recorded();
    let (each, _, mut workspace) = tape.backward_each(&losses);
    let [a, b] = [net.flat(&each[0]), net.flat(&each[1])];
    let shared = SharedParameters::of(&each);
    let mut each = each.into_iter();
    let (mut sum, other) = (each.next().unwrap(), each.next().unwrap());
    sum.scale_over(2.0, &shared);
    sum.add_scaled_over(-3.0, &other, &shared, &mut workspace);
    let found = net.flat(&sum);
    let of =
        |flat: &BTreeMap<(String, usize), f64>, key: &(String, usize)| flat.get(key).copied().unwrap_or(0.0);
    let (mut n_shared, mut n_own) = (0, 0);
    for (key, value) in &found {
        let (x, y) = (of(&a, key), of(&b, key));
        let expected = if x != 0.0 && y != 0.0 {
            n_shared += 1;
            2.0 * x - 3.0 * y
        } else if *value == x + y {
            n_own += 1;
            x + y
        } else {
            2.0 * x - 3.0 * y
        };
        assert!((value - expected).abs() <= 1e-7 + 1e-6 * expected.abs(), "{key:?}: {value} {expected}");
    }
    assert!(n_shared > 100 && n_own > 100, "{n_shared} {n_own}");
}

#[test]
fn thread_counts_change_no_bit() {
    let of_threads = |threads| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        pool.install(|| {
            let net = Net::new("ple");
            let (tape, losses, _) = net.recorded();
            let (each, _, mut workspace) = ple_tensor::in_team(|| tape.backward_each(&losses));
            let shared = SharedParameters::of(&each);
            let dots = ple_tensor::in_team(|| [each[0].dot(&each[1]), each[0].dot_over(&each[0], &shared)]);
            let mut each = each.into_iter();
            let (mut sum, other) = (each.next().unwrap(), each.next().unwrap());
            ple_tensor::in_team(|| sum.add_scaled_over(0.3, &other, &shared, &mut workspace));
            (dots.map(f64::to_bits), net.flat(&sum))
        })
    };
    assert_eq!(of_threads(1), of_threads(2));
}
