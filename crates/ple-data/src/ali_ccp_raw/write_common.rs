//! What belongs to users, once more with numbers instead of codes: in place in the fixed layout, and as Parquet.

use std::ops::Range;

use rayon::prelude::*;
use xxhash_rust::xxh3::Xxh3;

use super::features::fields_of;
use super::format::{Fields, LISTS, N_LISTS};
use super::list_files::{IDS, ListFiles};
use super::prepared::{CommonFacts, ListFacts, ShardFacts, own_column};
use super::progress::Progress;
use super::users::Users;
use super::vocabulary::{FieldVocabulary, user_stretches, users_lists};
use crate::ali_ccp::ALI_CCP_SPARSE;
use crate::error::DataError;
use crate::in_order::in_order;
use crate::output_folder::{FileFacts, OutputFolder, facts};
use crate::parquet_file::{ColumnValues, FEW, write_batches};
use crate::transformation_hash::TransformationHash;
use crate::user_lists::weights_column;

/// The folder of what belongs to users.
pub(super) const COMMON: &str = "common";
/// The name of the file that says where lists end.
const OFFSETS: &str = "offsets.bin";
/// The listed ids of a shard.
const IDS_PER_SHARD: u64 = 4 << 20;
/// The listed ids that are encoded together, few enough that they stay in the cache.
const IDS_PER_BATCH: u64 = 32 << 10;
/// The users that are encoded together, where they have few lists.
const USERS_PER_BATCH: usize = 8 << 10;

/// Replaces the codes of the users' single ids by numbers; a field that a user lacks gets `missing`.
pub(super) fn number_users(users: &mut Users, vocabularies: &[FieldVocabulary], missing: &[u32]) {
    users.records.par_iter_mut().for_each(|user| {
        for (field, number) in user.last.iter_mut().enumerate() {
            *number = match user.mask >> field & 1 {
                1 => vocabularies[field].numbers.get(*number),
                _ => missing[field],
            };
        }
    });
}

/// The common features and what is known of them.
pub(super) struct CommonOutput<'a> {
    pub(super) output: &'a OutputFolder,
    pub(super) fields: &'a Fields,
    pub(super) users: &'a Users,
    /// How many of them are of the training part.
    pub(super) train_users: usize,
    pub(super) lists: &'a ListFiles,
    pub(super) vocabularies: &'a [FieldVocabulary],
    /// The fields that some row has and its user has not.
    pub(super) own_fields: u32,
    /// The bytes of the files of common features.
    pub(super) raw_bytes: u64,
    /// What the shards say has made them.
    pub(super) transformation: TransformationHash,
}

