//! The feature file: which columns become which features, labels and keys, in TOML.

use std::path::Path;

use ple_files::{MOST_TEXT_BYTES, read_text};
use serde::{Deserialize, Serialize};

use super::error::PrepareError;
use crate::error::DataError;
use crate::nearest::nearest_name;
use crate::schema::{Pooling, TaskType};
use crate::space::Space;

/// What a feature file says. A key that is not known, or has no effect beside the others, is refused.
///
/// # Examples
///
/// ```
/// use ple_data::prepare::FeatureFile;
///
/// let text = r#"
///     min_count = 2
///
///     [[sparse]]
///     names = ["user", "city"]
///
///     [[sequence]]
///     name = "genres"
///     separator = "|"
///
///     [[dense]]
///     name = "price"
///     scale = "log"
///     missing = 0.0
///
///     [[label]]
///     name = "click"
///
///     [split]
///     val = 0.1
///     test = 0.1
/// "#;
/// let features = FeatureFile::parse("features.toml", text)?;
/// assert_eq!(features.sparse[0].names, ["user", "city"]);
///
/// let error = FeatureFile::parse("features.toml", &text.replace("missing", "mising")).unwrap_err();
/// assert!(error.to_string().contains("nearest: `missing`"));
/// # Ok::<(), ple_data::DataError>(())
/// ```
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FeatureFile {
    /// The width of the embeddings, where a feature does not say otherwise. 16 if not given.
    #[serde(default = "sixteen")]
    pub embedding_dim: usize,
    /// How often a raw id has to occur in the training rows to have a number of its own, where a feature does not say
    /// otherwise. 10 if not given.
    #[serde(default = "ten")]
    pub min_count: u64,
    /// Columns that identify a row; they are carried along as they are.
    #[serde(default)]
    pub keys: Vec<String>,
    /// Features with one raw id a row.
    #[serde(default)]
    pub sparse: Vec<SparseEntry>,
    /// Features with a list of raw ids a row.
    #[serde(default)]
    pub sequence: Vec<SequenceEntry>,
    /// Features with one number a row.
    #[serde(default)]
    pub dense: Vec<DenseEntry>,
    /// What is to be predicted.
    #[serde(default)]
    pub label: Vec<LabelEntry>,
    /// Which rows are for training, validation and test, where the files do not say it.
    pub split: Option<RowSplit>,
}

/// Features with one raw id a row: `[[sparse]]`.
#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SparseEntry {
    /// The name of the feature.
    pub name: Option<String>,
    /// The names of several features that are treated alike, instead of `name`.
    #[serde(default)]
    pub names: Vec<String>,
    /// The column, where it differs from the name.
    pub column: Option<String>,
    /// How often a raw id has to occur in the training rows to have a number of its own.
    pub min_count: Option<u64>,
    /// Numbers by a hash instead of a vocabulary: how many.
    pub buckets: Option<u32>,
    /// What the hash depends on besides the key; 0 if not given.
    pub hash_seed: Option<u64>,
    /// The width of the embeddings.
    pub embedding_dim: Option<usize>,
    /// An earlier sparse feature whose vocabulary and table are used.
    pub shared_with: Option<String>,
    /// What a missing id is.
    #[serde(default)]
    pub missing: MissingId,
}

/// Features with a list of raw ids a row: `[[sequence]]`.
#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SequenceEntry {
    /// The name of the feature.
    pub name: Option<String>,
    /// The names of several features that are treated alike, instead of `name`.
    #[serde(default)]
    pub names: Vec<String>,
    /// The column, where it differs from the name.
    pub column: Option<String>,
    /// What stands between the ids of a list that is a text. A column of lists needs none.
    pub separator: Option<String>,
    /// What stands between an id and its weight in such a text, as the `:` of `12:0.5|7:1`.
    pub weight_separator: Option<String>,
    /// A column with lists of weights, of the same lengths.
    pub weights: Option<String>,
    /// How the embeddings of a list become one vector; the mean if not given.
    pub pooling: Option<Pooling>,
    /// How often a raw id has to occur in the training rows to have a number of its own.
    pub min_count: Option<u64>,
    /// Numbers by a hash instead of a vocabulary: how many.
    pub buckets: Option<u32>,
    /// What the hash depends on besides the key; 0 if not given.
    pub hash_seed: Option<u64>,
    /// The width of the embeddings.
    pub embedding_dim: Option<usize>,
    /// An earlier sparse or sequence feature whose vocabulary and table are used.
    pub shared_with: Option<String>,
    /// What a missing id, or a missing list, is.
    #[serde(default)]
    pub missing: MissingId,
}

