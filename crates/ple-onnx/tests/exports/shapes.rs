//! Inputs whose shapes do not agree: the graph refuses them, rather than repeat what it has too little of.

use std::path::Path;

use ple_nn::{FeatureSpec, ModelConfig, Pooling, TaskKind};
use ple_onnx::{ExportOptions, Inputs, Precision};
use rten::{Model, RunOptions, Value};

use crate::models::{Sampled, binned, features, sampled, sequence, task};

const ROWS: usize = 3;
const LENGTH: usize = 2;

/// An input of a graph, and the shape in which it agrees with the others.
#[derive(Clone)]
struct Fed {
    name: String,
    dims: Vec<usize>,
    kind: Kind,
}

#[derive(Clone, Copy, PartialEq)]
enum Kind {
    Id,
    Number,
}

impl Fed {
    fn new(name: &str, dims: &[usize], kind: Kind) -> Self {
        Self { name: name.to_owned(), dims: dims.to_vec(), kind }
    }

    /// 1 everywhere, which is an id of every vocabulary.
    fn value(&self) -> Value {
        let n = self.dims.iter().product();
        match self.kind {
            Kind::Id => Value::from_shape(&self.dims[..], vec![1_i32; n]).unwrap(),
            Kind::Number => Value::from_shape(&self.dims[..], vec![1.0_f32; n]).unwrap(),
        }
    }
}

/// The inputs of a model in one form.
fn inputs(model: &Sampled, inputs: Inputs) -> Vec<Fed> {
    use ple_nn::FeatureKind::{Dense, Sequence, Sparse};
    let (mut fed, mut n_ids, mut n_dense) = (Vec::new(), 0, 0);
    for feature in model.model.features() {
        let name = feature.name.as_str();
        match &feature.kind {
            Sparse { .. } if inputs == Inputs::PerFeature => fed.push(Fed::new(name, &[ROWS], Kind::Id)),
            Dense { .. } if inputs == Inputs::PerFeature => fed.push(Fed::new(name, &[ROWS], Kind::Number)),
            Sparse { .. } => n_ids += 1,
            Dense { .. } => n_dense += 1,
            Sequence { padding_id, .. } => {
                fed.push(Fed::new(name, &[ROWS, LENGTH], Kind::Id));
                // As in the rows of these models.
                if padding_id.is_none() {
                    fed.push(Fed::new(&format!("{name}.weights"), &[ROWS, LENGTH], Kind::Number));
                }
            }
        }
    }
    if n_ids > 0 {
        fed.push(Fed::new("ids", &[ROWS, n_ids], Kind::Id));
    }
    if n_dense > 0 {
        fed.push(Fed::new("dense", &[ROWS, n_dense], Kind::Number));
    }
    fed
}

/// Whether the graph answers.
fn answers(graph: &Model, outputs: &[&str], fed: &[Fed]) -> bool {
    let inputs = fed.iter().map(|fed| (graph.node_id(&fed.name).unwrap(), fed.value().into())).collect();
    let outputs: Vec<_> = outputs.iter().map(|name| graph.node_id(name).unwrap()).collect();
    graph.run(inputs, &outputs, Some(RunOptions::default())).is_ok()
}

/// The inputs with other sizes for those that `which` chooses, along one axis.
fn resized(fed: &[Fed], axis: usize, size: usize, which: impl Fn(&Fed) -> bool) -> Vec<Fed> {
    let mut fed = fed.to_vec();
    for fed in fed.iter_mut().filter(|fed| which(fed)) {
        fed.dims[axis] = size;
    }
    fed
}

/// Each input alone, all ids, all numbers and all lists with another number of rows, and weights of another shape than their
/// lists.
fn refuses_all_that_disagree(path: &Path, outputs: &[&str], fed: &[Fed]) {
    let graph = Model::load_file(path).unwrap();
    let is_list = |fed: &Fed| fed.name == "history" || fed.name.starts_with("tags");
    assert!(answers(&graph, outputs, fed));
    for rows in [0, 1, 7] {
        let all = resized(fed, 0, rows, |_| true);
        assert!(answers(&graph, outputs, &all), "{rows} rows of all inputs");
    }
    for rows in [1, ROWS - 1, ROWS + 1] {
        for one in fed {
            let wrong = resized(fed, 0, rows, |fed| fed.name == one.name);
            let only = fed.len() == 1;
            assert!(
                only || !answers(&graph, outputs, &wrong),
                "{rows} rows of {}, {ROWS} of the others",
                one.name
            );
        }
        for kind in [Kind::Id, Kind::Number] {
            let wrong = resized(fed, 0, rows, |fed| !is_list(fed) && fed.kind == kind);
            let changed = |fed: &Fed| !is_list(fed) && fed.kind == kind;
            let some = fed.iter().any(changed) && !fed.iter().all(changed);
            assert!(
                !some || !answers(&graph, outputs, &wrong),
                "{rows} rows of one type, {ROWS} of the other"
            );
        }
        let wrong = resized(fed, 0, rows, is_list);
        let some = fed.iter().any(is_list) && !fed.iter().all(is_list);
        assert!(!some || !answers(&graph, outputs, &wrong), "{rows} rows of the lists, {ROWS} of the others");
    }
    for (axis, sizes) in [(0, [1, ROWS + 1]), (1, [1, LENGTH + 1])] {
        for size in sizes {
            for part in ["tags", "tags.weights"] {
                let wrong = resized(fed, axis, size, |fed| fed.name == part);
                let there = fed.iter().any(|fed| fed.name == part);
                assert!(!there || !answers(&graph, outputs, &wrong), "{part}: {size} along axis {axis}");
            }
        }
    }
    // As many weights, but of other elements.
    let mut turned = fed.to_vec();
    if let Some(weights) = turned.iter_mut().find(|fed| fed.name == "tags.weights") {
        weights.dims.reverse();
        assert!(!answers(&graph, outputs, &turned), "weights of the shape {:?}", [LENGTH, ROWS]);
    }
}

/// Models whose inputs meet in different ways: everything, one of each kind, and lists alone.
fn models() -> Vec<Vec<FeatureSpec>> {
    let sparse = |name: &str, dim| FeatureSpec::sparse(name, 9, dim);
    let tags = |pooling| sequence("tags", pooling, None);
    vec![
        features(),
        vec![sparse("user", 4), FeatureSpec::dense("price"), tags(Pooling::Mean)],
        vec![sparse("user", 4), sparse("item", 2), binned("age", &[0.5])],
        vec![sparse("user", 4), sparse("item", 4), FeatureSpec::dense("price"), FeatureSpec::dense("hour")],
        vec![tags(Pooling::Sum), FeatureSpec::dense("price")],
        vec![tags(Pooling::Mean)],
    ]
}

#[test]
fn inputs_of_shapes_that_do_not_agree_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("model.onnx");
    for features in models() {
        let tasks = vec![task("click", TaskKind::Classification)];
        let model = sampled(ModelConfig::default(), features, tasks, 5, 2);
        for form in [Inputs::PerFeature, Inputs::Packed] {
            for precision in Precision::ALL {
                let options = ExportOptions { inputs: form, precision, ..ExportOptions::default() };
                model.export(&options, &path).unwrap();
                refuses_all_that_disagree(&path, &["click"], &inputs(&model, form));
            }
        }
    }
}
