//! A NaN, an infinity or a number whose square is none, put into every kind of place of a run at a random moment: the run
//! ends with 77 within that step and saves nothing, or the value was harmless and every result is finite.

#![allow(clippy::unwrap_used)]

use std::collections::BTreeMap;
use std::path::Path;

use ple_data::{
    Batch, Feature, FeatureKind, FeatureSchema, Label, Pooling, SequenceColumn, Table, TableColumns, TaskType,
};
use ple_nn::{HeadConfig, LabelScale, Model, ModelConfig};
use ple_tensor::{Entry, ParamStore, Role, Workspace};
use ple_train::checkpoint::RunFacts;
use ple_train::early_stopping::{EarlyStopping, Watch};
use ple_train::{
    Balance, Balancer, Checkpoints, Every, NotFinite, Objective, Optimizer, OptimizerConfig, Progress,
    RankingModel, RunInput, RunSeed, TableUpdates, Targets, TrainConfig, TrainError, TrainState,
    feature_specs, fit, task_specs,
};
use proptest::prelude::*;
use rand::rngs::SmallRng;
use rand::{Rng, SeedableRng};

const ROWS: usize = 48;

/// Every kind of input: ids, weighted lists of both poolings, dense values with and without bins, a classification and a
/// regression, and row weights.
fn schema() -> FeatureSchema {
    let list = |name: &str, pooling: Pooling| Feature {
        name: name.to_owned(),
        kind: FeatureKind::Sequence {
            vocab_size: 7,
            embedding_dim: 3,
            pooling,
            padding_id: None,
            weights: Some(format!("{name}_weights")),
            shared_with: None,
        },
    };
    let features = vec![
        Feature::sparse("user", 9, 16),
        list("mean", Pooling::Mean),
        list("sum", Pooling::Sum),
        Feature::dense("price"),
    ];
    let labels =
        vec![Label::new("click", TaskType::Classification), Label::new("minutes", TaskType::Regression)];
    FeatureSchema::new(features, labels, vec![]).unwrap().weighted_by("weight")
}

/// The arrays of a table that trains without trouble.
fn columns(seed: u64) -> TableColumns {
    let mut random = SmallRng::seed_from_u64(seed);
    let mut list = || {
        let ids = (0..2 * ROWS).map(|_| random.random_range(0..7)).collect();
        let weights = (0..2 * ROWS).map(|_| random.random_range(0.5_f32..2.0)).collect();
        SequenceColumn { offsets: (0..=ROWS).map(|row| 2 * row).collect(), ids, weights: Some(weights) }
    };
    let sequences = vec![list(), list()];
    let labels =
        (0..ROWS).flat_map(|row| [f32::from(u8::from(row % 3 == 0)), random.random_range(-1.0_f32..1.0)]);
    let labels = labels.collect::<Vec<_>>();
    TableColumns {
        sparse: (0..ROWS).map(|_| random.random_range(0..9)).collect(),
        sequences,
        dense: (0..ROWS).map(|_| random.random_range(-1.0_f32..1.0)).collect(),
        labels,
        weights: Some(vec![1.0; 2 * ROWS]),
        keys: vec![],
    }
}

/// What a run is made of, between two steps.
struct Run {
    table: Table,
    batch: Batch,
    model: Model,
    store: ParamStore,
    objectives: Vec<Objective>,
    balancer: Balancer,
    optimizer: Optimizer,
    step: u64,
}

impl Run {
    fn new(tables: TableUpdates, balance: &Balance, seed: u64) -> Self {
        let table = Table::new(schema(), columns(seed)).unwrap();
        let (features, tasks) = (feature_specs(table.schema()), task_specs(table.schema()));
        let checked = ModelConfig::default().check(features, tasks).unwrap();
        let mut store = ParamStore::new();
        let model = Model::new(&mut store, checked, &mut RunSeed(seed).generator("initialization", 0));
        let objectives = Objective::of_tasks(&model, &BTreeMap::new()).unwrap();
        let balancer = Balancer::new(balance, &model, &objectives, &mut store).unwrap();
        let config = OptimizerConfig { tables, ..OptimizerConfig::default() };
        let optimizer = Optimizer::new(config, 100, &mut store).unwrap();
        let mut batch = Batch::new();
        table.gather(&(0..ROWS as u32).collect::<Vec<_>>(), &mut batch);
        Self { table, batch, model, store, objectives, balancer, optimizer, step: 0 }
    }

