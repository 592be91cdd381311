//! The models of events that follow each other: ESMM's probabilities, heads and checks, AITM's chain and calibrator.

#![allow(clippy::unwrap_used)]

use ndarray::Array2;
use ple_nn::diagram::{Diagram, DrawingFormat, NodeKind, Stream};
use ple_nn::{
    AitmConfig, Architecture, BankInput, EsmmConfig, FeatureSpec, Head, Learns, MlpConfig, Model,
    ModelConfig, NnError, Norm, SecondLabel, TaskKind, TaskSpec,
};
use ple_tensor::{GradientCheck, Mode, ParamStore, Tape, Var, Workspace, gradient_check, sigmoid};
use proptest::prelude::*;
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;

fn tasks(kinds: &[TaskKind]) -> Vec<TaskSpec> {
    let names = ["click", "cart", "purchase", "review"];
    let tasks = names.iter().cycle().zip(kinds).enumerate();
    tasks
        .map(|(number, (name, &kind))| TaskSpec { name: format!("{name}{}", "2".repeat(number / 4)), kind })
        .collect()
}

fn esmm(towers: &[&[usize]], second_label: SecondLabel) -> Architecture {
    let towers = towers.iter().map(|&dims| MlpConfig::new(dims)).collect();
    Architecture::Esmm(EsmmConfig { towers, second_label })
}

fn aitm(bottom: &[usize], tower: &[usize], calibrator: f32) -> Architecture {
    let (bottom, towers) = (MlpConfig::new(bottom), vec![MlpConfig::new(tower)]);
    Architecture::Aitm(AitmConfig { bottom, towers, calibrator })
}

fn check(
    architecture: Architecture,
    norm: Norm,
    kinds: &[TaskKind],
) -> Result<ple_nn::CheckedModel, NnError> {
    let config = ModelConfig {
        architecture,
        norm,
        gate_norm: norm,
        embedding_deviation: 1.0,
        ..ModelConfig::default()
    };
    let features =
        vec![FeatureSpec::sparse("user", 9, 5), FeatureSpec::sparse("item", 7, 4), FeatureSpec::dense("age")];
    config.check(features, tasks(kinds))
}

fn build(architecture: Architecture, norm: Norm, n_tasks: usize) -> (ParamStore, Model) {
    let checked = check(architecture, norm, &vec![TaskKind::Classification; n_tasks]).unwrap();
    let mut store = ParamStore::new();
    let model = Model::new(&mut store, checked, &mut ChaCha8Rng::seed_from_u64(5));
    (store, model)
}

struct Rows {
    user: Vec<u32>,
    item: Vec<u32>,
    age: Array2<f32>,
    labels: Vec<f32>,
}

impl Rows {
    fn new(seed: u64, n: usize) -> Self {
        let random = &mut ChaCha8Rng::seed_from_u64(seed);
        Self {
            user: (0..n).map(|_| random.random_range(0..9)).collect(),
            item: (0..n).map(|_| random.random_range(0..7)).collect(),
            age: Array2::from_shape_simple_fn((n, 1), || random.random_range(-2.0..2.0)),
            labels: (0..n).map(|_| f32::from(random.random_bool(0.4))).collect(),
        }
    }

    fn input(&self) -> BankInput<'_> {
        let sparse = vec![&self.user[..], &self.item[..]];
        BankInput { batch: self.user.len(), sparse, sequences: vec![], dense: self.age.view() }
    }
}

/// The sum of the losses of all heads and of what is besides.
fn total<'a>(model: &Model, tape: &mut Tape<'a>, rows: &'a Rows, weights: &'a [f32]) -> Var {
    let outputs = model.forward(tape, &rows.input());
    let mut terms: Vec<(Var, f32)> = outputs
        .logits
        .iter()
        .map(|&logit| (tape.bce_with_logits(logit, &rows.labels, weights), 1.0))
        .collect();
    terms.extend(outputs.auxiliary.iter().map(|&loss| (loss, 1.0)));
    tape.weighted_sum(&terms)
}

