//! What can be chosen when raw files are prepared, and what is told while it is done.

use super::bad_lines::BadLines;

/// How raw files are prepared.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RawConfig {
    /// How often an id has to occur in the training rows to have a number of its own; the others are 0.
    pub min_count: u32,
    /// Decides the order of the rows, and which half of the official test part is for validation.
    pub seed: u64,
    /// What becomes of lines that are not as they must be.
    pub bad_lines: BadLines,
    /// The width of the embeddings in the schema that is written.
    pub embedding_dim: usize,
    /// How many bytes of a file one thread reads at a time.
    pub block_bytes: usize,
    /// How many bytes of the skeleton become one shard. Each thread holds about as much in memory.
    pub shard_bytes: u64,
}

impl Default for RawConfig {
    /// A minimum of 10 occurrences, seed 2020, no bad line, embeddings of 16, blocks of 512 KiB, shards of 64 MiB.
    fn default() -> Self {
        RawConfig {
            min_count: 10,
            seed: 2020,
            bad_lines: BadLines::Fail,
            embedding_dim: 16,
            block_bytes: 512 << 10,
            shard_bytes: 64 << 20,
        }
    }
}

/// What is being done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RawPhase {
    /// A file is read: its name without the ending.
    Reading(&'static str),
    /// Ids are counted and numbered.
    Vocabularies,
    /// What belongs to common-feature indexes is written.
    WritingCommon,
    /// Rows are written.
    WritingRows,
}

/// How far the preparation is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RawProgress {
    /// What is being done.
    pub phase: RawPhase,
    /// Bytes of the raw files that have been read, plus those whose contents have been written.
    pub done: u64,
    /// The value of `done` at the end: twice the size of the raw files.
    pub total: u64,
}
