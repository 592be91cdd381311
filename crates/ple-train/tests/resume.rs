//! Stopping and going on: a run that is interrupted anywhere ends with the bytes of one that was not, and one that could
//! not is refused with what has changed.

#![allow(clippy::unwrap_used)]

use std::path::Path;

use ple_data::ali_ccp_raw::{Prepared, RawConfig, RawGeneratorConfig, generate_ali_ccp, prepare_ali_ccp};
use ple_data::{
    GeneratedSplit, GeneratorConfig, ParquetShards, RowSource, StreamConfig, Table, Vocabulary,
    generate_split, write_parquet,
};
use ple_files::FolderLock;
use ple_nn::{Architecture, ModelConfig};
use ple_train::early_stopping::EarlyStopping;
use ple_train::{
    AdamConfig, Balance, CarriedMoments, Checkpoints, Control, DecayingWeights, DynamicWeightAverage, Ended,
    Every, FitReport, GradNorm, LearningRate, Observer, OptimizerConfig, RankingModel, Resumed, RuleConfig,
    RunInput, RunSeed, SaveEvery, SgdConfig, Start, StepProgress, TableUpdates, TrainConfig, TrainError, fit,
    fit_with_moments,
};

/// 10 steps of 100 rows an epoch.
fn data() -> GeneratedSplit {
    generate_split(&GeneratorConfig { rows: 1_000, vocabulary: Vocabulary::Small, seed: 3 }, 500, 10)
}

fn input(data: &GeneratedSplit) -> RunInput {
    let [train, validation] = [&data.train.table, &data.val.table].map(|table| table.clone().into());
    RunInput { train, validation: Some(validation), checkpoints: None }
}

/// The training rows as four shards whose windows are one row group each.
fn shards(table: &Table, folder: &Path, decoders: usize) -> RowSource {
    for (shard, rows) in (0..table.rows() as u32).collect::<Vec<_>>().chunks(270).enumerate() {
        write_parquet(&table.select(rows), folder.join(format!("part-{shard}.parquet"))).unwrap();
    }
    let config = StreamConfig { window_bytes: 1, decoders };
    ParquetShards::open(&[folder], table.schema(), config).unwrap().into()
}

/// A high learning rate, so that the best evaluation is not the last one.
fn config(tables: TableUpdates) -> TrainConfig {
    TrainConfig {
        epochs: 3,
        batch_size: 100,
        evaluate_every: Every::Steps(4),
        early_stopping: EarlyStopping::new(50),
        optimizer: OptimizerConfig {
            tables,
            ..AdamConfig { learning_rate: 0.02, weight_decay: 1e-3, ..AdamConfig::default() }.into()
        },
        ..TrainConfig::default()
    }
}

/// A model with dropout, so that masks take part in every comparison of bytes.
fn model(input: &RunInput) -> RankingModel {
    let mut config = ModelConfig { embedding_dropout: 0.1, ..ModelConfig::default() };
    if let Architecture::Ple(ple) = &mut config.architecture {
        ple.expert.dropout = 0.2;
    }
    RankingModel::new(input.train.schema().clone(), config, RunSeed(7)).unwrap()
}

/// Interrupts a run after the step of that number, or in the evaluation of that number, and hears where it went on.
#[derive(Default)]
struct StopAt {
    step: Option<u64>,
    evaluation: Option<u64>,
    evaluations: u64,
    resumed: Option<Resumed>,
    steps: u64,
}

impl Observer for StopAt {
    fn resumed(&mut self, resumed: &Resumed) {
        let Resumed { place, epoch, step, changes, evaluations, .. } = resumed;
        let (place, changes, evaluations) = (place.clone(), changes.clone(), evaluations.clone());
        self.steps = *step;
        let (epoch, step) = (*epoch, *step);
        self.resumed = Some(Resumed { place, epoch, step, changes, evaluations, passed_over: Vec::new() });
    }

    fn stepped(&mut self, _progress: &StepProgress) -> Control {
        self.steps += 1;
        if Some(self.steps) == self.step { Control::Interrupt } else { Control::Continue }
    }

    fn evaluating(&mut self, _rows: usize) {
        self.evaluations += 1;
    }

