//! Rows between reading and writing: in files, one for each stretch of the order in which they are written.
//!
//! A row goes into the file of its key's stretch as soon as it is read. Later each file is read, sorted by the keys and
//! written, so that at any time only few of them are in memory.

use std::fs::{self, File};
use std::io::{Read, Write};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use super::features::{Features, Reading, fields_of};
use crate::error::DataError;

/// In which order rows are written.
#[derive(Debug, Clone, Copy)]
pub(super) enum RowOrder {
    /// By a hash of the place in the file.
    Shuffled {
        /// What the hash depends on besides.
        stream: u64,
    },
    /// As they come.
    AsInFile,
}

impl RowOrder {
    /// The key by which the row that starts at a place of the file is sorted.
    #[inline]
    fn key(self, offset: u64) -> u64 {
        match self {
            RowOrder::Shuffled { stream } => mixed(mixed(stream ^ offset)),
            RowOrder::AsInFile => offset,
        }
    }
}

/// The files of one part.
pub(super) struct Spill {
    order: RowOrder,
    /// The length of the file that rows come from.
    length: u64,
    stretches: Vec<Mutex<Stretch>>,
}

struct Stretch {
    path: PathBuf,
    file: File,
    rows: u64,
    bytes: u64,
}

impl Spill {
    pub(super) fn create(
        folder: &Path,
        part: &str,
        order: RowOrder,
        length: u64,
        shard_bytes: u64,
    ) -> Result<Self, DataError> {
        let n_stretches = length.div_ceil(shard_bytes.max(1)).clamp(1, MOST_STRETCHES);
        let stretch = |number: u64| {
            let path = folder.join(format!("{part}-{number}.rows"));
            let file = File::options().read(true).write(true).create_new(true).open(&path);
            let file = file.map_err(|error| DataError::io(&path, "write", error))?;
            Ok(Mutex::new(Stretch { path, file, rows: 0, bytes: 0 }))
        };
        let stretches = (0..n_stretches).map(stretch).collect::<Result<_, DataError>>()?;
        Ok(Spill { order, length, stretches })
    }

    /// A thread's buffers.
    pub(super) fn buffers(&self) -> SpillBuffers {
        SpillBuffers { stretches: self.stretches.iter().map(|_| SpillBuffer::default()).collect() }
    }

    /// The number of rows in each stretch.
    pub(super) fn rows(&self) -> Vec<u64> {
        self.stretches
            .iter()
            .map(|stretch| stretch.lock().unwrap_or_else(PoisonError::into_inner).rows)
            .collect()
    }

    fn stretch_of(&self, key: u64) -> usize {
        let n = self.stretches.len() as u128;
        match self.order {
            RowOrder::Shuffled { .. } => ((u128::from(key) * n) >> 64) as usize,
            RowOrder::AsInFile => (u128::from(key) * n / u128::from(self.length.max(1))) as usize,
        }
    }

    /// Adds a row.
    #[inline]
    pub(super) fn push(
        &self,
        buffers: &mut SpillBuffers,
        reading: &Reading,
        row: &NewRow<'_>,
    ) -> Result<(), DataError> {
        let key = self.order.key(row.offset);
        let stretch = self.stretch_of(key);
        let buffer = &mut buffers.stretches[stretch];
        buffer.push(reading, key, row);
        match buffer.words.len() >= BUFFER_WORDS {
            true => self.flush(stretch, buffer),
            false => Ok(()),
        }
    }

    fn flush(&self, stretch: usize, buffer: &mut SpillBuffer) -> Result<(), DataError> {
        let mut stretch = self.stretches[stretch].lock().unwrap_or_else(PoisonError::into_inner);
        let Stretch { path, file, rows, bytes } = &mut *stretch;
        let written: &[u8] = bytemuck::cast_slice(&buffer.words);
        file.write_all(written).map_err(|error| DataError::io(path, "write", error))?;
        *rows += buffer.rows;
        *bytes += written.len() as u64;
        buffer.words.clear();
        buffer.rows = 0;
        Ok(())
    }

    /// Writes what is left in the buffers of a thread.
    pub(super) fn flush_all(&self, mut buffers: SpillBuffers) -> Result<(), DataError> {
        (0..).zip(&mut buffers.stretches).try_for_each(|(stretch, buffer)| self.flush(stretch, buffer))
    }

    /// Reads a stretch in the place of the rows that were there, and removes its file.
    pub(super) fn take(&self, stretch: usize, rows: &mut SpilledRows) -> Result<(), DataError> {
        let stretch = self.stretches[stretch].lock().unwrap_or_else(PoisonError::into_inner);
        let SpilledRows { words, order } = rows;
        words.resize(stretch.bytes as usize / 4, 0);
        let mut read = || {
            File::open(&stretch.path)?.read_exact(bytemuck::cast_slice_mut(words))?;
            fs::remove_file(&stretch.path)
        };
        read().map_err(|error| DataError::io(&stretch.path, "read", error))?;
        order.clear();
        let mut at = 0;
        while at < words.len() {
            order.push((u64::from(words[at + 2]) << 32 | u64::from(words[at + 1]), at as u32));
            at += words[at] as usize;
        }
        order.sort_unstable();
        Ok(())
    }
}

