//! Training runs: what they promise about bytes, best weights and errors.

#![allow(clippy::unwrap_used)]

use std::collections::BTreeMap;
use std::path::Path;

use ple_data::{
    Batch, Feature, FeatureKind, FeatureSchema, GeneratedSplit, GeneratorConfig, Label, ParquetShards,
    Pooling, RowSource, SequenceColumn, StreamConfig, Table, TableColumns, TaskType, Vocabulary,
    generate_split,
};
use ple_nn::{Architecture, ModelConfig};
use ple_tensor::{Origin, ParamStore, Role, Workspace};
use ple_train::early_stopping::{EarlyStopping, Watch};
use ple_train::metrics::Metric;
use ple_train::{
    AdamConfig, Balance, Balancer, Checkpoints, Control, DecayKind, Ended, Evaluation, Every, FileError,
    FitReport, LearningRate, NotFinite, Number, Objective, Observer, Optimizer, OptimizerConfig, Progress,
    RankingModel, RunInput, RunSeed, StepProgress, TableUpdates, Targets, TrainConfig, TrainError,
    TrainState, feature_specs, fit, task_specs,
};

/// 1,500 training rows of a seed whose every split has positives of both tasks.
fn data() -> GeneratedSplit {
    generate_split(&GeneratorConfig { rows: 1_500, vocabulary: Vocabulary::Small, seed: 3 }, 700, 300)
}

fn input(data: GeneratedSplit) -> RunInput {
    RunInput { train: data.train.table.into(), validation: Some(data.val.table.into()), checkpoints: None }
}

fn config() -> TrainConfig {
    TrainConfig { epochs: 3, batch_size: 200, ..TrainConfig::default() }
}

/// A model with dropout, so that masks take part in every comparison of bytes.
fn model(schema: &FeatureSchema) -> RankingModel {
    let mut config = ModelConfig { embedding_dropout: 0.1, ..ModelConfig::default() };
    if let Architecture::Ple(ple) = &mut config.architecture {
        ple.expert.dropout = 0.2;
        ple.n_levels = 2;
    }
    RankingModel::new(schema.clone(), config, RunSeed(7)).unwrap()
}

fn train(config: &TrainConfig) -> (RankingModel, FitReport) {
    let input = input(data());
    let mut model = model(input.train.schema());
    let report = fit(&mut model, &input, config, &mut ()).unwrap();
    (model, report)
}

fn bytes(model: &RankingModel, report: &FitReport) -> Vec<u8> {
    let folder = tempfile::tempdir().unwrap();
    model.save(folder.path(), &report.facts).unwrap();
    std::fs::read(folder.path().join("model.safetensors")).unwrap()
}

#[test]
fn one_two_and_three_threads_give_the_same_bytes() {
    for tables in [TableUpdates::Lazy, TableUpdates::Exact] {
        let config = TrainConfig { optimizer: OptimizerConfig { tables, ..Default::default() }, ..config() };
        let [one, two, three] = [1, 2, 3].map(|threads| {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
            pool.install(|| {
                let (model, report) = train(&config);
                bytes(&model, &report)
            })
        });
        assert!(one == two && one == three, "{tables:?}");
    }
}

#[test]
fn another_seed_gives_another_model() {
    let (one, report) = train(&config());
    let (other, _) = train(&TrainConfig { seed: 1, ..config() });
    assert_ne!(bytes(&one, &report), bytes(&other, &report));
}

#[test]
fn exact_updates_give_the_bytes_of_dense_ones() {
    for decay in [DecayKind::Coupled, DecayKind::Decoupled] {
        for (weight_decay, schedule) in [(1e-2, LearningRate::Cosine), (0.0, LearningRate::Constant)] {
            let adam = AdamConfig { weight_decay, decay, ..AdamConfig::default() };
            let adam = |tables| OptimizerConfig { schedule, tables, ..adam.clone().into() };
            let [dense, exact, lazy] =
                [TableUpdates::Dense, TableUpdates::Exact, TableUpdates::Lazy].map(|tables| {
                    let config = TrainConfig { optimizer: adam(tables), ..config() };
                    let (model, _) = train(&config);
                    model.store().snapshot()
                });
            assert!(dense == exact, "{decay:?} {weight_decay} {schedule:?}");
            assert!(dense != lazy);
        }
    }
}