    fn evaluated_rows(&mut self, _rows: usize) -> Control {
        if Some(self.evaluations) == self.evaluation { Control::Interrupt } else { Control::Continue }
    }
}

fn run(
    input: &RunInput,
    config: &TrainConfig,
    observer: &mut StopAt,
) -> Result<(RankingModel, FitReport), TrainError> {
    let mut model = model(input);
    let report = fit(&mut model, input, config, observer)?;
    Ok((model, report))
}

fn with_checkpoints(input: &RunInput, folder: &Path, start: Start) -> RunInput {
    let checkpoints = Checkpoints { start, ..Checkpoints::new(folder) };
    RunInput { checkpoints: Some(checkpoints), ..input.clone() }
}

/// Both files of the saved model.
fn bytes((model, report): &(RankingModel, FitReport)) -> [Vec<u8>; 2] {
    let folder = tempfile::tempdir().unwrap();
    model.save(folder.path(), &report.facts).unwrap();
    ["model.safetensors", "manifest.json"].map(|name| std::fs::read(folder.path().join(name)).unwrap())
}

fn in_pool<T: Send>(threads: usize, work: impl FnOnce() -> T + Send) -> T {
    rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap().install(work)
}

#[test]
fn a_run_that_is_interrupted_anywhere_ends_with_the_same_bytes() {
    let data = data();
    for tables in [TableUpdates::Lazy, TableUpdates::Exact, TableUpdates::Dense] {
        let (config, input) = (config(tables), input(&data));
        let whole = run(&input, &config, &mut StopAt::default()).unwrap();
        let expected = bytes(&whole);
        assert!(whole.1.best.unwrap() + 1 < whole.1.evaluations.len(), "the best weights are not the last");
        for step in [1, 3, 4, 9, 10, 11, 19, 20, 29, 30] {
            let folder = tempfile::tempdir().unwrap();
            let started = with_checkpoints(&input, folder.path(), Start::Anew);
            let mut observer = StopAt { step: Some(step), ..StopAt::default() };
            let (_, report) = in_pool(2, || run(&started, &config, &mut observer).unwrap());
            assert_eq!((report.ended, report.steps), (Ended::Interrupted, step));

            let on = with_checkpoints(&input, folder.path(), Start::GoOn);
            let mut observer = StopAt::default();
            let resumed = in_pool(1, || run(&on, &config, &mut observer).unwrap());
            assert_eq!(observer.resumed.unwrap().step, step);
            assert!(bytes(&resumed) == expected, "{tables:?}, interrupted at step {step}");
            assert_eq!(resumed.1.evaluations, whole.1.evaluations);
            assert_eq!((resumed.1.best, resumed.1.rows), (whole.1.best, whole.1.rows));
        }
    }
}

#[test]
fn a_run_of_any_optimiser_goes_on_to_the_same_bytes() {
    let data = data();
    let plain = RuleConfig::from(SgdConfig { momentum: 0.0, ..SgdConfig::default() });
    for (turn, mut rule) in RuleConfig::all().into_iter().chain([plain]).enumerate() {
        *rule.rate_and_decay_mut()[1] = 1e-3;
        let tables = [TableUpdates::Lazy, TableUpdates::Exact, TableUpdates::Dense][turn % 3];
        let mut optimizer = OptimizerConfig { tables, ..rule.clone().into() };
        if optimizer.check().is_err() {
            // It is for tables alone.
            optimizer = OptimizerConfig { tables, for_tables: Some(rule.clone()), ..Default::default() };
        }
        let (config, input) = (TrainConfig { optimizer, ..config(tables) }, input(&data));
        let expected = bytes(&run(&input, &config, &mut StopAt::default()).unwrap());
        for step in [3, 10] {
            let folder = tempfile::tempdir().unwrap();
            let started = with_checkpoints(&input, folder.path(), Start::Anew);
            let mut observer = StopAt { step: Some(step), ..StopAt::default() };
            in_pool(2, || run(&started, &config, &mut observer).unwrap());
            let on = with_checkpoints(&input, folder.path(), Start::GoOn);
            let resumed = in_pool(1, || run(&on, &config, &mut StopAt::default()).unwrap());
            assert!(bytes(&resumed) == expected, "{rule:?}, interrupted at step {step}");
        }
    }
}

