//! Training under every instruction set: which bytes are the same, which sets are refused, and that the pages say so in one
//! sentence. A set is chosen once in a process, so this test starts itself again for each.

#![allow(clippy::unwrap_used)]

use std::collections::BTreeMap;
use std::io::Write;
use std::path::Path;
use std::process::{Command, Output};

use ple_data::{
    DenseBins, Feature, FeatureKind, FeatureSchema, Label, Pooling, SequenceColumn, Table, TableColumns,
    TaskType,
};
use ple_nn::{
    Activation, Architecture, MlpConfig, MmoeConfig, ModelConfig, Norm, PleConfig, SharedBottomConfig,
};
use ple_tensor::{INSTRUCTION_SET_VARIABLE, InstructionSet};
use ple_train::{
    AdamConfig, OptimizerConfig, RankingModel, RuleConfig, RunInput, RunSeed, TableUpdates, TrainConfig,
    TrainError, fit,
};
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;
use xxhash_rust::xxh3::Xxh3;

/// What every page says of bytes, in these words.
const PROMISE: &str = "The same seed gives the same bytes for any number of threads; AVX2 and AVX-512 give the same \
                       bytes, the portable instruction set its own.";

/// Where a process that was started for one set writes its hashes.
const HASHES: &str = "PLE_TEST_HASHES";

const ROWS: usize = 900;

/// Sparse features (two of which share no table size), weighted lists pooled both ways, bins and dense values; tasks of both
/// types.
fn table() -> Table {
    let random = &mut ChaCha8Rng::seed_from_u64(5);
    let lists = |name: &str, pooling| {
        let (weights, padding_id, shared_with) = (Some(format!("{name}_weight")), None, None);
        let kind = FeatureKind::Sequence {
            vocab_size: 70,
            embedding_dim: 8,
            pooling,
            padding_id,
            weights,
            shared_with,
        };
        Feature { name: name.to_owned(), kind }
    };
    let mut age = Feature::dense("age");
    age.kind = FeatureKind::Dense { bins: Some(DenseBins { edges: vec![-0.5, 0.1, 0.6], embedding_dim: 4 }) };
    let features = vec![
        Feature::sparse("user", 5_000, 16),
        Feature::sparse("item", 40, 16),
        lists("liked", Pooling::Mean),
        lists("seen", Pooling::Sum),
        age,
        Feature::dense("price"),
    ];
    let labels =
        vec![Label::new("click", TaskType::Classification), Label::new("minutes", TaskType::Regression)];
    let schema = FeatureSchema::new(features, labels, vec![]).unwrap();
    let mut lists = || {
        let mut lists = SequenceColumn { offsets: vec![0], ids: vec![], weights: Some(vec![]) };
        for _ in 0..ROWS {
            for _ in 0..random.random_range(0..6) {
                lists.ids.push(random.random_range(0..70));
                lists.weights.as_mut().unwrap().push(random.random_range(0.1..2.0));
            }
            lists.offsets.push(lists.ids.len());
        }
        lists
    };
    let sequences = vec![lists(), lists()];
    let columns = TableColumns {
        sparse: (0..ROWS).flat_map(|_| [random.random_range(0..5_000), random.random_range(0..40)]).collect(),
        dense: (0..2 * ROWS).map(|_| random.random_range(-1.0f32..1.0)).collect(),
        labels: (0..ROWS)
            .flat_map(|_| [f32::from(random.random_bool(0.3)), random.random_range(-2.0f32..2.0)])
            .collect(),
        sequences,
        ..TableColumns::default()
    };
    Table::new(schema, columns).unwrap()
}

/// Each kind of model with each activation, with dropout, and with norms and table updates in turn.
fn cases() -> Vec<(String, ModelConfig, OptimizerConfig)> {
    use Activation::{Dice, LeakyRelu, Prelu, Relu, Sigmoid, Softmax};
    let mut cases = Vec::new();
    for (turn, activation) in [Relu, Sigmoid, Softmax, LeakyRelu, Prelu, Dice].into_iter().enumerate() {
        let mlp = |dims: &[usize], dropout| MlpConfig { activation, dropout, ..MlpConfig::new(dims) };
        let towers = vec![mlp(&[12, 5], 0.1)];
        let ple = PleConfig {
            n_levels: 2,
            n_specific_experts: 2,
            n_shared_experts: 1,
            expert: mlp(&[24, 16], 0.2),
            towers: towers.clone(),
        };
        let mmoe = MmoeConfig { n_experts: 3, expert: mlp(&[24, 16], 0.2), towers: towers.clone() };
        let shared = SharedBottomConfig { bottom: mlp(&[24, 16], 0.2), towers };
        let architectures =
            [Architecture::Ple(ple), Architecture::Mmoe(mmoe), Architecture::SharedBottom(shared)];
        for (kind, architecture) in architectures.into_iter().enumerate() {
            let tables = [TableUpdates::Lazy, TableUpdates::Exact, TableUpdates::Dense][(turn + kind) % 3];
            let (norm, gate_norm) =
                [(Norm::Batch, Norm::Batch), (Norm::None, Norm::Batch), (Norm::Batch, Norm::None)]
                    [(turn + turn / 3 + kind) % 3];
            let name = format!("{} {activation:?} {tables:?} {norm:?} {gate_norm:?}", architecture.name());
            let model = ModelConfig {
                architecture,
                norm,
                gate_norm,
                embedding_dropout: 0.1,
                ..ModelConfig::default()
            };
            let adam = AdamConfig { learning_rate: 0.01, weight_decay: 1e-3, ..AdamConfig::default() };
            let adam = OptimizerConfig { tables, ..adam.into() };
            cases.push((name, model, adam));
        }
    }
    for rule in RuleConfig::all() {
        let name = format!("{rule:?}");
        let optimizer =
            OptimizerConfig { for_tables: Some(rule), tables: TableUpdates::Exact, ..Default::default() };
        cases.push((name, ModelConfig::default(), optimizer));
    }
    let clipped = OptimizerConfig { clip_norm: Some(0.01), warm_up: 2, ..OptimizerConfig::default() };
    cases.push(("clipped".to_owned(), ModelConfig::default(), clipped));
    cases
}

