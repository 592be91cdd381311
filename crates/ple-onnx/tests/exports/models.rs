//! Random models and rows, with every kind of feature, in which nothing is at its first value.

use std::collections::BTreeMap;
use std::path::Path;

use ndarray::Array2;
use ple_nn::{
    Activation, Architecture, BankInput, Bins, FeatureKind, FeatureSpec, MlpConfig, MmoeConfig, Model,
    ModelConfig, Norm, PleConfig, Pooling, SequenceInput, SharedBottomConfig, TaskKind, TaskSpec,
};
use ple_onnx::{ExportInput, ExportOptions, ExportReport, OnnxError, export};
use ple_tensor::{Entry, Mode, ParamStore, Tape, Workspace};
use rand::Rng;
use rand_chacha::{ChaCha8Rng, rand_core::SeedableRng};

/// A model, its values and some rows.
pub(crate) struct Sampled {
    pub(crate) model: Model,
    pub(crate) store: ParamStore,
    pub(crate) rows: Rows,
}

/// Offsets, ids and weights of one sequence feature.
type Lists = (Vec<u32>, Vec<u32>, Option<Vec<f32>>);

/// Rows of a model's features, owned.
#[derive(Default)]
pub(crate) struct Rows {
    pub(crate) batch: usize,
    pub(crate) sparse: Vec<Vec<u32>>,
    pub(crate) sequences: Vec<Lists>,
    pub(crate) dense: Array2<f32>,
}

impl Rows {
    pub(crate) fn input(&self) -> BankInput<'_> {
        BankInput {
            batch: self.batch,
            sparse: self.sparse.iter().map(Vec::as_slice).collect(),
            sequences: self
                .sequences
                .iter()
                .map(|(offsets, ids, weights)| SequenceInput { offsets, ids, weights: weights.as_deref() })
                .collect(),
            dense: self.dense.view(),
        }
    }
}

pub(crate) fn task(name: &str, kind: TaskKind) -> TaskSpec {
    TaskSpec { name: name.to_owned(), kind }
}

pub(crate) fn sequence(name: &str, pooling: Pooling, padding_id: Option<u32>) -> FeatureSpec {
    let kind =
        FeatureKind::Sequence { vocab_size: 12, embedding_dim: 4, pooling, padding_id, shared_with: None };
    FeatureSpec { name: name.to_owned(), kind }
}

pub(crate) fn binned(name: &str, edges: &[f32]) -> FeatureSpec {
    let bins = Bins { edges: edges.to_vec(), embedding_dim: 3 };
    FeatureSpec { name: name.to_owned(), kind: FeatureKind::Dense { bins: Some(bins) } }
}

/// Features of every kind, of several dimensions, one that shares a table, and dense ones with bins and without.
pub(crate) fn features() -> Vec<FeatureSpec> {
    let shared = FeatureKind::Sequence {
        vocab_size: 7,
        embedding_dim: 4,
        pooling: Pooling::Mean,
        padding_id: Some(0),
        shared_with: Some("item".to_owned()),
    };
    vec![
        FeatureSpec::sparse("user", 9, 4),
        binned("age", &[0.0, 0.5, 1.0]),
        FeatureSpec::sparse("item", 7, 4),
        FeatureSpec { name: "history".to_owned(), kind: shared },
        FeatureSpec::sparse("place", 5, 2),
        sequence("tags", Pooling::Sum, None),
        FeatureSpec::dense("price"),
        binned("hour", &[]),
        FeatureSpec::sparse("alone", 3, 5),
    ]
}

pub(crate) fn ple(n_levels: usize, expert: MlpConfig, tower: MlpConfig) -> Architecture {
    let (n_specific_experts, n_shared_experts) = (2, 1);
    Architecture::Ple(PleConfig {
        n_levels,
        n_specific_experts,
        n_shared_experts,
        expert,
        towers: vec![tower],
    })
}