#[test]
fn a_run_of_any_balancing_strategy_goes_on_to_the_same_bytes() {
    let data = data();
    let decaying = DecayingWeights { weights: vec![1.0, 2.0], decay: vec![0.5, 0.9] };
    for balance in [
        Balance::Pcgrad,
        Balance::Mgda,
        Balance::GradNorm(GradNorm::default()),
        Balance::DynamicWeightAverage(DynamicWeightAverage::default()),
        Balance::DecayingWeights(decaying),
    ] {
        let (config, input) = (TrainConfig { balance, ..config(TableUpdates::Lazy) }, input(&data));
        let expected = bytes(&run(&input, &config, &mut StopAt::default()).unwrap());
        for step in [3, 10] {
            let folder = tempfile::tempdir().unwrap();
            let started = with_checkpoints(&input, folder.path(), Start::Anew);
            let mut observer = StopAt { step: Some(step), ..StopAt::default() };
            in_pool(2, || run(&started, &config, &mut observer).unwrap());
            let on = with_checkpoints(&input, folder.path(), Start::GoOn);
            let resumed = in_pool(1, || run(&on, &config, &mut StopAt::default()).unwrap());
            assert!(bytes(&resumed) == expected, "{:?}, interrupted at step {step}", config.balance);
        }
    }
}

#[test]
fn what_another_optimiser_has_kept_is_refused() {
    let (data, adam) = (data(), config(TableUpdates::Lazy));
    let (folder, input) = (tempfile::tempdir().unwrap(), input(&data));
    let started = with_checkpoints(&input, folder.path(), Start::Anew);
    run(&started, &adam, &mut StopAt { step: Some(3), ..StopAt::default() }).unwrap();
    let on = with_checkpoints(&input, folder.path(), Start::GoOn);
    let sgd = RuleConfig::from(SgdConfig::default());
    let of_network = OptimizerConfig {
        rule: sgd.clone(),
        for_tables: Some(adam.optimizer.rule.clone()),
        ..adam.optimizer.clone()
    };
    let of_tables = OptimizerConfig { for_tables: Some(sgd), ..adam.optimizer.clone() };
    let place = std::fs::read_dir(folder.path()).unwrap().map(|entry| entry.unwrap().path()).max().unwrap();
    let moments = CarriedMoments::load(&place).unwrap().unwrap();
    let others = [(of_network, "balance.click.log_variance"), (of_tables, "embedding.101.weight")];
    for (optimizer, parameter) in others {
        let config = TrainConfig { optimizer, ..adam.clone() };
        let gone_on = run(&on, &config, &mut StopAt::default()).unwrap_err();
        let mut model = model(&input);
        let begun = fit_with_moments(&mut model, &moments, &input, &config, &mut ()).unwrap_err();
        for error in [gone_on, begun] {
            let text = error.to_string().replace(&place.display().to_string(), "PLACE");
            assert_eq!(
                text,
                format!(
                    "PLACE: what the optimiser keeps of {parameter} is that of `adam`, and the settings say `sgd`\n\
                     expected: a checkpoint of `sgd`\n\
                     next: choose `adam` in the settings, or begin without what the optimiser of that checkpoint has kept"
                )
            );
            assert_eq!(error.exit_code(), 2);
        }
    }
}