#[test]
fn derivatives_are_those_of_the_definitions() {
    let architectures = [
        (esmm(&[&[6]], SecondLabel::GivenFirst), 2),
        (esmm(&[&[5, 3], &[]], SecondLabel::Both), 2),
        (aitm(&[6, 4], &[3], 0.0), 2),
        (aitm(&[4], &[], 0.7), 3),
        (aitm(&[3], &[2], 0.7), 1),
    ];
    for (architecture, n_tasks) in architectures {
        for norm in [Norm::Batch, Norm::None] {
            let (store, model) = build(architecture.clone(), norm, n_tasks);
            let (rows, weights) = (Rows::new(3, 48), vec![1.0; 48]);
            let options = GradientCheck { step: 1e-6, absolute: 1e-4, relative: 2e-3, elements: 24 };
            let report = gradient_check(&store, options, |tape| total(&model, tape, &rows, &weights));
            assert!(
                report.as_ref().is_ok_and(|report| report.derivatives > 50),
                "{architecture:?}: {report:?}"
            );
        }
    }
}

#[test]
fn sizes_are_those_of_the_built_model() {
    for n_tasks in 1..5 {
        let mut architectures =
            vec![aitm(&[6, 4], &[3], 0.0), aitm(&[40], &[], 0.0), aitm(&[3, 3, 3], &[7, 2], 0.0)];
        if n_tasks == 2 {
            architectures
                .extend([esmm(&[&[6]], SecondLabel::GivenFirst), esmm(&[&[32, 3], &[]], SecondLabel::Both)]);
        }
        for architecture in architectures {
            for norm in [Norm::Batch, Norm::None] {
                let size = check(architecture.clone(), norm, &vec![TaskKind::Classification; n_tasks]);
                let size = size.unwrap().size();
                let (store, model) = build(architecture.clone(), norm, n_tasks);
                let matrix_values: usize = store.matrix_ids().map(|id| store.matrix(id).len()).sum();
                let rows = Rows::new(1, 8);
                let mut tape = Tape::new(&store, Workspace::new(), Mode::Train { dropout_seed: 0 });
                model.forward(&mut tape, &rows.input());
                let columns: usize = tape.nodes().iter().map(|node| node.dim().1).sum();
                let found = (size.matrix_values, size.n_named, size.n_steps, size.step_columns);
                let expected = (matrix_values, store.blocks().len(), tape.nodes().len(), columns);
                let expected = (expected.0 as u64, expected.1 as u64, expected.2 as u64, expected.3 as u64);
                assert_eq!(found, expected, "{architecture:?} of {n_tasks} tasks");
            }
        }
    }
}

