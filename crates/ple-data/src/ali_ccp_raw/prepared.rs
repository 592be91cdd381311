//! What `schema.json` of prepared data says, and the way back to the files that it names.

use std::path::{Path, PathBuf};

use rayon::prelude::*;
use serde::{Deserialize, Serialize};
use xxhash_rust::xxh3::Xxh3;

use super::common_features::CommonFeatures;
use super::identity::{ali_ccp_hash, hash_of_ids};
use super::read_vocabulary::read_vocabulary;
use crate::ali_ccp::{ALI_CCP_DENSE, ALI_CCP_SPARSE};
use crate::content_hash::ContentHash;
use crate::error::DataError;
use crate::output_folder::FileFacts;
use crate::schema::{Feature, FeatureKind, FeatureSchema, Label, Pooling, TaskType};
use crate::schema_file::{Formats, damaged, read_schema};
use crate::transformation_hash::Lineage;
use crate::user_lists::{JoinedList, UserLists, weights_column};

/// The name of the file that describes prepared data.
pub const PREPARED_SCHEMA: &str = "schema.json";
/// What stands in it under `format`.
pub(super) const FORMAT: &str = "ple-data.prepared.2";
/// The forms that are read.
pub(crate) const ALI_CCP_FORMATS: Formats = Formats { sealed: FORMAT, unsealed: "ple-data.prepared.1" };

/// The contents of `schema.json`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PreparedSchema {
    /// The name of the format.
    pub format: String,
    /// What the columns of the row shards mean, for readers of tables. Lists of users are not among its features;
    /// [`Prepared::user_lists`] adds them.
    pub schema: FeatureSchema,
    /// How ids got their numbers.
    pub vocabularies: Vec<VocabularyFacts>,
    /// How often an id had to occur to have a number of its own.
    pub min_count: u32,
    /// How dense columns were scaled.
    pub dense: Vec<DenseFacts>,
    /// The rows: `train`, `val` and `test`.
    pub parts: Vec<PartFacts>,
    /// What belongs to users.
    pub common: CommonFacts,
    /// What decided the order of the rows and the split.
    pub seed: u64,
    /// The hash of the transformation; none in a folder that was prepared before there were such hashes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub transformation: Option<Lineage>,
}

/// The ids of a field.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct VocabularyFacts {
    /// The field.
    pub field: String,
    /// The numbers of its ids are below this one; 0 stands for everything else.
    pub vocab_size: usize,
    /// A Parquet file with the columns `number`, `id` (the raw one) and `count` (occurrences in training rows).
    pub file: FileFacts,
    /// The hash of the ids in the order of their numbers, where it was recorded.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hash: Option<ContentHash>,
}

/// A dense column: `(value - minimum) / (maximum - minimum)`, with what the training rows show; 0 where they are equal.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DenseFacts {
    /// The column.
    pub column: String,
    /// The smallest value; a value that is missing is 0.
    pub minimum: f32,
    /// The largest value.
    pub maximum: f32,
}

/// Some rows.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PartFacts {
    /// `train`, `val` or `test`.
    pub name: String,
    /// The number of rows.
    pub rows: u64,
    /// Those with a click.
    pub clicks: u64,
    /// Those with a purchase.
    pub purchases: u64,
    /// The files, in order.
    pub shards: Vec<ShardFacts>,
}

/// A Parquet file of a part.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ShardFacts {
    /// The number of rows.
    pub rows: u64,
    /// The file.
    pub file: FileFacts,
}

/// What belongs to users: those of the training part first, then those of the test part.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CommonFacts {
    /// The number of users.
    pub users: u64,
    /// How many of them are of the training part.
    pub train_users: u64,
    /// The fields with lists, in the order of the fixed layout.
    pub lists: Vec<ListFacts>,
    /// Where lists start and end: `users * lists + 1` little-endian u64.
    pub offsets: FileFacts,
    /// The ids of all lists: little-endian u32.
    pub ids: FileFacts,
    /// Their weights: little-endian f32.
    pub weights: FileFacts,
    /// The same as Parquet, with the single ids and the common-feature index of each user.
    pub shards: Vec<ShardFacts>,
}

/// A field with several weighted ids.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ListFacts {
    /// The field.
    pub field: String,
    /// The numbers of its ids are below this one.
    pub vocab_size: usize,
    /// Whether users have it: then a row's list is its user's, unless the user has none.
    pub of_users: bool,
    /// The column of the row shards with the lists of rows whose users have none, if there are such rows.
    pub row_column: Option<String>,
}

/// The column of a row's own lists: the field itself, or `own_FIELD` where users have lists too.
pub(super) fn own_column(field: &str, of_users: bool) -> String {
    if of_users { format!("own_{field}") } else { field.to_owned() }
}

