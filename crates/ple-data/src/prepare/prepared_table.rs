//! A folder of rows that were prepared by a feature file: what its `schema.json` says, and the way back to its files and
//! to the transformation that made them.

use std::path::{Path, PathBuf};

use rayon::prelude::*;
use serde::{Deserialize, Serialize};

use super::encoder::{Encoder, HashBuckets};
use super::feature_file::RowSplit;
use super::identity::hash_of_parts;
use super::transformation::{FittedFeature, FittedKind, NamedEncoder, Transformation};
use super::vocabulary_file::read_vocabulary;
use crate::ali_ccp_raw::{FileFacts, PREPARED_SCHEMA, ShardFacts};
use crate::content_hash::ContentHash;
use crate::error::DataError;
use crate::schema::{FeatureKind, FeatureSchema};
use crate::schema_file::{Formats, damaged, not_prepared, read_schema};
use crate::transformation_hash::{EncoderIdentity, Lineage, TransformationHash};

/// What stands in `schema.json` under `format`.
pub(crate) const TABLE_FORMAT: &str = "ple-data.table.2";
/// The forms that are read.
pub(crate) const TABLE_FORMATS: Formats = Formats { sealed: TABLE_FORMAT, unsealed: "ple-data.table.1" };

/// The contents of `schema.json`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TableSchema {
    /// The name of the format.
    pub format: String,
    /// What the columns of the row shards mean.
    pub schema: FeatureSchema,
    /// How each feature was made, in the order of the schema.
    pub features: Vec<FittedFeature>,
    /// How raw ids got their numbers.
    pub encoders: Vec<EncoderFacts>,
    /// How rows are split where the files do not say it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub split: Option<RowSplit>,
    /// The rows.
    pub parts: Vec<TablePart>,
    /// The hash of the transformation, and what it extends; none in a folder that was prepared before there were such
    /// hashes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub transformation: Option<Lineage>,
}

/// An encoder, whose keys are in a file of their own.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct EncoderFacts {
    /// The name, which is that of the feature that it was fitted for.
    pub name: String,
    /// What it does.
    pub kind: EncoderKind,
}

/// What an encoder does.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum EncoderKind {
    /// Numbers from a list of keys.
    Vocabulary {
        /// All numbers are below this one; 0 stands for everything that is not in the list.
        vocab_size: usize,
        /// How often a key had to occur in the training rows.
        min_count: u64,
        /// The type of the column `key`.
        keys: KeyType,
        /// A Parquet file with the columns `number`, `key` and `count` (occurrences in training rows).
        file: FileFacts,
        /// The hash of the keys in the order of their numbers, where it was recorded.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        hash: Option<ContentHash>,
    },
    /// Numbers by a hash.
    Hash(HashBuckets),
}

/// The type of the keys of a vocabulary.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum KeyType {
    /// Whole numbers of 64 bits.
    Integers,
    /// Texts.
    Texts,
}

/// Some rows.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TablePart {
    /// `train`, `val` or `test`.
    pub name: String,
    /// The number of rows.
    pub rows: u64,
    /// What is known of each task.
    pub tasks: Vec<TaskFacts>,
    /// The files, in order.
    pub shards: Vec<ShardFacts>,
}

/// The rows of a part that belong to a task.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TaskFacts {
    /// The task.
    pub task: String,
    /// The rows of its space.
    pub rows: u64,
    /// Those of them with a label above 0.
    pub positives: u64,
    /// The mean of the labels of a regression.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mean: Option<f64>,
    /// Their standard deviation.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub deviation: Option<f64>,
}

/// A folder of prepared rows.
#[derive(Debug, Clone, PartialEq)]
pub struct PreparedTable {
    folder: PathBuf,
    /// What its `schema.json` says.
    pub schema: TableSchema,
}

impl PreparedTable {
    /// Reads `schema.json` and compares what it says of itself, and the hashes of the vocabularies which it names. `path` is
    /// the folder, or its `schema.json`. The shards need not be there: what was fitted is of use without them.
    ///
    /// # Errors
    ///
    /// [`FileError::Missing`](crate::FileError::Missing) for a folder without `schema.json`;
    /// [`RawError::NotPrepared`](crate::ali_ccp_raw::RawError::NotPrepared) for one of another form;
    /// [`RawError::Damaged`](crate::ali_ccp_raw::RawError::Damaged) for a vocabulary of another size or with another hash, or
    /// a name that leads out of the folder.
    pub fn open(path: impl AsRef<Path>) -> Result<Self, DataError> {
        let path = path.as_ref();
        let (folder, file) = match path.is_dir() {
            true => (path.to_path_buf(), path.join(PREPARED_SCHEMA)),
            false => (path.parent().unwrap_or(Path::new("")).to_path_buf(), path.to_path_buf()),
        };
        let schema: TableSchema = read_schema(&file, TABLE_FORMATS)?;
        schema.check().map_err(|detail| not_prepared(&file, &detail))?;
        if schema.transformation.as_ref().is_some_and(|recorded| schema.hash() != Some(recorded.hash)) {
            return Err(damaged(&file, "it says another transformation than its own"));
        }
        let prepared = PreparedTable { folder, schema };
        let files: Vec<&FileFacts> = prepared.schema.vocabulary_files().collect();
        files.into_par_iter().try_for_each(|facts| facts.verify(&prepared.folder))?;
        Ok(prepared)
    }

    /// Where it is.
    pub(crate) fn folder(&self) -> &Path {
        &self.folder
    }

