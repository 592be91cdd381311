//! Checkpoints whose bytes are whole and whose contents no run could have saved: each is refused by everything that
//! loads, with 65 and the path.

#![allow(clippy::unwrap_used)]

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use ple_data::{GeneratorConfig, Vocabulary, generate_split};
use ple_nn::ModelConfig;
use ple_train::checkpoint::{self, RunFacts, Stored, StoredTensor, TensorEntry, TensorSource};
use ple_train::{
    Balance, CarriedMoments, Checkpoints, Predictor, RankingModel, RunInput, RunSeed, Start, TrainConfig,
    TrainError, fit,
};
use serde_json::json;

fn config(balance: Balance) -> TrainConfig {
    TrainConfig { epochs: 1, batch_size: 256, balance, ..TrainConfig::default() }
}

/// A run of two epochs with its checkpoints in a folder, and the way to go on with it.
struct Trained {
    folder: tempfile::TempDir,
    input: RunInput,
    config: TrainConfig,
}

impl Trained {
    fn new(balance: Balance) -> Self {
        let data =
            generate_split(&GeneratorConfig { rows: 600, vocabulary: Vocabulary::Small, seed: 9 }, 400, 400);
        let folder = tempfile::tempdir().unwrap();
        let checkpoints = Some(Checkpoints::new(folder.path()));
        let input =
            RunInput { train: data.train.table.into(), validation: Some(data.val.table.into()), checkpoints };
        let trained = Self { folder, input, config: config(balance) };
        fit(&mut trained.model(), &trained.input, &trained.config, &mut ()).unwrap();
        trained
    }

    fn model(&self) -> RankingModel {
        RankingModel::new(self.input.train.schema().clone(), ModelConfig::default(), RunSeed(7)).unwrap()
    }

    /// The newest checkpoint.
    fn newest(&self) -> PathBuf {
        let places = std::fs::read_dir(self.folder.path()).unwrap().map(|entry| entry.unwrap().path());
        places.max().unwrap()
    }

    fn resume(&self) -> Result<(), TrainError> {
        let checkpoints = Checkpoints { start: Start::GoOn, ..Checkpoints::new(self.folder.path()) };
        let input = RunInput { checkpoints: Some(checkpoints), ..self.input.clone() };
        fit(&mut self.model(), &input, &self.config, &mut ()).map(|_| ())
    }
}

/// Saves changed contents in the place of a checkpoint, sealed as any other.
fn save(place: &Path, stored: &Stored) {
    let entry = |(name, tensor): (&String, &'_ StoredTensor)| -> (String, Vec<usize>, Vec<f32>) {
        (name.clone(), tensor.shape.clone(), tensor.values.clone())
    };
    let tensors: Vec<_> = stored.tensors.iter().map(entry).collect();
    let entries: Vec<TensorEntry<'_>> = tensors
        .iter()
        .map(|(name, shape, values)| TensorEntry {
            name: name.clone(),
            shape: shape.clone(),
            source: TensorSource::Contiguous(values),
        })
        .collect();
    checkpoint::write(place, &entries, &stored.metadata, &stored.manifest.run).unwrap();
}

/// What everything that loads says of a changed checkpoint, with the path cut off.
#[track_caller]
fn refused(
    trained: &Trained,
    change: impl FnOnce(&mut BTreeMap<String, StoredTensor>, &mut RunFacts),
) -> String {
    let place = trained.newest();
    let whole = checkpoint::read(&place).unwrap();
    let mut changed = whole.clone();
    change(&mut changed.tensors, &mut changed.manifest.run);
    save(&place, &changed);
    let errors = [
        RankingModel::load(&place).map(|_| ()).unwrap_err(),
        Predictor::load(&place).map(|_| ()).unwrap_err(),
    ];
    let texts = errors.map(|error| {
        assert_eq!(error.exit_code(), 65, "{error}");
        error.to_string()
    });
    save(&place, &whole);
    assert_eq!(texts[0], texts[1]);
    let path = place.display().to_string();
    assert!(texts[0].starts_with(&path), "{}", texts[0]);
    texts[0].replace(&format!("{path}/"), "").replace(&path, "RUN")
}

