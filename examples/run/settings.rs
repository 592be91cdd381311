//! A settings file: JSON whose keys replace those of the defaults, at any depth. A key that is not known is an error.

use std::io::ErrorKind;
use std::path::Path;

use ple_data::DataError;
use ple_nn::ModelConfig;
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
    let mut settings =
        serde_json::to_value(Settings { model, training }).map_err(|e| unusable(e.to_string()))?;
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
