//! A transformation before it is fitted: everything that the feature file decides, without what the rows decide.

use super::encoder::{Encoder, HashBuckets, KeyVocabulary};
use super::feature_file::{
    DenseEntry, FeatureFile, LabelEntry, MissingNumber, Scale, SequenceEntry, SparseEntry,
};
use super::scaler::{Arithmetic, Scaler};
use super::transformation::{FittedFeature, FittedKind, ListForm, NamedEncoder, Transformation};
use crate::error::DataError;
use crate::schema::{DenseBins, Feature, FeatureKind, FeatureSchema, Label, Pooling};

/// A transformation, and what is still to be found for it.
#[derive(Debug, Clone)]
pub(crate) struct Draft {
    /// Vocabularies are empty, scalers do nothing, a missing value that is to be the mean is 0, and the hash is that of no
    /// feature.
    pub(crate) transformation: Transformation,
    /// What is to be found for each feature of the transformation, where it is dense.
    pub(crate) dense: Vec<Option<DenseDraft>>,
}

/// What is to be found for a dense feature.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct DenseDraft {
    pub(crate) scale: Scale,
    pub(crate) missing_is_mean: bool,
    /// The number of bins and the width of their embeddings.
    pub(crate) bins: Option<(usize, usize)>,
}

/// The settings that make an encoder.
struct EncoderSettings<'a> {
    min_count: Option<u64>,
    buckets: Option<u32>,
    hash_seed: Option<u64>,
    embedding_dim: Option<usize>,
    shared_with: Option<&'a str>,
}

impl Draft {
    /// What a feature file asks for.
    ///
    /// # Errors
    ///
    /// Those of [`FeatureSchema::validate`].
    pub(crate) fn new(file: &FeatureFile) -> Result<Self, DataError> {
        let schema = FeatureSchema {
            features: Vec::new(),
            labels: file.label.iter().map(label).collect(),
            keys: file.keys.clone(),
        };
        let split = file.split.clone();
        let transformation = Transformation { split, ..Transformation::new(schema, Vec::new(), Vec::new()) };
        let mut draft = Draft { transformation, dense: Vec::new() };
        for entry in &file.sparse {
            named(&entry.name, &entry.names).try_for_each(|name| draft.add_sparse(file, entry, name))?;
        }
        for entry in &file.sequence {
            named(&entry.name, &entry.names).try_for_each(|name| draft.add_sequence(file, entry, name))?;
        }
        for entry in &file.dense {
            named(&entry.name, &entry.names).for_each(|name| draft.add_dense(file, entry, name));
        }
        draft.planned_schema().validate()?;
        draft.refuse_label_leaks()?;
        Ok(draft)
    }

    fn add_sparse(&mut self, file: &FeatureFile, entry: &SparseEntry, name: &str) -> Result<(), DataError> {
        let settings = EncoderSettings {
            min_count: entry.min_count,
            buckets: entry.buckets,
            hash_seed: entry.hash_seed,
            embedding_dim: entry.embedding_dim,
            shared_with: entry.shared_with.as_deref(),
        };
        let (encoder, vocab_size, embedding_dim) = self.encoder(file, &settings, name)?;
        let kind = FittedKind::Sparse { encoder, missing: entry.missing };
        let shared_with = entry.shared_with.clone();
        let schema_kind = FeatureKind::Sparse { vocab_size, embedding_dim, shared_with };
        self.push(name, entry.column.as_deref(), kind, schema_kind, None);
        Ok(())
    }

    fn add_sequence(
        &mut self,
        file: &FeatureFile,
        entry: &SequenceEntry,
        name: &str,
    ) -> Result<(), DataError> {
        let settings = EncoderSettings {
            min_count: entry.min_count,
            buckets: entry.buckets,
            hash_seed: entry.hash_seed,
            embedding_dim: entry.embedding_dim,
            shared_with: entry.shared_with.as_deref(),
        };
        let (encoder, vocab_size, embedding_dim) = self.encoder(file, &settings, name)?;
        let form = match &entry.separator {
            Some(separator) => ListForm::Text {
                separator: separator.clone(),
                weight_separator: entry.weight_separator.clone(),
            },
            None => ListForm::List { weights: entry.weights.clone() },
        };
        let is_weighted = form.is_weighted();
        let kind = FittedKind::Sequence { encoder, form, missing: entry.missing };
        let schema_kind = FeatureKind::Sequence {
            vocab_size,
            embedding_dim,
            pooling: entry.pooling.unwrap_or(Pooling::Mean),
            padding_id: None,
            weights: is_weighted.then(|| format!("{name}_weights")),
            shared_with: entry.shared_with.clone(),
        };
        self.push(name, entry.column.as_deref(), kind, schema_kind, None);
        Ok(())
    }

    fn add_dense(&mut self, file: &FeatureFile, entry: &DenseEntry, name: &str) {
        let missing = match &entry.missing {
            None => None,
            Some(MissingNumber::Number(value)) => Some(*value),
            Some(MissingNumber::Word(_)) => Some(0.0),
        };
        let dense = DenseDraft {
            scale: entry.scale,
            missing_is_mean: matches!(entry.missing, Some(MissingNumber::Word(_))),
            bins: entry.bins.map(|bins| (bins, entry.embedding_dim.unwrap_or(file.embedding_dim))),
        };
        let scaler = if entry.scale == Scale::Log { Scaler::Log } else { Scaler::Identity };
        let kind = FittedKind::Dense { scaler, missing, arithmetic: Arithmetic::Double };
        self.push(name, entry.column.as_deref(), kind, FeatureKind::Dense { bins: None }, Some(dense));
    }

