//! The lists of users where they lie: in files, of which the lists of one user are read when they are asked for.
//!
//! Small files are held in memory. Large ones are read by position rather than mapped, so that a file that another process
//! cuts short or changes is an error with the file's name, and never a signal.

use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};

use ple_files::{open_file, read_bytes};

use super::error::RawError;
use crate::error::DataError;

/// The weighted ids of all users, for the join that happens when a batch is made.
///
/// Where each list ends is in memory, 8 bytes a list. Ids and weights are, too, where each of their files has at most
/// [`CommonFeatures::IN_MEMORY`] bytes; otherwise they stay there, and the system keeps what is asked for often.
#[derive(Debug)]
pub struct CommonFeatures {
    ends: Vec<u64>,
    ids: NumberFile,
    weights: NumberFile,
    users: usize,
    lists: usize,
}

/// The lists of one user, in memory that the next user's take over.
#[derive(Debug, Default)]
pub struct ListsOfUser {
    /// Where each list begins, and where the last one ends.
    bounds: Vec<usize>,
    ids: Vec<u32>,
    weights: Vec<f32>,
}

impl ListsOfUser {
    /// The ids and weights of a list; `list` is its place in [`CommonFacts::lists`](super::CommonFacts::lists).
    ///
    /// # Panics
    ///
    /// If there is no such list, or nothing has been read.
    pub fn list(&self, list: usize) -> (&[u32], &[f32]) {
        let range = self.bounds[list]..self.bounds[list + 1];
        (&self.ids[range.clone()], &self.weights[range])
    }

    /// Empties every list.
    pub(crate) fn empty(&mut self) {
        self.bounds.fill(0);
    }
}

impl CommonFeatures {
    /// The bytes of a file that is held in memory at most: 128 MiB.
    pub const IN_MEMORY: u64 = 128 << 20;

    /// Opens the files; those of at most `in_memory` bytes are read.
    pub(super) fn open(
        offsets: &Path,
        ids: &Path,
        weights: &Path,
        users: usize,
        lists: usize,
        in_memory: u64,
    ) -> Result<Self, DataError> {
        let bytes = read_bytes(offsets, u64::MAX)?;
        let (numbers, rest) = bytes.as_chunks::<8>();
        let ends: Vec<u64> = numbers.iter().map(|&bytes| u64::from_ne_bytes(bytes)).collect();
        let n_ends = users.checked_mul(lists).and_then(|lists| lists.checked_add(1));
        let ordered = ends.first() == Some(&0) && ends.is_sorted();
        if !rest.is_empty() || Some(ends.len()) != n_ends || !ordered {
            return Err(damaged(
                offsets,
                "its numbers do not start at 0, fall, or are not one for each list",
            ));
        }
        let n_values = ends[ends.len() - 1];
        let open = |path| NumberFile::open(path, n_values, in_memory);
        let (ids, weights) = (open(ids)?, open(weights)?);
        Ok(CommonFeatures { ends, ids, weights, users, lists })
    }

    /// Whether nothing that happens to the files is seen any more.
    pub(crate) fn are_in_memory(&self) -> bool {
        [&self.ids, &self.weights].into_iter().all(|file| matches!(file.place, Place::Memory(_)))
    }

    /// The number of users.
    pub fn users(&self) -> usize {
        self.users
    }

    /// Reads the lists of a user.
    ///
    /// # Errors
    ///
    /// [`RawError::Damaged`] for a file that has become shorter since it was opened; [`DataError::File`].
    ///
    /// # Panics
    ///
    /// If there is no such user.
    pub fn read(&self, user: usize, into: &mut ListsOfUser) -> Result<(), DataError> {
        assert!(user < self.users, "user {user}: there is none");
        let ends = &self.ends[user * self.lists..=(user + 1) * self.lists];
        let (first, last) = (ends[0], ends[self.lists]);
        into.bounds.clear();
        into.bounds.extend(ends.iter().map(|end| (end - first) as usize));
        into.ids.resize((last - first) as usize, 0);
        into.weights.resize((last - first) as usize, 0.0);
        self.ids.read(first, bytemuck::cast_slice_mut(&mut into.ids))?;
        self.weights.read(first, bytemuck::cast_slice_mut(&mut into.weights))
    }

    /// The ids in all lists.
    pub(crate) fn n_ids(&self) -> u64 {
        self.ends.last().copied().unwrap_or(0)
    }

    /// The bytes that are in memory.
    pub(crate) fn bytes(&self) -> u64 {
        let in_memory = |file: &NumberFile| match &file.place {
            Place::Memory(bytes) => bytes.len() as u64,
            Place::File(_) => 0,
        };
        8 * self.ends.len() as u64 + in_memory(&self.ids) + in_memory(&self.weights)
    }
}

/// Bytes of an id or a weight.
const VALUE: u64 = 4;

/// A file of 32-bit numbers in the byte order of the machine.
#[derive(Debug)]
struct NumberFile {
    path: PathBuf,
    place: Place,
}

#[derive(Debug)]
enum Place {
    File(File),
    Memory(Vec<u8>),
}

impl NumberFile {
    fn open(path: &Path, n_values: u64, in_memory: u64) -> Result<Self, DataError> {
        let refuse = |error| DataError::io(path, "read", error);
        let mut file = open_file(path)?;
        let length = file.metadata().map_err(refuse)?.len();
        if Some(length) != n_values.checked_mul(VALUE) {
            return Err(damaged(path, "it has another number of values than the offsets say"));
        }
        let mut opened = Self { path: path.to_path_buf(), place: Place::Memory(Vec::new()) };
        if length > in_memory {
            opened.place = Place::File(file);
            return Ok(opened);
        }
        let mut bytes = vec![0; length as usize];
        file.read_exact(&mut bytes).map_err(|error| opened.failed(error))?;
        opened.place = Place::Memory(bytes);
        Ok(opened)
    }

    /// Fills `into` with the bytes of the numbers from number `first` on.
    fn read(&self, first: u64, into: &mut [u8]) -> Result<(), DataError> {
        match &self.place {
            Place::File(file) => read_exact_at(file, into, first * VALUE).map_err(|error| self.failed(error)),
            Place::Memory(bytes) => {
                let first = (first * VALUE) as usize;
                into.copy_from_slice(&bytes[first..first + into.len()]);
                Ok(())
            }
        }
    }

    fn failed(&self, error: std::io::Error) -> DataError {
        match error.kind() {
            std::io::ErrorKind::UnexpectedEof => {
                damaged(&self.path, "it has become shorter since it was opened")
            }
            _ => DataError::io(&self.path, "read", error),
        }
    }
}

fn damaged(path: &Path, detail: &str) -> DataError {
    RawError::Damaged { path: path.to_path_buf(), detail: detail.to_owned() }.into()
}

#[cfg(unix)]
fn read_exact_at(file: &File, into: &mut [u8], offset: u64) -> std::io::Result<()> {
    std::os::unix::fs::FileExt::read_exact_at(file, into, offset)
}

#[cfg(windows)]
fn read_exact_at(file: &File, mut into: &mut [u8], mut offset: u64) -> std::io::Result<()> {
    while !into.is_empty() {
        match std::os::windows::fs::FileExt::seek_read(file, into, offset)? {
            0 => return Err(std::io::ErrorKind::UnexpectedEof.into()),
            n => (into, offset) = (&mut into[n..], offset + n as u64),
        }
    }
    Ok(())
}
