//! From the raw files to Parquet shards and a schema, in one pass over the raw bytes.
//!
//! 1. Each file of common features is read in blocks on all threads. What a user has once is kept in memory, lists go
//!    into two files.
//! 2. Each skeleton is read the same way. Its ids are counted, and its rows go into files by stretches of a random order.
//! 3. Ids of the training part that occur often enough get numbers.
//! 4. Lists and rows are read back stretch by stretch, numbered, and written.
//!
//! Memory holds the counters, the single features of users, and what the threads are at; it does not grow with rows.

use std::io::Write;
use std::path::Path;

use rayon::prelude::*;

use super::bad_lines::BadLineCounter;
use super::blocks::LineFile;
use super::config::{RawConfig, RawPhase};
use super::error::RawError;
use super::features::{Lists, Reading};
use super::files::{RawFiles, RawPart};
use super::format::{Fields, N_FIELDS};
use super::identity::hash_of_fields;
use super::line::StatedNumber;
use super::list_files::{ListFiles, ListWriter};
use super::prepared::{DenseFacts, FORMAT, PREPARED_SCHEMA, PreparedSchema, VocabularyFacts, row_schema};
use super::progress::{Progress, ProgressFn};
use super::raw_ids::RawIds;
use super::rows::{RowStats, Skeleton, UserRows};
use super::spill::{RowOrder, Spill, mixed};
use super::summary::{RawPartSummary, RawSummary, known_facts};
use super::tally::{Count, Tallies, Tally};
use super::users::{Users, read_common_features};
use super::vocabulary::{FieldVocabulary, Numbering, count_users, number_ids};
use super::write_common::{COMMON, CommonOutput, number_users};
use super::write_rows::RowOutput;
use crate::ali_ccp::{ALI_CCP_DENSE, ALI_CCP_SPARSE};
use crate::content_hash::ContentHash;
use crate::error::DataError;
use crate::output_folder::OutputFolder;
use crate::parquet_file::{ColumnValues, write_columns};
use crate::schema_file::sealed;
use crate::transformation_hash::Lineage;

