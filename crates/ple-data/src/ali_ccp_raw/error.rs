//! What can be wrong with raw files and with the folder that they are prepared into.

use std::path::PathBuf;

use ple_files::ExitKind;
use thiserror::Error;

use super::blocks::MAX_LINE;
use super::fault::RawFault;

/// An error of preparing raw files. `Display` gives three lines: what, what was expected, the next step.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum RawError {
    /// A file is packed, or in another format.
    #[error("{}: the file is {found}, not text\nexpected: lines of text, unpacked, in UTF-8\nnext: unpack or convert the file", path.display())]
    NotText {
        /// The file.
        path: PathBuf,
        /// The format that its first bytes stand for.
        found: &'static str,
    },

    /// A line is not as it must be.
    #[error("{}, line {line}, {fault}", path.display())]
    Line {
        /// The file.
        path: PathBuf,
        /// The line, counted from 1.
        line: usize,
        /// What is wrong with it.
        fault: RawFault,
    },

    /// More lines would have had to be skipped than the limit allows.
    #[error("{}, line {line}, {fault}\nand {skipped} bad lines were skipped before it, which is the limit: raise it if so many may be missing", path.display())]
    TooManyBadLines {
        /// The file.
        path: PathBuf,
        /// The line, counted from 1.
        line: usize,
        /// What is wrong with it.
        fault: RawFault,
        /// How many lines were skipped before it.
        skipped: u64,
    },

    /// A line does not end.
    #[error("{}, line {line}: the line does not end within {MAX_LINE} bytes\nexpected: one line for each impression or index\nnext: check that the file is one of Ali-CCP's", path.display())]
    LineTooLong {
        /// The file.
        path: PathBuf,
        /// The line, counted from 1.
        line: usize,
    },

    /// A file of prepared data is not what its `schema.json` says.
    #[error("{}: the file is damaged: {detail}\nexpected: prepared data as it was written\nnext: copy the folder again, or prepare the data again", path.display())]
    Damaged {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        detail: String,
    },

    /// No row of the training part is left.
    #[error("{}: no row is left for training\nexpected: at least one row, with a click where there is a purchase\nnext: check how the file was made", path.display())]
    NoRows {
        /// The skeleton of the training part.
        path: PathBuf,
    },
}

impl RawError {
    pub(crate) fn kind(&self) -> ExitKind {
        ExitKind::BadData
    }
}