#[test]
fn saving_checkpoints_changes_no_bit_and_leaves_few() {
    let folder = tempfile::tempdir().unwrap();
    let without = input(data());
    let with = RunInput {
        checkpoints: Some(Checkpoints::new(folder.path().join("checkpoints"))),
        ..without.clone()
    };
    let snapshots = [without, with].map(|input| {
        let mut model = model(input.train.schema());
        fit(&mut model, &input, &config(), &mut ()).unwrap();
        model.store().snapshot()
    });
    assert!(snapshots[0] == snapshots[1]);
    let left: Vec<_> = std::fs::read_dir(folder.path().join("checkpoints")).unwrap().collect();
    assert!(left.len() <= 3, "the last two and the best");
    let (_, manifest) = RankingModel::load(&folder.path().join("checkpoints/step-00000024")).unwrap();
    assert_eq!((manifest.run.position.epoch, manifest.run.position.step), (2, 24));
}

#[test]
fn a_saved_model_predicts_the_same() {
    let (model, report) = train(&config());
    let table = data().test.table;
    let folder = tempfile::tempdir().unwrap();
    model.save(folder.path(), &report.facts).unwrap();
    let (loaded, manifest) = RankingModel::load(folder.path()).unwrap();
    assert_eq!(loaded.schema(), model.schema());
    assert_eq!(loaded.predict(&table).unwrap(), model.predict(&table).unwrap());
    assert_eq!(manifest.run.seed, 2020);
    assert!(!manifest.run.instruction_set.is_empty());
}

/// A run that reaches its last epoch keeps the best weights, not the last.
#[test]
fn the_best_weights_are_restored_at_every_end() {
    let high_rate: OptimizerConfig = AdamConfig { learning_rate: 0.03, ..AdamConfig::default() }.into();
    for patience in [1, 50] {
        let early_stopping = EarlyStopping::new(patience);
        let config = TrainConfig { epochs: 12, optimizer: high_rate.clone(), early_stopping, ..config() };
        let input = input(data());
        let mut model = model(input.train.schema());
        let report = fit(&mut model, &input, &config, &mut ()).unwrap();
        match patience {
            1 => assert!(matches!(report.ended, Ended::Stalled(_)), "{:?}", report.ended),
            _ => assert_eq!(report.ended, Ended::LastEpoch),
        }
        let best = report.best.unwrap();
        assert!(best + 1 < report.evaluations.len(), "the last evaluation of this run is not its best");
        let again = model.evaluate_source(input.validation.as_ref().unwrap()).unwrap();
        assert_eq!(again, report.evaluations[best].validation);
        let mean = |evaluation: &Evaluation| {
            let values = evaluation.validation.iter().map(|m| m.get(Metric::Auc).unwrap().value().unwrap());
            values.sum::<f64>()
        };
        assert!(
            report.evaluations.iter().all(|evaluation| mean(evaluation) <= mean(&report.evaluations[best]))
        );
    }
}

#[test]
fn what_is_watched_is_evaluated_and_other_metrics_are_given_where_they_are_asked_for() {
    let mut early_stopping = EarlyStopping::new(5);
    early_stopping.watch = Watch::Each(vec!["click.ece@20".into(), "click.auc".into()]);
    early_stopping.decide_by = Some("click.ece@20".into());
    let input = input(data());
    let mut model = model(input.train.schema());
    let report = fit(&mut model, &input, &TrainConfig { early_stopping, ..config() }, &mut ()).unwrap();
    let of = |evaluation: &Evaluation| {
        let metric: Metric = "ece@20".parse().unwrap();
        evaluation.validation[0].get(metric).unwrap().value().unwrap()
    };
    let best = of(&report.evaluations[report.best.unwrap()]);
    assert!(report.evaluations.iter().all(|evaluation| best <= of(evaluation)));
    assert_eq!(report.validation()[1].values.len(), 2, "nothing more is asked of the other task");

    let test = data().test.table;
    model.judge_by("conversion", "ece".parse().unwrap()).unwrap();
    let metrics = model.evaluate(&test).unwrap();
    assert_eq!(metrics[1].values.len(), 3);
    assert!(metrics[1].get("ece".parse::<Metric>().unwrap()).unwrap().value().is_some());
    assert_eq!(
        model.judge_by("conversion", Metric::Mae).unwrap_err().to_string(),
        "the metric `mae` does not apply to the task `conversion`\nexpected: one of auc, log_loss, pcoc, normalized_entropy, pr_auc, ece, gauc@COLUMN, ndcg@COLUMN\nnext: choose one of \
         these for `conversion`"
    );
    assert_eq!(
        model.judge_by("konversion", Metric::Auc).unwrap_err().to_string(),
        "there is no task `konversion`\nexpected: one of click, conversion\nnext: did you mean `conversion`?"
    );
}