    fn step(&mut self) -> Result<(), NotFinite> {
        self.step += 1;
        let mut state = TrainState {
            schema: self.table.schema(),
            model: &self.model,
            store: &mut self.store,
            objectives: &self.objectives,
            balancer: &mut self.balancer,
            optimizer: &mut self.optimizer,
            targets: Targets::default(),
            workspace: Workspace::new(),
        };
        let pass = state
            .forward_backward(&self.batch, Progress { step: self.step, ..Progress::first(RunSeed(0)) })?;
        state.update(pass)
    }

    /// The places that a value can be put into: parameters, statistics and log variances by name, then moments.
    fn places(&self) -> Vec<Place> {
        let mut places = Vec::new();
        for &entry in self.store.entries() {
            let name = self.store.entry_name(entry).to_owned();
            let learns = match entry {
                Entry::Table(_) => true,
                Entry::Block(block) => self.store.role(self.store.blocks()[block].matrix) != Role::Buffer,
            };
            places.push(Place { name: name.clone(), entry, slot: 0 });
            places.extend((1..3).filter(|_| learns).map(|slot| Place { name: name.clone(), entry, slot }));
        }
        places
    }

    fn put(&mut self, place: &Place, element: usize, value: f32) {
        match place.entry {
            Entry::Table(id) => {
                let table = self.store.tables_mut().swap_remove(id.index());
                let (row, column) =
                    (element / table.dim % (table.data.len() / table.stride), element % table.dim);
                table.data[row * table.stride + place.slot * table.dim + column] = value;
            }
            Entry::Block(block) => {
                let block = self.store.blocks()[block].clone();
                let mut values = match place.slot {
                    0 => self.store.matrix_mut(block.matrix),
                    slot => self.optimizer.slots_mut(block.matrix).unwrap().swap_remove(slot - 1),
                };
                let (rows, width) = (values.nrows(), block.columns.len());
                values[[element / width % rows, block.columns.start + element % width]] = value;
            }
        }
    }

    fn is_finite(&self) -> bool {
        let matrices = self.store.matrix_ids().flat_map(|id| {
            let moments = self.optimizer.slots(id).into_iter().flatten().map(|(_, values)| values);
            moments.chain([self.store.matrix(id)]).flatten().copied().collect::<Vec<_>>()
        });
        let tables = self
            .store
            .table_ids()
            .flat_map(|id| self.store.table_rows(id).iter().copied().collect::<Vec<_>>());
        matrices.chain(tables).all(f32::is_finite)
    }
}

#[derive(Clone, Debug)]
struct Place {
    name: String,
    entry: Entry,
    /// 0 for the values, 1 and 2 for the moments.
    slot: usize,
}

fn bad_value() -> impl Strategy<Value = f32> {
    prop_oneof![
        Just(f32::NAN),
        Just(f32::INFINITY),
        Just(f32::NEG_INFINITY),
        Just(f32::MAX),
        Just(1e38),
        Just(-1e38),
        Just(1e20),
    ]
}

fn tables() -> impl Strategy<Value = TableUpdates> {
    prop_oneof![Just(TableUpdates::Lazy), Just(TableUpdates::Exact), Just(TableUpdates::Dense)]
}

