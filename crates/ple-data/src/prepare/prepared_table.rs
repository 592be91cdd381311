//! A folder of rows that were prepared by a feature file: what its `schema.json` says, and the way back to its files and
//! to the transformation that made them.

use std::path::{Path, PathBuf};

use ple_files::{MOST_TEXT_BYTES, read_text};
use serde::{Deserialize, Serialize};

use super::encoder::{Encoder, HashBuckets};
use super::feature_file::RowSplit;
use super::transformation::{FittedFeature, FittedKind, NamedEncoder, Transformation};
use super::vocabulary_file::read_vocabulary;
use crate::ali_ccp_raw::{FileFacts, PREPARED_SCHEMA, ShardFacts};
use crate::error::DataError;
use crate::schema::{FeatureKind, FeatureSchema};

/// What stands in `schema.json` under `format`.
pub(crate) const TABLE_FORMAT: &str = "ple-data.table.1";

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
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
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
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TaskFacts {
    /// The task.
    pub task: String,
    /// The rows of its space.
    pub rows: u64,
    /// Those of them with a label above 0.
    pub positives: u64,
}

/// A folder of prepared rows.
#[derive(Debug, Clone, PartialEq)]
pub struct PreparedTable {
    folder: PathBuf,
    /// What its `schema.json` says.
    pub schema: TableSchema,
}

impl PreparedTable {
    /// Reads `schema.json`, and checks that the vocabularies which it names are there with their sizes. `path` is the folder,
    /// or its `schema.json`. The shards need not be there: what was fitted is of use without them.
    ///
    /// # Errors
    ///
    /// [`FileError::Missing`](crate::FileError::Missing) for a folder without `schema.json`; [`DataError::SchemaSyntax`] for one of another form;
    /// [`RawError::Damaged`](crate::ali_ccp_raw::RawError::Damaged) for a vocabulary of another size, or a name that leads
    /// out of the folder.
    pub fn open(path: impl AsRef<Path>) -> Result<Self, DataError> {
        let path = path.as_ref();
        let (folder, file) = match path.is_dir() {
            true => (path.to_path_buf(), path.join(PREPARED_SCHEMA)),
            false => (path.parent().unwrap_or(Path::new("")).to_path_buf(), path.to_path_buf()),
        };
        let text = read_text(&file, MOST_TEXT_BYTES)?;
        let syntax =
            |detail: String| DataError::SchemaSyntax { detail: format!("{}: {detail}", file.display()) };
        let schema: TableSchema = serde_json::from_str(&text).map_err(|error| syntax(error.to_string()))?;
        if schema.format != TABLE_FORMAT {
            return Err(syntax(format!("the format is `{}`, not `{TABLE_FORMAT}`", schema.format)));
        }
        schema.check().map_err(syntax)?;
        let prepared = PreparedTable { folder, schema };
        for facts in prepared.vocabulary_files() {
            facts.check_size(&prepared.folder)?;
        }
        Ok(prepared)
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
                    file.verify(&self.folder)?;
                    let path = file.place(&self.folder)?;
                    Encoder::Vocabulary(read_vocabulary(&path, vocab_size - 1, *min_count)?)
                }
            };
            Ok(NamedEncoder { name: facts.name.clone(), encoder })
        };
        Ok(Transformation {
            schema: self.schema.schema.clone(),
            features: self.schema.features.clone(),
            encoders: self.schema.encoders.iter().map(encoder).collect::<Result<_, DataError>>()?,
            split: self.schema.split.clone(),
        })
    }

    /// Reads every file and compares its hash.
    ///
    /// # Errors
    ///
    /// [`RawError::Damaged`](crate::ali_ccp_raw::RawError::Damaged) for the first file with another hash.
    pub fn verify(&self) -> Result<(), DataError> {
        let shards = self.schema.parts.iter().flat_map(|part| &part.shards).map(|shard| &shard.file);
        self.vocabulary_files().chain(shards).try_for_each(|facts| facts.verify(&self.folder))
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

    fn vocabulary_files(&self) -> impl Iterator<Item = &FileFacts> {
        self.schema.encoders.iter().filter_map(|facts| match &facts.kind {
            EncoderKind::Vocabulary { file, .. } => Some(file),
            EncoderKind::Hash(_) => None,
        })
    }
}

impl TableSchema {
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
