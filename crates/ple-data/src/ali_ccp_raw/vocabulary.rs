//! From raw ids to numbers: 0 for what is rare or unknown, 1 and on for what occurs often enough in the training rows.

use std::ops::Range;

use rayon::prelude::*;

use super::features::{Reading, fields_of};
use super::format::N_LISTS;
use super::identity::hash_of_ids;
use super::list_files::ListFiles;
use super::paged_map::PagedMap;
use super::raw_ids::RawIds;
use super::rows::UserRows;
use super::tally::{Tallies, Tally};
use super::users::Users;
use crate::content_hash::ContentHash;
use crate::error::DataError;
use crate::in_order::in_order;

/// The order in which ids get their numbers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Numbering {
    /// The most frequent first, then the smaller one: rows of a table that are often read lie together.
    ByCount,
    /// As they first appear in the training rows, which is torch-rechub's order.
    ByAppearance,
}

/// The ids of a field that have numbers.
#[derive(Default)]
pub(super) struct FieldVocabulary {
    /// Raw ids and their numbers of occurrences; the first one has the number 1.
    pub(super) entries: Vec<(u64, u32)>,
    /// From codes to numbers.
    pub(super) numbers: PagedMap<u32>,
}

impl FieldVocabulary {
    /// The hash of the ids in the order of their numbers.
    pub(super) fn hash(&self) -> ContentHash {
        hash_of_ids(self.entries.iter().map(|(id, _)| *id))
    }
}

/// Numbers the ids of every field.
pub(super) fn number_ids<T: Tally>(
    tallies: &Tallies<T>,
    ids: &RawIds,
    min_count: u32,
    numbering: Numbering,
) -> Vec<FieldVocabulary> {
    let number = |field: &PagedMap<T>| {
        let frequent = field.iter().filter(|(_, tally)| tally.count() >= min_count.max(1));
        let mut frequent: Vec<_> = frequent.map(|(code, tally)| (code, ids.id(code), tally)).collect();
        frequent.sort_unstable_by_key(|&(_, id, tally)| match numbering {
            Numbering::ByCount => (u64::from(u32::MAX - tally.count()), id),
            Numbering::ByAppearance => (tally.first_row(), id),
        });
        let mut vocabulary = FieldVocabulary::default();
        for (number, (code, id, tally)) in (1..).zip(frequent) {
            *vocabulary.numbers.slot(code) = number;
            vocabulary.entries.push((id, tally.count()));
        }
        vocabulary
    };
    tallies.fields.par_iter().map(number).collect()
}

/// Counts what the first `n_users` users have, once for each of their rows.
pub(super) fn count_users<T: Tally>(
    reading: &Reading,
    users: &Users,
    n_users: usize,
    user_rows: &UserRows,
    lists: Option<&ListFiles>,
    tallies: Tallies<T>,
) -> Result<Tallies<T>, DataError> {
    let stretches = user_stretches(users, n_users, IDS_AT_A_TIME);
    let count = |tallies: &mut Tallies<T>, stretch: usize| {
        let stretch = stretches[stretch].clone();
        let listed = users_lists(users, &stretch);
        let ids = lists.map_or(Ok(Vec::new()), |lists| lists.ids(&listed))?;
        for user in stretch {
            let (rows, first_row) = user_rows.of(user);
            if rows == 0 {
                continue;
            }
            for field in fields_of(users.records[user].mask) {
                let tally = &mut tallies.fields[field];
                match reading.kept_list(field) {
                    Some(list) => {
                        let range = users.list_range(user, list);
                        let range =
                            (range.start - listed.start) as usize..(range.end - listed.start) as usize;
                        ids[range].iter().for_each(|&code| tally.slot(code).add(rows, first_row));
                    }
                    None => tally.slot(users.records[user].last[field]).add(rows, first_row),
                }
            }
        }
        Ok(())
    };
    let mut all = in_order(stretches.len(), Tallies::<T>::default, count, |_, ()| Ok(()))?;
    all.push(tallies);
    Ok(Tallies::merged(all))
}

/// The listed ids that are held in memory at a time, for each thread.
const IDS_AT_A_TIME: u64 = 2 << 20;

/// Cuts the first `n_users` users into stretches with about so many listed ids each.
pub(super) fn user_stretches(users: &Users, n_users: usize, ids: u64) -> Vec<Range<usize>> {
    let mut stretches = Vec::new();
    let (mut start, mut first_id) = (0, 0);
    for user in 0..n_users {
        let end = match users.list_ends.is_empty() {
            true => (user as u64 + 1) * N_LISTS as u64,
            false => users.list_ends[(user + 1) * N_LISTS - 1],
        };
        if end - first_id >= ids || user - start >= USERS_AT_A_TIME || user + 1 == n_users {
            stretches.push(start..user + 1);
            (start, first_id) = (user + 1, end);
        }
    }
    stretches
}

const USERS_AT_A_TIME: usize = 1 << 16;

/// Where the lists of some users stand.
pub(super) fn users_lists(users: &Users, stretch: &Range<usize>) -> Range<u64> {
    if users.list_ends.is_empty() || stretch.is_empty() {
        return 0..0;
    }
    users.list_range(stretch.start, 0).start..users.list_range(stretch.end - 1, N_LISTS - 1).end
}
