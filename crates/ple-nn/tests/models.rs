//! Whole models: gradients end to end, properties that the papers promise, and what cannot be built.

#![allow(clippy::unwrap_used)]

use ndarray::Array2;
use ple_nn::{
    Activation, Architecture, BankInput, Bins, FeatureKind, FeatureSpec, Initialization, MlpConfig,
    MmoeConfig, Model, ModelConfig, Norm, PleConfig, Pooling, SequenceInput, SharedBottomConfig, TaskKind,
    TaskSpec,
};
use ple_tensor::{GradientCheck, Mode, Op, ParamStore, Tape, UncertaintyTerm, Workspace, gradient_check};
use proptest::prelude::*;
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;

fn features() -> Vec<FeatureSpec> {
    let sequence = FeatureKind::Sequence {
        vocab_size: 12,
        embedding_dim: 4,
        pooling: Pooling::Mean,
        padding_id: Some(0),
        shared_with: Some("item".into()),
    };
    let binned = FeatureKind::Dense { bins: Some(Bins { edges: vec![-0.5, 0.0, 0.7], embedding_dim: 3 }) };
    vec![
        FeatureSpec::sparse("user", 30, 5),
        FeatureSpec::sparse("item", 12, 4),
        FeatureSpec { name: "history".into(), kind: sequence },
        FeatureSpec::dense("age"),
        FeatureSpec { name: "price".into(), kind: binned },
    ]
}

fn tasks(n: usize) -> Vec<TaskSpec> {
    let kind = |task| if task == 1 { TaskKind::Regression } else { TaskKind::Classification };
    (0..n).map(|task| TaskSpec { name: format!("task{task}"), kind: kind(task) }).collect()
}

struct Rows {
    user: Vec<u32>,
    item: Vec<u32>,
    offsets: Vec<u32>,
    history: Vec<u32>,
    dense: Array2<f32>,
    labels: Vec<f32>,
    weights: Vec<f32>,
}

impl Rows {
    fn new(seed: u64, batch: usize) -> Self {
        let random = &mut ChaCha8Rng::seed_from_u64(seed);
        let mut offsets = vec![0];
        let mut history = Vec::new();
        for _ in 0..batch {
            history.extend((0..random.random_range(0..4)).map(|_| random.random_range(0..12)));
            offsets.push(history.len() as u32);
        }
        Self {
            user: (0..batch).map(|_| random.random_range(0..30)).collect(),
            item: (0..batch).map(|_| random.random_range(0..12)).collect(),
            offsets,
            history,
            dense: Array2::from_shape_simple_fn((batch, 2), || random.random_range(-1.0f32..1.0)),
            labels: (0..batch).map(|_| f32::from(random.random::<bool>())).collect(),
            weights: vec![1.0; batch],
        }
    }

    fn input(&self) -> BankInput<'_> {
        let history = SequenceInput { offsets: &self.offsets, ids: &self.history, weights: None };
        let sparse = vec![&self.user[..], &self.item[..]];
        BankInput { batch: self.user.len(), sparse, sequences: vec![history], dense: self.dense.view() }
    }
}

fn build(config: ModelConfig, n_tasks: usize) -> (ParamStore, Model) {
    let checked = config.check(features(), tasks(n_tasks)).unwrap();
    let mut store = ParamStore::new();
    let model = Model::new(&mut store, checked, &mut ChaCha8Rng::seed_from_u64(3));
    (store, model)
}

fn architectures(activation: Activation) -> Vec<Architecture> {
    let mlp = |dims: &[usize]| MlpConfig { dims: dims.to_vec(), activation, dropout: 0.0 };
    let ple = |n_levels, n_specific_experts, n_shared_experts, dims: &[usize]| {
        let (expert, towers) = (mlp(dims), vec![mlp(&[3])]);
        Architecture::Ple(PleConfig { n_levels, n_specific_experts, n_shared_experts, expert, towers })
    };
    vec![
        ple(1, 2, 1, &[4]),
        ple(2, 1, 2, &[6, 4]),
        ple(3, 1, 0, &[6, 4]),
        ple(2, 0, 2, &[4]),
        Architecture::Mmoe(MmoeConfig { n_experts: 3, expert: mlp(&[6, 4]), towers: vec![mlp(&[])] }),
        Architecture::SharedBottom(SharedBottomConfig { bottom: mlp(&[6, 4]), towers: vec![mlp(&[3])] }),
    ]
}

