//! The files of a data set that comes in three parts, told apart by their names.

use std::path::{Path, PathBuf};

use crate::describe::parts::find_parts;
use crate::error::DataError;

/// The files of training, validation and test.
///
/// # Examples
///
/// ```
/// use ple_data::SplitFiles;
///
/// let folder = tempfile::tempdir()?;
/// for name in ["train-0.parquet", "train-1.parquet", "val.parquet", "test.parquet"] {
///     std::fs::write(folder.path().join(name), "")?;
/// }
/// let files = SplitFiles::find(folder.path())?;
/// assert_eq!((files.train.len(), files.validation.len(), files.test.len()), (2, 1, 1));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SplitFiles {
    /// The rows to learn from.
    pub train: Vec<PathBuf>,
    /// The rows that decide on stopping.
    pub validation: Vec<PathBuf>,
    /// The rows that nothing is chosen on.
    pub test: Vec<PathBuf>,
}

impl SplitFiles {
    /// Finds the files of a folder (and of all folders below it) or of a pattern. A file belongs to the part that a word
    /// of its name, or else of its folder's, stands for: `train` or `training`; `val`, `valid`, `validation` or `dev`;
    /// `test`. Other files are passed over, and a table that lies there as CSV and as Parquet counts as Parquet.
    ///
    /// # Errors
    ///
    /// [`FileError::Missing`](crate::FileError::Missing) where there is no file at all, [`DataError::MissingPart`] for a part without files.
    pub fn find(path: &Path) -> Result<Self, DataError> {
        let mut parts = find_parts(&[path])?;
        let mut take = |name: &'static str| {
            let part = parts.iter_mut().find(|part| part.name == name);
            let files = part.map(|part| std::mem::take(&mut part.files)).unwrap_or_default();
            if files.is_empty() {
                return Err(DataError::MissingPart { path: path.to_path_buf(), part: name });
            }
            Ok(files)
        };
        Ok(Self { train: take("train")?, validation: take("val")?, test: take("test")? })
    }

    /// All files, the training ones first.
    pub fn all(&self) -> Vec<&Path> {
        [&self.train, &self.validation, &self.test].into_iter().flatten().map(PathBuf::as_path).collect()
    }
}
