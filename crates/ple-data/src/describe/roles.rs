//! What each column is for: told by a schema or by the labels' names, or taken from the names that are usual.

use std::path::Path;

use super::report::ColumnRole;
use crate::error::DataError;
use crate::infer::is_dense_name;
use crate::names::refuse_unnamed_features;
use crate::resolve::Header;
use crate::schema::{FeatureKind, FeatureSchema, TaskType};

/// Names that stand for labels where nothing else is said.
const USUAL_LABELS: &[&str] = &["click", "conversion", "purchase", "label", "target"];

/// What is known of the columns before the first row.
pub(super) struct Roles {
    pub tasks: Vec<TaskRole>,
    /// One for each column.
    pub columns: Vec<ColumnPlan>,
    /// Whether the labels were taken by their names.
    pub guessed: bool,
}

/// A task's columns, by position.
pub(super) struct TaskRole {
    pub name: String,
    pub column: usize,
    /// Unknown where no schema says it: then a label of 0 and 1 alone is a classification.
    pub kind: Option<TaskType>,
    pub weight: Option<usize>,
    /// The column that says with a value above 0 which rows belong to the task.
    pub space: Option<usize>,
}

/// What is known of a column.
#[derive(Clone, Debug)]
pub(super) struct ColumnPlan {
    pub role: ColumnRole,
    pub vocab_size: Option<usize>,
    /// Whole numbers that are no ids.
    pub is_dense: bool,
}

/// Finds the roles of a file's columns.
pub(super) fn find_roles(
    path: &Path,
    names: &[String],
    schema: Option<&FeatureSchema>,
    labels: &[String],
) -> Result<Roles, DataError> {
    let header = Header::new(path, names.iter().map(String::as_str))?;
    let plan = |name: &String| ColumnPlan {
        role: ColumnRole::Feature,
        vocab_size: None,
        is_dense: is_dense_name(name),
    };
    let mut columns: Vec<ColumnPlan> = names.iter().map(plan).collect();
    let mut tasks = Vec::new();
    let mut guessed = false;
    if let Some(schema) = schema {
        columns.iter_mut().for_each(|column| column.role = ColumnRole::Unused);
        for feature in &schema.features {
            let column = header.position(&feature.name, || format!("the feature `{}`", feature.name))?;
            let is_dense = matches!(feature.kind, FeatureKind::Dense { .. });
            let vocab_size = feature.vocab_size().filter(|_| !is_dense);
            columns[column] = ColumnPlan { role: ColumnRole::Feature, vocab_size, is_dense };
            if let FeatureKind::Sequence { weights: Some(weights), .. } = &feature.kind {
                let role = || format!("the feature `{}`", feature.name);
                columns[header.position(weights, role)?].role = ColumnRole::Weight;
            }
        }
        for key in &schema.keys {
            columns[header.position(key, || format!("the key `{key}`"))?].role = ColumnRole::Key;
        }
        for label in &schema.labels {
            let role = || format!("the task `{}`", label.name);
            let column = header.position(label.column_name(), role)?;
            let weight = label.weight.as_deref().map(|weight| header.position(weight, role)).transpose()?;
            let space = label.space.column().map(|space| header.position(space, role)).transpose()?;
            tasks.push(TaskRole { name: label.name.clone(), column, kind: Some(label.task), weight, space });
        }
    } else {
        let usual = || USUAL_LABELS.iter().filter(|name| names.iter().any(|other| other == *name));
        guessed = labels.is_empty() && usual().next().is_some();
        let labels: Vec<String> = match labels.is_empty() {
            true => usual().map(|name| (*name).to_owned()).collect(),
            false => labels.to_vec(),
        };
        for label in labels {
            let column = header.position(&label, || format!("the task `{label}`"))?;
            tasks.push(TaskRole { name: label, column, kind: None, weight: None, space: None });
        }
    }
    if schema.is_none() {
        refuse_unnamed_features(path, names.iter().map(String::as_str).enumerate())?;
    }
    for task in &tasks {
        columns[task.column].role = ColumnRole::Label;
        if let Some(weight) = task.weight.filter(|&weight| columns[weight].role == ColumnRole::Unused) {
            columns[weight].role = ColumnRole::Weight;
        }
    }
    Ok(Roles { tasks, columns, guessed })
}
