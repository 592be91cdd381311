//! What runs are said to need of memory, against the peaks of processes that do them: twelve configurations, each in a
//! process of its own.

use std::collections::BTreeMap;
use std::path::Path;
use std::process::Command;

use ple_data::{Batch, GeneratorConfig, RowSource, SourceSize, ali_ccp_schema, generate_split};
use ple_nn::{Architecture, MlpConfig, MmoeConfig, ModelConfig};
use ple_onnx::{ExportInput, ExportOptions, export};
use ple_train::{
    AtTheEnd, OptimizerConfig, RankingModel, RunInput, RunMemory, RunSeed, RunSizes, TableUpdates,
    TrainConfig, VocabularyFrom, bank_input, feature_specs, fit,
};
use serde_json::{Value, json};

use crate::memory::peak_bytes;
use crate::options::{Features, MemoryOfRuns, Size, Source, Tables, Vocabulary};
use crate::workload::{self, SEED};

/// A run.
struct Case {
    name: &'static str,
    rows: usize,
    validation: usize,
    vocabulary: Vocabulary,
    size: Size,
    mmoe: bool,
    tables: Tables,
    batch_size: usize,
    threads: usize,
    source: Source,
    features: Features,
    onnx: bool,
}

/// A million rows of the full vocabulary in batches of 1,024 on two threads.
const PLAIN: Case = Case {
    name: "full vocabulary, a million rows",
    rows: 1_000_000,
    validation: 100_000,
    vocabulary: Vocabulary::Full,
    size: Size::Tutorial,
    mmoe: false,
    tables: Tables::Lazy,
    batch_size: 1024,
    threads: 2,
    source: Source::Memory,
    features: Features::Tutorial,
    onnx: true,
};

const CASES: [Case; 12] = [
    PLAIN,
    Case { name: "full, 1 thread", threads: 1, ..PLAIN },
    Case { name: "full, 100,000 rows", rows: 100_000, validation: 10_000, ..PLAIN },
    Case {
        name: "small vocabulary, 2,500,000 rows",
        vocabulary: Vocabulary::Small,
        rows: 2_500_000,
        ..PLAIN
    },
    Case {
        name: "small, 100,000 rows",
        vocabulary: Vocabulary::Small,
        rows: 100_000,
        validation: 10_000,
        ..PLAIN
    },
    Case { name: "full, exact updates", tables: Tables::Exact, rows: 300_000, validation: 30_000, ..PLAIN },
    Case { name: "full, dense updates", tables: Tables::Dense, rows: 40_000, validation: 4_000, ..PLAIN },
    Case { name: "the paper's widths", size: Size::Paper, rows: 100_000, validation: 10_000, ..PLAIN },
    Case {
        name: "the paper's widths, batches of 16,384",
        size: Size::Paper,
        batch_size: 16_384,
        rows: 130_000,
        ..PLAIN
    },
    Case {
        name: "MMOE, batches of 16,384, many validation rows",
        mmoe: true,
        batch_size: 16_384,
        validation: 3_000_000,
        vocabulary: Vocabulary::Small,
        rows: 200_000,
        ..PLAIN
    },
    Case { name: "full, streamed", source: Source::Shards, validation: 0, onnx: false, ..PLAIN },
    Case {
        name: "lists of users",
        features: Features::Lists,
        rows: 200_000,
        validation: 0,
        onnx: false,
        ..PLAIN
    },
];

/// Measures one run, or starts this program for each.
pub(crate) fn measure(options: &MemoryOfRuns) -> Result<Value, String> {
    if let Some(case) = options.case {
        let case = CASES.get(case).ok_or_else(|| format!("there are {} runs", CASES.len()))?;
        let own = tempfile::tempdir().map_err(|error| error.to_string())?;
        let folder = options.folder.as_deref().unwrap_or(own.path());
        let rows = rows(case, folder)?;
        return if options.make { Ok(Value::Null) } else { run(case, rows, folder) };
    }
    let program = std::env::current_exe().map_err(|error| error.to_string())?;
    let mut found = Vec::new();
    for (number, case) in CASES.iter().enumerate() {
        let threads = case.threads.to_string();
        let folder = tempfile::tempdir().map_err(|error| error.to_string())?;
        let start = |more: &[&str]| {
            let words = ["memory", "--threads", &threads, "--case", &number.to_string()];
            let mut command = Command::new(&program);
            command.args(words).arg("--folder").arg(folder.path()).args(more).output()
        };
        let is_in_files = case.source == Source::Shards || case.features == Features::Lists;
        let made = if is_in_files { start(&["--make"]).map(drop) } else { Ok(()) };
        let output = made.and_then(|()| start(&[])).map_err(|error| error.to_string())?;
        let text = String::from_utf8_lossy(&output.stdout);
        let line = text.lines().last().unwrap_or_default();
        let value: Value = serde_json::from_str(line)
            .map_err(|_| format!("{}: {}", case.name, String::from_utf8_lossy(&output.stderr)))?;
        let megabytes = |key: &str| value[key].as_f64().unwrap_or(f64::NAN) / 1e6;
        let (needed, measured) = (megabytes("needed_bytes"), megabytes("peak_memory_bytes"));
        eprintln!(
            "{:<46} foreseen {needed:>6.0} MB  measured {measured:>6.0} MB  {:>+6.1}%  {}",
            case.name,
            100.0 * (needed / measured - 1.0),
            value["phase"].as_str().unwrap_or_default(),
        );
        found.push(json!({"name": case.name, "run": value}));
    }
    Ok(Value::Array(found))
}