impl DenseFacts {
    /// The scaled form of a raw value.
    #[inline]
    pub(super) fn scale(&self, value: f32) -> f32 {
        let width = self.maximum - self.minimum;
        if width > 0.0 { (value - self.minimum) / width } else { 0.0 }
    }
}

impl PartFacts {
    pub(super) fn empty(name: &str) -> Self {
        PartFacts { name: name.to_owned(), rows: 0, clicks: 0, purchases: 0, shards: Vec::new() }
    }

    pub(super) fn add(&mut self, shard: ShardFacts, clicks: u64, purchases: u64) {
        self.rows += shard.rows;
        self.clicks += clicks;
        self.purchases += purchases;
        self.shards.push(shard);
    }
}

/// The schema of the row shards.
pub(super) fn row_schema(
    vocab_sizes: &[usize],
    lists: &[ListFacts],
    embedding_dim: usize,
) -> Result<FeatureSchema, DataError> {
    let mut features = Vec::new();
    for (field, &vocab_size) in ALI_CCP_SPARSE.iter().zip(vocab_sizes) {
        match lists.iter().find(|list| list.field == *field) {
            None => features.push(Feature::sparse(*field, vocab_size, embedding_dim)),
            Some(list) if list.of_users => {}
            Some(_) => {
                let kind = FeatureKind::Sequence {
                    vocab_size,
                    embedding_dim,
                    pooling: Pooling::Mean,
                    padding_id: None,
                    weights: Some(weights_column(field)),
                    shared_with: None,
                };
                features.push(Feature { name: (*field).to_owned(), kind });
            }
        }
    }
    features.extend(ALI_CCP_DENSE.iter().map(|column| Feature::dense(*column)));
    let labels = vec![
        Label::new("click", TaskType::Classification),
        Label::in_column("conversion", "purchase", TaskType::Classification),
    ];
    FeatureSchema::new(features, labels, Vec::new())
}

/// A folder of prepared data.
#[derive(Debug, Clone, PartialEq)]
pub struct Prepared {
    folder: PathBuf,
    /// What its `schema.json` says.
    pub schema: PreparedSchema,
}

impl Prepared {
    /// Reads `schema.json` and compares what it says of itself, that the files which it names are there with their sizes,
    /// and that the vocabularies have their hashes.
    ///
    /// # Errors
    ///
    /// [`FileError::Missing`](crate::FileError::Missing) for a folder without `schema.json`; [`RawError::NotPrepared`](super::RawError::NotPrepared)
    /// for one of another form; [`RawError::Damaged`](super::RawError::Damaged) for a file of another size or with another
    /// hash, or with a name that leads out of the folder.
    pub fn open(folder: impl AsRef<Path>) -> Result<Self, DataError> {
        let folder = folder.as_ref().to_path_buf();
        let path = folder.join(PREPARED_SCHEMA);
        let schema: PreparedSchema = read_schema(&path, ALI_CCP_FORMATS)?;
        if let Some(recorded) = &schema.transformation {
            let hash = |vocabulary: &VocabularyFacts| vocabulary.hash;
            let found = schema.vocabularies.iter().map(hash).collect::<Option<Vec<_>>>();
            if found.is_none_or(|keys| ali_ccp_hash(&schema, &keys) != recorded.hash) {
                return Err(damaged(&path, "it says another transformation than its own"));
            }
        }
        let prepared = Prepared { folder, schema };
        for facts in prepared.files() {
            facts.check_size(&prepared.folder)?;
        }
        let vocabularies = prepared.schema.vocabularies.par_iter();
        vocabularies.try_for_each(|vocabulary| vocabulary.file.verify(&prepared.folder))?;
        Ok(prepared)
    }

    /// Where it is.
    pub(crate) fn folder(&self) -> &Path {
        &self.folder
    }

    /// The transformation that made the rows.
    ///
    /// # Errors
    ///
    /// Where it was not recorded, those of [`Prepared::vocabulary`].
    pub fn lineage(&self) -> Result<Lineage, DataError> {
        if let Some(recorded) = &self.schema.transformation {
            return Ok(recorded.clone());
        }
        let keys = |facts: &VocabularyFacts| {
            let entries = self.read_vocabulary(facts)?;
            Ok(hash_of_ids(entries.iter().map(|(id, _)| *id)))
        };
        let keys = self.schema.vocabularies.iter().map(keys).collect::<Result<Vec<_>, DataError>>()?;
        Ok(Lineage::new(ali_ccp_hash(&self.schema, &keys)))
    }

    /// Reads every file and compares its hash.
    ///
    /// # Errors
    ///
    /// [`RawError::Damaged`](super::RawError::Damaged) for the first file with another hash.
    pub fn verify(&self) -> Result<(), DataError> {
        self.files().try_for_each(|facts| facts.verify(&self.folder))
    }

