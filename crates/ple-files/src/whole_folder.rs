//! A folder that appears whole or not at all: made under another name beside its place, and renamed.

use std::fs;
use std::io;
use std::path::Path;

use crate::claim::{Claim, folder_of};
use crate::error::FileError;
use crate::folder_lock::sync;
use crate::what::What;

/// A folder in the making. If it is dropped before it is finished, nothing is left of it.
///
/// ```
/// use ple_files::WholeFolder;
///
/// let place = tempfile::tempdir()?;
/// let target = place.path().join("prepared");
/// let folder = WholeFolder::begin(&target)?;
/// std::fs::write(folder.path().join("rows"), "1")?;
/// assert!(!target.exists());
/// folder.finish()?;
/// assert_eq!(std::fs::read_to_string(target.join("rows"))?, "1");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct WholeFolder {
    claim: Claim,
}

impl WholeFolder {
    /// Begins a folder that is to be at `target`, where there may be nothing, an empty folder, or a link to one. What is
    /// missing above it is made.
    ///
    /// # Errors
    ///
    /// [`FileError::OutputExists`] for a folder that is not empty, [`FileError::OutputKind`] where there is no folder,
    /// [`FileError::Busy`] where another process is making it, [`FileError::Io`].
    pub fn begin(target: &Path) -> Result<Self, FileError> {
        fs::create_dir_all(folder_of(target)).map_err(|source| FileError::writing(target, source))?;
        Ok(WholeFolder { claim: Claim::of(target, What::Folder)? })
    }

    /// Where it is made.
    pub fn path(&self) -> &Path {
        self.claim.unfinished()
    }

    /// Gives the folder its name. Its files have to be on the disk; the names in it are put there.
    ///
    /// # Errors
    ///
    /// [`FileError::Io`].
    pub fn finish(self) -> Result<(), FileError> {
        sync_below(self.path()).map_err(|source| FileError::writing(self.claim.target(), source))?;
        self.claim.publish()
    }
}

/// Puts the names in a folder, and in the folders in it, on the disk.
fn sync_below(folder: &Path) -> io::Result<()> {
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        if entry.file_type()?.is_dir() {
            sync_below(&entry.path())?;
        }
    }
    sync(folder)
}
