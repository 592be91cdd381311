//! What a preparation found.

use std::fmt;

use super::config::SkippedRows;
use super::prepared_table::{EncoderFacts, EncoderKind, TablePart, TableSchema};

/// What a preparation found. `Display` gives some lines of text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TableSummary {
    /// The rows.
    pub parts: Vec<TablePart>,
    /// The encoders.
    pub encoders: Vec<EncoderFacts>,
    /// Rows that were skipped, by reason.
    pub skipped: Vec<SkippedRows>,
    /// The size of the files that were read.
    pub bytes: u64,
}

impl TableSummary {
    pub(crate) fn new(schema: &TableSchema, skipped: Vec<SkippedRows>, bytes: u64) -> Self {
        TableSummary { parts: schema.parts.clone(), encoders: schema.encoders.clone(), skipped, bytes }
    }
}

impl fmt::Display for TableSummary {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        for part in &self.parts {
            write!(formatter, "{:<7} {} rows", part.name, part.rows)?;
            for task in &part.tasks {
                let percent = 100.0 * task.positives as f64 / task.rows.max(1) as f64;
                write!(
                    formatter,
                    "; {}: {} of {} above 0 ({percent:.2}%)",
                    task.task, task.positives, task.rows
                )?;
            }
            writeln!(formatter)?;
        }
        for encoder in &self.encoders {
            match &encoder.kind {
                EncoderKind::Vocabulary { vocab_size, min_count, .. } => writeln!(
                    formatter,
                    "{:<7} {} ids that occur at least {min_count} times in training rows",
                    encoder.name,
                    vocab_size - 1
                )?,
                EncoderKind::Hash(hash) => writeln!(
                    formatter,
                    "{:<7} {} buckets of a hash with seed {}",
                    encoder.name, hash.buckets, hash.seed
                )?,
            }
        }
        for skipped in &self.skipped {
            writeln!(
                formatter,
                "skipped {} rows for their {}, the first is {}",
                skipped.rows, skipped.reason, skipped.first
            )?;
        }
        Ok(())
    }
}