/// The architectures with a given activation.
pub(crate) fn architectures(activation: Activation) -> Vec<Architecture> {
    let mlp = |dims: &[usize]| MlpConfig { activation, ..MlpConfig::new(dims) };
    let no_specific = PleConfig {
        n_levels: 2,
        n_specific_experts: 0,
        n_shared_experts: 2,
        expert: mlp(&[3]),
        towers: vec![mlp(&[])],
    };
    let no_shared = PleConfig { n_specific_experts: 2, n_shared_experts: 0, ..no_specific.clone() };
    vec![
        ple(1, mlp(&[6]), mlp(&[4])),
        ple(2, mlp(&[5, 3]), mlp(&[4, 2])),
        ple(3, mlp(&[40, 32]), mlp(&[])),
        Architecture::Ple(no_specific),
        Architecture::Ple(no_shared),
        Architecture::Mmoe(MmoeConfig { n_experts: 3, expert: mlp(&[5, 4]), towers: vec![mlp(&[3])] }),
        Architecture::SharedBottom(SharedBottomConfig { bottom: mlp(&[6, 4]), towers: vec![mlp(&[3])] }),
        Architecture::SharedBottom(SharedBottomConfig { bottom: mlp(&[]), towers: vec![mlp(&[])] }),
    ]
}

/// A model with random values everywhere, and rows with ids at both ends of each vocabulary.
pub(crate) fn sampled(
    config: ModelConfig,
    features: Vec<FeatureSpec>,
    tasks: Vec<TaskSpec>,
    batch: usize,
    seed: u64,
) -> Sampled {
    let mut random = ChaCha8Rng::seed_from_u64(seed);
    let mut store = ParamStore::new();
    let checked = config.check(features, tasks).unwrap();
    let model = Model::new(&mut store, checked, &mut random);
    for entry in store.entries().to_vec() {
        let name = store.entry_name(entry).to_owned();
        match entry {
            Entry::Table(table) => {
                for row in 0..store.table(table).rows {
                    let row = store.table_row_mut(table, row);
                    row.iter_mut().for_each(|value| *value = random.random_range(-1.0..1.0));
                }
            }
            Entry::Block(_) if name.ends_with(".edges") => {}
            Entry::Block(_) => {
                let mut values = store.get_mut(&name).unwrap();
                let bound = 1.5 / (values.nrows() as f32).sqrt();
                let least = if name.ends_with("running_var") { 0.2 } else { -bound };
                values.iter_mut().for_each(|value| *value = random.random_range(least..bound));
            }
        }
    }
    let mut rows = Rows { batch, ..Rows::default() };
    let mut dense = 0;
    for feature in model.features() {
        match &feature.kind {
            FeatureKind::Sparse { vocab_size, .. } => {
                let top = *vocab_size as u32;
                rows.sparse.push((0..batch).map(|_| random.random_range(0..top)).collect());
            }
            FeatureKind::Sequence { vocab_size, padding_id, .. } => {
                let (mut offsets, mut ids) = (vec![0], Vec::new());
                for _ in 0..batch {
                    let length = random.random_range(0..4);
                    ids.extend((0..length).map(|_| random.random_range(0..*vocab_size as u32)));
                    offsets.push(ids.len() as u32);
                }
                let weights = padding_id.is_none();
                let weights = weights.then(|| ids.iter().map(|_| random.random_range(0.1..2.0)).collect());
                rows.sequences.push((offsets, ids, weights));
            }
            FeatureKind::Dense { .. } => dense += 1,
        }
    }
    // Values at an edge of a bin are among them.
    rows.dense = Array2::from_shape_simple_fn((batch, dense), || random.random_range(-2..5) as f32 * 0.5);
    Sampled { model, store, rows }
}

impl Sampled {
    /// What the model predicts for its rows, for the first task.
    pub(crate) fn predictions(&self) -> Vec<f32> {
        let mut tape = Tape::new(&self.store, Workspace::new(), Mode::Evaluate);
        let outputs = self.model.forward(&mut tape, &self.rows.input());
        let outputs = self.model.predictions(&mut tape, &outputs.logits);
        tape.value(outputs[0]).column(0).to_vec()
    }

    pub(crate) fn export(&self, options: &ExportOptions, path: &Path) -> Result<ExportReport, OnnxError> {
        let input = ExportInput {
            model: &self.model,
            store: &self.store,
            features: self.model.features(),
            sample: self.rows.input(),
            metadata: BTreeMap::new(),
        };
        export(&input, options, path)
    }
}

/// The configurations of norms.
pub(crate) const NORMS: [[Norm; 2]; 3] =
    [[Norm::Batch, Norm::Batch], [Norm::Batch, Norm::None], [Norm::None, Norm::None]];
