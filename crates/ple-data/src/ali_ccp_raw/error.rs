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

    /// A file that should be the `schema.json` of prepared data is none.
    #[error("{}: this is no schema.json of prepared data: {detail}\nexpected: the file as it was written\nnext: name a prepared folder, or copy it again, or prepare the data again", path.display())]
    NotPrepared {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        detail: String,
    },

    /// A file of prepared data that was to be read as rows holds none.
    #[error("{}: the file is no part of the rows: it has numbers of ids, or what users share\nexpected: shards of rows\nnext: pass {}, or another part of the folder", path.display(), folder.join("test").display())]
    NotRows {
        /// The file.
        path: PathBuf,
        /// The prepared folder that it belongs to.
        folder: PathBuf,
    },

    /// A prepared folder has no rows for test, where those are wanted.
    #[error("{}: the prepared folder has no part `test`\nexpected: rows to score\nnext: pass the part that is meant, as in {}", path.display(), path.join(other).display())]
    NoTestPart {
        /// The folder.
        path: PathBuf,
        /// A part that it has.
        other: String,
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
        match self {
            RawError::NoTestPart { .. } => ExitKind::MissingInput,
            _ => ExitKind::BadData,
        }
    }
}