fn balance() -> impl Strategy<Value = Balance> {
    prop_oneof![Just(Balance::Mean), Just(Balance::Uwl), Just(Balance::Weights(vec![0.5, 2.0]))]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn what_is_put_into_a_run_ends_it_within_a_step(
        tables in tables(),
        balance in balance(),
        before in 1_u64..5,
        place in any::<prop::sample::Index>(),
        element in 0_usize..100_000,
        value in bad_value(),
        seed in 0_u64..4,
    ) {
        let mut run = Run::new(tables, &balance, seed);
        for _ in 0..before {
            run.step().unwrap();
        }
        prop_assert!(run.is_finite());
        let places = run.places();
        let place = place.get(&places);
        run.put(place, element, value);
        match run.step() {
            Err(found) => {
                let text = TrainError::from(found.clone()).to_string();
                prop_assert!(text.contains(" is not finite: first in ") && text.lines().count() == 3, "{}", text);
                prop_assert!(!found.tensor.is_empty());
            }
            Ok(()) => prop_assert!(run.is_finite(), "{value} in {} ({}) went by unseen", place.name, place.slot),
        }
        // NaN and infinity stay, and spread from every place.
        if !value.is_finite() {
            prop_assert!(run.step().is_err(), "{value} in {} ({})", place.name, place.slot);
        }
    }
}

/// A value that is allowed where it stands, and too large to compute with.
#[derive(Clone, Debug)]
enum Extreme {
    Dense(f32),
    ListWeight(f32),
    Label(f32),
    RowWeight(f32),
    LearningRate(f64),
    Balance(f32),
    Deviation(f32),
}

fn extreme() -> impl Strategy<Value = Extreme> {
    let large = || prop_oneof![Just(f32::MAX), Just(1e38), Just(1e30), Just(1e20), Just(1e15)];
    prop_oneof![
        large().prop_map(Extreme::Dense),
        prop_oneof![large(), Just(1e-45), Just(0.0)].prop_map(Extreme::ListWeight),
        large().prop_map(Extreme::Label),
        prop_oneof![large(), Just(1e-45), Just(1e-30)].prop_map(Extreme::RowWeight),
        prop_oneof![Just(1e10), Just(1e30), Just(1e38), Just(1e300)].prop_map(Extreme::LearningRate),
        large().prop_map(Extreme::Balance),
        large().prop_map(Extreme::Deviation),
    ]
}

/// Early stopping by one metric: those of a classification and a regression have no mean.
fn watching_clicks() -> EarlyStopping {
    EarlyStopping { watch: Watch::Each(vec!["click.auc".to_owned()]), ..EarlyStopping::new(5) }
}

/// Whether every checkpoint that a run has saved is one that loads, which no value that is not finite does.
fn all_load(folder: &Path) -> bool {
    let places = std::fs::read_dir(folder).into_iter().flatten().map(|entry| entry.unwrap().path());
    let checkpoints = places.filter(|place| place.join("manifest.json").exists());
    checkpoints.map(|place| RankingModel::load(&place)).all(|loaded| loaded.is_ok())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(60))]

    #[test]
    fn extremes_end_with_77_or_with_finite_results(
        extreme in extreme(),
        tables in tables(),
        balance in balance(),
        row in 0_usize..ROWS,
        seed in 0_u64..4,
    ) {
        let mut columns = columns(seed);
        let mut model = ModelConfig::default();
        let mut config = TrainConfig {
            epochs: 2,
            batch_size: 16,
            balance,
            evaluate_every: Every::Steps(2),
            early_stopping: watching_clicks(),
            optimizer: OptimizerConfig { tables, ..OptimizerConfig::default() },
            ..TrainConfig::default()
        };
        match extreme {
            Extreme::Dense(value) => columns.dense[row] = value,
            Extreme::ListWeight(value) => {
                for list in &mut columns.sequences {
                    list.weights.as_mut().unwrap()[2 * row..2 * row + 2].fill(value);
                }
            }
            Extreme::Label(value) => columns.labels[2 * row + 1] = value,
            Extreme::RowWeight(value) => columns.weights.as_mut().unwrap()[2 * row..2 * row + 2].fill(value),
            Extreme::LearningRate(rate) => *config.optimizer.rule.rate_and_decay_mut()[0] = rate,
            Extreme::Balance(weight) => config.balance = Balance::Weights(vec![weight, 1.0]),
            Extreme::Deviation(deviation) => model.embedding_deviation = deviation,
        }
        let table = Table::new(schema(), columns).unwrap();
        let folder = tempfile::tempdir().unwrap();
        let checkpoints = folder.path().join("checkpoints");
        let input = RunInput {
            train: table.clone().into(),
            validation: Some(table.clone().into()),
            checkpoints: Some(Checkpoints::new(&checkpoints)),
        };
        let mut model = RankingModel::new(schema(), model, RunSeed(seed)).unwrap();
        let ended = fit(&mut model, &input, &config, &mut ());
        prop_assert!(all_load(&checkpoints));
        let saved = model.save(&folder.path().join("model"), &RunFacts::default());
        match ended {
            Err(error) => {
                prop_assert_eq!(error.exit_code(), 77, "{}", error);
                let TrainError::NotFinite(found) = &error else { panic!("{error}") };
                prop_assert!(found.step.is_some() && error.to_string().contains(" is not finite at epoch "), "{}", error);
                // The model may be as it was before the step, and then is whole.
                prop_assert!(saved.is_ok() || saved.unwrap_err().exit_code() == 77);
            }
            Ok(report) => {
                let metrics = report.evaluations.iter().flat_map(|evaluation| &evaluation.validation);
                prop_assert!(metrics.flat_map(|task| task.values.values()).all(|value| value.value().is_some()));
                prop_assert!(saved.is_ok());
                let predictions = model.predict(&table).unwrap();
                prop_assert!(predictions.iter().flatten().all(|value| value.is_finite()));
            }
        }
    }
}