#[test]
fn a_run_that_is_interrupted_in_an_evaluation_makes_it_when_it_goes_on() {
    let data = data();
    for (tables, patience) in [(TableUpdates::Lazy, 50), (TableUpdates::Exact, 50), (TableUpdates::Dense, 2)]
    {
        let config = TrainConfig { early_stopping: EarlyStopping::new(patience), ..config(tables) };
        let input = input(&data);
        let whole = run(&input, &config, &mut StopAt::default()).unwrap();
        let expected = bytes(&whole);
        let n_evaluations = whole.1.evaluations.len() as u64;
        for evaluation in 1..=n_evaluations {
            let folder = tempfile::tempdir().unwrap();
            let mut place = with_checkpoints(&input, folder.path(), Start::Anew);
            // The second time it is interrupted in the evaluation that it begins with.
            for _ in 0..2 {
                let first = StopAt { evaluation: Some(evaluation), ..StopAt::default() };
                let again = StopAt { evaluation: Some(1), ..StopAt::default() };
                let mut observer =
                    if place.checkpoints.as_ref().unwrap().start == Start::Anew { first } else { again };
                let (_, report) = run(&place, &config, &mut observer).unwrap();
                assert_eq!(report.ended, Ended::Interrupted);
                assert_eq!(report.evaluations.len() as u64, evaluation - 1);
                place = with_checkpoints(&input, folder.path(), Start::GoOn);
            }
            let resumed = run(&place, &config, &mut StopAt::default()).unwrap();
            assert!(bytes(&resumed) == expected, "{tables:?}, interrupted in evaluation {evaluation}");
            assert_eq!((&resumed.1.evaluations, &resumed.1.ended), (&whole.1.evaluations, &whole.1.ended));
        }
    }
}

#[test]
fn a_streamed_run_goes_on_at_any_batch_of_any_window() {
    let data = data();
    let config = config(TableUpdates::Lazy);
    let place = tempfile::tempdir().unwrap();
    let source =
        |decoders| RunInput { train: shards(&data.train.table, place.path(), decoders), ..input(&data) };
    let expected = bytes(&run(&source(1), &config, &mut StopAt::default()).unwrap());
    for step in [2, 3, 8, 13, 27] {
        let folder = tempfile::tempdir().unwrap();
        let started = with_checkpoints(&source(1), folder.path(), Start::Anew);
        run(&started, &config, &mut StopAt { step: Some(step), ..StopAt::default() }).unwrap();
        let on = with_checkpoints(&source(3), folder.path(), Start::GoOn);
        assert!(bytes(&run(&on, &config, &mut StopAt::default()).unwrap()) == expected, "step {step}");
    }
}

#[test]
fn lists_of_users_give_the_same_bytes_streamed_resumed_and_on_any_threads() {
    let place = tempfile::tempdir().unwrap();
    let (raw, out) = (place.path().join("raw"), place.path().join("prepared"));
    std::fs::create_dir(&raw).unwrap();
    let vocabulary = Vocabulary::Small;
    let generator = RawGeneratorConfig {
        rows: 1_000,
        test_rows: 600,
        users: 60,
        features_per_user: 50,
        vocabulary,
        seed: 5,
    };
    generate_ali_ccp(&generator, &raw).unwrap();
    let preparation = RawConfig { min_count: 2, shard_bytes: 90_000, ..RawConfig::default() };
    prepare_ali_ccp(&raw, &out, &preparation, &|_| ()).unwrap();
    let prepared = Prepared::open(&out).unwrap();
    let lists = prepared.user_lists().unwrap();
    let files = |part: &str| prepared.shards(part).unwrap();
    let schema = &prepared.schema.schema;
    let in_memory = |part: &str| RowSource::from(lists.read_tables(&files(part), schema).unwrap());
    let streamed = |part: &str, window_bytes, decoders| -> RowSource {
        let config = StreamConfig { window_bytes, decoders };
        ParquetShards::open_joined(&files(part), schema, &lists, config).unwrap().into()
    };
    let input = |train, validation| RunInput { train, validation: Some(validation), checkpoints: None };
    let config = config(TableUpdates::Exact);
    let result = |input: &RunInput| run(input, &config, &mut StopAt::default()).unwrap();

    let memory = input(in_memory("train"), in_memory("val"));
    let whole = in_pool(1, || result(&memory));
    assert_eq!(whole.0.schema().n_sequences(), 5);
    let one_window = in_pool(3, || result(&input(streamed("train", u64::MAX, 1), streamed("val", 1, 2))));
    assert!(bytes(&whole)[0] == bytes(&one_window)[0], "one window is the table in memory");
    assert_eq!(whole.1.evaluations, one_window.1.evaluations);

    let windows = |decoders| input(streamed("train", 1, decoders), in_memory("val"));
    let (expected, steps) = (bytes(&result(&windows(1))), whole.1.steps);
    for (source, expected) in [(&memory, bytes(&whole)), (&windows(2), expected)] {
        for step in [1, steps / 2] {
            let folder = tempfile::tempdir().unwrap();
            let started = with_checkpoints(source, folder.path(), Start::Anew);
            run(&started, &config, &mut StopAt { step: Some(step), ..StopAt::default() }).unwrap();
            let on = with_checkpoints(source, folder.path(), Start::GoOn);
            assert!(in_pool(2, || bytes(&result(&on))) == expected, "step {step}");
        }
    }
}

