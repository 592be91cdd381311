//! Pictures of models: what they say is what the parameters and the gradients say, and every format can be read.

#![allow(clippy::unwrap_used)]

use std::collections::BTreeSet;

use ndarray::{Array2, s};
use ple_nn::diagram::{Diagram, DrawingFormat, NodeKind, Stream};
use ple_nn::{
    Activation, Architecture, BankInput, Bins, FeatureKind, FeatureSpec, MlpConfig, MmoeConfig, Model,
    ModelConfig, Norm, PleConfig, Pooling, SequenceInput, SharedBottomConfig, TaskKind, TaskSpec,
};
use ple_tensor::{Mode, ParamStore, Tape, Workspace};
use proptest::prelude::*;
use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;

const FORMATS: [DrawingFormat; 3] = [DrawingFormat::Svg, DrawingFormat::Dot, DrawingFormat::Mermaid];

fn features() -> Vec<FeatureSpec> {
    let sequence = FeatureKind::Sequence {
        vocab_size: 12,
        embedding_dim: 4,
        pooling: Pooling::Sum,
        padding_id: None,
        shared_with: Some("item".into()),
    };
    let bins = Bins { edges: vec![-0.5, 0.7], embedding_dim: 3 };
    vec![
        FeatureSpec::sparse("user", 30, 5),
        FeatureSpec::sparse("item", 12, 4),
        FeatureSpec { name: "history".into(), kind: sequence },
        FeatureSpec::dense("age"),
        FeatureSpec { name: "price".into(), kind: FeatureKind::Dense { bins: Some(bins) } },
    ]
}

fn build(architecture: Architecture, norms: [Norm; 2], names: &[String]) -> (ParamStore, Model) {
    let [norm, gate_norm] = norms;
    let config =
        ModelConfig { architecture, norm, gate_norm, embedding_deviation: 0.5, ..ModelConfig::default() };
    let task = |name: &String| TaskSpec { name: name.clone(), kind: TaskKind::Classification };
    let checked = config.check(features(), names.iter().map(task).collect()).unwrap();
    let mut store = ParamStore::new();
    let model = Model::new(&mut store, checked, &mut ChaCha8Rng::seed_from_u64(3));
    (store, model)
}

fn mlp(dims: &[usize], activation: Activation) -> MlpConfig {
    MlpConfig { dims: dims.to_vec(), activation, dropout: 0.0 }
}

fn ple(n_levels: usize, experts: [usize; 2], dims: &[usize], activation: Activation) -> Architecture {
    let [n_specific_experts, n_shared_experts] = experts;
    let (expert, towers) = (mlp(dims, activation), vec![mlp(&[3], activation)]);
    Architecture::Ple(PleConfig { n_levels, n_specific_experts, n_shared_experts, expert, towers })
}

fn architectures(activation: Activation) -> Vec<Architecture> {
    let of = |dims: &[usize]| mlp(dims, activation);
    vec![
        ple(1, [2, 1], &[4], activation),
        ple(2, [1, 2], &[6, 4], activation),
        ple(3, [2, 0], &[4], activation),
        ple(3, [0, 2], &[4], activation),
        Architecture::Mmoe(MmoeConfig { n_experts: 3, expert: of(&[6, 4]), towers: vec![of(&[])] }),
        Architecture::SharedBottom(SharedBottomConfig { bottom: of(&[6, 4]), towers: vec![of(&[3])] }),
        Architecture::SharedBottom(SharedBottomConfig { bottom: of(&[]), towers: vec![of(&[3, 2])] }),
    ]
}

fn names(n: usize) -> Vec<String> {
    (0..n).map(|task| format!("task{task}")).collect()
}

/// A linear map of each width to the next, with a bias, and batch norm's scale and shift.
fn perceptron(widths: &[usize], normed: usize) -> usize {
    let layer = |(index, pair): (usize, &[usize])| {
        pair[0] * pair[1] + pair[1] + if index < normed { 2 * pair[1] } else { 0 }
    };
    widths.windows(2).enumerate().map(layer).sum()
}

