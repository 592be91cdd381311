//! What a preparation found.

use std::fmt;

use super::collapse::CollapsedColumn;
use super::config::SkippedRows;
use super::prepared_table::{EncoderFacts, EncoderKind, TablePart, TableSchema, TaskFacts};
use crate::describe::text::number;

/// What a preparation found. `Display` gives some lines of text.
#[derive(Debug, Clone, PartialEq)]
pub struct TableSummary {
    /// The rows.
    pub parts: Vec<TablePart>,
    /// The encoders.
    pub encoders: Vec<EncoderFacts>,
    /// Rows that were skipped, by reason.
    pub skipped: Vec<SkippedRows>,
    /// Dense features that 32 bits do not hold, though they are scaled as was asked for.
    pub collapsed: Vec<CollapsedColumn>,
    /// The size of the files that were read.
    pub bytes: u64,
}

impl TableSummary {
    pub(crate) fn new(
        schema: &TableSchema,
        skipped: Vec<SkippedRows>,
        collapsed: Vec<CollapsedColumn>,
        bytes: u64,
    ) -> Self {
        let (parts, encoders) = (schema.parts.clone(), schema.encoders.clone());
        TableSummary { parts, encoders, skipped, collapsed, bytes }
    }
}

impl fmt::Display for TableSummary {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        for part in &self.parts {
            write!(formatter, "{:<7} {} rows", part.name, part.rows)?;
            for task in &part.tasks {
                match (task.mean, task.deviation) {
                    (Some(mean), Some(deviation)) => write!(
                        formatter,
                        "; {}: mean {}, deviation {} over {} rows",
                        task.task,
                        number(mean),
                        number(deviation),
                        task.rows
                    )?,
                    _ => {
                        let percent = 100.0 * task.positives as f64 / task.rows.max(1) as f64;
                        let TaskFacts { task, positives, rows, .. } = task;
                        write!(formatter, "; {task}: {positives} of {rows} above 0 ({percent:.2}%)")?;
                    }
                }
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
        for CollapsedColumn { feature, distinct, left } in &self.collapsed {
            writeln!(
                formatter,
                "warning: `{feature}` loses values: {distinct} different ones in training rows become {left} in 32 bits; give it another scale (min_max and standard take off what values have in common, log tells small ones apart)"
            )?;
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
