//! Which transformation made some rows, as their files say.

use std::path::{Path, PathBuf};

use parquet::arrow::arrow_reader::ArrowReaderMetadata;
use thiserror::Error;

use crate::error::DataError;
use crate::parquet_limits::corrupt;
use crate::prepare::PrepareError;
use crate::transformation_hash::{TRANSFORMATION_KEY, TransformationHash};

/// The rows of two files were made by different transformations.
#[derive(Debug, Error)]
#[error(
    "{}: its rows were made by the transformation {}, those of {} by {}\nexpected: rows of one transformation, in which a number means one raw value\nnext: prepare one of the two again with the schema.json of the other: data prepare --with SCHEMA.json",
    path.display(), found.short(), other.display(), expected.short()
)]
pub struct OtherTransformation {
    /// The file.
    pub path: PathBuf,
    /// Its transformation.
    pub found: TransformationHash,
    /// The file that was read before.
    pub other: PathBuf,
    /// Its transformation.
    pub expected: TransformationHash,
}

/// Which transformation made the numbers of some rows, and which of their files do not say so.
///
/// Prepared shards carry the hash of their transformation in their metadata. CSV files, Parquet files of other programs,
/// and shards that were prepared by versions before have none: whether their numbers are a model's cannot be known. Rows
/// that were made in memory come from no file.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct RowOrigin {
    /// The hash, and the first file that carries it.
    carried: Option<(TransformationHash, PathBuf)>,
    /// The first file without one, and the number of such files.
    without: Option<(PathBuf, usize)>,
}

impl RowOrigin {
    /// The origin of the rows of one file.
    pub(crate) fn of_file(path: &Path, hash: Option<TransformationHash>) -> Self {
        match hash {
            Some(hash) => RowOrigin { carried: Some((hash, path.to_owned())), without: None },
            None => RowOrigin { carried: None, without: Some((path.to_owned(), 1)) },
        }
    }

    /// The origin of the rows of a Parquet file, by its footer.
    pub(crate) fn of_footer(path: &Path, footer: &ArrowReaderMetadata) -> Result<Self, DataError> {
        let entries = footer.metadata().file_metadata().key_value_metadata();
        let entry = entries.into_iter().flatten().find(|entry| entry.key == TRANSFORMATION_KEY);
        let text = entry.map(|entry| entry.value.as_deref().unwrap_or_default());
        let hash = text.map(str::parse).transpose();
        let hash =
            hash.map_err(|error| corrupt(path, &format!("{TRANSFORMATION_KEY} in its metadata: {error}")));
        Ok(RowOrigin::of_file(path, hash?))
    }

    /// The transformation that made the rows; `None` if no file carries one.
    pub fn hash(&self) -> Option<TransformationHash> {
        self.carried.as_ref().map(|(hash, _)| *hash)
    }

    /// The first file that carries the transformation.
    pub fn carrier(&self) -> Option<&Path> {
        self.carried.as_ref().map(|(_, path)| path.as_path())
    }

    /// Whether every file carries the transformation.
    pub(crate) fn is_complete(&self) -> bool {
        self.carried.is_some() && self.without.is_none()
    }

    /// That some files carry no transformation, in one line for people; `None` if all of them do.
    pub fn note(&self) -> Option<String> {
        let (first, n) = self.without.as_ref()?;
        let first = first.display();
        Some(match n {
            1 => format!("{first} carries no transformation; its numbers are taken as they are"),
            n => format!(
                "{n} files carry no transformation, the first is {first}; their numbers are taken as they are"
            ),
        })
    }

    /// Adds the origin of more rows.
    ///
    /// # Errors
    ///
    /// [`OtherTransformation`] for rows of another transformation.
    pub fn add(&mut self, more: &RowOrigin) -> Result<(), DataError> {
        match (&self.carried, &more.carried) {
            (Some((expected, other)), Some((found, path))) if expected != found => {
                let (path, other) = (path.clone(), other.clone());
                let error = OtherTransformation { path, found: *found, other, expected: *expected };
                return Err(PrepareError::from(error).into());
            }
            (None, Some(_)) => self.carried.clone_from(&more.carried),
            _ => {}
        }
        match (&mut self.without, &more.without) {
            (Some((_, n)), Some((_, more))) => *n += more,
            (None, Some(_)) => self.without.clone_from(&more.without),
            _ => {}
        }
        Ok(())
    }
}