    /// The shards of a part, in order; none if there is no part of that name.
    ///
    /// # Errors
    ///
    /// [`RawError::Damaged`](super::RawError::Damaged) for a name that leads out of the folder.
    pub fn shards(&self, part: &str) -> Result<Vec<PathBuf>, DataError> {
        let part = self.schema.parts.iter().find(|known| known.name == part);
        part.map_or(&[][..], |part| &part.shards).iter().map(|shard| self.path(&shard.file)).collect()
    }

    /// Opens the lists of the users.
    ///
    /// # Errors
    ///
    /// [`RawError::Damaged`](super::RawError::Damaged) where the files do not fit together.
    pub fn common_features(&self) -> Result<CommonFeatures, DataError> {
        self.common_features_within(CommonFeatures::IN_MEMORY)
    }

    fn common_features_within(&self, in_memory: u64) -> Result<CommonFeatures, DataError> {
        let common = &self.schema.common;
        let paths = [&common.offsets, &common.ids, &common.weights].map(|facts| self.path(facts));
        let [offsets, ids, weights] = paths;
        CommonFeatures::open(
            &offsets?,
            &ids?,
            &weights?,
            common.users as usize,
            common.lists.len(),
            in_memory,
        )
    }

    /// The lists of the users as features that are joined to rows when a batch is made. The files are read once, on all
    /// threads, so that what is damaged is found before the first step.
    ///
    /// # Errors
    ///
    /// Those of [`Prepared::common_features`]; [`RawError::Damaged`](super::RawError::Damaged) for a file with another hash, an id outside of its
    /// vocabulary, or a weight that is not finite.
    pub fn user_lists(&self) -> Result<UserLists, DataError> {
        self.user_lists_within(CommonFeatures::IN_MEMORY)
    }

    /// As [`Prepared::user_lists`], with files of at most `in_memory` bytes held in memory, and larger ones read by
    /// position. The lists are the same.
    ///
    /// # Errors
    ///
    /// Those of [`Prepared::user_lists`].
    pub fn user_lists_within(&self, in_memory: u64) -> Result<UserLists, DataError> {
        let CommonFacts { offsets, ids, weights, lists, .. } = &self.schema.common;
        let files = [offsets, ids, weights];
        files.into_par_iter().try_for_each(|facts| facts.verify(&self.folder))?;
        let mut hash = Xxh3::new();
        files.iter().for_each(|facts| hash.update(facts.hash.as_bytes()));
        let of_users = lists.iter().enumerate().filter(|(_, list)| list.of_users);
        let joined = of_users.map(|(list, facts)| JoinedList {
            name: facts.field.clone(),
            vocab_size: facts.vocab_size,
            list,
            own: facts.row_column.clone(),
        });
        let common = self.common_features_within(in_memory)?;
        UserLists::checked(common, joined.collect(), hash.digest(), &self.path(ids)?)
    }

    /// The raw ids of a field with their numbers, in the order of the numbers; none if there is no such field.
    ///
    /// # Errors
    ///
    /// [`DataError::Corrupt`] for a file that cannot be decoded, [`RawError::Damaged`](super::RawError::Damaged) for one
    /// without the columns or the number of rows of a vocabulary, or with a name that leads out of the folder.
    pub fn vocabulary(&self, field: &str) -> Result<Vec<(u64, u32)>, DataError> {
        match self.schema.vocabularies.iter().find(|known| known.field == field) {
            Some(facts) => self.read_vocabulary(facts),
            None => Ok(Vec::new()),
        }
    }

    fn read_vocabulary(&self, facts: &VocabularyFacts) -> Result<Vec<(u64, u32)>, DataError> {
        let path = self.path(&facts.file)?;
        let entries = read_vocabulary(&path, facts.vocab_size.saturating_sub(1))?;
        if facts.hash.is_some_and(|recorded| hash_of_ids(entries.iter().map(|(id, _)| *id)) != recorded) {
            return Err(damaged(&path, &format!("its ids are others than {PREPARED_SCHEMA} says")));
        }
        Ok(entries)
    }

    fn files(&self) -> impl Iterator<Item = &FileFacts> {
        let PreparedSchema { vocabularies, parts, common, .. } = &self.schema;
        let shards =
            parts.iter().flat_map(|part| &part.shards).chain(&common.shards).map(|shard| &shard.file);
        let vocabularies = vocabularies.iter().map(|vocabulary| &vocabulary.file);
        shards.chain(vocabularies).chain([&common.offsets, &common.ids, &common.weights])
    }

    fn path(&self, facts: &FileFacts) -> Result<PathBuf, DataError> {
        facts.place(&self.folder)
    }
}
