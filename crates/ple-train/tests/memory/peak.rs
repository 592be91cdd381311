//! Small runs, each in a process of its own, since the peak of memory is that of the whole process.

use std::process::Command;

use ple_data::{GeneratorConfig, RowSource, Vocabulary, generate_split};
use ple_nn::ModelConfig;
use ple_train::{
    AtTheEnd, OptimizerConfig, RankingModel, RunInput, RunMemory, RunSeed, RunSizes, TableUpdates,
    TrainConfig, VocabularyFrom, fit,
};

/// Says to a process of this test which run is its own.
const CASE: &str = "PLE_TEST_MEMORY_CASE";

/// Of peaks below 300 MB the difference may be so large.
const TOLERANCE: u64 = 30_000_000;

#[derive(Clone, Copy)]
struct Case {
    rows: usize,
    vocabulary: Vocabulary,
    tables: TableUpdates,
    batch_size: usize,
    threads: usize,
}

const CASES: [Case; 3] = [
    Case {
        rows: 60_000,
        vocabulary: Vocabulary::Small,
        tables: TableUpdates::Lazy,
        batch_size: 1024,
        threads: 2,
    },
    Case {
        rows: 120_000,
        vocabulary: Vocabulary::Small,
        tables: TableUpdates::Exact,
        batch_size: 1024,
        threads: 1,
    },
    Case {
        rows: 40_000,
        vocabulary: Vocabulary::Small,
        tables: TableUpdates::Lazy,
        batch_size: 8192,
        threads: 2,
    },
];

/// The largest resident size of this process so far, where the system tells.
fn peak() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    Some(1024 * line.trim().strip_suffix("kB")?.trim().parse::<u64>().ok()?)
}

/// A run, and what it was said to need.
fn run(case: Case) -> u64 {
    let generator = GeneratorConfig { rows: case.rows, vocabulary: case.vocabulary, seed: 1 };
    let data = generate_split(&generator, case.rows / 10, case.rows / 10);
    let [train, validation, test] = [data.train.table, data.val.table, data.test.table].map(RowSource::from);
    let sizes = RunSizes {
        vocabulary: VocabularyFrom::Setting,
        at_the_end: AtTheEnd::Nothing,
        ..RunSizes::of(&train, Some(&validation), Some(&test))
    };
    let optimizer = OptimizerConfig { tables: case.tables, ..OptimizerConfig::default() };
    let config = TrainConfig { epochs: 2, batch_size: case.batch_size, optimizer, ..TrainConfig::default() };
    let schema = train.schema().clone();
    let memory = RunMemory::of(&schema, &ModelConfig::default(), &config, &sizes).unwrap();
    let mut model = RankingModel::new(schema, ModelConfig::default(), RunSeed(1)).unwrap();
    let input = RunInput { train, validation: Some(validation), checkpoints: None };
    let report = fit(&mut model, &input, &config, &mut ()).unwrap();
    model.evaluate_source(&test).unwrap();
    let folder = tempfile::tempdir().unwrap();
    model.save(folder.path(), &report.facts).unwrap();
    memory.peak().need.bytes()
}

/// A test by its name alone: the run of a process that `estimates_are_near_the_peaks` has started.
#[test]
fn one_run() {
    let Ok(case) = std::env::var(CASE) else { return };
    let case = CASES[case.parse::<usize>().unwrap()];
    let pool = rayon::ThreadPoolBuilder::new().num_threads(case.threads).build().unwrap();
    let needed = pool.install(|| run(case));
    println!("\nneeded {needed} measured {}", peak().unwrap_or(0));
}

#[test]
fn estimates_are_near_the_peaks() {
    if peak().is_none() {
        // Without the system's word there is nothing to compare with.
        assert_ne!(std::env::consts::OS, "linux", "Linux tells the peak");
        return;
    }
    for (number, case) in CASES.iter().enumerate() {
        let mut command = Command::new(std::env::current_exe().unwrap());
        command.args(["--exact", "peak::one_run", "--nocapture"]).env(CASE, number.to_string());
        let output = command.output().unwrap();
        let text = String::from_utf8(output.stdout).unwrap();
        let line = text.lines().find_map(|line| line.strip_prefix("needed "));
        let (needed, measured) = line.and_then(|line| line.split_once(" measured ")).unwrap();
        let [needed, measured] = [needed, measured].map(|number| number.trim().parse::<u64>().unwrap());
        assert!(measured > 20_000_000, "{measured} bytes");
        assert!(
            needed.abs_diff(measured) <= TOLERANCE,
            "{} rows: {needed} bytes were foreseen, {measured} measured",
            case.rows
        );
    }
}