/// More stretches than this would be too many open files.
const MOST_STRETCHES: u64 = 400;
/// What a buffer holds before it is written.
const BUFFER_WORDS: usize = 16 << 10;

/// A thread's rows that have not been written yet.
pub(super) struct SpillBuffers {
    stretches: Vec<SpillBuffer>,
}

#[derive(Default)]
struct SpillBuffer {
    words: Vec<u32>,
    rows: u64,
}

/// A row of the skeleton.
pub(super) struct NewRow<'a> {
    pub(super) offset: u64,
    pub(super) user: u32,
    pub(super) click: bool,
    pub(super) purchase: bool,
    /// The fields that the row has and its user has not.
    pub(super) mask: u32,
    pub(super) features: &'a Features,
}

const CLICK: u32 = 1 << 30;
const PURCHASE: u32 = 1 << 31;

impl SpillBuffer {
    #[inline]
    fn push(&mut self, reading: &Reading, key: u64, row: &NewRow<'_>) {
        let start = self.words.len();
        let labels = if row.click { CLICK } else { 0 } | if row.purchase { PURCHASE } else { 0 };
        self.words.extend([0, key as u32, (key >> 32) as u32, row.user, row.mask | labels]);
        for field in fields_of(row.mask) {
            match reading.kept_list(field) {
                Some(list) => {
                    let list = &row.features.lists[list];
                    self.words.push(list.ids.len() as u32);
                    self.words.extend_from_slice(&list.ids);
                    self.words.extend(list.weights.iter().map(|weight| weight.to_bits()));
                }
                None => {
                    self.words.push(row.features.last[field]);
                    if reading.fields.dense[field].is_some() {
                        self.words.push(row.features.values[field].to_bits());
                    }
                }
            }
        }
        self.words[start] = (self.words.len() - start) as u32;
        self.rows += 1;
    }
}

/// The rows of a stretch, sorted by their keys.
#[derive(Default)]
pub(super) struct SpilledRows {
    words: Vec<u32>,
    order: Vec<(u64, u32)>,
}

/// A row that was read back.
pub(super) struct SpilledRow<'a> {
    pub(super) user: usize,
    pub(super) click: bool,
    pub(super) purchase: bool,
    mask: u32,
    words: &'a [u32],
}

/// What a row has in a field.
pub(super) struct OwnField<'a> {
    pub(super) field: usize,
    /// The code of the last id.
    pub(super) last: u32,
    /// The last value, where the field has a dense column.
    pub(super) value: f32,
    /// All codes, where the field has a list that is kept.
    pub(super) ids: &'a [u32],
    /// The bits of the weights beside them.
    pub(super) weights: &'a [u32],
}

impl SpilledRows {
    pub(super) fn len(&self) -> usize {
        self.order.len()
    }

    /// A row by its place in the order.
    #[inline]
    pub(super) fn row(&self, place: usize) -> SpilledRow<'_> {
        let at = self.order[place].1 as usize;
        let words = &self.words[at..at + self.words[at] as usize];
        let bits = words[4];
        SpilledRow {
            user: words[3] as usize,
            click: bits & CLICK != 0,
            purchase: bits & PURCHASE != 0,
            mask: bits & !(CLICK | PURCHASE),
            words: &words[5..],
        }
    }
}

impl SpilledRow<'_> {
    /// Calls `visit` with each field that the row has and its user has not.
    #[inline]
    pub(super) fn for_each_field(&self, reading: &Reading, mut visit: impl FnMut(OwnField<'_>)) {
        let mut words = self.words;
        for field in fields_of(self.mask) {
            let n = words[0] as usize;
            let length = match reading.kept_list(field) {
                Some(_) => {
                    let (ids, weights) = words[1..=2 * n].split_at(n);
                    let last = |words: &[u32]| words.last().copied().unwrap_or(0);
                    let value = f32::from_bits(last(weights));
                    visit(OwnField { field, last: last(ids), value, ids, weights });
                    1 + 2 * n
                }
                None => {
                    let has_value = reading.fields.dense[field].is_some();
                    let value = if has_value { f32::from_bits(words[1]) } else { 0.0 };
                    visit(OwnField { field, last: words[0], value, ids: &[], weights: &[] });
                    1 + usize::from(has_value)
                }
            };
            words = &words[length..];
        }
    }
}

/// The finaliser of SplitMix64.
pub(super) fn mixed(value: u64) -> u64 {
    let value = value.wrapping_add(0x9E37_79B9_7F4A_7C15);
    let value = (value ^ (value >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    let value = (value ^ (value >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    value ^ (value >> 31)
}
