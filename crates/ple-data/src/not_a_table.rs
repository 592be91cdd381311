//! What can be where a table should be: a folder without any, a file that is no text, one with other separators, or Parquet
//! of a kind that is not read.

use std::path::PathBuf;

use ple_files::ExitKind;
use thiserror::Error;

/// What is where a table should be. `Display` gives three lines: what, what was expected, the next step.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum NotATable {
    /// A folder has no table in it.
    #[error("{}: the folder holds no table\nexpected: files that end in .csv or .parquet, and begin with neither a dot nor an underscore\nnext: check the path", path.display())]
    NoTables {
        /// The folder.
        path: PathBuf,
    },

    /// A file that should be CSV is something else.
    #[error("{}: the file holds {found}\nexpected: text with one row a line\nnext: {next}", path.display())]
    NotText {
        /// The file.
        path: PathBuf,
        /// What it holds, in words.
        found: &'static str,
        /// What to do, in words.
        next: &'static str,
    },

    /// The header is one name that holds another separator than the comma.
    #[error("{}: the header has no comma, but `{}`\nexpected: fields separated by commas\nnext: write the file again with commas", path.display(), found.escape_debug())]
    Separator {
        /// The file.
        path: PathBuf,
        /// The separator that the file seems to use.
        found: char,
    },

    /// A Parquet file is of a kind for which no decoder is built in.
    #[error("{}: {found}\nexpected: a file without encryption, compressed by Snappy, Zstandard, LZ4 or gzip, or not at all\nnext: write the file again in such a way", path.display())]
    UnreadableParquet {
        /// The file.
        path: PathBuf,
        /// What it is.
        found: String,
    },
}

impl NotATable {
    pub(crate) fn kind(&self) -> ExitKind {
        match self {
            NotATable::NoTables { .. } => ExitKind::MissingInput,
            NotATable::NotText { .. } | NotATable::Separator { .. } | NotATable::UnreadableParquet { .. } => {
                ExitKind::BadData
            }
        }
    }
}