/// Prepares the raw files of Ali-CCP for training.
///
/// The folder `out` then holds `train`, `val` and `test` with the row shards, `common` with what belongs to users,
/// `vocabulary` with a file for each field, and `schema.json`, which [`Prepared`](super::Prepared) reads. Row shards are
/// ordinary Parquet: `click`, `purchase`, `user`, a column of ids for each field with one id, a column for each dense
/// value, and lists of ids and weights.
///
/// - Rows with a purchase and no click are dropped.
/// - An id that occurs in fewer than [`RawConfig::min_count`] training rows is 0. The others are numbered from 1, the
///   most frequent first. What a user has counts once for each of the user's rows.
/// - What a field has among the common features takes the place of what it has in the skeleton. Of several ids in a field
///   that should have one, the last one counts.
/// - Dense columns are the last values of their fields, 0 where there is none, and are scaled to `[0, 1]` by the smallest
///   and the largest value of the training rows.
/// - Rows are shuffled as a whole. The official test part is split in two halves, `val` and `test`.
///
/// The result depends on the files and the configuration, and on nothing else.
///
/// # Errors
///
/// [`RawError`] for a file or line that is not as it must be, with its place; [`DataError::File`] where reading or writing
/// fails. Then `out` is as it was before.
///
/// # Examples
///
/// ```
/// use ple_data::ali_ccp_raw::{Prepared, RawConfig, RawGeneratorConfig, generate_ali_ccp, prepare_ali_ccp};
/// use ple_data::{Vocabulary, read_table};
///
/// let folder = tempfile::tempdir()?;
/// let vocabulary = Vocabulary::Small;
/// let config =
///     RawGeneratorConfig { rows: 900, test_rows: 100, users: 30, features_per_user: 40, vocabulary, seed: 1 };
/// generate_ali_ccp(&config, folder.path())?;
///
/// let out = folder.path().join("prepared");
/// let summary = prepare_ali_ccp(folder.path(), &out, &RawConfig::default(), &|_| ())?;
/// assert_eq!(summary.parts[0].rows + summary.parts[0].dropped, 900);
///
/// let prepared = Prepared::open(&out)?;
/// let table = read_table(&prepared.shards("val")?[0], &prepared.schema.schema)?;
/// assert_eq!(table.rows(), 50);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn prepare_ali_ccp(
    raw: impl AsRef<Path>,
    out: impl AsRef<Path>,
    config: &RawConfig,
    progress: ProgressFn<'_>,
) -> Result<RawSummary, DataError> {
    let reading = Reading {
        fields: Fields::new(),
        ids: RawIds::default(),
        lists: Lists::Kept,
        stated_number: StatedNumber::Checked,
    };
    let files = OpenFiles::open(&RawFiles::in_folder(raw), config)?;
    let output = OutputFolder::begin(out.as_ref())?;
    let progress = Progress::new(progress, 2 * files.bytes());
    let common_folder = output.subfolder(COMMON)?;
    let mut lists = ListWriter::create(&common_folder)?;
    let shuffled =
        |part| RowOrder::Shuffled { stream: mixed(config.seed) ^ u64::from(part == RawPart::Test) };
    let mut rows =
        RawRows::<Count>::read(&reading, &files, config, &output, Some(&mut lists), shuffled, &progress)?;

    progress.enter(RawPhase::Vocabularies);
    let lists = lists.finish()?;
    let vocabularies = rows.vocabularies(&reading, config, Some(&lists), Numbering::ByCount)?;
    let dense: Vec<DenseFacts> = ALI_CCP_DENSE.iter().zip(rows.stats[0].dense).map(dense_facts).collect();
    let hashes: Vec<ContentHash> = vocabularies.par_iter().map(FieldVocabulary::hash).collect();
    let fields = ALI_CCP_SPARSE.iter().copied().zip(hashes.iter().copied());
    let transformation = hash_of_fields(fields, &dense);
    number_users(&mut rows.users, &vocabularies, &[0; N_FIELDS]);

    progress.enter(RawPhase::WritingCommon);
    let common = CommonOutput {
        output: &output,
        fields: &reading.fields,
        users: &rows.users,
        train_users: rows.train_users,
        lists: &lists,
        vocabularies: &vocabularies,
        own_fields: rows.stats.iter().fold(0, |own, stats| own | stats.own_fields),
        raw_bytes: files.common.iter().map(LineFile::length).sum(),
        transformation,
    };
    let common = common.write(&progress)?;

    progress.enter(RawPhase::WritingRows);
    let row_output = RowOutput {
        output: &output,
        reading: &reading,
        users: &rows.users,
        vocabularies: &vocabularies,
        dense: &dense,
        lists: &common.lists,
        transformation,
    };
    let [train_rows, test_rows] = [0, 1].map(|part| rows.stats[part].rows);
    let train_bytes = files.skeleton[0].length();
    let mut parts = row_output.write(&rows.spills[0], &[("train", train_rows)], train_bytes, &progress)?;
    let halves = [("val", test_rows / 2), ("test", test_rows - test_rows / 2)];
    let test_bytes = files.skeleton[1].length();
    parts.extend(row_output.write(&rows.spills[1], &halves, test_bytes, &progress)?);

    let vocab_sizes: Vec<usize> =
        vocabularies.iter().map(|vocabulary| vocabulary.entries.len() + 1).collect();
    let schema = PreparedSchema {
        format: FORMAT.to_owned(),
        schema: row_schema(&vocab_sizes, &common.lists, config.embedding_dim)?,
        vocabularies: write_vocabularies(&output, vocabularies, &hashes)?,
        min_count: config.min_count,
        dense,
        parts,
        common,
        seed: config.seed,
        transformation: Some(Lineage::new(transformation)),
    };
    rows.remove_spill_folder(&output)?;
    output.write_hashed(PREPARED_SCHEMA, |file| file.write_all(sealed(&schema)?.as_bytes()))?;
    let summary = rows.summary(&files, &vocab_sizes, config);
    output.finish()?;
    Ok(summary)
}

fn dense_facts((column, (minimum, maximum)): (&&str, (f32, f32))) -> DenseFacts {
    DenseFacts { column: (*column).to_owned(), minimum, maximum }
}

/// The folder of the vocabularies.
const VOCABULARY: &str = "vocabulary";

fn write_vocabularies(
    output: &OutputFolder,
    vocabularies: Vec<FieldVocabulary>,
    hashes: &[ContentHash],
) -> Result<Vec<VocabularyFacts>, DataError> {
    output.subfolder(VOCABULARY)?;
    let write = |((field, vocabulary), hash): ((&&str, FieldVocabulary), &ContentHash)| {
        let n = vocabulary.entries.len();
        let (ids, counts) = vocabulary.entries.into_iter().unzip();
        let columns = vec![
            ("number".to_owned(), ColumnValues::UInt32((1..=n as u32).collect())),
            ("id".to_owned(), ColumnValues::UInt64(ids)),
            ("count".to_owned(), ColumnValues::UInt32(counts)),
        ];
        let file = format!("{field}.parquet");
        let facts = write_columns(output, &format!("{VOCABULARY}/{file}"), columns, None)?;
        let (field, hash) = ((*field).to_owned(), Some(*hash));
        Ok(VocabularyFacts { field, vocab_size: n + 1, file: facts, hash })
    };
    ALI_CCP_SPARSE.iter().zip(vocabularies).zip(hashes).map(write).collect()
}

/// The four raw files, training first.
pub(super) struct OpenFiles {
    pub(super) common: [LineFile; 2],
    pub(super) skeleton: [LineFile; 2],
}