proptest! {
    /// A plain computation of the chain for one row, without a tape.
    #[test]
    fn a_chain_is_what_its_definition_says(n_tasks in 1_usize..5, dim in 1_usize..5, seed: u64) {
        let (store, model) = build(aitm(&[dim], &[], 0.0), Norm::None, n_tasks);
        let rows = Rows::new(seed, 3);
        let (predictions, _) = model.predict(&store, &rows.input(), Workspace::new());
        let matrix = |name: String| store.get(&name).unwrap().mapv(f64::from);
        for row in 0..3 {
            let mut x: Vec<f64> = Vec::new();
            for (table, id) in [("user", rows.user[row]), ("item", rows.item[row])] {
                let name = format!("embedding.{table}.weight");
                let id_of = store.table_ids().find(|&t| store.table(t).name == name).unwrap();
                let dim = store.table(id_of).dim;
                x.extend(store.table_row(id_of, id as usize)[..dim].iter().map(|&value| f64::from(value)));
            }
            x.push(f64::from(rows.age[[row, 0]]));
            let affine = |x: &[f64], prefix: String| {
                let (weight, bias) = (matrix(format!("{prefix}.weight")), matrix(format!("{prefix}.bias")));
                (0..weight.ncols())
                    .map(|j| bias[[0, j]] + x.iter().enumerate().map(|(i, x)| x * weight[[i, j]]).sum::<f64>())
                    .collect::<Vec<f64>>()
            };
            let relu = |x: Vec<f64>| x.into_iter().map(|x| x.max(0.0)).collect::<Vec<_>>();
            let mut stream: Vec<f64> = Vec::new();
            for task in 0..n_tasks {
                let own = relu(affine(&x, format!("bottom.{task}.layer.0")));
                stream = if task == 0 { own } else {
                    let info = relu(affine(&stream, format!("transfer.{task}.layer.0")));
                    let map = |u: &[f64], what: &str| {
                        let weight = matrix(format!("attention.{task}.{what}.weight"));
                        (0..dim).map(|j| (0..dim).map(|i| u[i] * weight[[i, j]]).sum()).collect::<Vec<f64>>()
                    };
                    let tokens = [own, info];
                    let scores = tokens.each_ref().map(|u| {
                        let (q, k) = (map(u, "query"), map(u, "key"));
                        q.iter().zip(&k).map(|(q, k)| q * k).sum::<f64>() / (dim as f64).sqrt()
                    });
                    let sum: f64 = scores.iter().map(|score| score.exp()).sum();
                    let values = tokens.each_ref().map(|u| map(u, "value"));
                    (0..dim).map(|j| (0..2).map(|i| scores[i].exp() / sum * values[i][j]).sum()).collect()
                };
                let logit = affine(&stream, format!("tower.{task}.layer.0"))[0];
                let expected = 1.0 / (1.0 + (-logit).exp());
                prop_assert!((f64::from(predictions[[row, task]]) - expected).abs() < 1e-5);
            }
        }
    }

    #[test]
    fn both_is_the_product_of_the_other_two(seed: u64) {
        let (store, model) = build(esmm(&[&[6]], SecondLabel::GivenFirst), Norm::Batch, 2);
        let (predictions, _) = model.predict(&store, &Rows::new(seed, 5).input(), Workspace::new());
        for row in predictions.rows() {
            prop_assert!((row[2] - row[0] * row[1]).abs() < 1e-6);
        }
    }
}

#[test]
fn esmm_has_three_heads_and_says_what_each_learns() {
    let heads = |second_label| build(esmm(&[&[3]], second_label), Norm::None, 2).1.heads().to_vec();
    let head = |name: &str, task, given, learns| Head {
        name: name.to_owned(),
        link: ple_nn::Link::Sigmoid,
        task,
        given,
        learns,
    };
    assert_eq!(
        heads(SecondLabel::GivenFirst),
        [
            head("click", Some(0), None, Learns::Task(0)),
            head("cart", Some(1), Some(0), Learns::Nothing),
            head("click_and_cart", None, None, Learns::Both { first: 0, second: 1 }),
        ]
    );
    assert_eq!(
        heads(SecondLabel::Both),
        [
            head("click", Some(0), None, Learns::Task(0)),
            head("cart_given_click", None, None, Learns::Nothing),
            head("cart", Some(1), None, Learns::Task(1)),
        ]
    );
}

#[test]
fn esmm_without_its_two_labels_is_refused() {
    use TaskKind::{Classification, Regression};
    let message = |kinds: &[TaskKind]| {
        check(esmm(&[&[3]], SecondLabel::GivenFirst), Norm::None, kinds).unwrap_err().to_string()
    };
    let rest = "expected: two classification tasks, the first of what happens first, as in click, conversion\n\
                next: correct the labels in the schema, or choose another model";
    assert_eq!(message(&[Classification]), format!("esmm cannot learn from the labels click\n{rest}"));
    assert_eq!(
        message(&[Classification, Regression]),
        format!("esmm cannot learn from the labels click, cart\n{rest}")
    );
    assert_eq!(
        message(&[Classification; 3]),
        format!("esmm cannot learn from the labels click, cart, purchase\n{rest}")
    );
}

