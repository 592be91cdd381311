//! Folders that outputs go into: made where they are missing, put on the disk, and kept for one process.

use std::fs::{self, File};
use std::io;
use std::path::Path;

use crate::claim::{Claim, lock};
use crate::error::FileError;
use crate::what::What;

/// A folder that this process alone writes into, until the lock is dropped or the process ends.
///
/// ```
/// use ple_files::{ExitKind, FolderLock};
///
/// let folder = tempfile::tempdir()?;
/// let lock = FolderLock::take(folder.path())?;
/// assert_eq!(FolderLock::take(folder.path()).unwrap_err().kind(), ExitKind::InputOutput);
/// drop(lock);
/// assert!(FolderLock::take(folder.path()).is_ok());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct FolderLock {
    /// The folder itself, opened: the system's lock lies on it, and nothing is left when the process ends.
    _folder: Option<File>,
}

impl FolderLock {
    /// Locks a folder, which is made if it is not there, and makes sure that files can be written in it.
    ///
    /// # Errors
    ///
    /// [`FileError::Busy`] if another process holds it, and the errors of [`create_folder`].
    pub fn take(folder: &Path) -> Result<Self, FileError> {
        create_folder(folder)?;
        // Systems that cannot open a folder have no lock on it.
        let opened = File::open(folder).ok();
        if let Some(opened) = &opened {
            lock(opened, folder)?;
        }
        Ok(FolderLock { _folder: opened })
    }
}

/// Makes sure that files can be written into a folder, making it and what is missing above it.
///
/// # Errors
///
/// [`FileError::OutputKind`] where something else has its name, [`FileError::Io`] where the system refuses.
pub fn create_folder(folder: &Path) -> Result<(), FileError> {
    let found = What::is_at(folder).map_err(|source| FileError::writing(folder, source))?;
    if let Some(found) = found.filter(|found| *found != What::Folder) {
        let (path, expected) = (folder.to_path_buf(), What::Folder);
        return Err(FileError::OutputKind { path, found, expected });
    }
    let refuse = |source| FileError::Io { path: folder.to_path_buf(), action: "create the folder", source };
    fs::create_dir_all(folder).map_err(refuse)?;
    match Claim::of(&folder.join("probe"), What::File) {
        Err(FileError::Io { source, .. }) => {
            let (path, action) = (folder.to_path_buf(), "write into the folder");
            Err(FileError::Io { path, action, source })
        }
        // Another process that probes the folder can write into it, and so can this one.
        _ => Ok(()),
    }
}

/// Makes the renames in a folder survive a loss of power.
///
/// # Errors
///
/// [`FileError::Io`].
pub fn sync_folder(folder: &Path) -> Result<(), FileError> {
    let refuse = |source| FileError::Io { path: folder.to_path_buf(), action: "sync the folder", source };
    sync(folder).map_err(refuse)
}

/// On systems that cannot open folders there is nothing to do.
pub(crate) fn sync(folder: &Path) -> io::Result<()> {
    match cfg!(unix) {
        true => File::open(folder)?.sync_all(),
        false => Ok(()),
    }
}