/// The hash of all parameters after three epochs, and of the predictions then, for each case and number of threads.
fn train_all() -> String {
    let table = table();
    let mut lines = String::new();
    for threads in 1..=3 {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        for (name, model, optimizer) in cases() {
            let hash = pool.install(|| hash_of_a_run(&table, model, optimizer));
            lines += &format!("{threads}\t{name}\t{hash:032x}\n");
        }
    }
    lines
}

fn hash_of_a_run(table: &Table, model: ModelConfig, optimizer: OptimizerConfig) -> u128 {
    let mut model = RankingModel::new(table.schema().clone(), model, RunSeed(7)).unwrap();
    let input = RunInput { train: table.clone().into(), validation: None, checkpoints: None };
    let config = TrainConfig { epochs: 2, batch_size: 260, optimizer, ..TrainConfig::default() };
    fit(&mut model, &input, &config, &mut ()).unwrap();
    let mut hash = Xxh3::new();
    let mut add = |value: &f32| hash.update(&value.to_bits().to_le_bytes());
    let store = model.store();
    store.matrix_ids().for_each(|id| store.matrix(id).iter().for_each(&mut add));
    for id in store.table_ids() {
        (0..store.table(id).rows).for_each(|row| store.table_row(id, row).iter().for_each(&mut add));
    }
    model.predict(table).unwrap().iter().flatten().for_each(&mut add);
    hash.digest128()
}

/// This test, in a process of its own under an instruction set.
fn started_with(set: &str, hashes: &Path) -> Output {
    Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "the_bytes_of_training_are_those_promised", "--nocapture"])
        .env(INSTRUCTION_SET_VARIABLE, set)
        .env(HASHES, hashes)
        .output()
        .unwrap()
}

#[test]
fn the_bytes_of_training_are_those_promised() {
    if let Some(path) = std::env::var_os(HASHES) {
        std::fs::write(path, train_all()).unwrap();
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let mut by_set = BTreeMap::new();
    for set in InstructionSet::ALL {
        if set > InstructionSet::detected() {
            // Past the capture of the test's output, so that it is read.
            writeln!(std::io::stderr(), "not run: training under {}, which this processor lacks", set.name())
                .unwrap();
            continue;
        }
        let path = folder.path().join(set.name());
        let output = started_with(set.name(), &path);
        assert!(output.status.success(), "{}: {output:?}", set.name());
        let lines = std::fs::read_to_string(path).unwrap();
        let mut hashes: BTreeMap<String, Vec<String>> = BTreeMap::new();
        for line in lines.lines() {
            let [_threads, case, hash] = line.split('\t').collect::<Vec<_>>().try_into().unwrap();
            hashes.entry(case.to_owned()).or_default().push(hash.to_owned());
        }
        assert_eq!(hashes.len(), cases().len());
        for (case, of_threads) in &hashes {
            assert!(
                of_threads.len() == 3 && of_threads.iter().all(|hash| *hash == of_threads[0]),
                "{set} {case}"
            );
        }
        let distinct: std::collections::BTreeSet<_> = hashes.values().flatten().collect();
        assert_eq!(distinct.len(), hashes.len(), "no two cases end in the same parameters");
        by_set.insert(set, hashes);
    }
    if let (Some(avx2), Some(avx512)) =
        (by_set.get(&InstructionSet::Avx2), by_set.get(&InstructionSet::Avx512))
    {
        for (case, hashes) in avx2 {
            assert_eq!(hashes, &avx512[case], "avx2 and avx512: {case}");
        }
    }
}

#[test]
fn a_set_that_cannot_be_used_is_refused_where_a_model_is_made() {
    if std::env::var_os(HASHES).is_some() {
        let error =
            RankingModel::new(table().schema().clone(), ModelConfig::default(), RunSeed(1)).unwrap_err();
        assert!(matches!(error, TrainError::InstructionSet(_)), "{error:?}");
        assert_eq!(error.exit_code(), 2);
        assert!(
            error.to_string().starts_with("PLE_INSTRUCTION_SET names no instruction set: `axv2`"),
            "{error}"
        );
        return;
    }
    let output = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "a_set_that_cannot_be_used_is_refused_where_a_model_is_made", "--nocapture"])
        .env(INSTRUCTION_SET_VARIABLE, "axv2")
        .env(HASHES, "")
        .output()
        .unwrap();
    assert!(output.status.success(), "{output:?}");
    assert!(String::from_utf8_lossy(&output.stdout).contains("1 passed"), "{output:?}");
}

#[test]
fn the_pages_make_the_promise_in_one_sentence() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    for page in [
        "README.md",
        "CONTRIBUTING.md",
        "docs/architecture.md",
        "docs/performance.md",
        "docs/tutorial.md",
        "crates/ple-tensor/src/lib.rs",
        "crates/ple-tensor/src/kernel/mod.rs",
        "crates/ple-tensor/src/kernel/instruction_set.rs",
        "crates/ple-train/src/lib.rs",
    ] {
        let text = std::fs::read_to_string(root.join(page)).unwrap().replace("//!", " ");
        let words = text.split_whitespace().collect::<Vec<_>>().join(" ");
        let promise = |words: &str| words.to_lowercase().contains(&PROMISE.to_lowercase());
        assert!(promise(&words), "{page} does not say: {PROMISE}");
    }
}