/// A total loss over all tasks, with learned weights.
fn check_gradients(config: ModelConfig, n_tasks: usize) {
    let name = format!("{config:?}");
    let (mut store, model) = build(config, n_tasks);
    let uncertainty: Vec<_> = (0..n_tasks)
        .map(|task| store.add(&format!("s{task}"), ndarray::array![[0.2]], ple_tensor::Role::NotDecayed))
        .collect();
    let rows = Rows::new(5, 48);
    let input = rows.input();
    // A derivative through several batch norms is a difference of nearly equal terms: f32 leaves it fewer digits.
    let options = GradientCheck { step: 1e-6, absolute: 1e-4, relative: 2e-3, elements: 24 };
    let checked = gradient_check(&store, options, |tape| {
        let logits = model.forward(tape, &input).logits;
        let terms: Vec<_> = logits
            .iter()
            .zip(model.tasks())
            .zip(&uncertainty)
            .map(|((&logit, task), &log_variance)| match task.kind {
                TaskKind::Classification => {
                    let loss = tape.bce_with_logits(logit, &rows.labels, &rows.weights);
                    UncertaintyTerm { loss, log_variance, factor: 1.0 }
                }
                TaskKind::Regression => {
                    let loss = tape.squared_error(logit, &rows.labels, &rows.weights);
                    UncertaintyTerm { loss, log_variance, factor: 0.5 }
                }
            })
            .collect();
        tape.uncertainty(&terms)
    });
    assert!(checked.as_ref().is_ok_and(|report| report.derivatives > 100), "{name}: {checked:?}");
}

fn config(architecture: Architecture, norm: Norm, gate_norm: Norm) -> ModelConfig {
    ModelConfig { architecture, norm, gate_norm, embedding_deviation: 0.5, ..ModelConfig::default() }
}

#[test]
fn every_model_passes_the_gradient_check_with_each_norm() {
    for architecture in architectures(Activation::Sigmoid) {
        for norm in [Norm::Batch, Norm::None] {
            for gate_norm in [Norm::Batch, Norm::None] {
                check_gradients(config(architecture.clone(), norm, gate_norm), 3);
            }
        }
    }
}

#[test]
fn every_activation_passes_the_gradient_check_in_a_model() {
    use Activation::{Dice, LeakyRelu, Prelu, Relu, Softmax};
    for activation in [Relu, LeakyRelu, Prelu, Dice, Softmax] {
        check_gradients(config(architectures(activation).swap_remove(1), Norm::None, Norm::None), 2);
    }
}

