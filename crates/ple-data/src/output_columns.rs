//! The columns of a table as they are written to a file: keys, labels, weights, then features in the schema's order.

use std::collections::HashSet;
use std::path::Path;

use arrow_array::ArrayRef;

use crate::error::DataError;
use crate::schema::{FeatureKind, TaskType};
use crate::table::Table;
use crate::table_contents::SequenceColumn;

/// One column of an output, by where its values come from.
pub(crate) enum OutputColumn<'a> {
    /// A key column as it was read.
    Key(&'a ArrayRef),
    /// The labels of a task.
    Label { task: usize, is_whole: bool },
    /// Whether the rows are inside of a task, where no other column says so.
    Inside { task: usize },
    /// The weights of the rows in a task.
    Weight { task: usize },
    /// A sparse feature, counted among the sparse ones.
    Sparse(usize),
    /// A dense feature, counted among the dense ones.
    Dense(usize),
    /// The ids of a sequence feature.
    Sequence(&'a SequenceColumn),
    /// The weights of the ids of a sequence feature.
    SequenceWeights(&'a SequenceColumn),
}

/// All columns of a table with their names.
///
/// A weight column that was written under another role (the click label, as the weight of conversions) is not
/// written again. Any other name that occurs twice is an error.
pub(crate) fn output_columns<'a>(
    path: &Path,
    table: &'a Table,
) -> Result<Vec<(&'a str, OutputColumn<'a>)>, DataError> {
    let schema = table.schema();
    let mut columns: Vec<(&str, OutputColumn)> = Vec::new();
    for (name, key) in schema.keys.iter().zip(table.keys()) {
        columns.push((name, OutputColumn::Key(key)));
    }
    for (task, label) in schema.labels.iter().enumerate() {
        let is_whole = label.task == TaskType::Classification;
        columns.push((label.column_name(), OutputColumn::Label { task, is_whole }));
    }
    let mut written: HashSet<&str> = columns.iter().map(|(name, _)| *name).collect();
    for (task, label) in schema.labels.iter().enumerate() {
        if let Some(weight) = label.weight.as_deref()
            && written.insert(weight)
        {
            columns.push((weight, OutputColumn::Weight { task }));
        }
        if let Some(space) = label.space.column()
            && written.insert(space)
        {
            columns.push((space, OutputColumn::Inside { task }));
        }
    }
    let (mut n_sparse, mut n_dense, mut n_sequences) = (0, 0, 0);
    for feature in &schema.features {
        match &feature.kind {
            FeatureKind::Sparse { .. } => {
                columns.push((&feature.name, OutputColumn::Sparse(n_sparse)));
                n_sparse += 1;
            }
            FeatureKind::Dense { .. } => {
                columns.push((&feature.name, OutputColumn::Dense(n_dense)));
                n_dense += 1;
            }
            FeatureKind::Sequence { weights, .. } => {
                let sequence = &table.sequences()[n_sequences];
                columns.push((&feature.name, OutputColumn::Sequence(sequence)));
                if let Some(weights) = weights {
                    columns.push((weights, OutputColumn::SequenceWeights(sequence)));
                }
                n_sequences += 1;
            }
        }
    }
    refuse_same_names(path, columns.iter().map(|(name, _)| *name))?;
    Ok(columns)
}

/// Refuses an output with two columns of one name.
pub(crate) fn refuse_same_names<'a>(
    path: &Path,
    names: impl IntoIterator<Item = &'a str>,
) -> Result<(), DataError> {
    let mut seen = HashSet::new();
    match names.into_iter().find(|name| !seen.insert(*name)) {
        Some(name) => Err(DataError::OutputColumn { path: path.to_path_buf(), column: name.to_string() }),
        None => Ok(()),
    }
}
