//! What the columns of a file mean: features, labels and keys, checked before the first row is read.

use std::collections::{HashMap, HashSet};

use serde::{Deserialize, Serialize};

use crate::error::DataError;
use crate::name_error::NameError;
use crate::names::check_names;
use crate::space::Space;

/// Whether a task predicts a probability or a number.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum TaskType {
    /// A label of 0 or 1; the model predicts a probability.
    Classification,
    /// Any finite number.
    Regression,
}

/// How the embeddings of a sequence become one vector.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Pooling {
    /// The (weighted) mean over the positions that are not padding.
    Mean,
    /// The (weighted) sum over the positions that are not padding.
    Sum,
}

/// The cut points that turn a dense value into the id of a bin with an embedding of its own.
///
/// The bin of x is the number of edges that are at most x, so `n` edges make `n + 1` bins.
/// [`quantile_edges`](crate::quantile_edges) finds edges from training data.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DenseBins {
    /// Inner edges, finite and strictly increasing.
    pub edges: Vec<f32>,
    /// The width of each bin's embedding.
    pub embedding_dim: usize,
}

/// What a feature's column holds and how it enters the model.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase", deny_unknown_fields)]
pub enum FeatureKind {
    /// One id a row, from 0 to `vocab_size - 1`, looked up in a table of embeddings.
    Sparse {
        /// The number of rows of the table.
        vocab_size: usize,
        /// The width of an embedding.
        embedding_dim: usize,
        /// An earlier sparse or sequence feature whose table is used instead of an own one.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        shared_with: Option<String>,
    },
    /// A list of ids a row, of any length from 0, pooled into one embedding.
    Sequence {
        /// The number of rows of the table.
        vocab_size: usize,
        /// The width of an embedding.
        embedding_dim: usize,
        /// How the embeddings of one row become one vector.
        pooling: Pooling,
        /// The id that stands for "nothing here" and is left out of the pooling.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        padding_id: Option<u32>,
        /// A list column of numbers, of the same lengths, that weighs the ids.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        weights: Option<String>,
        /// An earlier sparse or sequence feature whose table is used instead of an own one.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        shared_with: Option<String>,
    },
    /// One number a row, used as it is or by the embedding of its bin.
    Dense {
        /// Cut points for an embedding by bin; without them the number itself is the input.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        bins: Option<DenseBins>,
    },
}

/// A named input of the model; the name is that of its column.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Feature {
    /// The name of the column.
    pub name: String,
    /// What the column holds.
    pub kind: FeatureKind,
}

/// A task's answer in the data.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Label {
    /// The name of the task, used in reports and predictions.
    pub name: String,
    /// What is predicted.
    pub task: TaskType,
    /// The column of the label, where it differs from the name: the task `conversion` reads the column `purchase`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub column: Option<String>,
    /// A column that weighs the rows for this task; a row of weight 0 is outside of the task.
    ///
    /// With the click label as the weight of the conversion task, conversions are learned from clicks alone.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub weight: Option<String>,
    /// The rows that belong to the task, of those whose weight is above 0.
    #[serde(default, skip_serializing_if = "Space::is_all")]
    pub space: Space,
}

/// The features, labels and keys of a data set, in the order that batches keep.
///
/// Within each kind (sparse, sequence, dense) features keep the order of this list. Keys are columns that
/// identify a row (a user, an item, a time); they are carried to the predictions and never shown to the model.
///
/// # Examples
///
/// ```
/// use ple_data::{Feature, FeatureSchema, Label, TaskType};
///
/// let schema = FeatureSchema::new(
///     vec![Feature::sparse("user", 1_000, 16), Feature::dense("price")],
///     vec![Label::new("click", TaskType::Classification)],
///     vec![],
/// )?;
/// assert_eq!(schema.n_sparse(), 1);
/// let text = schema.to_json();
/// assert_eq!(FeatureSchema::from_json(&text)?, schema);
/// # Ok::<(), ple_data::DataError>(())
/// ```
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "UncheckedSchema")]
pub struct FeatureSchema {
    /// The inputs of the model.
    pub features: Vec<Feature>,
    /// One label for each task.
    pub labels: Vec<Label>,
    /// Columns that identify a row.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub keys: Vec<String>,
}

impl Feature {
    /// A sparse feature with a table of its own.
    pub fn sparse(name: impl Into<String>, vocab_size: usize, embedding_dim: usize) -> Self {
        Feature {
            name: name.into(),
            kind: FeatureKind::Sparse { vocab_size, embedding_dim, shared_with: None },
        }
    }

    /// A sequence feature with a table of its own, pooled by the mean, without padding and weights.
    pub fn sequence(name: impl Into<String>, vocab_size: usize, embedding_dim: usize) -> Self {
        let kind = FeatureKind::Sequence {
            vocab_size,
            embedding_dim,
            pooling: Pooling::Mean,
            padding_id: None,
            weights: None,
            shared_with: None,
        };
        Feature { name: name.into(), kind }
    }