    fn push(
        &mut self,
        name: &str,
        column: Option<&str>,
        kind: FittedKind,
        schema_kind: FeatureKind,
        dense: Option<DenseDraft>,
    ) {
        let column = column.unwrap_or(name).to_owned();
        self.transformation.features.push(FittedFeature { name: name.to_owned(), column, kind });
        self.transformation.schema.features.push(Feature { name: name.to_owned(), kind: schema_kind });
        self.dense.push(dense);
    }

    /// The encoder of a feature: an earlier feature's, or a new one. With the size and the width of its table.
    fn encoder(
        &mut self,
        file: &FeatureFile,
        settings: &EncoderSettings<'_>,
        name: &str,
    ) -> Result<(String, usize, usize), DataError> {
        if let Some(owner) = settings.shared_with {
            let schema = self.transformation.schema.features.iter().find(|known| known.name == owner);
            let fitted = self.transformation.features.iter().find(|known| known.name == owner);
            let sizes = schema.and_then(|feature| match &feature.kind {
                FeatureKind::Sparse { vocab_size, embedding_dim, .. }
                | FeatureKind::Sequence { vocab_size, embedding_dim, .. } => {
                    Some((*vocab_size, *embedding_dim))
                }
                FeatureKind::Dense { .. } => None,
            });
            return match (fitted.and_then(FittedFeature::encoder), sizes) {
                (Some(encoder), Some((vocab_size, dim))) => Ok((encoder.to_owned(), vocab_size, dim)),
                _ => Err(DataError::SharedTable {
                    feature: name.to_owned(),
                    shared_with: owner.to_owned(),
                    reason: "is no sparse or sequence feature before it".to_owned(),
                }),
            };
        }
        let encoder = match settings.buckets {
            Some(buckets) => Encoder::Hash(HashBuckets { buckets, seed: settings.hash_seed.unwrap_or(0) }),
            None => {
                let min_count = settings.min_count.unwrap_or(file.min_count).max(1);
                Encoder::Vocabulary(KeyVocabulary::empty(min_count))
            }
        };
        let vocab_size = encoder.vocab_size();
        self.transformation.encoders.push(NamedEncoder { name: name.to_owned(), encoder });
        Ok((name.to_owned(), vocab_size, settings.embedding_dim.unwrap_or(file.embedding_dim)))
    }

    /// The schema with bins wherever rows may give some: their tables have names that others could have.
    fn planned_schema(&self) -> FeatureSchema {
        let mut schema = self.transformation.schema.clone();
        for (feature, dense) in schema.features.iter_mut().zip(&self.dense) {
            if let Some(DenseDraft { bins: Some((_, embedding_dim)), .. }) = dense {
                let bins = Some(DenseBins { edges: vec![0.0], embedding_dim: *embedding_dim });
                feature.kind = FeatureKind::Dense { bins };
            }
        }
        schema
    }

    /// A feature may have another name than its column, behind which a label could hide.
    fn refuse_label_leaks(&self) -> Result<(), DataError> {
        for feature in &self.transformation.features {
            for label in &self.transformation.schema.labels {
                if feature.raw_columns().any(|column| column == label.column_name()) {
                    return Err(DataError::LabelAmongFeatures {
                        label: label.name.clone(),
                        column: label.column_name().to_owned(),
                        feature: feature.name.clone(),
                    });
                }
            }
        }
        Ok(())
    }
}

impl Transformation {
    /// Gives the schema the sizes of the vocabularies as they are now.
    pub(crate) fn update_vocab_sizes(&mut self) {
        let sizes: Vec<Option<usize>> =
            self.features.iter().map(|feature| self.encoder_of(feature).map(Encoder::vocab_size)).collect();
        for (feature, size) in self.schema.features.iter_mut().zip(sizes) {
            if let (
                FeatureKind::Sparse { vocab_size, .. } | FeatureKind::Sequence { vocab_size, .. },
                Some(size),
            ) = (&mut feature.kind, size)
            {
                *vocab_size = size;
            }
        }
    }

    /// Gives a dense feature its bins, if it has more than one.
    pub(crate) fn set_bins(&mut self, feature: usize, edges: Vec<f32>, embedding_dim: usize) {
        if let FeatureKind::Dense { bins } = &mut self.schema.features[feature].kind {
            *bins = (!edges.is_empty()).then_some(DenseBins { edges, embedding_dim });
        }
    }
}

fn label(entry: &LabelEntry) -> Label {
    Label {
        name: entry.name.clone(),
        task: entry.task,
        column: entry.column.clone(),
        weight: entry.weight.clone(),
        space: entry.space.clone(),
    }
}

fn named<'a>(name: &'a Option<String>, names: &'a [String]) -> impl Iterator<Item = &'a str> {
    name.iter().chain(names).map(String::as_str)
}