#[test]
fn without_validation_data_there_is_no_stopping_and_the_last_weights_are_kept() {
    let input = RunInput { validation: None, ..input(data()) };
    let mut model = model(input.train.schema());
    let config = TrainConfig { early_stopping: EarlyStopping::new(1), ..config() };
    let report = fit(&mut model, &input, &config, &mut ()).unwrap();
    assert_eq!((report.ended, report.best, report.epochs), (Ended::LastEpoch, None, 3));
    assert!(report.evaluations.iter().all(|evaluation| evaluation.validation.is_empty()));
}

#[test]
fn evaluations_come_when_they_are_asked_for() {
    let config =
        TrainConfig { evaluate_every: Every::Steps(5), early_stopping: EarlyStopping::new(50), ..config() };
    let (_, report) = train(&config);
    let steps: Vec<u64> = report.evaluations.iter().map(|evaluation| evaluation.step).collect();
    assert_eq!(steps, [5, 10, 15, 20, 24]);
}

struct StopAfter(u64);

impl Observer for StopAfter {
    fn stepped(&mut self, progress: &StepProgress) -> Control {
        if progress.rows >= self.0 { Control::Interrupt } else { Control::Continue }
    }
}

#[test]
fn an_interrupted_run_ends_after_its_step() {
    let input = input(data());
    let mut model = model(input.train.schema());
    let report = fit(&mut model, &input, &config(), &mut StopAfter(600)).unwrap();
    assert_eq!((report.ended, report.steps, report.evaluations.len()), (Ended::Interrupted, 3, 1));
}

fn error(config: TrainConfig, change: impl FnOnce(&mut RunInput)) -> TrainError {
    let mut input = input(data());
    change(&mut input);
    let mut model = model(input.train.schema());
    fit(&mut model, &input, &config, &mut ()).unwrap_err()
}

fn without_positives(table: &Table, task: usize) -> Table {
    let mut labels = table.labels(task);
    let rows: Vec<u32> = (0..table.rows() as u32).filter(|_| labels.next() == Some(0.0)).collect();
    table.select(&rows)
}

#[test]
fn a_task_without_positives_is_found_before_training() {
    let error = error(config(), |input| input.train = without_positives(&data().train.table, 1).into());
    assert_eq!(
        error.to_string(),
        "the task `conversion` has no label of 1 in its 1482 training rows\n\
         expected: at least one of each class\n\
         next: check the label's column, or train on more rows"
    );
    assert_eq!(error.exit_code(), 65);
}

#[test]
fn a_task_without_negatives_is_found_before_training() {
    let table = &data().train.table;
    let mut labels = table.labels(0);
    let rows: Vec<u32> = (0..table.rows() as u32).filter(|_| labels.next() == Some(1.0)).collect();
    let n = rows.len();
    let error = error(config(), |input| input.train = table.select(&rows).into());
    assert_eq!(
        error.to_string(),
        format!(
            "the task `click` has no label of 0 in its {n} training rows\n\
             expected: at least one of each class\n\
             next: check the label's column, or train on more rows"
        )
    );
    assert_eq!(error.exit_code(), 65);
}