#[test]
fn the_calibrator_costs_what_its_formula_says_in_training_alone() {
    let (store, model) = build(aitm(&[4], &[3], 0.7), Norm::None, 3);
    let rows = Rows::new(8, 20);
    let pass = |mode| {
        let mut tape = Tape::new(&store, Workspace::new(), mode);
        let outputs = model.forward(&mut tape, &rows.input());
        let probabilities: Vec<Vec<f32>> =
            outputs.logits.iter().map(|&z| tape.value(z).iter().map(|&z| sigmoid(z)).collect()).collect();
        (probabilities, outputs.auxiliary.iter().map(|&loss| tape.scalar(loss)).collect::<Vec<_>>())
    };
    assert!(pass(Mode::Evaluate).1.is_empty());
    let (p, losses) = pass(Mode::Train { dropout_seed: 0 });
    for (later, &loss) in losses.iter().enumerate().map(|(place, loss)| (place + 1, loss)) {
        let sum: f32 = p[later].iter().zip(&p[later - 1]).map(|(b, a)| (b - a).max(0.0)).sum();
        assert!((loss - 0.7 * sum / 20.0).abs() < 1e-6 && sum > 0.0 || loss == 0.0);
    }
    assert_eq!(losses.len(), 2);
    assert!(losses.iter().any(|&loss| loss > 0.0));

    // A regression has no probability to compare with.
    let kinds = [TaskKind::Classification, TaskKind::Regression, TaskKind::Classification];
    let checked = check(aitm(&[4], &[3], 0.7), Norm::None, &kinds).unwrap();
    let mut store = ParamStore::new();
    let model = Model::new(&mut store, checked, &mut ChaCha8Rng::seed_from_u64(5));
    let mut tape = Tape::new(&store, Workspace::new(), Mode::Train { dropout_seed: 0 });
    assert!(model.forward(&mut tape, &rows.input()).auxiliary.is_empty());
}

#[test]
fn impossible_sizes_of_a_chain_are_refused() {
    let message = |architecture| {
        check(architecture, Norm::None, &[TaskKind::Classification; 2]).unwrap_err().to_string()
    };
    assert_eq!(
        message(aitm(&[4], &[3], -1.0)),
        "calibrator is -1.0\nexpected: a finite number from 0\nnext: correct it in the settings of the model"
    );
    assert!(message(aitm(&[], &[3], 0.0)).starts_with("the number of layers of the experts is 0"));
    assert!(
        message(esmm(&[&[3], &[3], &[3]], SecondLabel::Both)).starts_with("there are 3 towers for 2 tasks")
    );
}

#[test]
fn pictures_show_every_parameter_and_what_each_head_reads() {
    for (architecture, n_tasks, n_outputs) in
        [(esmm(&[&[6]], SecondLabel::GivenFirst), 2, 3), (aitm(&[6, 4], &[3], 0.6), 3, 3)]
    {
        let (store, model) = build(architecture, Norm::Batch, n_tasks);
        let diagram = Diagram::of(&model, &store);
        assert_eq!(diagram.parameters(), store.n_parameters());
        let outputs: Vec<usize> = (0..diagram.nodes.len())
            .filter(|&node| matches!(diagram.nodes[node].kind, NodeKind::Output { .. }))
            .collect();
        assert_eq!(outputs.len(), n_outputs);
        for node in 0..diagram.nodes.len() {
            let is_input = matches!(diagram.nodes[node].kind, NodeKind::Features(_));
            assert_eq!(diagram.edges.iter().any(|edge| edge.to == node), !is_input);
            assert!(diagram.edges.iter().all(|edge| edge.from < edge.to));
        }
        if n_outputs > n_tasks {
            let both = outputs.iter().find(|&&node| diagram.nodes[node].stream == Stream::Shared).unwrap();
            assert_eq!(diagram.edges.iter().filter(|edge| edge.to == *both).count(), 2);
        }
        assert!(roxmltree::Document::parse(&diagram.draw(DrawingFormat::Svg)).is_ok());
    }
}
