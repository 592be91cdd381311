//! Names that no model can have: blank ones, those of two things, and columns that are only the number of a row.

use std::path::PathBuf;

use ple_files::ExitKind;
use thiserror::Error;

/// What is wrong with a name. `Display` gives three lines: what, what was expected, the next step.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum NameError {
    /// Two features, two labels or two keys have one name.
    #[error(
        "the {role} `{name}` is named twice\nexpected: each name once\nnext: remove or rename one of the two"
    )]
    DuplicateName {
        /// `feature`, `label` or `key`.
        role: &'static str,
        /// The name that occurs twice.
        name: String,
    },

    /// A name of a schema is empty, or nothing of it can be seen.
    #[error(
        "{role} {number} has a blank name\nexpected: a name with something to be seen\nnext: give it a name"
    )]
    BlankName {
        /// What has the name: `feature`, `task`, `key`, or a column that one of them reads.
        role: &'static str,
        /// Which one of its kind, counted from 1.
        number: usize,
    },

    /// Two things of a model would have one name.
    #[error(
        "{first} and {second} would both be called `{name}` in the model\nexpected: different names for all features, tasks, lists of weights and tables of bins\nnext: rename one of the two"
    )]
    NameCollision {
        /// The name.
        name: String,
        /// What has it.
        first: String,
        /// What would have it too.
        second: String,
    },

    /// A column that would become a feature has no name, or numbers the rows.
    #[error("{}: column {column} {found}\nexpected: a header that names each feature\nnext: write the file without the index (index=False in pandas), or name the column, or list the features in a schema", path.display())]
    UnnamedColumn {
        /// The file.
        path: PathBuf,
        /// Which column, counted from 1.
        column: usize,
        /// What is wrong with its name.
        found: String,
    },
}

impl NameError {
    pub(crate) fn kind(&self) -> ExitKind {
        match self {
            NameError::UnnamedColumn { .. } => ExitKind::BadData,
            NameError::DuplicateName { .. }
            | NameError::BlankName { .. }
            | NameError::NameCollision { .. } => ExitKind::Configuration,
        }
    }
}
