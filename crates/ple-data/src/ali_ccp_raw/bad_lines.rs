//! What becomes of lines that are not as they must be: the run fails, or they are skipped and counted.

use super::blocks::LineFile;
use super::error::RawError;
use super::fault::RawFault;
use crate::error::DataError;

/// What to do with a line that is not as it must be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BadLines {
    /// The first one is an error.
    Fail,
    /// They are skipped and counted, up to a limit for all files together.
    Skip {
        /// The most lines that may be skipped; one more is an error.
        limit: u64,
    },
}

/// How many lines were skipped for one reason in one file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SkippedLines {
    /// The name of the file.
    pub file: String,
    /// The reason, as [`RawFault::reason`] names it.
    pub reason: &'static str,
    /// The number of lines.
    pub lines: u64,
    /// The first of them, counted from 1.
    pub first_line: usize,
}

/// A line that is not as it must be, and where it starts in its file.
pub(super) type BadLine = (u64, RawFault);

/// Counts the lines that were skipped.
#[derive(Debug)]
pub(super) struct BadLineCounter {
    policy: BadLines,
    total: u64,
    pub(super) skipped: Vec<SkippedLines>,
}

impl BadLineCounter {
    pub(super) fn new(policy: BadLines) -> Self {
        BadLineCounter { policy, total: 0, skipped: Vec::new() }
    }

    /// The most bad lines of one block that are worth finding.
    pub(super) fn most_in_a_block(&self) -> u64 {
        match self.policy {
            BadLines::Fail => 1,
            BadLines::Skip { limit } => limit.saturating_add(1),
        }
    }

    /// Takes the bad lines of a block, in order.
    pub(super) fn take(&mut self, file: &LineFile, lines: Vec<BadLine>) -> Result<(), DataError> {
        for (offset, fault) in lines {
            let path = file.path().to_path_buf();
            match self.policy {
                BadLines::Fail => {
                    return Err(RawError::Line { path, line: file.line_at(offset)?, fault }.into());
                }
                BadLines::Skip { limit } if self.total >= limit => {
                    let line = file.line_at(offset)?;
                    return Err(RawError::TooManyBadLines { path, line, fault, skipped: self.total }.into());
                }
                BadLines::Skip { .. } => {}
            }
            self.total += 1;
            let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
            let reason = fault.reason();
            match self.skipped.iter_mut().find(|known| known.file == name && known.reason == reason) {
                Some(known) => known.lines += 1,
                None => {
                    let first_line = file.line_at(offset)?;
                    self.skipped.push(SkippedLines { file: name, reason, lines: 1, first_line });
                }
            }
        }
        Ok(())
    }
}
