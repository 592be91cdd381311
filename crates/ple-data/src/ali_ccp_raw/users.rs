//! The common features: what belongs to each index, under a dense user number in the order of the file.

use rustc_hash::{FxHashMap, FxHashSet};

use super::bad_lines::{BadLine, BadLineCounter};
use super::blocks::LineFile;
use super::fault::{RawFault, shown};
use super::features::{Features, Reading};
use super::format::{N_DENSE, N_FIELDS, N_LISTS};
use super::line::{COMMON_PARTS, common_line, first_fault};
use super::list_files::ListWriter;
use super::progress::Progress;
use crate::error::DataError;
use crate::in_order::in_order;

/// Everything about users but their lists, which are in files.
#[derive(Default)]
pub(super) struct Users {
    /// What each user has once.
    pub(super) records: Vec<UserRecord>,
    /// Where the lists of each user end in the files of lists, list by list, if lists are kept.
    pub(super) list_ends: Vec<u64>,
    index_bytes: Vec<u8>,
    index_ends: Vec<u64>,
}

/// What a user has once: two cache lines, since rows in a random order look for their users all over the memory.
#[derive(Debug, Clone, Copy, Default)]
#[repr(C, align(64))]
pub(super) struct UserRecord {
    /// A bit for each field that is there.
    pub(super) mask: u32,
    /// The code of the last id of each field, and after numbering its number.
    pub(super) last: [u32; N_FIELDS],
    /// The raw value of each dense column, where its field is there.
    pub(super) dense: [f32; N_DENSE],
}

impl Users {
    /// The number of users.
    pub(super) fn len(&self) -> usize {
        self.records.len()
    }

    /// The common-feature index of a user.
    pub(super) fn index(&self, user: usize) -> &str {
        let start = if user == 0 { 0 } else { self.index_ends[user - 1] };
        let bytes = &self.index_bytes[start as usize..self.index_ends[user] as usize];
        std::str::from_utf8(bytes).unwrap_or_default()
    }

    /// Where a list of a user stands in the files of lists.
    pub(super) fn list_range(&self, user: usize, list: usize) -> std::ops::Range<u64> {
        let place = user * N_LISTS + list;
        let start = if place == 0 { 0 } else { self.list_ends[place - 1] };
        start..self.list_ends[place]
    }
}

/// From the common-feature indexes of one file to user numbers.
#[derive(Default)]
pub(super) struct UserNumbers {
    /// Indexes of up to 16 bytes, padded with zeros, which no index holds.
    short: FxHashMap<u128, u32>,
    long: FxHashMap<Box<[u8]>, u32>,
}

impl UserNumbers {
    pub(super) fn get(&self, index: &[u8]) -> Option<u32> {
        match short_key(index) {
            Some(key) => self.short.get(&key).copied(),
            None => self.long.get(index).copied(),
        }
    }

    /// Whether the indexes of a block have no number yet, and are all different.
    fn are_new(&self, users: &[PieceUser], index_bytes: &[u8]) -> bool {
        let mut start = 0;
        let mut seen = FxHashSet::default();
        users.iter().all(|user| {
            let index = &index_bytes[start..start + user.index_length];
            start += user.index_length;
            self.get(index).is_none() && seen.insert(index)
        })
    }

    /// Gives an index its number, unless it has one.
    fn insert(&mut self, index: &[u8], number: u32) -> bool {
        if self.get(index).is_some() {
            return false;
        }
        match short_key(index) {
            Some(key) => self.short.insert(key, number),
            None => self.long.insert(index.into(), number),
        };
        true
    }
}

fn short_key(index: &[u8]) -> Option<u128> {
    let mut key = [0; 16];
    key.get_mut(..index.len())?.copy_from_slice(index);
    Some(u128::from_le_bytes(key))
}

/// The users of a block.
#[derive(Default)]
struct Piece {
    users: Vec<PieceUser>,
    index_bytes: Vec<u8>,
    ids: Vec<u32>,
    weights: Vec<f32>,
    bad: Vec<BadLine>,
}