#[test]
fn a_watched_metric_that_is_undefined_is_found_before_training() {
    let error = error(config(), |input| {
        input.validation = Some(without_positives(&data().val.table, 1).into());
    });
    assert_eq!(
        error.to_string(),
        "early stopping watches conversion.auc, which is undefined on the validation set: no row has a positive label\n\
         expected: a validation set on which every watched metric has a value\n\
         next: use a larger validation set, or watch another metric"
    );
}

#[test]
fn an_unknown_metric_is_found_before_training() {
    let watch = Watch::Each(vec!["click.auk".to_owned()]);
    let early_stopping = EarlyStopping { watch, ..EarlyStopping::new(2) };
    let error = error(TrainConfig { early_stopping, ..config() }, |_| ());
    let names: Vec<_> = Metric::all().iter().map(Metric::name).collect();
    let known = names.join(", ");
    assert_eq!(
        error.to_string(),
        format!("there is no metric `auk`\nexpected: one of {known}\nnext: did you mean `auc`?")
    );
    assert_eq!(error.exit_code(), 2);
}

#[test]
fn a_loss_that_is_not_finite_names_task_epoch_step_and_tensor() {
    let optimizer = AdamConfig { learning_rate: 1e30, ..AdamConfig::default() }.into();
    let error = error(TrainConfig { optimizer, balance: Balance::Mean, ..config() }, |_| ());
    let TrainError::NotFinite(NotFinite { number, tensor, step, .. }) = &error else { panic!("{error}") };
    let expected = Number::Loss { task: Some("click".to_owned()), origin: Origin::Network };
    assert_eq!((number, *step), (&expected, Some((1, 2))));
    assert!(tensor.starts_with("output of linear of cgc.0.task.0.expert.0.layer.0.weight"), "{tensor}");
    let text = error.to_string();
    assert!(
        text.starts_with("the loss of click is not finite at epoch 1, step 2: first in output of"),
        "{text}"
    );
    assert!(
        text.ends_with(
            "\nexpected: finite values everywhere\nnext: lower the learning rate, or look for extreme values among \
             the dense features"
        ),
        "{text}"
    );
    assert_eq!(error.exit_code(), 77);
}

#[test]
fn a_folder_that_cannot_be_written_is_found_before_training() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("file");
    std::fs::write(&file, "in the way").unwrap();
    let error = error(config(), |input| input.checkpoints = Some(Checkpoints::new(file.join("checkpoints"))));
    assert!(
        matches!(&error, TrainError::File(FileError::Io { path, .. }) if path.starts_with(&file)),
        "{error}"
    );
    assert_eq!(error.exit_code(), 74);
}

#[test]
fn impossible_settings_are_refused() {
    let message = |config: TrainConfig| {
        error(config, |_| ()).to_string().lines().take(2).collect::<Vec<_>>().join("; ")
    };
    let adam = |change: fn(&mut AdamConfig)| {
        let mut adam = AdamConfig::default();
        change(&mut adam);
        TrainConfig { optimizer: adam.into(), ..config() }
    };
    assert_eq!(message(TrainConfig { epochs: 0, ..config() }), "epochs is 0; expected: at least 1");
    assert_eq!(message(TrainConfig { batch_size: 1, ..config() }), "batch_size is 1; expected: at least 2");
    assert_eq!(
        message(TrainConfig { evaluate_every: Every::Steps(0), ..config() }),
        "evaluate_every: steps is 0; expected: at least 1"
    );
    assert_eq!(
        message(adam(|adam| adam.learning_rate = f64::NAN)),
        "learning_rate is NaN; expected: a finite number above 0"
    );
    assert_eq!(
        message(adam(|adam| adam.weight_decay = -1.0)),
        "weight_decay is -1; expected: a finite number, at least 0"
    );
    assert_eq!(message(adam(|adam| adam.beta1 = 1.0)), "beta1 is 1; expected: at least 0 and less than 1");
    assert_eq!(
        message(adam(|adam| adam.beta2 = -0.1)),
        "beta2 is -0.1; expected: at least 0 and less than 1"
    );
    assert_eq!(message(adam(|adam| adam.epsilon = 0.0)), "epsilon is 0; expected: a finite number above 0");
    assert_eq!(
        message(TrainConfig { balance: Balance::Weights(vec![1.0]), ..config() }),
        "balance: weights is [1.0]; expected: 2 finite numbers, none negative, not all 0"
    );
}