fn model_config(case: &Case) -> ModelConfig {
    match case.mmoe {
        true => ModelConfig {
            architecture: Architecture::Mmoe(MmoeConfig {
                n_experts: 5,
                expert: MlpConfig::new([64, 32]),
                towers: vec![MlpConfig::new([8])],
            }),
            ..ModelConfig::default()
        },
        false => workload::model_config(case.size),
    }
}

/// The rows of a run, and what was needed to have them in memory.
struct Rows {
    train: RowSource,
    validation: Option<RowSource>,
    generated: SourceSize,
}

/// The rows of a run; files of them are made where they are not in the folder.
fn rows(case: &Case, folder: &Path) -> Result<Rows, String> {
    let mut generated = SourceSize::default();
    let (train, validation) = match (case.features, case.source) {
        (Features::Lists, source) => (workload::joined(case.rows, source, folder)?, None),
        (_, Source::Shards) => (workload::shards(case.vocabulary, case.rows, folder)?.into(), None),
        (_, Source::Memory) => {
            let vocabulary = match case.vocabulary {
                Vocabulary::Full => ple_data::Vocabulary::Full,
                Vocabulary::Small => ple_data::Vocabulary::Small,
            };
            generated = SourceSize::generated(&ali_ccp_schema(&vocabulary.sizes(), 16), case.rows as u64);
            let config = GeneratorConfig { rows: case.rows, vocabulary, seed: SEED };
            let data = generate_split(&config, case.validation, 1_000);
            (data.train.table.into(), Some(data.val.table.into()))
        }
    };
    Ok(Rows { train, validation, generated })
}

/// Does a run from its rows to its model, and says what it was said to need and what it took.
fn run(case: &Case, rows: Rows, folder: &Path) -> Result<Value, String> {
    let Rows { train, validation, generated } = rows;
    let at_the_end = if case.onnx { AtTheEnd::Onnx { weight_bytes: 4 } } else { AtTheEnd::Nothing };
    let mut sizes = RunSizes {
        vocabulary: VocabularyFrom::Setting,
        at_the_end,
        ..RunSizes::of(&train, validation.as_ref(), validation.as_ref().filter(|_| case.onnx))
    };
    // The test rows are those of the validation here, once in memory.
    sizes.test = sizes.test.map(|test| SourceSize { resident: 0, ..test });
    sizes.train.reading = generated.reading;
    let tables = match case.tables {
        Tables::Lazy => TableUpdates::Lazy,
        Tables::Exact => TableUpdates::Exact,
        Tables::Dense => TableUpdates::Dense,
    };
    let config = TrainConfig {
        epochs: 2,
        seed: SEED,
        batch_size: case.batch_size,
        optimizer: OptimizerConfig { tables, ..OptimizerConfig::default() },
        ..TrainConfig::default()
    };
    let text = |error: ple_train::TrainError| error.to_string();
    let schema = train.schema().clone();
    let memory = RunMemory::of(&schema, &model_config(case), &config, &sizes).map_err(text)?;
    let mut model = RankingModel::new(schema, model_config(case), RunSeed(SEED)).map_err(text)?;
    let test = validation.clone();
    let input = RunInput { train, validation, checkpoints: None };
    let report = fit(&mut model, &input, &config, &mut ()).map_err(text)?;
    let mut seen = vec![("training", peak_bytes())];
    if let (true, Some(test)) = (case.onnx, test) {
        model.evaluate_source(&test).map_err(text)?;
        model.save(folder, &report.facts).map_err(text)?;
        seen.push(("saving", peak_bytes()));
        write_onnx(&model, &test, folder)?;
        seen.push(("proof", peak_bytes()));
    }
    let phases: BTreeMap<&str, u64> =
        memory.phases.iter().map(|phase| (phase.name, phase.need.bytes())).collect();
    let parts: BTreeMap<String, u64> =
        memory.peak().need.parts.iter().map(|part| (part.what.clone(), part.bytes)).collect();
    Ok(json!({
        "needed_bytes": memory.peak().need.bytes(),
        "phase": memory.peak().name,
        "peak_memory_bytes": peak_bytes(),
        "phases": phases,
        "seen": seen.into_iter().collect::<BTreeMap<_, _>>(),
        "parts": parts,
    }))
}

fn write_onnx(model: &RankingModel, rows: &RowSource, folder: &Path) -> Result<(), String> {
    let RowSource::Memory(table) = rows else { return Ok(()) };
    let mut batch = Batch::new();
    table.gather(&(0..512).collect::<Vec<_>>(), &mut batch);
    let features = feature_specs(table.schema());
    let sample = bank_input(table.schema(), &batch);
    let input = ExportInput {
        model: model.model(),
        store: model.store(),
        features: &features,
        sample,
        metadata: BTreeMap::new(),
    };
    let path = folder.join("model.onnx");
    export(&input, &ExportOptions::default(), &path).map(drop).map_err(|error| error.to_string())
}
