//! Which names a column, a feature, a task or a key may have, and which names collide in a model.
//!
//! A name becomes part of the names of parameters, of tensors in checkpoints, and of inputs and outputs of ONNX. There it has
//! to be one that can be read, and that nothing else has.

use std::collections::HashMap;
use std::path::Path;

use crate::error::DataError;
use crate::name_error::NameError;
use crate::schema::{FeatureKind, FeatureSchema};

/// Whether nothing of a name can be seen: it is empty, or has blanks and control characters alone.
pub(crate) fn is_blank(name: &str) -> bool {
    let is_invisible = |letter: char| {
        letter.is_whitespace()
            || letter.is_control()
            || matches!(letter, '\u{200B}'..='\u{200F}' | '\u{2060}' | '\u{FEFF}')
    };
    name.chars().all(is_invisible)
}

/// Whether a column is the number of a row as pandas writes it with `index=True`: `__index_level_0__` in Parquet,
/// `Unnamed: 0` where a CSV file with an index was read and written again. (The first time it has no name at all.)
fn is_index_of_pandas(name: &str) -> bool {
    let is_number = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    let level = name.strip_prefix("__index_level_").and_then(|rest| rest.strip_suffix("__"));
    level.or(name.strip_prefix("Unnamed: ")).is_some_and(is_number)
}

/// Refuses columns that would become features although they have no name, or number the rows.
pub(crate) fn refuse_unnamed_features<'a>(
    path: &Path,
    features: impl IntoIterator<Item = (usize, &'a str)>,
) -> Result<(), DataError> {
    for (position, name) in features {
        let found = match name {
            name if is_blank(name) => "has no name".to_owned(),
            name if is_index_of_pandas(name) => format!("`{name}` is an index that pandas has written"),
            _ => continue,
        };
        return Err(NameError::UnnamedColumn { path: path.to_path_buf(), column: position + 1, found }.into());
    }
    Ok(())
}

/// Refuses names of a schema that are blank, and names that would be those of two things in a model or its ONNX file.
pub(crate) fn check_names(schema: &FeatureSchema) -> Result<(), DataError> {
    refuse_blank_names(schema)?;
    // Tables of embeddings are called after the feature, and after the bins of a feature.
    let mut tables: HashMap<String, String> = HashMap::new();
    // Inputs and outputs of ONNX.
    let mut ports: HashMap<String, String> = HashMap::new();
    for feature in &schema.features {
        let (name, shown) = (&feature.name, format!("the feature `{}`", feature.name));
        claim(&mut ports, name.clone(), shown.clone())?;
        match &feature.kind {
            FeatureKind::Sparse { shared_with, .. } if shared_with.is_none() => {
                claim(&mut tables, name.clone(), shown)?;
            }
            FeatureKind::Sequence { shared_with, weights, .. } => {
                if shared_with.is_none() {
                    claim(&mut tables, name.clone(), shown)?;
                }
                if weights.is_some() {
                    let shown = format!("the weights of the sequence `{name}`");
                    claim(&mut ports, format!("{name}.weights"), shown)?;
                }
            }
            FeatureKind::Dense { bins: Some(_) } => {
                claim(&mut tables, format!("{name}.bins"), format!("the bins of the feature `{name}`"))?;
            }
            _ => {}
        }
    }
    let mut outputs = schema.labels.iter().map(|label| &label.name);
    outputs.try_for_each(|name| claim(&mut ports, name.clone(), format!("the task `{name}`")))
}

fn claim(known: &mut HashMap<String, String>, name: String, shown: String) -> Result<(), DataError> {
    match known.get(&name) {
        Some(first) => Err(NameError::NameCollision { name, first: first.clone(), second: shown }.into()),
        None => {
            known.insert(name, shown);
            Ok(())
        }
    }
}

fn refuse_blank_names(schema: &FeatureSchema) -> Result<(), DataError> {
    let mut names: Vec<(&'static str, usize, &str)> = Vec::new();
    for (position, feature) in schema.features.iter().enumerate() {
        names.push(("feature", position, &feature.name));
        if let FeatureKind::Sequence { weights: Some(weights), .. } = &feature.kind {
            names.push(("the column of weights of feature", position, weights));
        }
    }
    for (position, label) in schema.labels.iter().enumerate() {
        names.push(("task", position, &label.name));
        let columns = [("the column of the label of task", label.column.as_deref())];
        let columns = columns.into_iter().chain([
            ("the column of weights of task", label.weight.as_deref()),
            ("the column of the space of task", label.space.column()),
        ]);
        names.extend(columns.filter_map(|(role, name)| Some((role, position, name?))));
    }
    names.extend(schema.keys.iter().enumerate().map(|(position, key)| ("key", position, key.as_str())));
    match names.into_iter().find(|(_, _, name)| is_blank(name)) {
        Some((role, position, _)) => Err(NameError::BlankName { role, number: position + 1 }.into()),
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::{is_blank, is_index_of_pandas};

    #[test]
    fn a_name_that_cannot_be_seen_is_blank() {
        assert!(["", " ", "\t\n", "\0", "\u{A0}", "\u{200B}\u{FEFF}"].into_iter().all(is_blank));
        assert!(["a", " a ", ".", "0", "é", "\u{1F600}"].into_iter().all(|name| !is_blank(name)));
    }

    #[test]
    fn an_index_is_known_by_its_name() {
        assert!(
            ["__index_level_0__", "__index_level_12__", "Unnamed: 0"].into_iter().all(is_index_of_pandas)
        );
        let others = ["__index_level__", "__index_level_a__", "Unnamed: ", "Unnamed", "index", "level_0"];
        assert!(others.into_iter().all(|name| !is_index_of_pandas(name)));
    }
}
