//! The lists of users where they lie: in mapped files, found by the number of the user.

use std::path::Path;

use super::error::RawError;
use crate::error::DataError;
use crate::mmap::MappedFile;

/// The weighted ids of all users, for the join that happens when a batch is made.
///
/// Nothing is read before it is asked for, and the system keeps what is asked for often.
#[derive(Debug)]
pub struct CommonFeatures {
    offsets: MappedFile,
    ids: MappedFile,
    weights: MappedFile,
    users: usize,
    lists: usize,
}

impl CommonFeatures {
    pub(super) fn open(
        offsets: &Path,
        ids: &Path,
        weights: &Path,
        users: usize,
        lists: usize,
    ) -> Result<Self, DataError> {
        let damaged = |path: &Path, detail: &str| RawError::Damaged {
            path: path.to_path_buf(),
            detail: detail.to_owned(),
        };
        let features = CommonFeatures {
            offsets: MappedFile::open(offsets)?,
            ids: MappedFile::open(ids)?,
            weights: MappedFile::open(weights)?,
            users,
            lists,
        };
        let ends = features.ends();
        if ends.len() != users * lists + 1 || ends[0] != 0 || ends.windows(2).any(|pair| pair[0] > pair[1]) {
            return Err(damaged(
                offsets,
                "its numbers do not start at 0, fall, or are not one for each list",
            )
            .into());
        }
        let n_ids = ends[ends.len() - 1] as usize;
        for (path, found) in [
            (ids, features.ids.numbers::<u32>().map(<[u32]>::len)),
            (weights, features.weights.numbers::<f32>().map(<[f32]>::len)),
        ] {
            if found != Some(n_ids) {
                return Err(damaged(path, "it has another number of values than the offsets say").into());
            }
        }
        Ok(features)
    }

    /// The number of users.
    pub fn users(&self) -> usize {
        self.users
    }

    /// The ids and weights of a user's list; `list` is its place in [`CommonFacts::lists`](super::CommonFacts::lists).
    ///
    /// # Panics
    ///
    /// If there is no such user or list.
    pub fn list(&self, user: usize, list: usize) -> (&[u32], &[f32]) {
        assert!(user < self.users && list < self.lists, "list {list} of user {user}: there is none");
        let place = user * self.lists + list;
        let ends = self.ends();
        let range = ends[place] as usize..ends[place + 1] as usize;
        let ids = self.ids.numbers::<u32>().unwrap_or_default();
        (&ids[range.clone()], &self.weights.numbers::<f32>().unwrap_or_default()[range])
    }

    fn ends(&self) -> &[u64] {
        self.offsets.numbers().unwrap_or_default()
    }
}