    /// The encoders and scalers that made the rows.
    ///
    /// # Errors
    ///
    /// A vocabulary that cannot be read, or is not what `schema.json` says.
    pub fn transformation(&self) -> Result<Transformation, DataError> {
        let encoder = |facts: &EncoderFacts| {
            let encoder = match &facts.kind {
                EncoderKind::Hash(hash) => Encoder::Hash(*hash),
                EncoderKind::Vocabulary { vocab_size, min_count, file, .. } => {
                    let path = file.place(&self.folder)?;
                    Encoder::Vocabulary(read_vocabulary(&path, vocab_size - 1, *min_count)?)
                }
            };
            Ok(NamedEncoder { name: facts.name.clone(), encoder })
        };
        let TableSchema { schema, features, encoders, split, transformation, .. } = &self.schema;
        let encoders = encoders.iter().map(encoder).collect::<Result<Vec<_>, DataError>>()?;
        let found = Transformation::new(schema.clone(), features.clone(), encoders);
        let lineage = match transformation {
            None => found.lineage.clone(),
            Some(recorded) if recorded.hash == found.hash() => recorded.clone(),
            Some(_) => {
                let detail = "its vocabularies have other keys than it says";
                return Err(damaged(&self.folder.join(PREPARED_SCHEMA), detail));
            }
        };
        Ok(Transformation { split: split.clone(), lineage, ..found })
    }

    /// The hash of the transformation that made the rows, and what that one extends.
    ///
    /// # Errors
    ///
    /// Where it was not recorded, those of [`PreparedTable::transformation`].
    pub fn lineage(&self) -> Result<Lineage, DataError> {
        match &self.schema.transformation {
            Some(recorded) => Ok(recorded.clone()),
            None => Ok(self.transformation()?.lineage),
        }
    }

    /// Reads every file and compares its hash.
    ///
    /// # Errors
    ///
    /// [`RawError::Damaged`](crate::ali_ccp_raw::RawError::Damaged) for the first file with another hash.
    pub fn verify(&self) -> Result<(), DataError> {
        let shards = self.schema.parts.iter().flat_map(|part| &part.shards).map(|shard| &shard.file);
        self.schema.vocabulary_files().chain(shards).try_for_each(|facts| facts.verify(&self.folder))
    }

    /// The shards of a part, in order, each there with its size; none if there is no part of that name.
    ///
    /// # Errors
    ///
    /// As [`PreparedTable::open`] for vocabularies.
    pub fn shards(&self, part: &str) -> Result<Vec<PathBuf>, DataError> {
        let part = self.schema.parts.iter().find(|known| known.name == part);
        let shards = part.map_or(&[][..], |part| &part.shards);
        shards.iter().map(|shard| shard.file.check_size(&self.folder)).collect()
    }
}

impl TableSchema {
    /// The files of the vocabularies.
    pub(crate) fn vocabulary_files(&self) -> impl Iterator<Item = &FileFacts> {
        self.encoders.iter().filter_map(|facts| match &facts.kind {
            EncoderKind::Vocabulary { file, .. } => Some(file),
            EncoderKind::Hash(_) => None,
        })
    }

    /// The hash of the transformation, from what is recorded of the vocabularies; `None` if that is nothing.
    fn hash(&self) -> Option<TransformationHash> {
        let identity = |facts: &EncoderFacts| match &facts.kind {
            EncoderKind::Vocabulary { hash, .. } => hash.map(EncoderIdentity::Keys),
            EncoderKind::Hash(HashBuckets { buckets, seed }) => {
                Some(EncoderIdentity::Buckets { buckets: *buckets, seed: *seed })
            }
        };
        let identities = self.encoders.iter().map(|facts| Some((facts.name.as_str(), identity(facts)?)));
        let identities = identities.collect::<Option<Vec<_>>>()?;
        Some(hash_of_parts(&self.schema, &self.features, &identities))
    }

    /// What does not fit together, in words.
    fn check(&self) -> Result<(), String> {
        let names = |schema: &FeatureSchema| {
            schema.features.iter().map(|feature| feature.name.clone()).collect::<Vec<_>>()
        };
        let fitted: Vec<String> = self.features.iter().map(|feature| feature.name.clone()).collect();
        if fitted != names(&self.schema) {
            return Err("`features` and `schema` name other features".to_owned());
        }
        for facts in &self.encoders {
            match facts.kind {
                EncoderKind::Hash(HashBuckets { buckets: 0 | u32::MAX, .. }) => {
                    return Err(format!("the encoder `{}` has an impossible number of buckets", facts.name));
                }
                EncoderKind::Vocabulary { vocab_size: 0, .. } => {
                    return Err(format!("the encoder `{}` has a vocab_size of 0", facts.name));
                }
                _ => {}
            }
        }
        for (fitted, feature) in self.features.iter().zip(&self.schema.features) {
            let fits = match (&fitted.kind, &feature.kind) {
                (FittedKind::Sparse { encoder, .. }, FeatureKind::Sparse { vocab_size, .. })
                | (FittedKind::Sequence { encoder, .. }, FeatureKind::Sequence { vocab_size, .. }) => {
                    self.vocab_size(encoder) == Some(*vocab_size)
                }
                (FittedKind::Dense { .. }, FeatureKind::Dense { .. }) => true,
                _ => false,
            };
            if !fits {
                return Err(format!("the feature `{}` is not what its encoder makes", fitted.name));
            }
        }
        Ok(())
    }

    fn vocab_size(&self, encoder: &str) -> Option<usize> {
        let facts = self.encoders.iter().find(|facts| facts.name == encoder)?;
        Some(match &facts.kind {
            EncoderKind::Vocabulary { vocab_size, .. } => *vocab_size,
            EncoderKind::Hash(hash) => hash.buckets as usize + 1,
        })
    }
}
