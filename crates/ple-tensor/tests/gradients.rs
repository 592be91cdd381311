//! Every operation against its f64 definition and central differences, at random shapes and values.

#![allow(clippy::unwrap_used)]

use std::cell::RefCell;
use std::collections::BTreeSet;
use std::io::Write;
use std::process::Command;

use ndarray::{Array2, s};
use ndarray_rand::RandomExt;
use ndarray_rand::rand_distr::Normal;
use ple_tensor::{
    BatchNormParams, GradientCheck, INSTRUCTION_SET_VARIABLE, InstructionSet, MatrixId, Mode, Op, ParamStore,
    Pooling, Role, Segment, Tape, UncertaintyTerm, Var, Workspace, gradient_check,
};
use proptest::prelude::*;
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;

type Random = ChaCha8Rng;

fn normal(random: &mut Random, rows: usize, columns: usize, deviation: f32) -> Array2<f32> {
    Array2::random_using((rows, columns), Normal::new(0.0, deviation).unwrap(), random)
}

thread_local! {
    /// The operations whose derivatives were checked on this thread, which is one test.
    static CHECKED: RefCell<BTreeSet<&'static str>> = const { RefCell::new(BTreeSet::new()) };
}

/// Checks a value, and the left half of its columns, on which the parameters of the others have no influence.
fn check<'a>(store: &'a ParamStore, build: impl Fn(&mut Tape<'a>) -> Var) {
    let left_half = |value: Var| value.columns(0..value.width().div_ceil(2));
    let (all, few) = (GradientCheck::default(), GradientCheck { elements: 16, ..GradientCheck::default() });
    for (options, part) in [(all, (|value| value) as fn(Var) -> Var), (few, left_half)] {
        let report = gradient_check(store, options, |tape| part(build(tape)));
        let report = report.unwrap_or_else(|mismatch| panic!("{mismatch}"));
        assert!(report.derivatives > 0);
        CHECKED.with_borrow_mut(|checked| checked.extend(report.operations));
    }
}

/// So many cases, and a few of them under each instruction set.
fn cases(all: u32) -> ProptestConfig {
    let few = std::env::var_os(INSTRUCTION_SET_VARIABLE).is_some();
    ProptestConfig::with_cases(if few { 6 } else { all })
}

/// A set is chosen once in a process, so this test starts itself again for each.
#[test]
fn every_operation_has_a_gradient_check_under_every_instruction_set() {
    if std::env::var_os(INSTRUCTION_SET_VARIABLE).is_some() {
        return every_operation_has_a_gradient_check();
    }
    for set in InstructionSet::ALL {
        if set > InstructionSet::detected() {
            // Past the capture of the test's output, so that it is read.
            let name = set.name();
            writeln!(std::io::stderr(), "not run: gradient checks under {name}, which this processor lacks")
                .unwrap();
            continue;
        }
        let output = Command::new(std::env::current_exe().unwrap())
            .args([
                "--exact",
                "every_operation_has_a_gradient_check_under_every_instruction_set",
                "--nocapture",
            ])
            .env(INSTRUCTION_SET_VARIABLE, set.name())
            .output()
            .unwrap();
        let text = String::from_utf8_lossy(&output.stdout);
        assert!(output.status.success() && text.contains("1 passed"), "{}: {output:?}", set.name());
    }
}

fn every_operation_has_a_gradient_check() {
    for check in [
        linear,
        batch_norm_in_training,
        activations,
        learned_activations,
        mixtures,
        losses,
        embedding,
        linear_map_of_an_embedding,
        joint_logits,
        dot_products_of_rows,
        calibrations,
    ] {
        check();
    }
    let unchecked: Vec<_> =
        CHECKED.with_borrow(|checked| Op::NAMES.iter().filter(|&name| !checked.contains(name)).collect());
    assert!(unchecked.is_empty(), "no test above takes the derivative of {unchecked:?}");
}