#[test]
fn a_run_may_be_interrupted_again_and_again() {
    let (data, config) = (data(), config(TableUpdates::Exact));
    let input = input(&data);
    let expected = bytes(&run(&input, &config, &mut StopAt::default()).unwrap());
    let folder = tempfile::tempdir().unwrap();
    let mut start = Start::Anew;
    for step in (3..30).step_by(4) {
        let input = with_checkpoints(&input, folder.path(), start);
        run(&input, &config, &mut StopAt { step: Some(step), ..StopAt::default() }).unwrap();
        // The last two, and the one with the best weights.
        assert!(std::fs::read_dir(folder.path()).unwrap().count() <= 3);
        start = Start::GoOn;
    }
    let on = with_checkpoints(&input, folder.path(), start);
    assert!(bytes(&run(&on, &config, &mut StopAt::default()).unwrap()) == expected);
    // A run that has ended ends at once when it goes on.
    let mut observer = StopAt::default();
    assert!(bytes(&run(&on, &config, &mut observer).unwrap()) == expected);
    assert_eq!((observer.resumed.unwrap().step, observer.steps), (30, 30));
}

#[test]
fn early_stopping_goes_on_where_it_was() {
    let (data, config) = (data(), config(TableUpdates::Lazy));
    let config = TrainConfig { epochs: 20, early_stopping: EarlyStopping::new(2), ..config };
    let input = input(&data);
    let whole = run(&input, &config, &mut StopAt::default()).unwrap();
    assert!(matches!(whole.1.ended, Ended::Stalled(_)), "{:?}", whole.1.ended);
    for step in [whole.1.steps - 5, whole.1.steps - 1, whole.1.steps] {
        let folder = tempfile::tempdir().unwrap();
        let started = with_checkpoints(&input, folder.path(), Start::Anew);
        run(&started, &config, &mut StopAt { step: Some(step), ..StopAt::default() }).unwrap();
        let on = with_checkpoints(&input, folder.path(), Start::GoOn);
        let resumed = run(&on, &config, &mut StopAt::default()).unwrap();
        assert_eq!((&resumed.1.ended, resumed.1.steps), (&whole.1.ended, whole.1.steps));
        assert!(bytes(&resumed) == bytes(&whole), "step {step}");
    }
}

#[test]
fn a_damaged_checkpoint_is_passed_over_for_the_one_before_it() {
    let (data, config) = (data(), config(TableUpdates::Lazy));
    let input = input(&data);
    let expected = bytes(&run(&input, &config, &mut StopAt::default()).unwrap());
    let folder = tempfile::tempdir().unwrap();
    let mut started = with_checkpoints(&input, folder.path(), Start::Anew);
    started.checkpoints.as_mut().unwrap().every = SaveEvery::Steps(3);
    run(&started, &config, &mut StopAt { step: Some(15), ..StopAt::default() }).unwrap();
    let tensors = folder.path().join("step-00000015/model.safetensors");
    let mut damaged = std::fs::read(&tensors).unwrap();
    let middle = damaged.len() / 2;
    damaged[middle] ^= 1;
    std::fs::write(&tensors, damaged).unwrap();
    // What a kill leaves behind does not matter.
    std::fs::create_dir(folder.path().join("step-00000018")).unwrap();
    std::fs::write(folder.path().join("step-00000018/.manifest.json.unfinished"), "half").unwrap();

    let on = with_checkpoints(&input, folder.path(), Start::GoOn);
    let mut observer = StopAt::default();
    assert!(bytes(&run(&on, &config, &mut observer).unwrap()) == expected);
    assert_eq!(observer.resumed.unwrap().step, 12);
    assert!(!folder.path().join("step-00000018/.manifest.json.unfinished").exists());
}