#[test]
fn the_counts_are_those_of_the_widths_and_of_the_store() {
    for architecture in architectures(Activation::Relu) {
        for norms in [[Norm::Batch, Norm::Batch], [Norm::Batch, Norm::None], [Norm::None, Norm::Batch]] {
            for n_tasks in 1..=4 {
                let (store, model) = build(architecture.clone(), norms, &names(n_tasks));
                let diagram = Diagram::of(&model, &store);
                assert_eq!(diagram.parameters(), store.n_parameters(), "{architecture:?}");
                assert_eq!(diagram.table_parameters(), 30 * 5 + 12 * 4 + 3 * 3);
                for node in &diagram.nodes {
                    let layers = node.widths.len() - 1;
                    let normed = |norm: Norm, layers: usize| if norm == Norm::Batch { layers } else { 0 };
                    let expected = match node.kind {
                        NodeKind::Experts { count, .. } => {
                            count * perceptron(&node.widths, normed(norms[0], layers))
                        }
                        NodeKind::Gate { .. } => perceptron(&node.widths, normed(norms[1], layers)),
                        NodeKind::Part(_) => perceptron(&node.widths, normed(norms[0], layers)),
                        NodeKind::Tower => perceptron(&node.widths, normed(norms[0], layers - 1)),
                        _ => continue,
                    };
                    assert_eq!(node.parameters, expected, "{node:?}");
                }
            }
        }
    }
}

/// The nodes from which arrows lead to a node.
fn below(diagram: &Diagram, node: usize) -> BTreeSet<usize> {
    let mut reached = BTreeSet::from([node]);
    // An edge leads from an earlier node to a later one, so one pass from the last to the first is enough.
    for edge in diagram.edges.iter().rev() {
        assert!(edge.from < edge.to);
        if reached.contains(&edge.to) {
            reached.insert(edge.from);
        }
    }
    reached
}

/// The prefix of a node's parameters, for the names that the architecture page lists.
fn prefix(diagram: &Diagram, node: usize) -> Option<String> {
    let node = &diagram.nodes[node];
    let level = |level: usize| match (diagram.architecture, node.stream) {
        ("PLE", Stream::Task(task)) => format!("cgc.{level}.task.{task}."),
        ("PLE", _) => format!("cgc.{level}.shared."),
        _ => String::new(),
    };
    Some(match (&node.kind, node.stream) {
        (NodeKind::Experts { level: l, .. }, _) => format!("{}expert.", level(*l)),
        (NodeKind::Gate { level: l, .. }, Stream::Task(task)) if diagram.architecture == "MMOE" => {
            format!("{}gate.{task}.", level(*l))
        }
        (NodeKind::Gate { level: l, .. }, _) => format!("{}gate.", level(*l)),
        (NodeKind::Part(_), _) => "bottom.".to_owned(),
        (NodeKind::Tower, Stream::Task(task)) => format!("tower.{task}."),
        _ => return None,
    })
}

/// Arrows are true: a task's loss has a gradient in a box exactly if arrows lead from the box to the task's output.
#[test]
fn arrows_lead_to_an_output_from_exactly_those_boxes_that_it_depends_on() {
    let (user, item, history) = ([1, 7, 20, 29], [0, 3, 5, 11], [1, 2, 3]);
    let dense = Array2::from_shape_fn((4, 2), |(row, column)| (row as f32 - 1.5) * (column as f32 + 0.4));
    let n_tasks = 3;
    for architecture in architectures(Activation::Sigmoid) {
        let (store, model) = build(architecture, [Norm::None, Norm::None], &names(n_tasks));
        let diagram = Diagram::of(&model, &store);
        let input = BankInput {
            batch: 4,
            sparse: vec![&user, &item],
            sequences: vec![SequenceInput { offsets: &[0, 1, 1, 3, 3], ids: &history, weights: None }],
            dense: dense.view(),
        };
        for task in 0..n_tasks {
            let mut tape = Tape::new(&store, Workspace::new(), Mode::Train { dropout_seed: 0 });
            let logits = model.forward(&mut tape, &input).logits;
            let loss = tape.bce_with_logits(logits[task], &[1.0, 0.0, 0.0, 1.0], &[1.0; 4]);
            let (gradients, _) = tape.backward(loss);
            let output = diagram.nodes.len() - n_tasks + task;
            let reached = below(&diagram, output);
            for (node, _) in diagram.nodes.iter().enumerate() {
                let Some(prefix) = prefix(&diagram, node) else { continue };
                let blocks = store.blocks().iter().filter(|block| block.name.starts_with(&prefix));
                let depends = blocks.clone().any(|block| {
                    let gradient = gradients.matrix(block.matrix);
                    let columns = block.columns.clone();
                    gradient
                        .is_some_and(|values| values.slice(s![.., columns]).iter().any(|&value| value != 0.0))
                });
                assert!(blocks.count() > 0, "{prefix}");
                assert_eq!(depends, reached.contains(&node), "{prefix} and task {task}");
            }
        }
    }
}