impl OpenFiles {
    pub(super) fn open(files: &RawFiles, config: &RawConfig) -> Result<Self, DataError> {
        let block_bytes = config.block_bytes.max(1);
        let open = |path| LineFile::open(path, block_bytes);
        let [train, test] = RawPart::ALL;
        Ok(OpenFiles {
            skeleton: [open(files.skeleton(train))?, open(files.skeleton(test))?],
            common: [open(files.common_features(train))?, open(files.common_features(test))?],
        })
    }

    /// The size of all of them.
    pub(super) fn bytes(&self) -> u64 {
        self.common.iter().chain(&self.skeleton).map(LineFile::length).sum()
    }
}

/// Everything that reading the raw files gives.
pub(super) struct RawRows<T> {
    pub(super) users: Users,
    pub(super) train_users: usize,
    user_rows: UserRows,
    tallies: Option<Tallies<T>>,
    pub(super) stats: [RowStats; 2],
    pub(super) spills: Vec<Spill>,
    bad: BadLineCounter,
}

/// The folder of the spill, inside of the output until it is finished.
const SPILL: &str = "spill";

impl<T: Tally> RawRows<T> {
    pub(super) fn read(
        reading: &Reading,
        files: &OpenFiles,
        config: &RawConfig,
        output: &OutputFolder,
        mut lists: Option<&mut ListWriter>,
        order: impl Fn(RawPart) -> RowOrder,
        progress: &Progress<'_>,
    ) -> Result<Self, DataError> {
        let spill_folder = output.subfolder(SPILL)?;
        let mut bad = BadLineCounter::new(config.bad_lines);
        let (mut users, mut train_users) = (Users::default(), 0);
        let (mut user_rows, mut tallies) = (UserRows::new(0), None);
        let (mut stats, mut spills) = ([RowStats::default(); 2], Vec::new());
        let names = [
            ["common_features_train", "sample_skeleton_train"],
            ["common_features_test", "sample_skeleton_test"],
        ];
        for (number, part) in RawPart::ALL.into_iter().enumerate() {
            progress.enter(RawPhase::Reading(names[number][0]));
            let common = &files.common[number];
            let numbers =
                read_common_features(reading, common, &mut users, lists.as_deref_mut(), &mut bad, progress)?;
            if part == RawPart::Train {
                train_users = users.len();
                user_rows = UserRows::new(users.len());
            }
            progress.enter(RawPhase::Reading(names[number][1]));
            let file = &files.skeleton[number];
            let spill =
                Spill::create(&spill_folder, part.name(), order(part), file.length(), config.shard_bytes)?;
            let counted = (part == RawPart::Train).then_some(&user_rows);
            let skeleton = Skeleton {
                reading,
                file,
                users: &users,
                numbers: &numbers,
                spill: &spill,
                user_rows: counted,
            };
            let (part_stats, part_tallies) = skeleton.read::<T>(&mut bad, progress)?;
            if part == RawPart::Train && part_stats.rows == 0 {
                return Err(RawError::NoRows { path: file.path().to_path_buf() }.into());
            }
            stats[number] = part_stats;
            tallies.get_or_insert(part_tallies);
            spills.push(spill);
        }
        Ok(RawRows { users, train_users, user_rows, tallies, stats, spills, bad })
    }

    /// Numbers the ids of the training part. What was counted is forgotten.
    pub(super) fn vocabularies(
        &mut self,
        reading: &Reading,
        config: &RawConfig,
        lists: Option<&ListFiles>,
        numbering: Numbering,
    ) -> Result<Vec<FieldVocabulary>, DataError> {
        let tallies = self.tallies.take().unwrap_or_default();
        let tallies = count_users(reading, &self.users, self.train_users, &self.user_rows, lists, tallies)?;
        Ok(number_ids(&tallies, &reading.ids, config.min_count, numbering))
    }

    pub(super) fn remove_spill_folder(&self, output: &OutputFolder) -> Result<(), DataError> {
        let folder = output.path().join(SPILL);
        std::fs::remove_dir_all(&folder).map_err(|error| DataError::io(&folder, "write", error))
    }

    pub(super) fn summary(&self, files: &OpenFiles, vocab_sizes: &[usize], config: &RawConfig) -> RawSummary {
        let users = [self.train_users, self.users.len() - self.train_users];
        let part = |(number, part): (usize, RawPart)| {
            let bytes = files.common[number].length() + files.skeleton[number].length();
            RawPartSummary::new(part, &self.stats[number], users[number] as u64, bytes)
        };
        let parts: Vec<RawPartSummary> = RawPart::ALL.into_iter().enumerate().map(part).collect();
        let vocabularies: Vec<usize> = vocab_sizes.iter().map(|size| size - 1).collect();
        RawSummary {
            known_facts: known_facts(&parts[0], &vocabularies, config.min_count),
            parts,
            vocabularies,
            skipped: self.bad.skipped.clone(),
        }
    }
}