#[test]
fn data_of_another_schema_is_refused() {
    let input = input(data());
    let other = generate_split(&GeneratorConfig { rows: 100, vocabulary: Vocabulary::Full, seed: 1 }, 0, 0);
    let mut model = model(other.train.table.schema());
    let error = fit(&mut model, &input, &config(), &mut ()).unwrap_err().to_string();
    assert_eq!(
        error,
        "the saved model's schema is that of other features, labels or vocabularies\n\
         expected: the schema of the training data\n\
         next: continue with the settings that the run was started with, or start anew"
    );
}

/// Every key of both configurations with one letter changed is refused.
#[test]
fn a_typo_in_any_key_is_refused() {
    fn keys(value: &serde_json::Value, path: &mut Vec<String>, all: &mut Vec<Vec<String>>) {
        if let serde_json::Value::Object(object) = value {
            for (key, value) in object {
                path.push(key.clone());
                all.push(path.clone());
                keys(value, path, all);
                path.pop();
            }
        }
    }
    fn misspell(value: &mut serde_json::Value, path: &[String]) {
        let object = value.as_object_mut().unwrap();
        if path.len() > 1 {
            return misspell(&mut object[&path[0]], &path[1..]);
        }
        let inner = object.remove(&path[0]).unwrap();
        let first = if path[0].starts_with('x') { "y" } else { "x" };
        object.insert(format!("{first}{}", &path[0][1..]), inner);
    }
    let mut checked = 0;
    let mut check = |value: serde_json::Value, parses: &dyn Fn(serde_json::Value) -> bool| {
        assert!(parses(value.clone()));
        let mut all = Vec::new();
        keys(&value, &mut Vec::new(), &mut all);
        for path in all {
            let mut changed = value.clone();
            misspell(&mut changed, &path);
            assert!(!parses(changed), "{path:?} with another first letter was accepted");
            checked += 1;
        }
    };
    check(serde_json::to_value(TrainConfig::default()).unwrap(), &|value| {
        serde_json::from_value::<TrainConfig>(value).is_ok()
    });
    check(serde_json::to_value(ModelConfig::default()).unwrap(), &|value| {
        serde_json::from_value::<ModelConfig>(value).is_ok()
    });
    assert!(checked > 25, "{checked}");
}

#[test]
fn a_checkpoint_of_another_model_is_refused() {
    let (small, report) = train(&config());
    let folder = tempfile::tempdir().unwrap();
    small.save(folder.path(), &report.facts).unwrap();
    // The same tensors under a configuration with one expert more.
    let stored = ple_train::checkpoint::read(folder.path()).unwrap();
    let manifest = stored.manifest;
    let mut facts = manifest.run.clone();
    facts.config["model"]["architecture"]["ple"]["n_shared_experts"] = serde_json::json!(2);
    let entries: Vec<_> = stored
        .tensors
        .iter()
        .map(|(name, tensor)| ple_train::checkpoint::TensorEntry {
            name: name.clone(),
            shape: tensor.shape.clone(),
            source: ple_train::checkpoint::TensorSource::Contiguous(&tensor.values),
        })
        .collect();
    let other = tempfile::tempdir().unwrap();
    ple_train::checkpoint::write(other.path(), &entries, &stored.metadata, &facts).unwrap();
    let error = RankingModel::load(other.path()).unwrap_err();
    assert_eq!(
        error.to_string(),
        format!(
            "{}: the checkpoint is another model's: for cgc.0.shared.expert.1.layer.0.weight found no such tensor\n\
             expected: shape [376, 16]\n\
             next: load it with the configuration that it was saved with",
            other.path().display()
        )
    );
    assert_eq!(error.exit_code(), 65);
}