/// The text of each kind of cause, by a run that has it.
#[test]
fn the_advice_fits_the_cause() {
    let ends = |change: fn(&mut TableColumns, &mut TrainConfig)| {
        let (mut columns, mut config) =
            (columns(1), TrainConfig { epochs: 1, batch_size: ROWS, ..TrainConfig::default() });
        config.balance = Balance::Mean;
        config.early_stopping = watching_clicks();
        change(&mut columns, &mut config);
        let table = Table::new(schema(), columns).unwrap();
        let input =
            RunInput { train: table.clone().into(), validation: Some(table.into()), checkpoints: None };
        // Labels in standard deviations are never extreme.
        let raw = HeadConfig { labels: LabelScale::Raw, ..HeadConfig::default() };
        let heads = BTreeMap::from([("minutes".to_owned(), raw)]);
        let model = ModelConfig { heads, ..ModelConfig::default() };
        let mut model = RankingModel::new(schema(), model, RunSeed(1)).unwrap();
        let error = fit(&mut model, &input, &config, &mut ()).unwrap_err();
        assert_eq!(error.exit_code(), 77);
        error.to_string()
    };
    assert_eq!(
        ends(|columns, _| columns.dense[5] = 1e20),
        "a running statistic of batch norm is not finite at epoch 1, step 1: first in \
         cgc.0.task.0.expert.0.norm.0.running_var, row 0\nexpected: finite values everywhere\nnext: look for extreme values \
         among the dense features, and scale them; without any, lower the learning rate (the largest value of this batch is \
         1e20, in row 5 of price)"
    );
    assert_eq!(
        ends(|columns, _| columns.labels[11] = 1e21),
        "the loss of minutes is not finite at epoch 1, step 1: first in output of pointwise loss, row 0\nexpected: finite \
         values everywhere\nnext: look for extreme labels and row weights, and scale them (the largest value of this batch \
         is 1e21, in row 5 of minutes)"
    );
    let balance = ends(|_, config| config.balance = Balance::Weights(vec![1e38, 1.0]));
    assert!(balance.starts_with("a gradient is not finite at epoch 1, step 1: first in "), "{balance}");
    assert!(balance.contains("lower the weights that balance the tasks"), "{balance}");
    let rate = ends(|_, config| *config.optimizer.rule.rate_and_decay_mut()[0] = 1e38);
    assert!(rate.starts_with("a weight is not finite at epoch 1, step 1: first in "), "{rate}");
    assert!(rate.ends_with("\nnext: lower the learning rate"), "{rate}");
    let evaluated = ends(|_, config| *config.optimizer.rule.rate_and_decay_mut()[0] = 1e15);
    assert!(
        evaluated
            .starts_with("the prediction of click for row 0 is not finite at epoch 1, step 1: first in "),
        "{evaluated}"
    );
}