    /// A dense feature that enters the model as it is.
    pub fn dense(name: impl Into<String>) -> Self {
        Feature { name: name.into(), kind: FeatureKind::Dense { bins: None } }
    }

    /// The number of ids of a sparse or sequence feature, of bins of a binned dense one; `None` for plain numbers.
    pub fn vocab_size(&self) -> Option<usize> {
        match &self.kind {
            FeatureKind::Sparse { vocab_size, .. } | FeatureKind::Sequence { vocab_size, .. } => {
                Some(*vocab_size)
            }
            FeatureKind::Dense { bins } => bins.as_ref().map(|bins| bins.edges.len() + 1),
        }
    }
}

impl Label {
    /// A label whose column has the name of the task, and whose rows all count alike.
    pub fn new(name: impl Into<String>, task: TaskType) -> Self {
        Label { name: name.into(), task, column: None, weight: None, space: Space::All }
    }

    /// A label whose column has another name than the task.
    pub fn in_column(name: impl Into<String>, column: impl Into<String>, task: TaskType) -> Self {
        Label { column: Some(column.into()), ..Label::new(name, task) }
    }

    /// The column that holds this label.
    pub fn column_name(&self) -> &str {
        self.column.as_deref().unwrap_or(&self.name)
    }
}

impl FeatureSchema {
    /// A checked schema.
    ///
    /// # Errors
    ///
    /// Those of [`FeatureSchema::validate`].
    pub fn new(features: Vec<Feature>, labels: Vec<Label>, keys: Vec<String>) -> Result<Self, DataError> {
        let schema = FeatureSchema { features, labels, keys };
        schema.validate()?;
        Ok(schema)
    }

    /// Reads a schema from JSON and checks it.
    ///
    /// # Errors
    ///
    /// [`DataError::SchemaSyntax`] for text that is no schema, an unknown key included; those of
    /// [`FeatureSchema::validate`].
    pub fn from_json(text: &str) -> Result<Self, DataError> {
        let unchecked: UncheckedSchema = serde_json::from_str(text)
            .map_err(|error| DataError::SchemaSyntax { detail: error.to_string() })?;
        FeatureSchema::try_from(unchecked)
    }

    /// The schema as indented JSON, which [`FeatureSchema::from_json`] reads back.
    pub fn to_json(&self) -> String {
        serde_json::to_string_pretty(self)
            .expect("a schema has string keys alone, which JSON can always hold")
    }

    /// The sparse features, in the order of their columns in a batch.
    pub fn sparse(&self) -> impl Iterator<Item = &Feature> {
        self.features.iter().filter(|feature| matches!(feature.kind, FeatureKind::Sparse { .. }))
    }

    /// The sequence features, in the order of their columns in a batch.
    pub fn sequences(&self) -> impl Iterator<Item = &Feature> {
        self.features.iter().filter(|feature| matches!(feature.kind, FeatureKind::Sequence { .. }))
    }

    /// The dense features, with and without bins, in the order of their columns in a batch.
    pub fn dense(&self) -> impl Iterator<Item = &Feature> {
        self.features.iter().filter(|feature| matches!(feature.kind, FeatureKind::Dense { .. }))
    }

    /// The number of sparse features.
    pub fn n_sparse(&self) -> usize {
        self.sparse().count()
    }

    /// The number of sequence features.
    pub fn n_sequences(&self) -> usize {
        self.sequences().count()
    }

    /// The number of dense features.
    pub fn n_dense(&self) -> usize {
        self.dense().count()
    }

    /// The same schema with rows that count in every task as much as a column says; a task that names a column of its own
    /// keeps it.
    pub fn weighted_by(mut self, column: &str) -> Self {
        for label in &mut self.labels {
            label.weight.get_or_insert_with(|| column.to_owned());
        }
        self
    }

    /// The number of tasks, which is the number of labels.
    pub fn n_tasks(&self) -> usize {
        self.labels.len()
    }

    /// Checks what the types cannot express.
    ///
    /// # Errors
    ///
    /// No feature or no label; a blank name; a name used twice, or for two things of a model (a feature `x.bins` beside the
    /// bins of `x`, or `x.weights` beside a sequence `x` with weights); a label (its name, or its column) among the features or the
    /// weights of a sequence; a vocabulary or dimension of 0; a padding id outside of the vocabulary; edges that
    /// are not finite and strictly increasing; a shared table that does not exist earlier, or is of another size.
    pub fn validate(&self) -> Result<(), DataError> {
        if self.features.is_empty() {
            return Err(DataError::NoFeatures);
        }
        if self.labels.is_empty() {
            return Err(DataError::NoLabels);
        }
        refuse_duplicates("feature", self.features.iter().map(|feature| feature.name.as_str()))?;
        refuse_duplicates("label", self.labels.iter().map(|label| label.name.as_str()))?;
        refuse_duplicates("key", self.keys.iter().map(String::as_str))?;
        self.refuse_label_leaks()?;
        check_names(self)?;
        let mut earlier = HashMap::with_capacity(self.features.len());
        for feature in &self.features {
            check_sizes(feature)?;
            Self::check_shared_table(&earlier, feature)?;
            earlier.insert(feature.name.as_str(), feature);
        }
        Ok(())
    }

