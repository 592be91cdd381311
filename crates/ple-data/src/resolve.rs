//! Which column of a file serves which part of a schema, decided before the first row is read.

use std::collections::HashMap;
use std::path::Path;

use crate::error::DataError;
use crate::nearest::nearest_name;
use crate::schema::{FeatureKind, FeatureSchema};

/// The positions, among the columns of one file, of everything that a schema names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ResolvedColumns {
    /// One position for each sparse feature.
    pub(crate) sparse: Vec<usize>,
    /// The positions of the ids and, if there are any, of the weights of each sequence feature.
    pub(crate) sequences: Vec<(usize, Option<usize>)>,
    /// One position for each dense feature.
    pub(crate) dense: Vec<usize>,
    /// One position for each label.
    pub(crate) labels: Vec<usize>,
    /// The position of each task's weight column.
    pub(crate) weights: Vec<Option<usize>>,
    /// The position of the column that decides on each task's space, if one does.
    pub(crate) spaces: Vec<Option<usize>>,
    /// One position for each key.
    pub(crate) keys: Vec<usize>,
}

/// Finds every column that `schema` names among the `names` of a file.
pub(crate) fn resolve<'a>(
    path: &'a Path,
    names: impl IntoIterator<Item = &'a str>,
    schema: &FeatureSchema,
) -> Result<ResolvedColumns, DataError> {
    let header = Header::new(path, names)?;
    let mut resolved = ResolvedColumns {
        sparse: Vec::new(),
        sequences: Vec::new(),
        dense: Vec::new(),
        labels: Vec::new(),
        weights: Vec::new(),
        spaces: Vec::new(),
        keys: Vec::new(),
    };
    for label in &schema.labels {
        let role = || format!("the task `{}`", label.name);
        resolved.labels.push(header.position(label.column_name(), role)?);
        let weight = label.weight.as_deref().map(|weight| header.position(weight, role)).transpose()?;
        resolved.weights.push(weight);
        let space = label.space.column().map(|column| header.position(column, role)).transpose()?;
        resolved.spaces.push(space);
    }
    for feature in &schema.features {
        let role = || format!("the feature `{}`", feature.name);
        let position = header.position(&feature.name, role)?;
        match &feature.kind {
            FeatureKind::Sparse { .. } => resolved.sparse.push(position),
            FeatureKind::Dense { .. } => resolved.dense.push(position),
            FeatureKind::Sequence { weights, .. } => {
                let weights = weights.as_deref().map(|name| header.position(name, role)).transpose()?;
                resolved.sequences.push((position, weights));
            }
        }
    }
    for key in &schema.keys {
        resolved.keys.push(header.position(key, || format!("the key `{key}`"))?);
    }
    Ok(resolved)
}

/// The names of a file's columns, each of which may occur once.
pub(crate) struct Header<'a> {
    path: &'a Path,
    positions: HashMap<&'a str, usize>,
    names: Vec<&'a str>,
}

impl<'a> Header<'a> {
    /// Refuses a name that occurs twice.
    pub(crate) fn new(path: &'a Path, names: impl IntoIterator<Item = &'a str>) -> Result<Self, DataError> {
        let names: Vec<&str> = names.into_iter().collect();
        let mut positions = HashMap::with_capacity(names.len());
        for (position, &name) in names.iter().enumerate() {
            if positions.insert(name, position).is_some() {
                return Err(DataError::DuplicateColumn {
                    path: path.to_path_buf(),
                    column: name.to_string(),
                });
            }
        }
        Ok(Header { path, positions, names })
    }

    /// The position of a column, or an error that names the nearest one there is.
    pub(crate) fn position(&self, column: &str, role: impl Fn() -> String) -> Result<usize, DataError> {
        self.positions.get(column).copied().ok_or_else(|| DataError::MissingColumn {
            path: self.path.to_path_buf(),
            column: column.to_string(),
            role: role(),
            nearest: nearest_name(column, self.names.iter().copied()),
        })
    }
}
