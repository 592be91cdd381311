//! A settings file: JSON whose keys replace those of the defaults, at any depth. A key that is not known is an error.

use std::io::ErrorKind;
use std::path::Path;

use ple_data::DataError;
use ple_nn::ModelConfig;
use ple_train::checkpoint::to_json;
use ple_train::{TrainConfig, TrainError};
use serde::{Deserialize, Serialize};
use serde_json::Value;

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Settings {
    model: ModelConfig,
    training: TrainConfig,
}

/// The defaults, changed by a file.
pub(crate) fn read_settings(
    path: &Path,
    model: ModelConfig,
    training: TrainConfig,
) -> Result<(ModelConfig, TrainConfig), TrainError> {
    let unusable = |detail: String| TrainError::Setting {
        setting: format!("the settings file {}", path.display()),
        found: detail,
        expected: "JSON as {\"model\": {...}, \"training\": {...}}".to_owned(),
    };
    let text = match std::fs::read_to_string(path) {
        Ok(text) => text,
        Err(error) if error.kind() == ErrorKind::NotFound => {
            return Err(DataError::MissingFile { path: path.to_owned() }.into());
        }
        Err(source) => {
            return Err(TrainError::Io { path: path.to_owned(), action: "read the settings", source });
        }
    };
    let changes: Value = serde_json::from_str(&text).map_err(|error| unusable(error.to_string()))?;
    let mut settings = to_json(&Settings { model, training });
    merge(&mut settings, changes);
    let settings: Settings = serde_json::from_value(settings).map_err(|error| unusable(error.to_string()))?;
    Ok((settings.model, settings.training))
}

fn merge(target: &mut Value, changes: Value) {
    match (target, changes) {
        (Value::Object(target), Value::Object(changes)) => {
            for (key, value) in changes {
                merge(target.entry(key).or_insert(Value::Null), value);
            }
        }
        (target, changes) => *target = changes,
    }
}

/// The settings of `other` that are not those of `default`, each as `path = value (default ...)`.
pub(crate) fn differences(default: &Value, other: &Value) -> Vec<String> {
    let mut found = Vec::new();
    collect(default, other, "", &mut found);
    found
}

fn collect(default: &Value, other: &Value, path: &str, found: &mut Vec<String>) {
    match (default, other) {
        (Value::Array(default), Value::Array(other)) if path.is_empty() => {
            default.iter().zip(other).for_each(|(default, other)| collect(default, other, path, found));
        }
        (Value::Object(default), Value::Object(other)) => {
            for (key, value) in other {
                let path = if path.is_empty() { key.clone() } else { format!("{path}.{key}") };
                collect(default.get(key).unwrap_or(&Value::Null), value, &path, found);
            }
        }
        (Value::Null, other) => found.push(format!("{path} = {other}")),
        (default, other) if default != other => found.push(format!("{path} = {other} (default {default})")),
        _ => {}
    }
}