#[test]
fn what_has_changed_is_judged() {
    let (data, config) = (data(), config(TableUpdates::Lazy));
    let input = input(&data);
    let folder = tempfile::tempdir().unwrap();
    let started = with_checkpoints(&input, folder.path(), Start::Anew);
    run(&started, &config, &mut StopAt { step: Some(6), ..StopAt::default() }).unwrap();
    let on = with_checkpoints(&input, folder.path(), Start::GoOn);
    let place = folder.path().join("step-00000006");
    let refused = |input: &RunInput, config: &TrainConfig| {
        let error = run(input, config, &mut StopAt::default()).unwrap_err();
        assert_eq!(error.exit_code(), 2);
        error.to_string().replace(&place.display().to_string(), "PLACE")
    };
    assert_eq!(
        refused(&on, &TrainConfig { seed: 1, ..config.clone() }),
        "PLACE: when this was saved, training.seed was 2020; now it is 1\n\
         expected: a run that goes on as it began (free are threads, paths, when to save, and epochs where the learning \
         rate does not follow them)\n\
         next: go back to 2020, or start anew"
    );
    let first = |text: String| text.lines().next().unwrap().to_owned();
    assert_eq!(
        first(refused(&on, &TrainConfig { batch_size: 50, ..config.clone() })),
        "PLACE: when this was saved, training.batch_size was 100; now it is 50"
    );
    let other =
        RunInput { train: data.train.table.select(&(0..900).collect::<Vec<_>>()).into(), ..on.clone() };
    assert!(first(refused(&other, &config)).starts_with("PLACE: when this was saved, training data was "));
    let other = RunInput { validation: None, ..on.clone() };
    assert!(first(refused(&other, &config)).starts_with("PLACE: when this was saved, validation data was "));
    let mut bare = RankingModel::new(on.train.schema().clone(), ModelConfig::default(), RunSeed(7)).unwrap();
    let error = fit(&mut bare, &on, &config, &mut ()).unwrap_err().to_string();
    assert!(error.contains("saved, model.architecture.ple.expert.dropout was 0.2; now it is 0.0"), "{error}");

    // The number of epochs is free where the learning rate does not follow it, and then it is told.
    let more = TrainConfig { epochs: 4, ..config.clone() };
    let mut observer = StopAt::default();
    let (_, report) = run(&on, &more, &mut observer).unwrap();
    assert_eq!(report.steps, 40);
    let changes: Vec<String> = observer.resumed.unwrap().changes.iter().map(ToString::to_string).collect();
    assert_eq!(changes, ["training.epochs was 3 and is 4"]);
    let optimizer = OptimizerConfig { schedule: LearningRate::Cosine, ..config.optimizer.clone() };
    let cosine = TrainConfig { optimizer, ..config };
    let folder = tempfile::tempdir().unwrap();
    let started = with_checkpoints(&input, folder.path(), Start::Anew);
    run(&started, &cosine, &mut StopAt { step: Some(6), ..StopAt::default() }).unwrap();
    let on = with_checkpoints(&input, folder.path(), Start::GoOn);
    let error = run(&on, &TrainConfig { epochs: 4, ..cosine }, &mut StopAt::default()).unwrap_err();
    assert!(error.to_string().contains("training.epochs was 3; now it is 4"), "{error}");
}

#[test]
fn a_folder_without_a_checkpoint_is_an_error_and_no_new_run() {
    let (data, config) = (data(), config(TableUpdates::Lazy));
    let folder = tempfile::tempdir().unwrap();
    let on = with_checkpoints(&input(&data), folder.path(), Start::GoOn);
    let error = run(&on, &config, &mut StopAt::default()).unwrap_err();
    assert_eq!(
        error.to_string(),
        format!(
            "{}: there is no checkpoint to go on from\n\
             expected: a folder in which a run has saved at least one\n\
             next: check the path, or start anew",
            folder.path().display()
        )
    );
    assert_eq!(error.exit_code(), 66);
}