impl CommonOutput<'_> {
    /// Writes everything, and says what it is.
    pub(super) fn write(&self, progress: &Progress<'_>) -> Result<CommonFacts, DataError> {
        let seen = self.users.records.iter().fold(0, |seen, user| seen | user.mask);
        let stretches = user_stretches(self.users, self.users.len(), IDS_PER_SHARD);
        let (mut shards, mut hash, mut id_bytes) = (Vec::new(), Xxh3::new(), 0);
        let work = |weights: &mut Vec<f32>, number: usize| {
            self.write_shard(weights, number, stretches[number].clone(), seen)
        };
        let commit = |_, (shard, ids): (ShardFacts, Vec<u32>)| {
            let bytes: &[u8] = bytemuck::cast_slice(&ids);
            hash.update(bytes);
            id_bytes += bytes.len() as u64;
            progress.advance((self.raw_bytes as u128 * shard.rows as u128 / self.users.len() as u128) as u64);
            shards.push(shard);
            Ok(())
        };
        in_order(stretches.len(), Vec::new, work, commit)?;
        self.lists.sync_later(self.output)?;
        let place = |file: &str| format!("{COMMON}/{file}");
        let in_folder = |facts: FileFacts| FileFacts { file: place(&facts.file), ..facts };
        Ok(CommonFacts {
            users: self.users.len() as u64,
            train_users: self.train_users as u64,
            lists: self.list_facts(seen),
            offsets: self.write_offsets()?,
            ids: in_folder(facts(IDS, id_bytes, &hash)),
            weights: in_folder(self.lists.weight_facts.clone()),
            shards,
        })
    }

    /// The lists in the order of the fixed layout; those that no user has are in the rows alone.
    fn list_facts(&self, seen: u32) -> Vec<ListFacts> {
        let fact = |list: usize| {
            let field = self.fields.of_list[list];
            let (of_users, of_rows) = (seen >> field & 1 == 1, self.own_fields >> field & 1 == 1);
            ListFacts {
                field: LISTS[list].to_owned(),
                vocab_size: self.vocabularies[field].entries.len() + 1,
                of_users,
                row_column: (of_rows || !of_users).then(|| own_column(LISTS[list], of_users)),
            }
        };
        (0..N_LISTS).map(fact).collect()
    }

    fn write_offsets(&self) -> Result<FileFacts, DataError> {
        self.output.write_hashed(&format!("{COMMON}/{OFFSETS}"), |file| {
            use std::io::Write;
            file.write_all(&0u64.to_le_bytes())?;
            file.write_all(bytemuck::cast_slice(&self.users.list_ends))
        })
    }

    /// Numbers the lists of some users in place, and writes them as Parquet. Gives the numbers back for their hash;
    /// `weights` is memory for the weights.
    fn write_shard(
        &self,
        weights: &mut Vec<f32>,
        number: usize,
        stretch: Range<usize>,
        seen: u32,
    ) -> Result<(ShardFacts, Vec<u32>), DataError> {
        let listed = users_lists(self.users, &stretch);
        let mut ids = self.lists.ids(&listed)?;
        self.lists.read_weights(&listed, weights)?;
        let mut left = stretch.start..stretch.end;
        let batches = std::iter::from_fn(|| {
            let users = self.next_batch(&left)?;
            left.start = users.end;
            let place = users_lists(self.users, &users);
            let place = (place.start - listed.start) as usize..(place.end - listed.start) as usize;
            Some(self.columns(users, seen, &mut ids[place.clone()], &weights[place]))
        });
        let single = |field: &usize| self.fields.list[*field].is_none();
        let is_few = |field: &usize| self.vocabularies[*field].entries.len() < FEW as usize;
        let few = fields_of(seen).filter(single).filter(is_few);
        let few: Vec<String> = few.map(|field| ALI_CCP_SPARSE[field].to_owned()).collect();
        let file = format!("{COMMON}/part-{number:05}.parquet");
        let facts = write_batches(self.output, &file, &few, Some(self.transformation), batches)?;
        self.lists.put_ids(listed.start, &ids)?;
        Ok((ShardFacts { rows: stretch.len() as u64, file: facts }, ids))
    }

    /// The first of some users, those whose lists are written together.
    fn next_batch(&self, users: &Range<usize>) -> Option<Range<usize>> {
        let is_enough = |end: &usize| {
            let listed = users_lists(self.users, &(users.start..*end));
            listed.end - listed.start >= IDS_PER_BATCH || end - users.start >= USERS_PER_BATCH
        };
        let end = (users.start + 1..=users.end).find(is_enough).unwrap_or(users.end);
        (!users.is_empty()).then_some(users.start..end)
    }

    /// What some users have as columns. Their codes in `ids` become numbers.
    fn columns(
        &self,
        users: Range<usize>,
        seen: u32,
        ids: &mut [u32],
        weights: &[f32],
    ) -> Vec<(String, ColumnValues)> {
        let mut columns: Vec<(String, ColumnValues)> = vec![
            ("user".to_owned(), ColumnValues::UInt32(users.clone().map(|user| user as u32).collect())),
            (
                "common_feature_index".to_owned(),
                ColumnValues::Text(users.clone().map(|user| self.users.index(user).to_owned()).collect()),
            ),
        ];
        let is_single = |field: &usize| self.fields.list[*field].is_none();
        for field in fields_of(seen).filter(is_single) {
            let numbers = self.users.records[users.clone()].iter().map(|user| user.last[field]).collect();
            columns.push((ALI_CCP_SPARSE[field].to_owned(), ColumnValues::UInt32(numbers)));
        }
        let first = users_lists(self.users, &users).start;
        for (list, name) in LISTS.iter().enumerate() {
            let field = self.fields.of_list[list];
            if seen >> field & 1 == 0 {
                continue;
            }
            let numbers = &self.vocabularies[field].numbers;
            let (mut ends, mut list_ids, mut list_weights) =
                (Vec::with_capacity(users.len()), Vec::new(), Vec::new());
            for user in users.clone() {
                let range = self.users.list_range(user, list);
                let range = (range.start - first) as usize..(range.end - first) as usize;
                ids[range.clone()].iter_mut().for_each(|id| *id = numbers.get(*id));
                list_ids.extend_from_slice(&ids[range.clone()]);
                list_weights.extend_from_slice(&weights[range]);
                ends.push(list_ids.len() as i32);
            }
            columns.push(((*name).to_owned(), ColumnValues::Ids { ends: ends.clone(), ids: list_ids }));
            let weights = ColumnValues::Weights { ends, weights: list_weights };
            columns.push((weights_column(name), weights));
        }
        columns
    }
}