#[test]
fn a_model_of_one_task_passes_the_gradient_check() {
    for architecture in architectures(Activation::Sigmoid) {
        check_gradients(config(architecture, Norm::Batch, Norm::None), 1);
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(32))]

    #[test]
    fn gate_weights_sum_to_one(seed: u64, batch in 1usize..50, level in 0usize..4) {
        let architecture = architectures(Activation::Relu).swap_remove(level);
        let (store, model) = build(config(architecture, Norm::Batch, Norm::Batch), 3);
        let rows = Rows::new(seed, batch);
        let mut tape = Tape::new(&store, Workspace::new(), Mode::Evaluate);
        model.forward(&mut tape, &rows.input());
        let mut gates = 0;
        for node in tape.nodes() {
            let Op::Softmax(softmax) = &node.op else { continue };
            gates += softmax.groups;
            for row in node.value(&store).rows() {
                for gate in row.exact_chunks(row.len() / softmax.groups) {
                    prop_assert!((gate.sum() - 1.0).abs() < 1e-6);
                }
            }
        }
        prop_assert!(gates >= 3);
    }

    /// The parameters of tasks 0 and 2 are exchanged, and so are their outputs.
    #[test]
    fn permuting_tasks_permutes_outputs(seed: u64, level in 0usize..4) {
        let architecture = architectures(Activation::Relu).swap_remove(level);
        let (store, model) = build(config(architecture, Norm::None, Norm::None), 3);
        let mut swapped = store.clone();
        for block in store.blocks() {
            let parts: Vec<&str> = block.name.split('.').collect();
            let exchange = |part: &str| match part { "0" => "2".to_owned(), "2" => "0".to_owned(), same => same.to_owned() };
            let other = match parts.as_slice() {
                ["cgc", level, "task", task, rest @ ..] => format!("cgc.{level}.task.{}.{}", exchange(task), rest.join(".")),
                ["tower", task, rest @ ..] => format!("tower.{}.{}", exchange(task), rest.join(".")),
                _ => continue,
            };
            swapped.get_mut(&other).unwrap().assign(&store.get(&block.name).unwrap());
        }
        // The shared gate's weights over task 0's and task 2's experts are exchanged too.
        let n_specific = match &model.config().architecture {
            Architecture::Ple(ple) => ple.n_specific_experts,
            _ => unreachable!(),
        };
        for level in 0..3 {
            for what in ["weight", "bias"] {
                let name = format!("cgc.{level}.shared.gate.layer.0.{what}");
                if let Some(gate) = store.get(&name) {
                    let mut target = swapped.get_mut(&name).unwrap();
                    for expert in 0..n_specific {
                        target.column_mut(expert).assign(&gate.column(2 * n_specific + expert));
                        target.column_mut(2 * n_specific + expert).assign(&gate.column(expert));
                    }
                }
            }
        }
        let rows = Rows::new(seed, 20);
        let logits = |store: &ParamStore| {
            let mut tape = Tape::new(store, Workspace::new(), Mode::Evaluate);
            let logits = model.forward(&mut tape, &rows.input()).logits;
            logits.iter().map(|&logit| tape.value(logit).to_owned()).collect::<Vec<_>>()
        };
        let (before, after) = (logits(&store), logits(&swapped));
        for task in 0..3 {
            // The shared gate sums its experts in another order: rounding alone.
            prop_assert!((&before[task] - &after[2 - task]).iter().all(|difference| difference.abs() < 1e-5));
        }
    }

    #[test]
    fn one_level_of_ple_without_specific_experts_is_mmoe(seed: u64, norm: bool) {
        let norm = if norm { Norm::Batch } else { Norm::None };
        let (expert, towers) = (MlpConfig::new([6, 4]), vec![MlpConfig::new([3])]);
        let ple = PleConfig { n_levels: 1, n_specific_experts: 0, n_shared_experts: 3, expert: expert.clone(), towers: towers.clone() };
        let (ple_store, ple) = build(config(Architecture::Ple(ple), norm, norm), 2);
        let mmoe = Architecture::Mmoe(MmoeConfig { n_experts: 3, expert, towers });
        let (mut mmoe_store, mmoe) = build(config(mmoe, norm, norm), 2);
        let names: Vec<String> = ple_store.blocks().iter().map(|block| block.name.clone()).collect();
        for name in names {
            let theirs = name.replace("cgc.0.shared.expert.", "expert.");
            let theirs = match theirs.strip_prefix("cgc.0.task.") {
                Some(rest) => format!("gate.{}", rest.replacen(".gate", "", 1)),
                None => theirs,
            };
            mmoe_store.get_mut(&theirs).unwrap().assign(&ple_store.get(&name).unwrap());
        }
        let rows = Rows::new(seed, 20);
        let (ours, _) = ple.predict(&ple_store, &rows.input(), Workspace::new());
        let (theirs, _) = mmoe.predict(&mmoe_store, &rows.input(), Workspace::new());
        prop_assert_eq!(ours, theirs);
    }
}

#[test]
fn no_two_experts_start_equal() {
    use Initialization::{KaimingNormal, KaimingUniform, Torch, XavierNormal, XavierUniform};
    for initialization in [Torch, XavierUniform, XavierNormal, KaimingUniform, KaimingNormal] {
        let architecture = architectures(Activation::Relu).swap_remove(1);
        let (store, _) = build(ModelConfig { architecture, initialization, ..ModelConfig::default() }, 2);
        let weights: Vec<_> = store
            .blocks()
            .iter()
            .filter(|b| b.name.contains("expert") && b.name.ends_with("layer.0.weight"))
            .collect();
        assert_eq!(weights.len(), 2 * (2 + 2));
        for (index, block) in weights.iter().enumerate() {
            for other in &weights[..index] {
                assert_ne!(
                    store.get(&block.name),
                    store.get(&other.name),
                    "{} and {}",
                    block.name,
                    other.name
                );
            }
        }
    }
}

