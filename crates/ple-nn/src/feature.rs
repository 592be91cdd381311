//! What a model has to know of a feature: this crate's own description, free of files and columns.

use std::collections::HashMap;

use serde::{Deserialize, Serialize};

use crate::error::NnError;

/// A feature of the model's input.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FeatureSpec {
    /// Its name, which is part of its parameters' names.
    pub name: String,
    /// What it is.
    pub kind: FeatureKind,
}

/// The kinds of features.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum FeatureKind {
    /// One id in each row.
    Sparse {
        /// The number of ids: they are `0..vocab_size`.
        vocab_size: usize,
        /// The dimension of its embedding.
        embedding_dim: usize,
        /// Another feature whose table it uses.
        shared_with: Option<String>,
    },
    /// A list of ids in each row, pooled to one embedding.
    Sequence {
        /// The number of ids.
        vocab_size: usize,
        /// The dimension of its embedding.
        embedding_dim: usize,
        /// How the embeddings of a row's ids become one.
        pooling: Pooling,
        /// The id of elements that do not count.
        padding_id: Option<u32>,
        /// Another feature whose table it uses.
        shared_with: Option<String>,
    },
    /// A number in each row, which enters as it is.
    Dense {
        /// With bins it also enters as the embedding of the bin that it falls in.
        bins: Option<Bins>,
    },
}

/// Quantile bins of a dense feature.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Bins {
    /// Ascending edges; bin i holds the values with i edges at or below them.
    pub edges: Vec<f32>,
    /// The dimension of a bin's embedding.
    pub embedding_dim: usize,
}

/// How the embeddings of a sequence become one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Pooling {
    /// The weighted mean; zero for an empty sequence.
    Mean,
    /// The weighted sum.
    Sum,
}

impl FeatureSpec {
    /// A sparse feature with a table of its own.
    pub fn sparse(name: impl Into<String>, vocab_size: usize, embedding_dim: usize) -> Self {
        let kind = FeatureKind::Sparse { vocab_size, embedding_dim, shared_with: None };
        Self { name: name.into(), kind }
    }

    /// A dense feature that enters as it is.
    pub fn dense(name: impl Into<String>) -> Self {
        Self { name: name.into(), kind: FeatureKind::Dense { bins: None } }
    }

    /// The size and dimension of its table, and whose table it is if not its own.
    pub(crate) fn table(&self) -> Option<(usize, usize, Option<&str>)> {
        match &self.kind {
            FeatureKind::Sparse { vocab_size, embedding_dim, shared_with }
            | FeatureKind::Sequence { vocab_size, embedding_dim, shared_with, .. } => {
                Some((*vocab_size, *embedding_dim, shared_with.as_deref()))
            }
            FeatureKind::Dense { .. } => None,
        }
    }
}

/// Checks a model's features as a whole.
pub(crate) fn check_features(features: &[FeatureSpec]) -> Result<(), NnError> {
    if features.is_empty() {
        return Err(NnError::NoFeatures);
    }
    let mut earlier: HashMap<&str, &FeatureSpec> = HashMap::with_capacity(features.len());
    for feature in features {
        if earlier.contains_key(feature.name.as_str()) {
            return Err(NnError::Duplicate { kind: "feature", name: feature.name.clone() });
        }
        let size = |value: usize, what: &str| match value {
            0 => Err(NnError::ZeroSize { setting: format!("the {what} of feature {}", feature.name) }),
            _ => Ok(()),
        };
        if let Some((vocab_size, embedding_dim, shared_with)) = feature.table() {
            size(vocab_size, "vocabulary size")?;
            size(embedding_dim, "embedding dimension")?;
            if let Some(with) = shared_with {
                let other = earlier.get(with).and_then(|other| other.table());
                let problem = match other {
                    None => Some("no sparse or sequence feature before it has that name".to_owned()),
                    Some((_, _, Some(third))) => {
                        Some(format!("that is itself the table of {third}; name {third}"))
                    }
                    Some((v, d, None)) if (v, d) != (vocab_size, embedding_dim) => Some(format!(
                        "it has {v} rows of dimension {d}, this feature {vocab_size} of {embedding_dim}"
                    )),
                    Some(_) => None,
                };
                if let Some(problem) = problem {
                    let (feature, with) = (feature.name.clone(), with.to_owned());
                    return Err(NnError::SharedTable { feature, with, problem });
                }
            }
        }
        if let FeatureKind::Dense { bins: Some(bins) } = &feature.kind {
            size(bins.embedding_dim, "embedding dimension")?;
            let ascending = bins.edges.windows(2).all(|pair| pair[0] < pair[1]);
            if !ascending || bins.edges.iter().any(|edge| !edge.is_finite()) {
                return Err(NnError::BadEdges { feature: feature.name.clone() });
            }
        }
        earlier.insert(&feature.name, feature);
    }
    check_tables(features, &earlier)
}

/// Refuses a table that would have the name of another feature's table of bins.
fn check_tables(features: &[FeatureSpec], by_name: &HashMap<&str, &FeatureSpec>) -> Result<(), NnError> {
    for binned in
        features.iter().filter(|feature| matches!(feature.kind, FeatureKind::Dense { bins: Some(_) }))
    {
        let taken = by_name.get(format!("{}.bins", binned.name).as_str());
        if let Some(feature) = taken.filter(|feature| matches!(feature.table(), Some((_, _, None)))) {
            let (feature, binned) = (feature.name.clone(), binned.name.clone());
            return Err(NnError::BinsCollision { feature, binned });
        }
    }
    Ok(())
}