fn check_unary(random: &mut Random, deviation: f32, groups: usize, op: impl Fn(&mut Tape<'_>, Var) -> Var) {
    let (rows, width) = (random.random_range(1..200), groups * random.random_range(2..9));
    // Some of the functions have no derivative at 0.
    let x = normal(random, rows, width + 3, deviation).mapv(|x| if x.abs() < 1e-3 { 1e-3 } else { x });
    let store = ParamStore::new();
    check(&store, |tape| {
        let x = tape.variable(x.view());
        op(tape, x.columns(1..width + 1))
    });
}

/// A batch norm over `width` columns with parameters away from their start.
fn batch_norm(store: &mut ParamStore, random: &mut Random, width: usize) -> BatchNormParams {
    let mut add = |name, values, role| store.add(name, values, role);
    BatchNormParams {
        gamma: add("gamma", normal(random, 1, width, 0.5) + 1.0, Role::Decayed),
        beta: add("beta", normal(random, 1, width, 0.5), Role::Decayed),
        running_mean: add("running_mean", Array2::zeros((1, width)), Role::Buffer),
        running_variance: add("running_variance", Array2::ones((1, width)), Role::Buffer),
        epsilon: 1e-5,
        momentum: 0.1,
    }
}

proptest! {
    #![proptest_config(cases(48))]

    #[test]
    fn linear(seed: u64, rows in 1usize..300, fan_in in 1usize..40, out in 1usize..20, groups in 1usize..4, bias: bool) {
        let random = &mut Random::seed_from_u64(seed);
        let mut store = ParamStore::new();
        let x = normal(random, rows, fan_in * groups, 1.0);
        let weight = store.add("weight", normal(random, fan_in, out * groups, 0.5), Role::Decayed);
        let bias = bias.then(|| store.add("bias", normal(random, 1, out * groups, 0.5), Role::Decayed));
        check(&store, |tape| {
            let x = tape.variable(x.view());
            tape.linear(x, weight, bias, groups)
        });
    }

    #[test]
    fn batch_norm_in_training(
        seed: u64,
        rows in 2usize..300,
        width in 1usize..20,
        cut in (0usize..20, 0usize..20),
    ) {
        let random = &mut Random::seed_from_u64(seed);
        let mut store = ParamStore::new();
        let x = normal(random, rows, width + 2, 2.0) + 3.0;
        let params = batch_norm(&mut store, random, width);
        // Two rows that nearly agree have a deviation near zero, whose inverse magnifies rounding without bound.
        let deviation = |column: usize| x.column(column).std(0.0);
        prop_assume!((1..=width).all(|column| deviation(column) > 0.2));
        check(&store, |tape| {
            let x = tape.variable(x.view());
            tape.batch_norm(x.columns(1..width + 1), params)
        });
        // With the columns `active` rectified on the way: the values of two operations, and the derivative.
        let active = cut.0.min(cut.1).min(width)..cut.0.max(cut.1).min(width);
        let mut tape = Tape::new(&store, Workspace::new(), Mode::Train { dropout_seed: 0 });
        let input = tape.variable(x.view()).columns(1..width + 1);
        let normed = tape.batch_norm(input, params);
        let mut expected = tape.value(normed).to_owned();
        expected.slice_mut(s![.., active.clone()]).mapv_inplace(|y| y.max(0.0));
        let (_, fused) = tape.batch_norm_relu(input, params, active.clone());
        prop_assert_eq!(tape.value(fused), expected);
        // At 0 there is no derivative.
        prop_assume!(tape.value(normed.columns(active.clone())).iter().all(|y| y.abs() > 1e-4));
        check(&store, |tape| {
            let x = tape.variable(x.view());
            tape.batch_norm_relu(x.columns(1..width + 1), params, active.clone()).1
        });
    }

    #[test]
    fn activations(seed: u64, groups in 1usize..4) {
        let random = &mut Random::seed_from_u64(seed);
        check_unary(random, 1.0, groups, |tape, x| tape.relu(x));
        check_unary(random, 1.0, groups, |tape, x| tape.leaky_relu(x, 0.01));
        check_unary(random, 3.0, groups, |tape, x| tape.sigmoid(x));
        check_unary(random, 1.0, groups, |tape, x| tape.exp(x));
        check_unary(random, 3.0, groups, move |tape, x| tape.softmax(x, groups));
        check_unary(random, 1.0, groups, |tape, x| tape.dropout(x, 0.4));
    }

    #[test]
    fn learned_activations(seed: u64, rows in 1usize..200, width in 2usize..20, groups in 1usize..4) {
        let random = &mut Random::seed_from_u64(seed);
        let mut store = ParamStore::new();
        // PReLU has no derivative at 0.
        let x = normal(random, rows, width * groups, 1.0).mapv(|x| if x.abs() < 1e-3 { 1e-3 } else { x });
        let slope = store.add("slope", normal(random, 1, groups, 0.3), Role::Decayed);
        check(&store, |tape| {
            let x = tape.variable(x.view());
            let y = tape.prelu(x, slope);
            tape.dice(y, slope)
        });
    }

    #[test]
    fn mixtures(
        seed: u64,
        rows in 1usize..200,
        width in 1usize..20,
        n in 1usize..6,
        mixed in proptest::collection::vec(proptest::collection::vec(0usize..6, 1..5), 1..4),
        adjacent: bool,
    ) {
        let random = &mut Random::seed_from_u64(seed);
        let store = ParamStore::new();
        let columns = mixed.iter().map(Vec::len).sum();
        let (logits, outputs) = (normal(random, rows, columns, 1.0), normal(random, rows, n * width, 1.0));
        check(&store, |tape| {
            let logits = tape.variable(logits.view());
            let outputs = tape.variable(outputs.view());
            let (mut gates, mut experts, mut first) = (Vec::new(), Vec::new(), 0);
            for mixed in &mixed {
                let own = first..first + mixed.len();
                first = own.end;
                gates.push(if adjacent { logits.columns(own) } else { tape.softmax(logits.columns(own), 1) });
                experts.extend(mixed.iter().map(|i| i % n).map(|i| outputs.columns(i * width..(i + 1) * width)));
            }
            tape.mixtures(&gates, &experts)
        });
    }

    #[test]
    fn losses(seed: u64, rows in 1usize..300, scale in 0.1f32..4.0) {
        let random = &mut Random::seed_from_u64(seed);
        let mut store = ParamStore::new();
        let x = normal(random, rows, 2, scale);
        let labels: Vec<f32> = (0..rows).map(|_| f32::from(random.random::<bool>())).collect();
        let targets: Vec<f32> = (0..rows).map(|_| random.random_range(-2.0..2.0)).collect();
        let mut weights: Vec<f32> = (0..rows).map(|_| random.random_range(0..3) as f32 * 0.7).collect();
        weights[0] = 1.0;
        let s: Vec<MatrixId> = (0..2)
            .map(|task| store.add(&format!("s{task}"), normal(random, 1, 1, 0.5), Role::NotDecayed))
            .collect();
        check(&store, |tape| {
            let x = tape.variable(x.view());
            let bce = tape.bce_with_logits(x.columns(0..1), &labels, &weights);
            let mse = tape.squared_error(x.columns(1..2), &targets, &weights);
            let fixed = tape.weighted_sum(&[(bce, 0.3), (mse, 1.7)]);
            let learned = tape.uncertainty(&[
                UncertaintyTerm { loss: bce, log_variance: s[0], factor: 1.0 },
                UncertaintyTerm { loss: mse, log_variance: s[1], factor: 0.5 },
            ]);
            tape.weighted_sum(&[(fixed, 1.0), (learned, -0.5)])
        });
    }

    #[test]
    fn embedding(seed: u64, rows in 1usize..200, vocabulary in 1usize..60, padded: bool, weighted: bool, mean: bool) {
        let random = &mut Random::seed_from_u64(seed);
        let mut store = ParamStore::new();
        let tables: Vec<_> = [4, 3, 4]
            .into_iter()
            .enumerate()
            .map(|(i, dim)| {
                let table = store.add_table(&format!("table.{i}"), vocabulary, dim);
                for row in 0..vocabulary {
                    let values = normal(random, 1, dim, 1.0);
                    store.table_row_mut(table, row).copy_from_slice(values.as_slice().unwrap());
                }
                table
            })
            .collect();
        let edges: Vec<f32> = (1..vocabulary).map(|edge| edge as f32 / vocabulary as f32).collect();
        let edges = store.add("edges", Array2::from_shape_vec((1, edges.len()), edges).unwrap(), Role::Buffer);
        let id = |random: &mut Random| random.random_range(0..vocabulary as u32);
        let ids: Vec<u32> = (0..rows).map(|_| id(random)).collect();
        let lengths: Vec<u32> = (0..rows).map(|_| random.random_range(0..5)).collect();
        let offsets: Vec<u32> = std::iter::once(0)
            .chain(lengths.iter().scan(0, |end, length| { *end += length; Some(*end) }))
            .collect();
        let elements: Vec<u32> = (0..offsets[rows]).map(|_| id(random)).collect();
        let weights: Vec<f32> = elements.iter().map(|_| random.random_range(0.1..2.0)).collect();
        let dense = Array2::from_shape_simple_fn((rows, 2), || random.random_range(-0.2f32..1.2));
        check(&store, |tape| {
            let bag = Segment::Bag {
                table: tables[0],
                offsets: &offsets,
                ids: &elements,
                weights: weighted.then_some(&weights[..]),
                pooling: if mean { Pooling::Mean } else { Pooling::Sum },
                padding: padded.then_some(0),
            };
            tape.embedding(rows, vec![
                Segment::Lookup { table: tables[0], ids: &ids },
                Segment::Lookup { table: tables[1], ids: &ids },
                bag,
                Segment::Bins { table: tables[2], edges, values: dense.slice(ndarray::s![.., 1..2]) },
                Segment::Dense { values: dense.view() },
            ])
        });
    }
}

proptest! {
    #![proptest_config(cases(10))]

    /// Of tables that are multiplied whole and of others, with columns beside them, and a matrix that others read as well.
    #[test]
    fn linear_map_of_an_embedding(
        seed: u64,
        rows in 1usize..250,
        vocabularies in proptest::collection::vec((1usize..200, 1usize..10), 1..4),
        out in 1usize..120,
        shared: bool,
        read_twice: bool,
    ) {
        let random = &mut Random::seed_from_u64(seed);
        let mut store = ParamStore::new();
        let tables: Vec<_> = vocabularies.iter().enumerate().map(|(i, &(vocabulary, dim))| {
            let table = store.add_table(&format!("table.{i}"), vocabulary, dim);
            for row in 0..vocabulary {
                let values = normal(random, 1, dim, 1.0);
                store.table_row_mut(table, row).copy_from_slice(values.as_slice().unwrap());
            }
            table
        }).collect();
        let ids: Vec<Vec<u32>> = vocabularies.iter().map(|&(vocabulary, _)| {
            (0..rows).map(|_| random.random_range(0..vocabulary as u32)).collect()
        }).collect();
        let offsets: Vec<u32> = (0..=rows as u32).map(|row| row * 2).collect();
        let elements: Vec<u32> = (0..2 * rows)
            .map(|_| random.random_range(0..vocabularies[0].0 as u32))
            .collect();
        let dense = normal(random, rows, 3, 1.0);
        let edges = store.add("edges", ndarray::array![[-0.5, 0.5]], Role::Buffer);
        let bins = store.add_table("bins", 3, 2);
        let width = vocabularies.iter().map(|&(_, dim)| dim).sum::<usize>()
            + vocabularies[0].1 * (1 + usize::from(shared)) + 2 + 3;
        let weight = store.add("weight", normal(random, width, out, 0.5), Role::Decayed);
        let bias = store.add("bias", normal(random, 1, out, 0.5), Role::Decayed);
        let other = store.add("other", normal(random, width, 2, 0.5), Role::Decayed);
        check(&store, |tape| {
            let mut segments: Vec<_> =
                tables.iter().zip(&ids).map(|(&table, ids)| Segment::Lookup { table, ids }).collect();
            let (table, weights, pooling, padding) = (tables[0], None, Pooling::Mean, None);
            segments.insert(1, Segment::Bag { table, offsets: &offsets, ids: &elements, weights, pooling, padding });
            segments.push(Segment::Dense { values: dense.view() });
            if shared {
                segments.push(Segment::Lookup { table, ids: &ids[0] });
            }
            segments.push(Segment::Bins { table: bins, edges, values: dense.slice(s![.., 1..2]) });
            let x = tape.embedding(rows, segments);
            let y = tape.linear(x, weight, Some(bias), 1);
            if !read_twice {
                return y;
            }
            let z = tape.linear(x, other, None, 1);
            let ones = Array2::ones((rows, out));
            let (y, z) = (tape.projection(y, ones), tape.projection(z, Array2::ones((rows, 2))));
            tape.weighted_sum(&[(y, 1.0), (z, 0.5)])
        });
    }
}

proptest! {
    #![proptest_config(cases(24))]
    #[test]
    fn joint_logits(rows in 1_usize..20, width in 1_usize..3, size in 0.1_f32..10.0, seed: u64) {
        let random = &mut Random::seed_from_u64(seed);
        let store = ParamStore::new();
        let [a, b] = [(); 2].map(|()| normal(random, rows, width, size));
        let ones = Array2::ones((rows, width));
        check(&store, |tape| {
            let (a, b) = (tape.variable(a.view()), tape.variable(b.view()));
            let z = tape.joint_logit(a, b);
            // One that is read twice, also by one operation.
            let again = tape.joint_logit(z, a);
            let z = tape.joint_logit(again, again);
            tape.projection(z, ones.clone())
        });
    }

    #[test]
    fn dot_products_of_rows(rows in 1_usize..200, width in 1_usize..9, pairs in 1_usize..4, seed: u64) {
        let random = &mut Random::seed_from_u64(seed);
        let store = ParamStore::new();
        let x = normal(random, rows, width * (pairs + 1), 1.0);
        let weights = normal(random, rows, pairs, 1.0);
        check(&store, |tape| {
            let x = tape.variable(x.view());
            let blocks: Vec<Var> =
                (0..=pairs).map(|block| x.columns(block * width..(block + 1) * width)).collect();
            // A block is a factor of several pairs, and both factors of one.
            let y = tape.row_dots(&blocks[..pairs], &blocks[1..], 0.7);
            let squares = tape.row_dots(&blocks[..pairs], &blocks[..pairs], -0.2);
            let (y, squares) = (tape.projection(y, weights.clone()), tape.projection(squares, weights.clone()));
            tape.weighted_sum(&[(y, 1.0), (squares, 1.0)])
        });
    }

    #[test]
    fn calibrations(rows in 1_usize..40, weight in 0.1_f32..3.0, seed: u64) {
        let random = &mut Random::seed_from_u64(seed);
        let store = ParamStore::new();
        let [a, b] = [(); 2].map(|()| normal(random, rows, 1, 3.0));
        check(&store, |tape| {
            let (a, b) = (tape.variable(a.view()), tape.variable(b.view()));
            tape.calibration(a, b, weight)
        });
    }
}

/// `ln(pq)` and `ln(1 - pq)` by way of the joint logit, against sums in which nothing cancels.
#[test]
fn the_log_of_two_probabilities_is_exact_for_logits_of_any_size() {
    let store = ParamStore::new();
    let ln_2 = std::f64::consts::LN_2;
    // Logits, -ln(pq) and -ln(1 - pq).
    let cases = [
        (1e4, 1e4, 0.0, 1e4 - ln_2),
        (-1e4, -1e4, 2e4, 0.0),
        (1e4, -1e4, 1e4, 0.0),
        (-3e4, 2.0, 3e4 + (-2.0_f64).exp().ln_1p(), 0.0),
        (20.0, 30.0, (-20.0_f64).exp() + (-30.0_f64).exp(), 20.0 - (-10.0_f64).exp().ln_1p()),
        (0.0, 0.0, 4.0_f64.ln(), (4.0_f64 / 3.0).ln()),
        (40.0, 0.0, ln_2, ln_2),
    ];
    for (a, b, both, not_both) in cases {
        for (label, expected) in [(1.0, both), (0.0, not_both)] {
            let labels = [label];
            let mut tape = Tape::new(&store, Workspace::new(), Mode::Train { dropout_seed: 0 });
            let logits = [a, b].map(|logit: f32| tape.variable(ndarray::array![[logit]].view()));
            let z = tape.joint_logit(logits[0], logits[1]);
            let loss = tape.bce_with_logits(z, &labels, &[1.0]);
            let found = f64::from(tape.scalar(loss));
            assert!(
                (found - expected).abs() <= 3e-6 * expected.abs(),
                "{a} {b} {label}: {found}, {expected}"
            );
            let (gradients, _) = tape.backward(loss);
            for logit in logits {
                assert!(gradients.input(logit).unwrap()[[0, 0]].is_finite());
            }
        }
    }
}

#[test]
fn saturated_logits_have_finite_losses_and_gradients() {
    let store = ParamStore::new();
    let z = ndarray::array![[1e4], [-1e4], [1e4], [-1e4], [0.0]];
    let (labels, weights) = ([1.0, 0.0, 0.0, 1.0, 1.0], [1.0; 5]);
    let mut tape = Tape::new(&store, Default::default(), ple_tensor::Mode::Train { dropout_seed: 0 });
    let logits = tape.variable(z.view());
    let loss = tape.bce_with_logits(logits, &labels, &weights);
    assert_eq!(tape.scalar(loss), ((2e4 + std::f64::consts::LN_2) / 5.0) as f32);
    let (gradients, _) = tape.backward(loss);
    assert_eq!(gradients.input(logits).unwrap(), ndarray::array![[0.0], [0.0], [0.2], [-0.2], [-0.1]]);
}

#[test]
fn a_task_without_rows_in_the_batch_has_no_loss_and_no_gradient() {
    let store = ParamStore::new();
    let z = ndarray::array![[f32::NAN], [3.0]];
    let mut tape = Tape::new(&store, Default::default(), ple_tensor::Mode::Train { dropout_seed: 0 });
    let logits = tape.variable(z.view());
    let bce = tape.bce_with_logits(logits, &[1.0, 0.0], &[0.0, 0.0]);
    let mse = tape.squared_error(logits, &[1.0, 0.0], &[0.0, 0.0]);
    let loss = tape.weighted_sum(&[(bce, 1.0), (mse, 1.0)]);
    assert_eq!(tape.scalar(loss), 0.0);
    let (gradients, _) = tape.backward(loss);
    assert!(gradients.input(logits).is_none_or(|gradient| gradient.iter().all(|&value| value == 0.0)));
}

/// A loss that reads some groups of a product depends on their columns alone, whichever they are.
#[test]
fn columns_that_a_loss_does_not_read_are_not_reached() {
    let mut store = ParamStore::new();
    let random = &mut Random::seed_from_u64(3);
    let hidden = store.add("hidden", normal(random, 4, 6, 1.0), Role::Decayed);
    let output = store.add("output", normal(random, 2, 3, 1.0), Role::Decayed);
    let x = normal(random, 5, 12, 1.0);
    for read in [[true, false, true], [false, true, false], [true, true, true]] {
        let mut tape = Tape::new(&store, Workspace::new(), Mode::Train { dropout_seed: 0 });
        let input = tape.variable(x.view());
        let product = tape.linear(input, hidden, None, 3);
        let rectified = tape.relu(product);
        let logits = tape.linear(rectified, output, None, 3);
        let chosen = (0..3).filter(|&group| read[group]).collect::<Vec<_>>();
        let losses: Vec<_> = chosen
            .into_iter()
            .map(|group| (tape.squared_error(logits.columns(group..group + 1), &[0.5; 5], &[1.0; 5]), 1.0))
            .collect();
        let loss = tape.weighted_sum(&losses);
        let (gradients, _) = tape.backward(loss);
        let all = read.iter().all(|&read| read);
        let twice: Vec<bool> = read.iter().flat_map(|&read| [read, read]).collect();
        assert_eq!(gradients.reached_columns(output), (!all).then_some(&read[..]));
        assert_eq!(gradients.reached_columns(hidden), (!all).then_some(&twice[..]));
    }
}