#[test]
fn an_empty_sequence_pools_to_zero() {
    let (store, model) = build(ModelConfig::default(), 2);
    let rows = Rows { offsets: vec![0, 0, 2], history: vec![0, 0], ..Rows::new(1, 2) };
    let mut tape = Tape::new(&store, Workspace::new(), Mode::Evaluate);
    let x = model.bank().forward(&mut tape, &rows.input());
    let history = x.columns(9..13);
    assert!(
        tape.value(history).iter().all(|&value| value == 0.0),
        "nothing, and padding alone, pool to zero"
    );
}

#[test]
fn what_cannot_be_built_is_an_error() {
    let default = ModelConfig::default;
    let ple = |change: fn(&mut PleConfig)| {
        let mut config = default();
        if let Architecture::Ple(ple) = &mut config.architecture {
            change(ple);
        }
        config
    };
    let message = |config: ModelConfig| config.check(features(), tasks(2)).unwrap_err().to_string();
    assert_eq!(
        default().check(features(), vec![]).unwrap_err().to_string(),
        "the model has no task\nexpected: at least one\nnext: name what it is to predict"
    );
    assert_eq!(
        default().check(vec![], tasks(1)).unwrap_err().to_string(),
        "the model has no feature\nexpected: at least one\nnext: name what it may read"
    );
    let twice = vec![tasks(1)[0].clone(), tasks(1)[0].clone()];
    assert_eq!(
        default().check(features(), twice).unwrap_err().to_string(),
        "the task `task0` is named twice\nexpected: each name once\nnext: rename one of the two"
    );
    let twice = vec![FeatureSpec::dense("age"), FeatureSpec::dense("age")];
    assert_eq!(
        default().check(twice, tasks(1)).unwrap_err().to_string(),
        "the feature `age` is named twice\nexpected: each name once\nnext: rename one of the two"
    );
    assert_eq!(
        message(ple(|ple| (ple.n_specific_experts, ple.n_shared_experts) = (0, 0))),
        "a task has no experts to mix: n_specific_experts = 0 and n_shared_experts = 0 leaves none\n\
         expected: at least one specific or shared expert\nnext: raise one of the two in the settings of the model"
    );
    let at_least_1 = "expected: at least 1\nnext: correct it in the settings of the model, or in the schema";
    assert_eq!(message(ple(|ple| ple.n_levels = 0)), format!("n_levels is 0\n{at_least_1}"));
    assert_eq!(
        message(ple(|ple| ple.expert.dims = vec![16, 0])),
        format!("a width of the experts is 0\n{at_least_1}")
    );
    assert_eq!(
        message(ple(|ple| ple.expert.dims = vec![])),
        format!("the number of layers of the experts is 0\n{at_least_1}")
    );
    assert_eq!(
        message(ple(|ple| ple.towers[0].dropout = 1.0)),
        "the dropout of tower 0 is 1.0\nexpected: a rate from 0 to below 1\nnext: correct it in the settings of the model"
    );
    assert_eq!(
        message(ple(|ple| ple.towers = vec![MlpConfig::new([8]); 3])),
        "there are 3 towers for 2 tasks\nexpected: one tower for all tasks, or one for each\n\
         next: correct towers in the settings of the model"
    );
    assert_eq!(
        message(ModelConfig { embedding_dropout: f32::NAN, ..default() }),
        "embedding_dropout is NaN\nexpected: a rate from 0 to below 1\nnext: correct it in the settings of the model"
    );
    assert_eq!(
        message(ModelConfig { embedding_deviation: -1.0, ..default() }),
        "embedding_deviation is -1.0\nexpected: a finite number from 0\nnext: correct it in the settings of the model"
    );
    let with_feature = |feature: FeatureSpec| {
        let all = vec![FeatureSpec::sparse("user", 30, 5), feature];
        default().check(all, tasks(1)).unwrap_err().to_string()
    };
    assert_eq!(
        with_feature(FeatureSpec::sparse("item", 0, 4)),
        format!("the vocabulary size of feature item is 0\n{at_least_1}")
    );
    let shared = |with: &str, vocab_size| FeatureSpec {
        name: "item".into(),
        kind: FeatureKind::Sparse { vocab_size, embedding_dim: 5, shared_with: Some(with.into()) },
    };
    let shared_next = "expected: an earlier sparse or sequence feature with the same vocabulary and dimension\n\
                       next: correct shared_with, or give `item` a table of its own";
    assert_eq!(
        with_feature(shared("userr", 30)),
        format!(
            "the feature `item` shares the table of `userr`: no sparse or sequence feature before it has that name\n{shared_next}"
        )
    );
    assert_eq!(
        with_feature(shared("user", 31)),
        format!(
            "the feature `item` shares the table of `user`: it has 30 rows of dimension 5, this feature 31 of 5\n{shared_next}"
        )
    );
    let bins = Bins { edges: vec![1.0, 0.5], embedding_dim: 4 };
    assert_eq!(
        with_feature(FeatureSpec { name: "age".into(), kind: FeatureKind::Dense { bins: Some(bins) } }),
        "the bin edges of the feature `age` are no edges\nexpected: finite numbers, each above the one before\n\
         next: correct bins.edges in the schema"
    );
    let bins = || FeatureKind::Dense { bins: Some(Bins { edges: vec![0.5], embedding_dim: 4 }) };
    let features =
        vec![FeatureSpec { name: "d0".into(), kind: bins() }, FeatureSpec::sparse("d0.bins", 3, 2)];
    assert_eq!(
        default().check(features, tasks(1)).unwrap_err().to_string(),
        "the feature `d0.bins` and the bins of the feature `d0` would both be called `d0.bins` in the model\n\
         expected: different names for all tables\nnext: rename one of the two"
    );
}

