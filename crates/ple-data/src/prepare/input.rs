//! Which files are prepared, and which part of the data each of them is.

use std::path::{Path, PathBuf};

use super::feature_file::RowSplit;
use crate::describe::parts::{files_of, find_parts};
use crate::error::DataError;

/// The files that are prepared, CSV or Parquet.
///
/// # Examples
///
/// ```
/// use ple_data::prepare::TableInput;
///
/// let folder = tempfile::tempdir()?;
/// for name in ["train-0.csv", "test.csv"] {
///     std::fs::write(folder.path().join(name), "click,user\n1,anna\n")?;
/// }
/// let input = TableInput::find(&[folder.path()])?;
/// assert_eq!((input.train.len(), input.test.len(), input.undivided.len()), (1, 1, 0));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct TableInput {
    /// Rows for training.
    pub train: Vec<PathBuf>,
    /// Rows for validation.
    pub val: Vec<PathBuf>,
    /// Rows for test.
    pub test: Vec<PathBuf>,
    /// Rows that a split divides; without one they are for training.
    pub undivided: Vec<PathBuf>,
}

/// A part of the data.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Part {
    Train,
    Val,
    Test,
}

impl Part {
    pub(crate) const ALL: [Part; 3] = [Part::Train, Part::Val, Part::Test];

    pub(crate) fn name(self) -> &'static str {
        match self {
            Part::Train => "train",
            Part::Val => "val",
            Part::Test => "test",
        }
    }
}

/// Which part the rows of a file belong to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum PartRule {
    /// All to one.
    Whole(Part),
    /// The split decides for each row.
    Split,
}

impl TableInput {
    /// Finds the files of some paths, each a file, a folder (with all below it) or a pattern such as `day-*.parquet`. A file
    /// belongs to the part that a word of its name, or else of its folder's, stands for: `train` or `training`; `val`,
    /// `valid`, `validation` or `dev`; `test`. Others are undivided.
    ///
    /// # Errors
    ///
    /// [`FileError::Missing`](crate::FileError::Missing) where there is no file at all.
    pub fn find(paths: &[impl AsRef<Path>]) -> Result<Self, DataError> {
        let paths: Vec<&Path> = paths.iter().map(AsRef::as_ref).collect();
        let mut input = TableInput::default();
        for part in find_parts(&paths)? {
            match part.name.as_str() {
                "train" => input.train = part.files,
                "val" => input.val = part.files,
                "test" => input.test = part.files,
                _ => input.undivided = part.files,
            }
        }
        Ok(input)
    }

    /// The files of paths whose part is known, whatever they are called.
    ///
    /// # Errors
    ///
    /// As [`TableInput::find`].
    pub fn of_parts(
        train: &[impl AsRef<Path>],
        val: &[impl AsRef<Path>],
        test: &[impl AsRef<Path>],
    ) -> Result<Self, DataError> {
        Ok(TableInput {
            train: files_of_all(train)?,
            val: files_of_all(val)?,
            test: files_of_all(test)?,
            undivided: Vec::new(),
        })
    }

    /// Every file.
    pub(crate) fn paths(&self) -> impl Iterator<Item = &Path> {
        let groups = [&self.train, &self.val, &self.test, &self.undivided];
        groups.into_iter().flatten().map(PathBuf::as_path)
    }

    /// Every file with its part. Training files alone are what a split divides.
    pub(crate) fn files(&self, split: Option<&RowSplit>) -> Vec<(&Path, PartRule)> {
        let is_divided = split.is_some() && self.val.is_empty() && self.test.is_empty();
        let of_train = if is_divided { PartRule::Split } else { PartRule::Whole(Part::Train) };
        let of_undivided = if split.is_some() { PartRule::Split } else { PartRule::Whole(Part::Train) };
        let groups = [
            (&self.train, of_train),
            (&self.val, PartRule::Whole(Part::Val)),
            (&self.test, PartRule::Whole(Part::Test)),
            (&self.undivided, of_undivided),
        ];
        groups
            .into_iter()
            .flat_map(|(files, rule)| files.iter().map(move |file| (file.as_path(), rule)))
            .collect()
    }
}

fn files_of_all(paths: &[impl AsRef<Path>]) -> Result<Vec<PathBuf>, DataError> {
    let mut files = Vec::new();
    for path in paths {
        files.extend(files_of(path.as_ref())?);
    }
    Ok(files)
}
