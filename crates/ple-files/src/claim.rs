//! The name under which an output is made, `.NAME.unfinished` beside its place, and the lock on it.
//!
//! The lock is the operating system's and lies on the unfinished file or folder itself, so it ends with the process. A
//! name that is there and not locked was left by a process that was killed, and is removed.

use std::ffi::OsString;
use std::fs::{self, File, OpenOptions, TryLockError};
use std::io;
use std::path::{Path, PathBuf};

use crate::error::FileError;
use crate::folder_lock::sync;
use crate::what::{Identity, What};

/// An unfinished output that this process alone writes. Dropped before it is published, it is removed.
#[derive(Debug)]
pub(crate) struct Claim {
    /// What the user called it, for messages.
    target: PathBuf,
    /// Where it goes: the target, or what a link there leads to.
    place: PathBuf,
    unfinished: PathBuf,
    /// Holds the lock. `None` once the output has its name.
    locked: Option<File>,
}

/// Another process may make or remove the unfinished name between two looks; so often nothing real does.
const ATTEMPTS: usize = 100;

impl Claim {
    /// Claims an output that is to be a file or a folder.
    pub(crate) fn of(target: &Path, expected: What) -> Result<Self, FileError> {
        Claim::made_as(target, expected, expected)
    }

    /// Claims an output that is made as a file or in a folder.
    pub(crate) fn made_as(target: &Path, expected: What, made_as: What) -> Result<Self, FileError> {
        let place = place_of(target, expected)?;
        let unfinished = unfinished_name(&place);
        for _ in 0..ATTEMPTS {
            match create(&unfinished, made_as) {
                Ok(file) if lock(&file, target)? && is_at(&file, &unfinished) => {
                    let claim = Claim { target: target.to_path_buf(), place, unfinished, locked: Some(file) };
                    // Another process may have finished the output just before it was claimed.
                    return place_of(target, expected).map(|_| claim);
                }
                Ok(_) => {}
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
                    remove_left_over(&unfinished, target)?;
                }
                Err(error) => return Err(FileError::writing(target, plainly(error))),
            }
        }
        Err(FileError::Busy { path: target.to_path_buf() })
    }

    /// Where the output is made.
    pub(crate) fn unfinished(&self) -> &Path {
        &self.unfinished
    }

    /// Where it goes.
    pub(crate) fn place(&self) -> &Path {
        &self.place
    }

    /// What the user called it.
    pub(crate) fn target(&self) -> &Path {
        &self.target
    }

    /// A second handle of the unfinished file.
    pub(crate) fn file(&self) -> Result<File, FileError> {
        match &self.locked {
            Some(file) => file.try_clone().map_err(|source| FileError::writing(&self.target, source)),
            None => unreachable!("publishing consumes the claim"),
        }
    }

    /// Gives the output its name. Its contents have to be on the disk.
    pub(crate) fn publish(mut self) -> Result<(), FileError> {
        let publish = |file: &File| {
            // Where the system has no locks, another process may have taken the name.
            if !is_at(file, &self.unfinished) {
                return Err(io::Error::other("its unfinished file was removed"));
            }
            fs::rename(&self.unfinished, &self.place)?;
            sync(folder_of(&self.place))
        };
        let result = self.locked.as_ref().map_or(Ok(()), publish);
        result.map_err(|source| FileError::writing(&self.target, source))?;
        self.locked = None;
        Ok(())
    }
}

impl Drop for Claim {
    fn drop(&mut self) {
        if let Some(file) = &self.locked
            && is_at(file, &self.unfinished)
        {
            // What cannot be removed is removed by the next process that makes the same output.
            let _ = remove(&self.unfinished);
        }
    }
}