#[test]
fn values_that_no_run_saves() {
    let trained = Trained::new(Balance::Uwl);
    let place = trained.newest();
    let names: Vec<String> = checkpoint::read(&place).unwrap().tensors.into_keys().collect();
    let of = |part: &str| names.iter().find(|name| name.contains(part)).unwrap().clone();
    let cases = [
        (of("tower.0.layer.0.weight"), f32::NAN, "finite values"),
        (of("embedding.101.weight"), f32::INFINITY, "finite values"),
        (of("running_mean"), f32::NEG_INFINITY, "finite values"),
        (of("running_var"), -1e-3, "finite values of at least 0"),
        (of("adam.first.embedding.121"), f32::NAN, "finite values"),
        (of("adam.second.tower.1"), -1e-20, "finite values of at least 0"),
        (of("balance.click"), f32::NAN, "finite values"),
    ];
    for (name, value, expected) in cases {
        let text = refused(&trained, |tensors, _| {
            *tensors.get_mut(&name).unwrap().values.last_mut().unwrap() = value
        });
        let whole = &checkpoint::read(&place).unwrap().tensors[&name];
        let row = whole.shape[0] - 1;
        assert_eq!(
            text,
            format!(
                "RUN: `{name}` has {value:?} in row {row}\nexpected: {expected}\nnext: take a checkpoint from before the \
                 training diverged, or train anew"
            )
        );
        // The moments and the run that goes on come through the same place.
        let mut changed = checkpoint::read(&place).unwrap();
        *changed.tensors.get_mut(&name).unwrap().values.last_mut().unwrap() = value;
        let whole = checkpoint::read(&place).unwrap();
        save(&place, &changed);
        for error in [CarriedMoments::load(&place).map(|_| ()).unwrap_err(), trained.resume().unwrap_err()] {
            assert_eq!(
                (error.exit_code(), error.to_string().replace(&place.display().to_string(), "RUN")),
                (65, text.clone())
            );
        }
        save(&place, &whole);
    }
}

#[test]
fn tensors_that_the_model_does_not_have() {
    let unknown = |tensor: &str| {
        format!(
            "RUN: the checkpoint is another model's: for {tensor} found a tensor\nexpected: no such parameter\nnext: load \
             it with the configuration that it was saved with"
        )
    };
    let scalar = StoredTensor { shape: vec![1, 1], values: vec![0.5] };
    let (mean, uwl) = (Trained::new(Balance::Mean), Trained::new(Balance::Uwl));
    for (trained, name) in [
        (&mean, "balance.click.log_variance"),
        (&uwl, "balance.clack.log_variance"),
        (&uwl, "balance.0"),
        (&uwl, "adam.first.balance.clack.log_variance"),
        (&uwl, "adam.second.nothing"),
        (&uwl, "adam.first.tower.0.norm.0.running_var"),
        (&uwl, "more"),
    ] {
        let text = refused(trained, |tensors, _| {
            tensors.insert(name.to_owned(), scalar.clone());
        });
        assert_eq!(text, unknown(name));
    }
    // A finished model has no moments.
    let text = refused(&mean, |_, run| run.state = None);
    assert!(text.starts_with("RUN: the checkpoint is another model's: for adam.first."), "{text}");
    let text = refused(&mean, |tensors, _| {
        tensors.remove("tower.1.layer.1.bias").unwrap();
    });
    assert!(
        text.contains("for tower.1.layer.1.bias found no such tensor\nexpected: shape [1, 1]\n"),
        "{text}"
    );
}

