//! A settings file: JSON whose keys replace those of the defaults, at any depth. What is wrong with one is said with the
//! file, the line and the path of the key.

mod fault;
mod places;

use std::path::Path;

use ple_files::{MOST_TEXT_BYTES, read_text};
use ple_nn::{Architecture, ModelConfig};
use ple_train::checkpoint::to_json;
use ple_train::{RuleConfig, TrainConfig, TrainError};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::program::failure::Failure;
use fault::{Fault, culprit};
use places::{Key, keys};

#[derive(Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Settings {
    model: ModelConfig,
    training: TrainConfig,
}

/// The defaults, changed by a file.
///
/// # Errors
/// A file that cannot be read, and whatever in it is no setting of this model and training.
pub(crate) fn read_settings(
    path: &Path,
    model: ModelConfig,
    training: TrainConfig,
) -> Result<(ModelConfig, TrainConfig), Failure> {
    let text = read_text(path, MOST_TEXT_BYTES)?;
    let settings = changed(text.as_bytes(), Settings { model, training })
        .map_err(|fault| Failure::Error { text: fault.in_file(path), exit_code: 2 })?;
    settings.training.check().map_err(|error| of_file(Some(path), error))?;
    Ok((settings.model, settings.training))
}

/// An error of the training, with the settings file before it if what is wrong can stand there.
pub(crate) fn of_file(path: Option<&Path>, error: TrainError) -> Failure {
    let is_setting = match &error {
        TrainError::Model(_)
        | TrainError::UnknownMetric { .. }
        | TrainError::UnknownTask { .. }
        | TrainError::WatchSyntax { .. }
        | TrainError::MetricOfOtherType { .. } => true,
        TrainError::Setting { setting, .. } => !setting.contains(" rows"),
        _ => false,
    };
    match path {
        Some(path) if is_setting => {
            Failure::Error { text: format!("{}: {error}", path.display()), exit_code: error.exit_code() }
        }
        _ => error.into(),
    }
}

fn changed(bytes: &[u8], defaults: Settings) -> Result<Settings, Fault> {
    let text = std::str::from_utf8(bytes).map_err(|error| Fault::NotText {
        line: 1 + bytes[..error.valid_up_to()].iter().filter(|byte| **byte == b'\n').count(),
    })?;
    // An editor of Windows begins a file with this mark.
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let changes: Value = serde_json::from_str(text).map_err(|error| Fault::Syntax {
        line: error.line(),
        column: error.column(),
        // It ends with the place, which stands at the beginning here.
        detail: error.to_string().split(" at line ").next().unwrap_or_default().to_owned(),
    })?;
    let keys = keys(text);
    for (index, key) in keys.iter().enumerate() {
        if let Some(first) = keys[..index].iter().find(|other| other.path == key.path) {
            return Err(Fault::Twice { key: key.clone(), first: first.line });
        }
    }
    check_architecture(&changes, &defaults, &keys)?;
    let defaults = with_rules_of(&changes, defaults);
    let defaults = to_json(&defaults);
    match parsed(&defaults, &changes) {
        Ok(settings) => Ok(settings),
        Err(error) => {
            let works = |changes: &Value| parsed(&defaults, changes).map(drop);
            Err(culprit(&defaults, &changes, &keys, error, &works))
        }
    }
}

fn parsed(defaults: &Value, changes: &Value) -> Result<Settings, serde_json::Error> {
    let mut settings = defaults.clone();
    merge(&mut settings, changes);
    serde_json::from_value(settings)
}

/// Settings of another model would stand beside those of the one that was asked for.
fn check_architecture(changes: &Value, defaults: &Settings, keys: &[Key]) -> Result<(), Fault> {
    let is = defaults.model.architecture.name();
    let own = is.replace('-', "_");
    let written = changes.pointer("/model/architecture").and_then(Value::as_object);
    let Some(other) = written.into_iter().flat_map(serde_json::Map::keys).find(|name| **name != own) else {
        return Ok(());
    };
    let key = Key::find(keys, &["model", "architecture", other]);
    match Architecture::names().any(|name| name.replace('-', "_") == *other) {
        true => Err(Fault::OtherModel { key, found: other.replace('_', "-"), model: is }),
        false => Err(Fault::Unknown {
            key,
            expected: format!("`{own}`, which --model says"),
            nearest: Some(format!("model.architecture.{own}")),
        }),
    }
}

/// The defaults with the optimisers that the changes name, since the settings of one are none of another.
fn with_rules_of(changes: &Value, mut defaults: Settings) -> Settings {
    let named = |path: &str| changes.pointer(path)?.as_str()?.parse::<RuleConfig>().ok();
    let optimizer = &mut defaults.training.optimizer;
    if let Some(rule) = named("/training/optimizer/rule").filter(|rule| rule.name() != optimizer.rule.name())
    {
        optimizer.rule = rule;
    }
    if changes.pointer("/training/optimizer/for_tables").is_some_and(Value::is_object) {
        let of_tables = optimizer.rule_of_tables().clone();
        let named =
            named("/training/optimizer/for_tables/rule").filter(|rule| rule.name() != of_tables.name());
        optimizer.for_tables = Some(named.unwrap_or(of_tables));
    }
    defaults
}