#[test]
fn a_model_of_an_unknown_name_is_refused_with_the_nearest_and_the_list() {
    let named = |name: &str| {
        Architecture::named(name, MlpConfig::new([4]), MlpConfig::new([2])).map_err(|error| error.to_string())
    };
    let known: Vec<String> = Architecture::known().iter().map(|model| format!("`{}`", model.name)).collect();
    let known = known.join(", ");
    assert!(known.starts_with("`ple`, `mmoe`, `shared-bottom`, `logistic-regression`"), "{known}");
    assert_eq!(
        named("mmeo"),
        Err(format!("there is no model `mmeo`\nexpected: one of {known}\nnext: did you mean `mmoe`?"))
    );
    assert_eq!(
        named("transformer"),
        Err(format!("there is no model `transformer`\nexpected: one of {known}"))
    );
    for model in Architecture::known() {
        assert_eq!(named(model.name).unwrap().model_name(), model.name);
    }
}

#[test]
fn what_several_tasks_read_last_is_known() {
    let mlp = |dims: &[usize]| MlpConfig::new(dims.to_vec());
    let ple = |n_levels, n_shared_experts| {
        let (expert, towers) = (mlp(&[4]), vec![mlp(&[2])]);
        Architecture::Ple(PleConfig { n_levels, n_specific_experts: 2, n_shared_experts, expert, towers })
    };
    let bottom = |dims: &[usize]| {
        Architecture::SharedBottom(SharedBottomConfig { bottom: mlp(dims), towers: vec![mlp(&[2])] })
    };
    let mmoe = Architecture::Mmoe(MmoeConfig { n_experts: 3, expert: mlp(&[4]), towers: vec![mlp(&[2])] });
    let cases =
        [(ple(1, 2), 2), (ple(3, 1), 1), (ple(2, 0), 0), (mmoe, 3), (bottom(&[4]), 1), (bottom(&[]), 0)];
    for (architecture, n_shared) in cases {
        let (store, model) = build(config(architecture, Norm::Batch, Norm::Batch), 3);
        let rows = Rows::new(3, 8);
        let mut tape = Tape::new(&store, Workspace::new(), Mode::Train { dropout_seed: 0 });
        let outputs = model.forward(&mut tape, &rows.input());
        assert_eq!(outputs.shared.len(), n_shared, "{:?}", model.config().architecture);
        assert_eq!(model.config().architecture.shares_values(), n_shared > 0);
        assert!(outputs.shared.iter().all(|&node| tape.value(node).dim() == (8, 4)));
        assert!(outputs.auxiliary.is_empty());
    }
}