#[test]
fn schemas_and_configurations_that_are_not_valid() {
    let trained = Trained::new(Balance::Mean);
    let next = "expected: what a run of this version saves\nnext: take another checkpoint; this one was changed after it \
                was saved";
    let text = refused(&trained, |_, run| run.schema["labels"] = json!([]));
    assert_eq!(
        text,
        format!(
            "manifest.json: the feature schema that was saved is not valid: the schema has no label\n{next}"
        )
    );
    let text = refused(&trained, |_, run| run.schema = json!(7));
    assert!(
        text.starts_with("manifest.json: the feature schema that was saved is not valid: invalid type"),
        "{text}"
    );
    let text = refused(&trained, |_, run| run.config["model"]["embedding_dropout"] = json!(1.5));
    assert_eq!(
        text,
        format!(
            "manifest.json: the configuration of the model that was saved is not valid: embedding_dropout is 1.5\n{next}"
        )
    );
    let text = refused(&trained, |_, run| run.config["model"] = json!(null));
    assert!(
        text.starts_with("manifest.json: the configuration of the model that was saved is not valid: "),
        "{text}"
    );
}

#[test]
fn sizes_that_no_machine_holds() {
    let trained = Trained::new(Balance::Mean);
    let size = |pointer: &'static str, value: serde_json::Value| {
        refused(&trained, |_, run| {
            *run.config.pointer_mut(&format!("/model/architecture/ple{pointer}")).unwrap() = value
        })
    };
    let unlike = |text: &str| {
        let start =
            "manifest.json: the configuration of the model that was saved is not valid: the model has ";
        assert!(text.starts_with(start) && text.contains(" parameters, and the checkpoint "), "{text}");
    };
    unlike(&size("/n_levels", json!(1_000_000_000)));
    unlike(&size("/n_shared_experts", json!(1_000_000_000)));
    for dim in [1_u64 << 40, 1 << 62] {
        let text = size("/expert/dims", json!([dim]));
        assert!(
            text.starts_with(
                "manifest.json: the configuration of the model that was saved is not valid: the settings ask for more \
                 than 281474976710656 values"
            ),
            "{text}"
        );
    }
    // Any machine holds these, and building them takes long.
    let text = refused(&trained, |_, run| {
        let label = run.schema["labels"][0].clone();
        let named = |index: usize| {
            let mut label = label.clone();
            label["name"] = json!(format!("label{index}"));
            label
        };
        run.schema["labels"] = (0..5_000).map(named).collect();
    });
    unlike(&text);

    let place = trained.newest();
    let mut changed = checkpoint::read(&place).unwrap();
    changed.manifest.run.config["model"]["architecture"]["ple"]["expert"]["dims"] = json!([1 << 30]);
    save(&place, &changed);
    let error = RankingModel::load_within(&place, "8GB".parse().unwrap()).map(|_| ()).unwrap_err();
    assert_eq!(error.exit_code(), 65, "{error}");
    let start = format!("{}: the model needs about ", place.display());
    assert!(error.to_string().starts_with(&start), "{error}");
    assert!(
        error.to_string().contains("expected: at most 8,000 MB (the memory that was allowed)"),
        "{error}"
    );
}

#[test]
fn states_that_no_run_has() {
    let trained = Trained::new(Balance::Mean);
    let place = trained.newest();
    let whole = checkpoint::read(&place).unwrap();
    let changes: [fn(&mut RunFacts); 5] = [
        |run| run.position.step = 1 << 62,
        |run| run.position.epoch = u64::MAX,
        |run| run.state.as_mut().unwrap()["best"] = json!(1_000),
        |run| run.state.as_mut().unwrap()["losses"] = json!([[0.0, 1]]),
        |run| run.state.as_mut().unwrap()["rows"] = json!("many"),
    ];
    for change in changes {
        let mut changed = whole.clone();
        change(&mut changed.manifest.run);
        save(&place, &changed);
        let error = trained.resume().unwrap_err();
        assert_eq!(error.exit_code(), 65, "{error}");
        let start =
            format!("{}/manifest.json: the state of the run that was saved is not valid: ", place.display());
        assert!(error.to_string().starts_with(&start), "{error}");
    }
    save(&place, &whole);
    trained.resume().unwrap();
}