#[test]
fn a_checkpoint_that_is_missing_or_cut_short_is_refused() {
    let missing = RankingModel::load(Path::new("no/such/folder")).unwrap_err();
    assert!(missing.to_string().starts_with("no/such/folder: there is no manifest.json"), "{missing}");
    assert_eq!(missing.exit_code(), 66);

    let (model, report) = train(&config());
    let folder = tempfile::tempdir().unwrap();
    model.save(folder.path(), &report.facts).unwrap();
    let path = folder.path().join("model.safetensors");
    let whole = std::fs::read(&path).unwrap();
    std::fs::write(&path, &whole[..whole.len() - 1]).unwrap();
    let cut = RankingModel::load(folder.path()).unwrap_err();
    assert!(
        cut.to_string().contains(&format!("found {} bytes\nexpected: {}", whole.len() - 1, whole.len())),
        "{cut}"
    );
    let mut flipped = whole;
    let last = flipped.len() - 1;
    flipped[last] ^= 1;
    std::fs::write(&path, &flipped).unwrap();
    let flipped = RankingModel::load(folder.path()).unwrap_err();
    assert!(flipped.to_string().contains("the values of `tower.1.norm.0.weight` are damaged"), "{flipped}");
}

/// The files of a data set, and its three parts opened as shards with windows of so many bytes.
fn streamed(data: &GeneratedSplit, window_bytes: u64, decoders: usize) -> (tempfile::TempDir, RunInput) {
    let folder = tempfile::tempdir().unwrap();
    let config = StreamConfig { window_bytes, decoders };
    let open = |table: &Table, name: &str| {
        let place = folder.path().join(name);
        std::fs::create_dir(&place).unwrap();
        for (shard, rows) in (0..table.rows() as u32).collect::<Vec<_>>().chunks(270).enumerate() {
            ple_data::write_parquet(&table.select(rows), place.join(format!("part-{shard}.parquet")))
                .unwrap();
        }
        ParquetShards::open(&[place], table.schema(), config).unwrap().into()
    };
    let (train, validation) = (open(&data.train.table, "train"), open(&data.val.table, "val"));
    (folder, RunInput { train, validation: Some(validation), checkpoints: None })
}

#[test]
fn one_streamed_window_gives_the_model_and_the_metrics_of_a_table_in_memory() {
    let data = data();
    let (_folder, streamed) = streamed(&data, u64::MAX, 1);
    let [(model, report), (other, other_report)] = [input(data), streamed.clone()].map(|input| {
        let mut model = model(input.train.schema());
        let report = fit(&mut model, &input, &config(), &mut ()).unwrap();
        (model, report)
    });
    assert!(bytes(&model, &report) == bytes(&other, &other_report));
    let metrics =
        |report: &FitReport| report.evaluations.iter().map(|e| e.validation.clone()).collect::<Vec<_>>();
    assert_eq!(metrics(&report), metrics(&other_report));
    let RowSource::Memory(validation) = input(self::data()).validation.unwrap() else { unreachable!() };
    let validation_shards = streamed.validation.unwrap();
    assert_eq!(other.predict_source(&validation_shards).unwrap(), other.predict(&validation).unwrap());
    assert_eq!(other.evaluate_source(&validation_shards).unwrap(), other.evaluate(&validation).unwrap());
}

#[test]
fn small_windows_give_the_same_bytes_for_any_number_of_threads_and_decoders() {
    let data = data();
    let run = |threads: usize, decoders: usize| {
        let (_folder, input) = streamed(&data, 1, decoders);
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        pool.install(|| {
            let mut model = model(input.train.schema());
            let report = fit(&mut model, &input, &config(), &mut ()).unwrap();
            assert_eq!((report.steps, report.rows), (24, 4_500));
            bytes(&model, &report)
        })
    };
    let one = run(1, 1);
    assert!(one == run(2, 3) && one == run(3, 2));
}

#[test]
fn a_shard_that_changes_during_a_run_ends_it_with_its_name() {
    let data = data();
    let (folder, input) = streamed(&data, 1, 1);
    let shard = folder.path().join("train/part-2.parquet");
    ple_data::write_parquet(&data.train.table.select(&[1, 2, 3]), &shard).unwrap();
    let error = fit(&mut model(input.train.schema()), &input, &config(), &mut ()).unwrap_err();
    let expected = format!("{}: the file has changed since it was opened", shard.display());
    assert!(error.to_string().starts_with(&expected), "{error}");
    assert_eq!(error.exit_code(), 65);
}

