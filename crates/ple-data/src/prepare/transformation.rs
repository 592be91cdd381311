//! What was fitted to training rows, as plain data: it turns raw values into numbers in training and in serving alike.

use serde::{Deserialize, Serialize};

use super::encoder::Encoder;
use super::feature_file::{MissingId, RowSplit};
use super::identity::hash_of_transformation;
use super::scaler::{Arithmetic, Scaler};
use crate::schema::FeatureSchema;
use crate::transformation_hash::{Lineage, TransformationHash};

/// From raw columns to the columns of a [`FeatureSchema`].
///
/// [`PreparedTable::transformation`](super::PreparedTable::transformation) reads it from a prepared folder. It does not
/// change, so its [`hash`](Transformation::hash) stands for all of it.
#[derive(Debug, Clone, PartialEq)]
pub struct Transformation {
    pub(crate) schema: FeatureSchema,
    pub(crate) features: Vec<FittedFeature>,
    pub(crate) encoders: Vec<NamedEncoder>,
    pub(crate) split: Option<RowSplit>,
    /// Of the above.
    pub(crate) lineage: Lineage,
}

/// An encoder under the name of the feature that it was fitted for.
#[derive(Debug, Clone, PartialEq)]
pub struct NamedEncoder {
    /// The name.
    pub name: String,
    /// The encoder.
    pub encoder: Encoder,
}

/// How one feature is made.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FittedFeature {
    /// The feature, as the schema names it.
    pub name: String,
    /// The raw column.
    pub column: String,
    /// What becomes of its values.
    pub kind: FittedKind,
}

/// What becomes of the values of a raw column.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum FittedKind {
    /// One raw id becomes one number.
    Sparse {
        /// The name of the encoder.
        encoder: String,
        /// What a missing id is.
        missing: MissingId,
    },
    /// Each raw id of a list becomes a number.
    Sequence {
        /// The name of the encoder.
        encoder: String,
        /// How the list is written.
        form: ListForm,
        /// What a missing id or list is.
        missing: MissingId,
    },
    /// A number is scaled.
    Dense {
        /// How.
        scaler: Scaler,
        /// The raw value that stands for a missing one; without it a missing value is an error.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        missing: Option<f64>,
        /// In how many bits.
        #[serde(default, skip_serializing_if = "Arithmetic::is_single")]
        arithmetic: Arithmetic,
    },
}

/// How a list of raw ids is written.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum ListForm {
    /// As a text. An empty text is an empty list.
    Text {
        /// What stands between elements.
        separator: String,
        /// What stands between an id and its weight, if there are weights; an id without one has the weight 1.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        weight_separator: Option<String>,
    },
    /// As a list of ids.
    List {
        /// A column with a list of weights of the same length.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        weights: Option<String>,
    },
}

impl Transformation {
    /// A transformation: what the columns mean that it makes, how each feature is made, in the order of the schema, and
    /// the encoders, which features refer to by their names. It hashes every key once.
    pub fn new(schema: FeatureSchema, features: Vec<FittedFeature>, encoders: Vec<NamedEncoder>) -> Self {
        let lineage = Lineage::new(hash_of_transformation(&schema, &features, &encoders));
        Transformation { schema, features, encoders, split: None, lineage }
    }

    /// What the columns mean that it makes.
    pub fn schema(&self) -> &FeatureSchema {
        &self.schema
    }

    /// How each feature is made, in the order of the schema.
    pub fn features(&self) -> &[FittedFeature] {
        &self.features
    }

    /// The encoders, which features refer to by their names.
    pub fn encoders(&self) -> &[NamedEncoder] {
        &self.encoders
    }

    /// How rows are split where the files do not say it.
    pub fn split(&self) -> Option<&RowSplit> {
        self.split.as_ref()
    }

    /// The hash by which it is known in shards, checkpoints and exports.
    pub fn hash(&self) -> TransformationHash {
        self.lineage.hash
    }

    /// The hash, and those of the transformations that it extends.
    pub fn lineage(&self) -> &Lineage {
        &self.lineage
    }

    /// The encoder of a name.
    pub fn encoder(&self, name: &str) -> Option<&Encoder> {
        self.encoders.iter().find(|known| known.name == name).map(|known| &known.encoder)
    }

    /// The encoder of a sparse or sequence feature.
    pub fn encoder_of(&self, feature: &FittedFeature) -> Option<&Encoder> {
        match &feature.kind {
            FittedKind::Sparse { encoder, .. } | FittedKind::Sequence { encoder, .. } => {
                self.encoder(encoder)
            }
            FittedKind::Dense { .. } => None,
        }
    }
}

impl FittedFeature {
    /// The name of its encoder.
    pub(crate) fn encoder(&self) -> Option<&str> {
        match &self.kind {
            FittedKind::Sparse { encoder, .. } | FittedKind::Sequence { encoder, .. } => Some(encoder),
            FittedKind::Dense { .. } => None,
        }
    }

    /// Every raw column that it reads.
    pub(crate) fn raw_columns(&self) -> impl Iterator<Item = &str> {
        let weights = match &self.kind {
            FittedKind::Sequence { form: ListForm::List { weights }, .. } => weights.as_deref(),
            _ => None,
        };
        std::iter::once(self.column.as_str()).chain(weights)
    }
}

impl ListForm {
    /// Whether ids have weights.
    pub(crate) fn is_weighted(&self) -> bool {
        match self {
            ListForm::Text { weight_separator, .. } => weight_separator.is_some(),
            ListForm::List { weights } => weights.is_some(),
        }
    }
}
