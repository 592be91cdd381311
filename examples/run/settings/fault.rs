//! What can be wrong in a settings file, and which of its keys is at fault.

use std::path::Path;

use ple_nn::ModelConfig;
use ple_train::TrainConfig;
use ple_train::checkpoint::to_json;
use ple_train::early_stopping::EarlyStopping;
use serde_json::Value;

use super::Settings;
use super::places::Key;

/// What is wrong.
#[derive(Debug)]
pub(super) enum Fault {
    /// Bytes that are no text.
    NotText { line: usize },
    /// A text that is no JSON.
    Syntax { line: usize, column: usize, detail: String },
    /// A key that is given twice.
    Twice { key: Key, first: usize },
    /// Settings of another model than the one that was asked for.
    OtherModel { key: Key, found: String, model: &'static str },
    /// A key that is no setting.
    Unknown { key: Key, expected: String, nearest: Option<String> },
    /// A setting with a value that it cannot have.
    Form { key: Key, found: String, expected: String, nearest: Option<String> },
}

impl Fault {
    /// The error in three lines.
    pub(super) fn in_file(&self, path: &Path) -> String {
        let (file, form) = (path.display(), "{\"model\": {...}, \"training\": {...}}");
        match self {
            Fault::NotText { line } => format!(
                "{file}, line {line}: bytes that are no UTF-8\nexpected: JSON as text in UTF-8\nnext: save the file as UTF-8"
            ),
            Fault::Syntax { line, column, detail } => format!(
                "{file}, line {line}, column {column}: {detail}\nexpected: JSON as {form}\nnext: correct the file there"
            ),
            Fault::Twice { key, first } => format!(
                "{file}, line {}: `{}` is given a second time, after line {first}\nexpected: each setting once\nnext: remove \
                 one of the two",
                key.line,
                key.name()
            ),
            Fault::OtherModel { key, found, model } => format!(
                "{file}, line {}: the settings are {found}'s, --model says {model}\nexpected: settings of {model}\nnext: run it \
                 with --model {found}, or write the settings of {model}",
                key.line
            ),
            Fault::Unknown { key, expected, nearest } => {
                let next = nearest.as_ref().map_or_else(
                    || "remove it, or name one of these".to_owned(),
                    |nearest| format!("did you mean `{nearest}`?"),
                );
                let (line, name) = (key.line, key.name());
                format!(
                    "{file}, line {line}: there is no setting `{name}`\nexpected: {expected}\nnext: {next}"
                )
            }
            Fault::Form { key, found, expected, nearest } => {
                let name = match key.path.is_empty() {
                    true => "the file".to_owned(),
                    false => format!("`{}`", key.name()),
                };
                let next = match nearest {
                    Some(nearest) => format!("did you mean `{nearest}`?"),
                    None => format!("correct {name}"),
                };
                format!("{file}, line {}: {name} is {found}\nexpected: {expected}\nnext: {next}", key.line)
            }
        }
    }
}

/// The key that is at fault: the deepest one that fails as the only change of the defaults.
pub(super) fn culprit(
    defaults: &Value,
    changes: &Value,
    keys: &[Key],
    error: serde_json::Error,
    works: &dyn Fn(&Value) -> Result<(), serde_json::Error>,
) -> Fault {
    let (mut path, mut error): (Vec<&str>, _) = (Vec::new(), error);
    let (mut default, mut value) = (Some(defaults), changes);
    while let (None | Some(Value::Object(_)), Value::Object(object)) = (default, value) {
        let alone = |name: &str, value: &Value| {
            let name = std::iter::once(name);
            path.iter().copied().chain(name).rev().fold(value.clone(), |value, name| {
                Value::Object([(name.to_owned(), value)].into_iter().collect())
            })
        };
        let failing =
            object.iter().find_map(|(name, value)| Some((name, value, works(&alone(name, value)).err()?)));
        let Some((name, member, its_error)) = failing else { break };
        path.push(name);
        (default, value, error) = (default.and_then(|known| known.get(name)), member, its_error);
    }
    let key = match path.is_empty() {
        true => Key { path: Vec::new(), line: 1 },
        false => Key::find(keys, &path),
    };
    let message = error.to_string();
    let expected = message.split_once(", expected ").map_or(message.as_str(), |(_, expected)| expected);
    match message.starts_with("unknown field") {
        true => Fault::Unknown { nearest: nearest(&path, defaults), expected: expected.to_owned(), key },
        false => Fault::Form {
            found: value.to_string(),
            expected: form(expected, default, &path),
            nearest: nearest_variant(&message),
            key,
        },
    }
}

/// The choice that was meant, in a message of serde such as ``unknown variant `cosin`, expected `constant` or `cosine` ``.
fn nearest_variant(message: &str) -> Option<String> {
    let mut names = message.strip_prefix("unknown variant ")?.split('`').skip(1).step_by(2);
    let found = names.next()?;
    ple_nn::nearest(found, names).map(str::to_owned)
}

/// What serde expects, in words, and the default as an example.
fn form(expected: &str, default: Option<&Value>, path: &[&str]) -> String {
    let words = match expected {
        "u64" | "usize" | "u32" => "a whole number",
        "f32" | "f64" => "a number",
        "a boolean" => "true or false",
        "a map" => "an object",
        _ if expected.starts_with("struct ") => "an object",
        _ if expected.starts_with("enum ") || expected.contains("enum") => {
            "the name of a choice, or an object with it"
        }
        _ => expected,
    };
    match default {
        _ if path.is_empty() => format!("{words}, as in {{\"model\": {{...}}, \"training\": {{...}}}}"),
        Some(default) => format!("{words}, as in {default}"),
        None => words.to_owned(),
    }
}

/// The setting that was meant: one of the same name elsewhere, one of a near name beside it, one of a near name elsewhere.
fn nearest(path: &[&str], defaults: &Value) -> Option<String> {
    let (name, parent) = path.split_last()?;
    let known = known(defaults);
    let distance = |other: &[String]| {
        let other = other.last().map_or("", String::as_str);
        let edits = strsim::osa_distance(&name.to_lowercase(), other);
        (edits <= (name.chars().count().max(other.chars().count()) / 3).max(1)).then_some(edits)
    };
    let rank = |other: &&Vec<String>| {
        let edits = distance(other)?;
        let is_beside = other[..other.len() - 1].iter().eq(parent.iter());
        Some((edits > 0 && !is_beside, edits))
    };
    let found = known.iter().filter(|other| rank(other).is_some()).min_by_key(rank)?;
    Some(found.join("."))
}

/// The paths of all settings; of an optimiser those of the one that is chosen.
fn known(defaults: &Value) -> Vec<Vec<String>> {
    let decides = EarlyStopping { decide_by: Some(String::new()), ..EarlyStopping::new(1) };
    let training = TrainConfig { early_stopping: decides, ..TrainConfig::default() };
    let mut all = to_json(&Settings { model: ModelConfig::default(), training });
    all["training"]["optimizer"] = defaults["training"]["optimizer"].clone();
    let mut paths = Vec::new();
    collect(&all, &mut Vec::new(), &mut paths);
    paths
}

fn collect(value: &Value, path: &mut Vec<String>, paths: &mut Vec<Vec<String>>) {
    for (name, value) in value.as_object().into_iter().flatten() {
        path.push(name.clone());
        paths.push(path.clone());
        collect(value, path, paths);
        path.pop();
    }
}