/// One step by hand: the loss of each task that has rows, and the total.
fn take_step(
    schema: &FeatureSchema,
    model: &ple_nn::Model,
    store: &mut ParamStore,
    balancer: &mut Balancer,
    optimizer: &mut Optimizer,
    batch: &Batch,
) -> (Vec<Option<f32>>, f32) {
    let objectives = Objective::of_tasks(model, &BTreeMap::new()).unwrap();
    let mut state = TrainState {
        schema,
        model,
        store,
        objectives: &objectives,
        balancer,
        optimizer,
        targets: Targets::default(),
        workspace: Workspace::new(),
    };
    let pass = state.forward_backward(batch, Progress::first(RunSeed(0))).unwrap();
    let losses = (pass.task_losses.clone(), pass.total);
    state.update(pass).unwrap();
    losses
}

/// A step whose batch has no row of a task: no loss of it, no step of its uncertainty; and without any task, no change.
#[test]
fn a_task_without_rows_in_a_batch_adds_nothing_to_its_step() {
    let table = data().train.table;
    let mut schema = table.schema().clone();
    schema.labels.iter_mut().for_each(|label| label.weight = Some("weight".to_owned()));
    let run = |inside: fn(usize) -> [f32; 2]| {
        let weights = Some((0..200).flat_map(inside).collect());
        let rows = table.select(&(0..200).collect::<Vec<_>>());
        let rows = Table::new(schema.clone(), TableColumns { weights, ..rows.to_columns() }).unwrap();
        let checked = ModelConfig::default().check(feature_specs(&schema), task_specs(&schema)).unwrap();
        let mut store = ParamStore::new();
        let model = ple_nn::Model::new(&mut store, checked, &mut RunSeed(1).generator("initialization", 0));
        let objectives = Objective::of_tasks(&model, &BTreeMap::new()).unwrap();
        let mut balancer = Balancer::new(&Balance::Uwl, &model, &objectives, &mut store).unwrap();
        let mut optimizer = Optimizer::new(OptimizerConfig::default(), 1, &mut store).unwrap();
        let mut batch = Batch::new();
        rows.gather(&(0..200).collect::<Vec<_>>(), &mut batch);
        let (losses, total) = take_step(&schema, &model, &mut store, &mut balancer, &mut optimizer, &batch);
        let value = |name: &str| store.get(name).unwrap()[[0, 0]];
        let variances = ["click", "conversion"].map(|task| value(&format!("balance.{task}.log_variance")));
        (losses, total, variances, value("tower.0.layer.0.weight"), value("tower.1.layer.0.weight"))
    };
    let (losses, total, variances, tower, _) = run(|_| [1.0, 1.0]);
    assert!(losses.iter().all(Option::is_some) && total.is_finite() && variances.iter().all(|v| *v != 0.0));

    let (losses, _, variances, trained, untouched) = run(|_| [1.0, 0.0]);
    assert!(losses[0].is_some() && losses[1].is_none());
    assert!(variances[0] != 0.0 && variances[1] == 0.0);
    let (losses, total, variances, first, second) = run(|_| [0.0, 0.0]);
    assert_eq!((losses, total, variances), (vec![None, None], 0.0, [0.0, 0.0]));
    assert!(first != trained && first != tower && second == untouched);
}

