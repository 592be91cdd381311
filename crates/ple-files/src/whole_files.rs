//! Files that belong together: made in a folder of their own beside their places, and given their names one by one. The
//! last name is that of the file which refers to the others.

use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};

use crate::claim::{Claim, folder_of};
use crate::error::FileError;
use crate::folder_lock::sync;
use crate::what::What;

/// Files in the making. What has no name yet when this is dropped is removed.
///
/// ```
/// use ple_files::WholeFiles;
///
/// let place = tempfile::tempdir()?;
/// let files = WholeFiles::begin(&place.path().join("model.onnx"))?;
/// std::fs::write(files.path().join("weights.data"), "1")?;
/// std::fs::write(files.path().join(files.name()), "weights.data")?;
/// files.give_name("weights.data")?;
/// assert!(!place.path().join("model.onnx").exists());
/// files.finish()?;
/// assert!(place.path().join("model.onnx").exists());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct WholeFiles {
    claim: Claim,
    name: String,
}

impl WholeFiles {
    /// Begins files of which the last one is to be at `target`.
    ///
    /// # Errors
    ///
    /// As [`WholeFile::create`](crate::WholeFile::create), and [`FileError::OutputName`] for a name that is not UTF-8.
    pub fn begin(target: &Path) -> Result<Self, FileError> {
        let claim = Claim::made_as(target, What::File, What::Folder)?;
        let name = claim.place().file_name().and_then(|name| name.to_str()).map(str::to_owned);
        let name = name.ok_or_else(|| FileError::OutputName { path: target.to_path_buf() })?;
        Ok(WholeFiles { claim, name })
    }

    /// The folder that they are made in.
    pub fn path(&self) -> &Path {
        self.claim.unfinished()
    }

    /// The name of the last file: that of the target, or of what a link there leads to.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Where a file of this name goes.
    pub fn place(&self, name: &str) -> PathBuf {
        folder_of(self.claim.place()).join(name)
    }

    /// Puts a file on the disk and gives it its name.
    ///
    /// # Errors
    ///
    /// [`FileError::Io`]; what had the name before is then as it was.
    pub fn give_name(&self, name: &str) -> Result<(), FileError> {
        let give = || -> io::Result<()> {
            let (from, to) = (self.path().join(name), self.place(name));
            File::open(&from)?.sync_all()?;
            fs::rename(from, &to)?;
            sync(folder_of(&to))
        };
        give().map_err(|source| FileError::writing(self.claim.target(), source))
    }

    /// Puts the last file on the disk, gives it its name, and removes the folder that they were made in.
    ///
    /// # Errors
    ///
    /// As [`WholeFiles::give_name`].
    pub fn finish(self) -> Result<(), FileError> {
        self.give_name(&self.name)
    }
}

/// Gives a file a second name, in the place of what has that name: another link to the same bytes, or a copy where the file
/// system has no links.
///
/// # Errors
///
/// As [`WholeFiles::begin`], and [`FileError::Io`]; what had the name before is then as it was.
pub fn give_second_name(file: &Path, name: &Path) -> Result<(), FileError> {
    let files = WholeFiles::begin(name)?;
    let second = files.path().join(files.name());
    fs::hard_link(file, &second)
        .or_else(|_| fs::copy(file, &second).map(|_| ()))
        .map_err(|source| FileError::writing(name, source))?;
    files.finish()
}