    fn refuse_label_leaks(&self) -> Result<(), DataError> {
        let mut columns: HashMap<&str, &str> = HashMap::new();
        for label in &self.labels {
            for column in [label.column_name(), label.name.as_str()] {
                columns.entry(column).or_insert(&label.name);
            }
        }
        for feature in &self.features {
            let weights = match &feature.kind {
                FeatureKind::Sequence { weights, .. } => weights.as_deref(),
                _ => None,
            };
            for column in [Some(feature.name.as_str()), weights].into_iter().flatten() {
                if let Some(label) = columns.get(column) {
                    return Err(DataError::LabelAmongFeatures {
                        label: (*label).to_owned(),
                        column: column.to_string(),
                        feature: feature.name.clone(),
                    });
                }
            }
        }
        Ok(())
    }

    /// `earlier` are the features before it, by name.
    fn check_shared_table(earlier: &HashMap<&str, &Feature>, feature: &Feature) -> Result<(), DataError> {
        let (shared_with, size) = match &feature.kind {
            FeatureKind::Sparse { vocab_size, embedding_dim, shared_with: Some(other) }
            | FeatureKind::Sequence { vocab_size, embedding_dim, shared_with: Some(other), .. } => {
                (other, (*vocab_size, *embedding_dim))
            }
            _ => return Ok(()),
        };
        let refuse = |reason: String| {
            Err(DataError::SharedTable {
                feature: feature.name.clone(),
                shared_with: shared_with.clone(),
                reason,
            })
        };
        let Some(owner) = earlier.get(shared_with.as_str()) else {
            return refuse("does not stand before it in the schema".to_string());
        };
        match &owner.kind {
            FeatureKind::Sparse { shared_with: Some(third), .. }
            | FeatureKind::Sequence { shared_with: Some(third), .. } => {
                refuse(format!("is itself the table of `{third}`"))
            }
            FeatureKind::Dense { .. } => refuse("is a dense feature".to_string()),
            FeatureKind::Sparse { vocab_size, embedding_dim, .. }
            | FeatureKind::Sequence { vocab_size, embedding_dim, .. } => {
                if (*vocab_size, *embedding_dim) == size {
                    Ok(())
                } else {
                    refuse(format!("has {vocab_size} x {embedding_dim} numbers, not {} x {}", size.0, size.1))
                }
            }
        }
    }
}

/// A schema as it is parsed, before it is checked.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct UncheckedSchema {
    features: Vec<Feature>,
    labels: Vec<Label>,
    #[serde(default)]
    keys: Vec<String>,
}

impl TryFrom<UncheckedSchema> for FeatureSchema {
    type Error = DataError;

    fn try_from(unchecked: UncheckedSchema) -> Result<Self, DataError> {
        FeatureSchema::new(unchecked.features, unchecked.labels, unchecked.keys)
    }
}

fn refuse_duplicates<'a>(role: &'static str, names: impl Iterator<Item = &'a str>) -> Result<(), DataError> {
    let mut seen = HashSet::new();
    for name in names {
        if !seen.insert(name) {
            return Err(NameError::DuplicateName { role, name: name.to_string() }.into());
        }
    }
    Ok(())
}

fn check_sizes(feature: &Feature) -> Result<(), DataError> {
    let refuse = |setting, found: String, expected| {
        Err(DataError::FeatureSetting { feature: feature.name.clone(), setting, found, expected })
    };
    let embedding_dim = match &feature.kind {
        FeatureKind::Sparse { embedding_dim, .. } | FeatureKind::Sequence { embedding_dim, .. } => {
            *embedding_dim
        }
        FeatureKind::Dense { bins: Some(bins) } => {
            let increasing = bins.edges.windows(2).all(|pair| pair[0] < pair[1]);
            if bins.edges.is_empty() || !increasing || !bins.edges.iter().all(|edge| edge.is_finite()) {
                let expected = "at least one edge, finite and strictly increasing";
                return refuse("bins.edges", format!("{:?}", bins.edges), expected);
            }
            bins.embedding_dim
        }
        FeatureKind::Dense { bins: None } => return Ok(()),
    };
    if embedding_dim == 0 {
        return refuse("embedding_dim", "0".to_string(), "at least 1");
    }
    match &feature.kind {
        FeatureKind::Sparse { vocab_size, .. } | FeatureKind::Sequence { vocab_size, .. }
            if *vocab_size == 0 || *vocab_size > u32::MAX as usize =>
        {
            refuse("vocab_size", vocab_size.to_string(), "1 to 4294967295")
        }
        FeatureKind::Sequence { vocab_size, padding_id: Some(padding_id), .. }
            if *padding_id as usize >= *vocab_size =>
        {
            refuse("padding_id", padding_id.to_string(), "an id below vocab_size")
        }
        _ => Ok(()),
    }
}