fn merge(target: &mut Value, changes: &Value) {
    match (target, changes) {
        (Value::Object(target), Value::Object(changes)) => {
            for (key, value) in changes {
                merge(target.entry(key.clone()).or_insert(Value::Null), value);
            }
        }
        (target, changes) => *target = changes.clone(),
    }
}

/// The settings of `other` that are not those of `first`, each as `path = value (WORD ...)` with the word that says what the
/// first ones are.
pub(crate) fn differences(first: &Value, other: &Value, word: &str) -> Vec<String> {
    let mut found = Vec::new();
    collect(first, other, word, "", &mut found);
    found
}

fn collect(first: &Value, other: &Value, word: &str, path: &str, found: &mut Vec<String>) {
    match (first, other) {
        (Value::Array(first), Value::Array(other)) if path.is_empty() => {
            first.iter().zip(other).for_each(|(first, other)| collect(first, other, word, path, found));
        }
        (Value::Object(first), Value::Object(other)) => {
            for (key, value) in other {
                let path = if path.is_empty() { key.clone() } else { format!("{path}.{key}") };
                collect(first.get(key).unwrap_or(&Value::Null), value, word, &path, found);
            }
        }
        (Value::Null, other) => found.push(format!("{path} = {other}")),
        (first, other) if first != other => found.push(format!("{path} = {other} ({word} {first})")),
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use ple_nn::ModelConfig;
    use ple_train::{AdagradConfig, AdamConfig, RuleConfig, SgdConfig, TrainConfig};

    use super::{Settings, changed};

    fn read(text: &str) -> Result<Settings, String> {
        let defaults = Settings { model: ModelConfig::default(), training: TrainConfig::default() };
        changed(text.as_bytes(), defaults).map_err(|fault| fault.in_file(Path::new("s.json")))
    }

    #[test]
    fn keys_replace_the_defaults_at_any_depth() {
        let text = r#"{"model": {"architecture": {"ple": {"n_levels": 2}}, "norm": "none"},
            "training": {"balance": {"weights": [1, 2.5]}, "optimizer": {"learning_rate": 0.01},
                "early_stopping": {"decide_by": "click.auc"}}}"#;
        let Settings { model, training } = read(text).unwrap();
        assert!(format!("{model:?}").contains("n_levels: 2, n_specific_experts: 2"));
        assert_eq!(training.optimizer, AdamConfig { learning_rate: 0.01, ..AdamConfig::default() }.into());
        assert_eq!(training.early_stopping.decide_by.as_deref(), Some("click.auc"));
        assert_eq!(training.epochs, TrainConfig::default().epochs);
    }

    #[test]
    fn tables_have_the_optimiser_of_the_network_unless_another_is_named() {
        let text =
            r#"{"training": {"optimizer": {"learning_rate": 0.01, "for_tables": {"learning_rate": 0.1}}}}"#;
        let optimizer = read(text).unwrap().training.optimizer;
        let adam = |learning_rate| RuleConfig::from(AdamConfig { learning_rate, ..AdamConfig::default() });
        assert_eq!((&optimizer.rule, optimizer.rule_of_tables()), (&adam(0.01), &adam(0.1)));
        // Another optimiser begins with its own defaults, and the schedule stays.
        let text = r#"{"training": {"optimizer": {"rule": "sgd", "momentum": 0.5, "for_tables": {"rule": "adagrad"}}}}"#;
        let optimizer = read(text).unwrap().training.optimizer;
        assert_eq!(optimizer.rule, SgdConfig { momentum: 0.5, ..SgdConfig::default() }.into());
        assert_eq!(optimizer.for_tables, Some(AdagradConfig::default().into()));
    }

    #[test]
    fn what_is_wrong_is_said_with_its_place() {
        let cases = [
            (
                "{\"training\": {\n\"epochs\": 3,\n\"epochs\": 4}}",
                "s.json, line 3: `training.epochs` is given a second time, after line 2\nexpected: each setting once\nnext: \
                 remove one of the two",
            ),
            (
                "{\"training\": {\"optimizer\": {\n\"learning_rat\": 3}}}",
                "s.json, line 2: there is no setting `training.optimizer.learning_rat`\nexpected: one of `beta1`, `beta2`, \
                 `clip_norm`, `decay`, `epsilon`, `for_tables`, `learning_rate`, `rule`, `schedule`, `tables`, `warm_up`, `weight_decay`\nnext: did you mean \
                 `training.optimizer.learning_rate`?",
            ),
            (
                "{\"training\": {\"decide_by\": \"a.auc\"}}",
                "s.json, line 1: there is no setting `training.decide_by`\nexpected: one of `epochs`, `batch_size`, `seed`, \
                 `optimizer`, `losses`, `metrics`, `balance`, `early_stopping`, `evaluate_every`\nnext: did you mean \
                 `training.early_stopping.decide_by`?",
            ),
            (
                "{\"model\": {}, \"trainin\": {}}",
                "s.json, line 1: there is no setting `trainin`\nexpected: `model` or `training`\nnext: did you mean `training`?",
            ),
            (
                "{\"model\": {\"architecture\":\n{\"mmoe\": {\"n_experts\": 4}}}}",
                "s.json, line 2: the settings are mmoe's, --model says ple\nexpected: settings of ple\nnext: run it with --model \
                 mmoe, or write the settings of ple",
            ),
            (
                "{\"model\": {\"architecture\": {\"pel\": {}}}}",
                "s.json, line 1: there is no setting `model.architecture.pel`\nexpected: `ple`, which --model says\nnext: did \
                 you mean `model.architecture.ple`?",
            ),
            (
                "{\"training\": {\"epochs\": \"many\"}}",
                "s.json, line 1: `training.epochs` is \"many\"\nexpected: a whole number, as in 5\nnext: correct \
                 `training.epochs`",
            ),
            (
                "{\"training\": {\"optimizer\": {\"schedule\": \"cosin\"}}}",
                "s.json, line 1: `training.optimizer.schedule` is \"cosin\"\nexpected: one of `constant`, `cosine`, `step`, as in \
                 \"constant\"\nnext: did you mean `cosine`?",
            ),
            (
                "{\"training\": {\"optimizer\": {\"rule\": \"sgd\",\n\"momentm\": 0.5}}}",
                "s.json, line 2: there is no setting `training.optimizer.momentm`\nexpected: one of `clip_norm`, `for_tables`, \
                 `kind`, `learning_rate`, `momentum`, `rule`, `schedule`, `tables`, `warm_up`, `weight_decay`\nnext: did you \
                 mean `training.optimizer.momentum`?",
            ),
            (
                "{\"training\": {\"optimizer\": {\"for_tables\": {\"rule\": \"adagrad\",\n\"epsilon\": \"x\"}}}}",
                "s.json, line 2: `training.optimizer.for_tables.epsilon` is \"x\"\nexpected: a number, as in 1e-10\nnext: \
                 correct `training.optimizer.for_tables.epsilon`",
            ),
            (
                "{\"training\": {\"optimizer\": {\"schedule\": \"step@0\"}}}",
                "s.json, line 1: `training.optimizer.schedule` is \"step@0\"\nexpected: a number of steps from 1 on, and after \
                 another @ a factor above 0 and up to 1, as in step@2000@0.5, as in \"constant\"\nnext: correct \
                 `training.optimizer.schedule`",
            ),
            (
                "{\"training\": {\"optimizer\": {\"rule\": \"adamm\"}}}",
                "s.json, line 1: `training.optimizer.rule` is \"adamm\"\nexpected: one of `adam`, `sgd`, `adagrad`, `rowwise_adagrad`\nnext: did you mean `adam`?",
            ),
            (
                "{\"training\": {\"losses\": {\n\"minutes\": \"hubr\"}}}",
                "s.json, line 2: `training.losses.minutes` is \"hubr\"\nexpected: one of `binary_cross_entropy`, \
                 `squared_error`, `poisson`, `huber`, `focal`, `label_smoothing`\nnext: did you mean `huber`?",
            ),
            (
                "{\"model\": {\"heads\": {\"visits\": {\n\"link\": \"expo\"}}}}",
                "s.json, line 2: `model.heads.visits.link` is \"expo\"\nexpected: one of `identity`, `sigmoid`, \
                 `exp`\nnext: did you mean `exp`?",
            ),
            (
                "[1, 2]",
                "s.json, line 1: the file is [1,2]\nexpected: an object, as in {\"model\": {...}, \"training\": {...}}\nnext: \
                 correct the file",
            ),
            (
                "{\"training\": {\"epochs\": 3,}}",
                "s.json, line 1, column 27: trailing comma\nexpected: JSON as {\"model\": {...}, \"training\": {...}}\nnext: \
                 correct the file there",
            ),
        ];
        for (text, expected) in cases {
            assert_eq!(read(text).err().as_deref(), Some(expected), "{text}");
        }
        let defaults = Settings { model: ModelConfig::default(), training: TrainConfig::default() };
        let fault = changed(b"{\n\"model\": {\"\xff\": 1}}", defaults).err().unwrap();
        assert_eq!(
            fault.in_file(Path::new("s.json")),
            "s.json, line 2: bytes that are no UTF-8\nexpected: JSON as text in UTF-8\nnext: save the file as UTF-8"
        );
    }
}