#[test]
fn the_same_model_gives_the_same_bytes() {
    for format in FORMATS {
        let draw = || {
            let (store, model) = build(ple(2, [2, 1], &[4], Activation::Relu), [Norm::Batch; 2], &names(3));
            Diagram::of(&model, &store).draw(format)
        };
        assert_eq!(draw(), draw());
    }
}

#[test]
fn a_reader_who_sees_nothing_is_told_everything() {
    let (store, model) = build(ple(2, [2, 1], &[6, 4], Activation::Relu), [Norm::Batch; 2], &names(2));
    let picture = Diagram::of(&model, &store).draw(DrawingFormat::Svg);
    let document = roxmltree::Document::parse(&picture).unwrap();
    let root = document.root_element();
    assert_eq!(root.attribute("role"), Some("img"));
    for id in root.attribute("aria-labelledby").unwrap().split(' ') {
        assert!(root.children().any(|child| child.attribute("id") == Some(id)), "{id}");
    }
    let words = |tag: &str| root.children().find(|child| child.has_tag_name(tag)).unwrap().text().unwrap();
    assert_eq!(words("title"), "PLE: 2 levels, 2 tasks");
    for part in [
        "2 sparse features, 42 ids, 4 to 5 columns, 198 parameters",
        "1 sequence feature, a shared table, 4 columns",
        "1 binned feature, 3 bins, 4 columns, 9 parameters",
        "embeddings: 18 columns",
        "level 0, 2 experts of task1, 18 → 6 → 4 each",
        "level 0, shared gate, mixes 5 experts",
        "level 1, gate of task0, mixes 3 experts",
        "tower of task1, 4 → 3 → 1",
    ] {
        assert!(words("desc").contains(part), "{part} in {}", words("desc"));
    }
    assert!(picture.contains("@media (prefers-color-scheme: dark)"));
    assert!(!picture.contains("http:") || picture.matches("http:").count() == 1, "the name of SVG alone");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// Whatever tasks are called: the picture is XML, and no label ends before its closing quote.
    #[test]
    fn any_name_can_be_drawn(name in "\\PC{1,40}", odd in any::<String>()) {
        let odd = if odd == name { format!("{odd}2") } else { odd };
        let tasks = [name, odd, "\"]; --> \\\"\n<b>&amp;#quot;\u{0}\u{202e}".to_owned()];
        let (store, model) = build(ple(1, [1, 1], &[4], Activation::Relu), [Norm::Batch; 2], &tasks);
        let diagram = Diagram::of(&model, &store);

        let picture = diagram.draw(DrawingFormat::Svg);
        let document = roxmltree::Document::parse(&picture);
        prop_assert!(document.is_ok(), "{:?}", document.err());

        for line in diagram.draw(DrawingFormat::Dot).lines().filter(|line| line.contains("label=")) {
            let quotes = line.replace("\\\\", "").replace("\\\"", "").matches('"').count();
            prop_assert!(quotes % 2 == 0 && quotes > 0, "{}", line);
        }
        for line in diagram.draw(DrawingFormat::Mermaid).lines().filter(|line| line.contains('[')) {
            prop_assert_eq!(line.matches('"').count(), 2, "{}", line);
        }
    }
}