/// Features with one number a row: `[[dense]]`.
#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DenseEntry {
    /// The name of the feature.
    pub name: Option<String>,
    /// The names of several features that are treated alike, instead of `name`.
    #[serde(default)]
    pub names: Vec<String>,
    /// The column, where it differs from the name.
    pub column: Option<String>,
    /// How the values are scaled.
    #[serde(default)]
    pub scale: Scale,
    /// Quantile bins with an embedding each, beside the number itself: how many at most.
    pub bins: Option<usize>,
    /// The width of the embeddings of the bins.
    pub embedding_dim: Option<usize>,
    /// What a missing value is: a number, or `"mean"` for the mean of the training rows. Without it a row that has none is
    /// a bad row.
    pub missing: Option<MissingNumber>,
}

/// What is to be predicted: `[[label]]`.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LabelEntry {
    /// The name of the task.
    pub name: String,
    /// The column, where it differs from the name.
    pub column: Option<String>,
    /// `"classification"` (if not given) or `"regression"`.
    #[serde(default = "classification")]
    pub task: TaskType,
    /// A column that weighs the rows for this task.
    pub weight: Option<String>,
    /// The rows that belong to the task: `"all"`, `"labelled"`, or `{ where = "click" }`.
    #[serde(default)]
    pub space: Space,
}

/// Which rows are for validation and for test: `[split]`. The others are for training.
///
/// A row belongs to a part by a hash of the seed and of its place in the input, or of what it has in the column `by`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RowSplit {
    /// The share of the rows for validation, from 0 to 1.
    #[serde(default)]
    pub val: f64,
    /// The share of the rows for test, from 0 to 1.
    #[serde(default)]
    pub test: f64,
    /// Decides which rows.
    #[serde(default = "seed")]
    pub seed: u64,
    /// A column whose equal values stay together, so that no user is in two parts.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub by: Option<String>,
}

/// What a missing id is.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum MissingId {
    /// The same as an unknown id: 0. A missing list is an empty one.
    #[default]
    Unknown,
    /// A bad row.
    Fail,
}

/// How the values of a dense column are scaled.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Scale {
    /// Not at all.
    #[default]
    None,
    /// To 0 for the smallest and 1 for the largest value of the training rows.
    MinMax,
    /// To a mean of 0 and a deviation of 1 over the training rows.
    Standard,
    /// `sign(x) * ln(1 + |x|)`.
    Log,
}

/// What a missing dense value is.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(untagged)]
pub enum MissingNumber {
    /// This number, before scaling.
    Number(f64),
    /// `mean`: the mean of the training rows, before scaling.
    Word(String),
}

fn sixteen() -> usize {
    16
}

fn ten() -> u64 {
    10
}

fn seed() -> u64 {
    2020
}

fn classification() -> TaskType {
    TaskType::Classification
}

impl FeatureFile {
    /// Reads a feature file and checks it.
    ///
    /// # Errors
    ///
    /// [`FileError::Missing`](crate::FileError::Missing), and those of [`FeatureFile::parse`].
    pub fn read(path: impl AsRef<Path>) -> Result<Self, DataError> {
        let path = path.as_ref();
        let text = read_text(path, MOST_TEXT_BYTES)?;
        FeatureFile::parse(&path.display().to_string(), &text)
    }

    /// Reads a feature file from its text; `name` is what messages call it.
    ///
    /// # Errors
    ///
    /// [`PrepareError::FeatureFile`] for what is no TOML, a key that is not known or a value of another type, with the line;
    /// [`PrepareError::Setting`] for settings that contradict each other or have no effect.
    pub fn parse(name: &str, text: &str) -> Result<Self, DataError> {
        let features: FeatureFile = toml::from_str(text).map_err(|error| {
            let detail = error.message().split_whitespace().collect::<Vec<_>>().join(" ");
            PrepareError::FeatureFile {
                file: name.to_owned(),
                line: error.span().map(|span| 1 + text[..span.start].matches('\n').count()),
                nearest: nearest_key(&detail),
                detail,
            }
        })?;
        features.check(name)?;
        Ok(features)
    }
}

/// The nearest known key in the message for an unknown one.
fn nearest_key(message: &str) -> Option<String> {
    if !message.starts_with("unknown ") {
        return None;
    }
    let mut names = message.split('`').skip(1).step_by(2);
    nearest_name(names.next()?, names)
}