struct PieceUser {
    offset: u64,
    index_length: usize,
    record: UserRecord,
    list_lengths: [usize; N_LISTS],
}

/// Reads a file of common features, and appends its users and their lists.
pub(super) fn read_common_features(
    reading: &Reading,
    file: &LineFile,
    users: &mut Users,
    mut lists: Option<&mut ListWriter>,
    bad: &mut BadLineCounter,
    progress: &Progress<'_>,
) -> Result<UserNumbers, DataError> {
    let mut numbers = UserNumbers::default();
    let most_bad = bad.most_in_a_block();
    let work = |state: &mut (Vec<u8>, Features), block: usize| {
        let (buffer, features) = state;
        let block = file.read_block(block, buffer)?;
        let mut piece = Piece::default();
        for (start, end) in block.lines() {
            let offset = block.offset + start as u64;
            let read = common_line(block.bytes, start, end).and_then(|(index, list)| {
                features.read(reading, block.bytes, list)?;
                Ok(index)
            });
            match read {
                Ok((start, end)) => piece.push(reading, offset, &block.bytes[start..end], features),
                Err(fault) => {
                    piece.bad.push((offset, first_fault(&block.bytes[start..end], COMMON_PARTS, fault)));
                }
            }
            if piece.bad.len() as u64 >= most_bad {
                break;
            }
        }
        Ok(piece)
    };
    let commit = |block: usize, piece: Piece| {
        let Piece { users: block_users, index_bytes, ids, weights, bad: mut bad_lines } = piece;
        // Where no index has had a line before, which is usual, the lists are written as they lie.
        let are_distinct = numbers.are_new(&block_users, &index_bytes);
        let (mut index_start, mut list_start) = (0, 0);
        for user in block_users {
            let index = &index_bytes[index_start..index_start + user.index_length];
            index_start += user.index_length;
            let first_id = list_start;
            list_start += user.list_lengths.iter().sum::<usize>();
            if !numbers.insert(index, users.len() as u32) {
                bad_lines.push((user.offset, RawFault::DuplicateIndex { index: shown(index) }));
                continue;
            }
            users.records.push(user.record);
            users.index_bytes.extend_from_slice(index);
            users.index_ends.push(users.index_bytes.len() as u64);
            if let Some(lists) = &mut lists {
                let mut list_end = users.list_ends.last().copied().unwrap_or(0);
                for length in user.list_lengths {
                    list_end += length as u64;
                    users.list_ends.push(list_end);
                }
                if are_distinct {
                    continue;
                }
                lists.append(&ids[first_id..list_start], &weights[first_id..list_start])?;
            }
        }
        if let (Some(lists), true) = (&mut lists, are_distinct) {
            lists.append(&ids, &weights)?;
        }
        bad_lines.sort_by_key(|(offset, _)| *offset);
        bad.take(file, bad_lines)?;
        progress.advance(file.bytes_of_block(block));
        Ok(())
    };
    in_order(file.n_blocks(), Default::default, work, commit)?;
    Ok(numbers)
}

impl Piece {
    fn push(&mut self, reading: &Reading, offset: u64, index: &[u8], features: &Features) {
        let mut dense = [0.0; N_DENSE];
        for (field, column) in reading.fields.dense.iter().enumerate() {
            if let Some(column) = *column
                && features.mask >> field & 1 == 1
            {
                dense[column] = features.values[field];
            }
        }
        for list in &features.lists {
            self.ids.extend_from_slice(&list.ids);
            self.weights.extend_from_slice(&list.weights);
        }
        self.index_bytes.extend_from_slice(index);
        self.users.push(PieceUser {
            offset,
            index_length: index.len(),
            record: UserRecord { mask: features.mask, last: features.last, dense },
            list_lengths: std::array::from_fn(|list| features.lists[list].ids.len()),
        });
    }
}
