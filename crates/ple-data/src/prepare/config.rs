//! What can be chosen when a table is prepared, and what is told while it is done.

use super::error::PrepareError;
use crate::error::DataError;
use crate::memory_room::MemoryRoom;

/// How a table is prepared.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PrepareConfig {
    /// The order of the training rows. Rows for validation and test keep that of the files.
    pub order: TrainOrder,
    /// What becomes of rows that are not as they must be.
    pub bad_rows: BadRows,
    /// How many bytes of a CSV file one thread takes apart at a time.
    pub chunk_bytes: usize,
    /// How many rows of a Parquet file one thread takes apart at a time.
    pub chunk_rows: usize,
    /// How many bytes of numbers become one shard. As much waits in memory for each part.
    pub shard_bytes: u64,
    /// What the distinct keys and their vocabularies may take. What the machine has, by default.
    pub memory: MemoryRoom,
}

impl Default for PrepareConfig {
    /// Training rows shuffled by the seed 2020, no bad row, chunks of 1 MiB or 16,384 rows, shards of 64 MiB.
    fn default() -> Self {
        PrepareConfig {
            order: TrainOrder::Shuffled { seed: 2020 },
            bad_rows: BadRows::Fail,
            chunk_bytes: 1 << 20,
            chunk_rows: 16 << 10,
            shard_bytes: 64 << 20,
            memory: MemoryRoom::of_machine(),
        }
    }
}

/// In which order training rows are written.
///
/// A training run permutes rows inside of windows of row groups. A log that comes sorted, by user or by time, is therefore
/// shuffled as a whole when it is prepared.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TrainOrder {
    /// By a hash of this seed and of each row's place in the input.
    Shuffled {
        /// Decides on the order.
        seed: u64,
    },
    /// As they come.
    AsInFiles,
}

/// What to do with a row that is not as it must be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BadRows {
    /// The first one is an error.
    Fail,
    /// They are skipped and counted, up to a limit for all files together.
    Skip {
        /// The most rows that may be skipped; one more is an error.
        limit: u64,
    },
}

/// How many rows were skipped for one reason.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SkippedRows {
    /// The reason, in a word or two.
    pub reason: &'static str,
    /// The number of rows.
    pub rows: u64,
    /// What is wrong with the first of them, in one line.
    pub first: String,
}

/// What is being done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PreparePhase {
    /// Ids are counted and dense values are looked at.
    Fitting,
    /// Rows are encoded. Those that keep their order are written, the others wait.
    Writing,
    /// Training rows are written in their order.
    Shuffling,
}

/// How far a preparation is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PrepareProgress {
    /// What is being done.
    pub phase: PreparePhase,
    /// Bytes of the files that have been read, in all passes together. Writing shuffled rows counts as one more.
    pub done: u64,
    /// The value of `done` at the end.
    pub total: u64,
    /// Rows that have been written.
    pub rows: u64,
}

/// Whoever wants to know how far a preparation is.
pub type PrepareProgressFn<'a> = &'a (dyn Fn(PrepareProgress) + Sync);

/// Counts the rows that were skipped.
#[derive(Debug)]
pub(crate) struct BadRowCounter {
    policy: BadRows,
    total: u64,
    pub(crate) skipped: Vec<SkippedRows>,
}

impl BadRowCounter {
    pub(crate) fn new(policy: BadRows) -> Self {
        BadRowCounter { policy, total: 0, skipped: Vec::new() }
    }

    /// Takes the bad rows of a chunk, in order.
    pub(crate) fn take(&mut self, faults: Vec<DataError>) -> Result<(), DataError> {
        for error in faults {
            match self.policy {
                BadRows::Fail => return Err(error),
                BadRows::Skip { limit } if self.total >= limit => {
                    let skipped = self.total;
                    return Err(PrepareError::TooManyBadRows { error: Box::new(error), skipped }.into());
                }
                BadRows::Skip { .. } => {}
            }
            self.total += 1;
            let reason = reason(&error);
            match self.skipped.iter_mut().find(|known| known.reason == reason) {
                Some(known) => known.rows += 1,
                None => {
                    let first = error.to_string().lines().next().unwrap_or_default().to_owned();
                    self.skipped.push(SkippedRows { reason, rows: 1, first });
                }
            }
        }
        Ok(())
    }
}

/// A word or two for what is wrong with a row.
fn reason(error: &DataError) -> &'static str {
    match error {
        DataError::Quotes { .. } => "quotes",
        DataError::FieldCount { .. } => "number of fields",
        DataError::NotUtf8 { .. } => "text that is not UTF-8",
        DataError::MissingValue { .. } => "missing value",
        DataError::BadNumber { .. } => "number",
        DataError::NotFinite { .. } => "number beyond 32 bits",
        DataError::LabelNotBinary { .. } => "label",
        DataError::NegativeWeight { .. } => "negative weight",
        DataError::SequenceLengths { .. } => "lengths of lists",
        _ => "value",
    }
}