/// A task without rows leaves alone what belongs to it, moments and decay or not, though towers and experts share matrices.
#[test]
fn what_belongs_to_a_task_without_rows_takes_no_step() {
    let table = data().train.table;
    let mut schema = table.schema().clone();
    schema.labels.iter_mut().for_each(|label| label.weight = Some("weight".to_owned()));
    let rows: Vec<u32> = (0..200).collect();
    let batch = |inside: [f32; 2]| {
        let weights = Some(inside.repeat(rows.len()));
        let rows_of = table.select(&(0..200).collect::<Vec<_>>());
        let weighted = TableColumns { weights, ..rows_of.to_columns() };
        let mut batch = Batch::new();
        Table::new(schema.clone(), weighted).unwrap().gather(&rows, &mut batch);
        batch
    };
    let mut config = ModelConfig::default();
    if let Architecture::Ple(ple) = &mut config.architecture {
        ple.n_levels = 2;
    }
    let checked = config.check(feature_specs(&schema), task_specs(&schema)).unwrap();
    let mut store = ParamStore::new();
    let model = ple_nn::Model::new(&mut store, checked, &mut RunSeed(1).generator("initialization", 0));
    let objectives = Objective::of_tasks(&model, &BTreeMap::new()).unwrap();
    let mut balancer = Balancer::new(&Balance::Uwl, &model, &objectives, &mut store).unwrap();
    let mut optimizer = Optimizer::new(OptimizerConfig::default(), 2, &mut store).unwrap();
    let mut snapshots = Vec::new();
    for inside in [[1.0, 1.0], [1.0, 0.0]] {
        take_step(&schema, &model, &mut store, &mut balancer, &mut optimizer, &batch(inside));
        snapshots
            .push(store.blocks().iter().map(|b| store.get(&b.name).unwrap().to_owned()).collect::<Vec<_>>());
    }
    for (index, block) in store.blocks().iter().enumerate() {
        let name = &block.name;
        if store.role(block.matrix) == Role::Buffer {
            continue;
        }
        // The shared gate of the first level hands the other task's experts on; its own gate there does not reach it.
        let prefixes = ["tower.1.", "cgc.1.task.1.", "cgc.0.task.1.gate.", "balance.conversion."];
        let belongs = prefixes.iter().any(|prefix| name.starts_with(prefix));
        assert_eq!(snapshots[0][index] == snapshots[1][index], belongs, "{name}");
    }
}

/// Weighted lists from Parquet, some of them empty, through training and prediction.
#[test]
fn weighted_lists_are_trained_on_and_empty_ones_are_no_nan() {
    for pooling in [Pooling::Mean, Pooling::Sum] {
        let kind = FeatureKind::Sequence {
            vocab_size: 50,
            embedding_dim: 8,
            pooling,
            padding_id: None,
            weights: Some("strength".to_owned()),
            shared_with: None,
        };
        let features = vec![Feature::sparse("user", 20, 8), Feature { name: "history".to_owned(), kind }];
        let labels = vec![Label::new("click", TaskType::Classification)];
        let schema = FeatureSchema::new(features, labels, vec![]).unwrap();
        // Every third row has an empty list, and every seventh one whose weights are all 0.
        let mut history = SequenceColumn { offsets: vec![0], ids: vec![], weights: Some(vec![]) };
        for row in 0..400_usize {
            let length = if row % 3 == 0 { 0 } else { 1 + row % 5 };
            for element in 0..length {
                history.ids.push(((row * 7 + element * 11) % 50) as u32);
                let weight = if row % 7 == 0 { 0.0 } else { 0.5 + (element % 3) as f32 };
                history.weights.as_mut().unwrap().push(weight);
            }
            history.offsets.push(history.ids.len());
        }
        let columns = TableColumns {
            sparse: (0..400).map(|row| row % 20).collect(),
            labels: (0..400).map(|row| f32::from(u8::from(row % 4 == 1))).collect(),
            sequences: vec![history],
            ..TableColumns::default()
        };
        let table = Table::new(schema.clone(), columns).unwrap();
        let folder = tempfile::tempdir().unwrap();
        ple_data::write_parquet(&table, folder.path().join("train.parquet")).unwrap();
        let shards = ParquetShards::open(&[folder.path()], &schema, StreamConfig::default()).unwrap();
        let input =
            RunInput { train: shards.into(), validation: Some(table.clone().into()), checkpoints: None };
        let mut model = RankingModel::new(schema, ModelConfig::default(), RunSeed(1)).unwrap();
        let config = TrainConfig { epochs: 2, batch_size: 64, ..TrainConfig::default() };
        let report = fit(&mut model, &input, &config, &mut ()).unwrap();
        assert!(report.evaluations.iter().all(|e| e.train_losses[0].unwrap().is_finite()), "{pooling:?}");
        let predictions = model.predict(&table).unwrap();
        assert!(predictions[0].iter().all(|p| p.is_finite()), "{pooling:?}");
        assert_eq!(model.predict_source(&input.train).unwrap(), predictions);
    }
}