/// Where an output goes: through a link to a file or an empty folder, to what the link leads to.
fn place_of(target: &Path, expected: What) -> Result<PathBuf, FileError> {
    let ends_as_folder = target.as_os_str().as_encoded_bytes().ends_with(b"/");
    let is_named = target.file_name().is_some() && !(ends_as_folder && expected == What::File);
    match What::is_at(target).map_err(|source| FileError::writing(target, source))? {
        Some(found) if found != expected => {
            Err(FileError::OutputKind { path: target.to_path_buf(), found, expected })
        }
        _ if !is_named => Err(FileError::OutputName { path: target.to_path_buf() }),
        Some(What::Folder) if !is_empty(target) => {
            Err(FileError::OutputExists { path: target.to_path_buf() })
        }
        Some(_) => target.canonicalize().map_err(|source| FileError::writing(target, source)),
        None => Ok(target.to_path_buf()),
    }
}

fn is_empty(folder: &Path) -> bool {
    fs::read_dir(folder).is_ok_and(|mut entries| entries.next().is_none())
}

/// `.NAME.unfinished`, beside the place.
fn unfinished_name(place: &Path) -> PathBuf {
    let mut name = OsString::from(".");
    name.push(place.file_name().unwrap_or_default());
    name.push(".unfinished");
    folder_of(place).join(name)
}

/// The folder of a path.
pub(crate) fn folder_of(path: &Path) -> &Path {
    match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    }
}

/// Makes the unfinished file or folder, with the permissions that the umask gives, and opens it.
fn create(unfinished: &Path, made_as: What) -> io::Result<File> {
    match made_as {
        What::Folder => {
            fs::create_dir(unfinished)?;
            File::open(unfinished)
        }
        // A link that is there is never followed.
        _ => OpenOptions::new().read(true).write(true).create_new(true).open(unfinished),
    }
}

/// Removes what a killed process has left of an output that is not to be made any more. What a living process is making
/// stays.
pub fn remove_unfinished(output: &Path) {
    // What cannot be removed costs space and nothing else.
    let _ = remove_left_over(&unfinished_name(output), output);
}

/// Removes an unfinished file or folder that no living process holds.
fn remove_left_over(unfinished: &Path, target: &Path) -> Result<(), FileError> {
    let found = match fs::symlink_metadata(unfinished) {
        Ok(metadata) => What::of(metadata.file_type()),
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(FileError::writing(target, error)),
    };
    let held = match found {
        What::File | What::Folder => match File::open(unfinished) {
            Ok(file) => Some(file),
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
            Err(error) => return Err(FileError::writing(target, error)),
        },
        // Not ours: a pipe would wait for ever when it is opened.
        _ => None,
    };
    if let Some(file) = &held {
        lock(file, target)?;
        if !is_at(file, unfinished) {
            return Ok(());
        }
    }
    match remove(unfinished) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(FileError::writing(target, error)),
        _ => Ok(()),
    }
}

fn remove(unfinished: &Path) -> io::Result<()> {
    match fs::symlink_metadata(unfinished)?.is_dir() {
        true => fs::remove_dir_all(unfinished),
        false => fs::remove_file(unfinished),
    }
}

/// Locks a file for this process; true, or the error that another process holds it. A file system without locks lets
/// everything through.
pub(crate) fn lock(file: &File, target: &Path) -> Result<bool, FileError> {
    match file.try_lock() {
        Err(TryLockError::WouldBlock) => Err(FileError::Busy { path: target.to_path_buf() }),
        Ok(()) | Err(TryLockError::Error(_)) => Ok(true),
    }
}

/// Whether a path, itself no link, still leads to an open file.
fn is_at(file: &File, path: &Path) -> bool {
    let (Ok(open), Ok(named)) = (file.metadata(), fs::symlink_metadata(path)) else { return false };
    Identity::of(&open, path) == Identity::of(&named, path)
}

/// The user asked for an output in a folder, and knows nothing of the unfinished file that could not be made there.
fn plainly(error: io::Error) -> io::Error {
    match error.kind() {
        io::ErrorKind::NotFound => io::Error::new(error.kind(), "its folder does not exist"),
        io::ErrorKind::NotADirectory => io::Error::new(error.kind(), "its folder is a file"),
        _ => error,
    }
}