#[test]
fn a_checkpoint_of_a_run_is_a_model() {
    let (data, config) = (data(), config(TableUpdates::Lazy));
    let folder = tempfile::tempdir().unwrap();
    let mut started = with_checkpoints(&input(&data), folder.path(), Start::Anew);
    started.checkpoints.as_mut().unwrap().every = SaveEvery::Steps(5);
    run(&started, &config, &mut StopAt { step: Some(25), ..StopAt::default() }).unwrap();
    let (model, manifest) = RankingModel::load(&folder.path().join("step-00000025")).unwrap();
    assert_eq!((manifest.run.position.epoch, manifest.run.position.rows), (2, 500));
    assert_eq!(model.predict(&data.test.table).unwrap().len(), 2);
}

/// The names of everything below a folder, those of folders with a slash.
fn names(folder: &Path) -> Vec<String> {
    let mut names = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let entry = entry.unwrap();
        let name = entry.file_name().into_string().unwrap();
        match entry.file_type().unwrap().is_dir() {
            true => {
                names.extend(self::names(&entry.path()).into_iter().map(|inner| format!("{name}/{inner}")))
            }
            false => names.push(name),
        }
    }
    names.sort();
    names
}

#[test]
fn a_run_that_is_not_over_is_replaced_only_on_demand() {
    let (data, config) = (data(), config(TableUpdates::Lazy));
    let input = input(&data);
    let expected = bytes(&run(&input, &config, &mut StopAt::default()).unwrap());
    let folder = tempfile::tempdir().unwrap();
    // Another program's, whose names are like those of checkpoints.
    let others = ["step-00000006/mine", "step-500/weights.bin"];
    for other in others {
        std::fs::create_dir_all(folder.path().join(other).parent().unwrap()).unwrap();
        std::fs::write(folder.path().join(other), other).unwrap();
    }
    let start = |start: Start| with_checkpoints(&input, folder.path(), start);
    let stop = |step: u64| StopAt { step: Some(step), ..StopAt::default() };
    run(&start(Start::Anew), &config, &mut stop(6)).unwrap();
    let before = names(folder.path());
    let error = run(&start(Start::Anew), &config, &mut StopAt::default()).unwrap_err();
    assert_eq!(
        error.to_string(),
        format!(
            "{}: the run that has saved this is not over; it had taken 6 steps\n\
             expected: for a new run a folder without checkpoints, or with those of a run that is over\n\
             next: go on with it (--resume), or begin anew over it (--overwrite), which removes its checkpoints",
            folder.path().join("step-00000006").display()
        )
    );
    assert_eq!(error.exit_code(), 2);
    assert_eq!(names(folder.path()), before);

    run(&start(Start::Overwrite), &config, &mut stop(2)).unwrap();
    let checkpoint = |step: &str| ["manifest.json", "model.safetensors"].map(|file| format!("{step}/{file}"));
    let mut after: Vec<String> = checkpoint("step-00000002").into();
    after.extend(others.map(str::to_owned));
    assert_eq!(names(folder.path()), after);
    // Over it is once nothing is left to train; then its checkpoints give way to those of the next run.
    assert!(bytes(&run(&start(Start::GoOn), &config, &mut StopAt::default()).unwrap()) == expected);
    run(&start(Start::Anew), &config, &mut stop(1)).unwrap();
    assert!(run(&start(Start::Anew), &config, &mut StopAt::default()).is_err());
    assert!(others.iter().all(|other| names(folder.path()).contains(&(*other).to_owned())));
}

#[test]
fn a_folder_of_checkpoints_is_for_one_run_at_a_time() {
    let (data, config) = (data(), config(TableUpdates::Lazy));
    let folder = tempfile::tempdir().unwrap();
    let lock = FolderLock::take(folder.path()).unwrap();
    let input = with_checkpoints(&input(&data), folder.path(), Start::Anew);
    let error = run(&input, &config, &mut StopAt::default()).unwrap_err();
    assert!(error.to_string().contains("another process is writing here"), "{error}");
    assert_eq!(error.exit_code(), 74);
    drop(lock);
    run(&input, &config, &mut StopAt::default()).unwrap();
}
