//! A file that a `schema.json` names, found and checked: it lies in its folder, has its size, and its bytes their hash.

use std::fs;
use std::io::Read;
use std::path::{Component, Path, PathBuf};

use ple_files::open_file;
use xxhash_rust::xxh3::Xxh3;

use crate::ali_ccp_raw::PREPARED_SCHEMA;
use crate::content_hash::ContentHash;
use crate::error::DataError;
use crate::output_folder::FileFacts;
use crate::schema_file::damaged;

impl FileFacts {
    /// Where the file is, in the folder of its `schema.json`; a name that leads out of it is refused.
    pub(crate) fn place(&self, folder: &Path) -> Result<PathBuf, DataError> {
        let relative = Path::new(&self.file);
        let stays = relative.components().all(|component| matches!(component, Component::Normal(_)));
        match stays && !self.file.is_empty() {
            true => Ok(folder.join(relative)),
            false => {
                let detail = format!("the name `{}` leads out of its folder", self.file);
                Err(damaged(&folder.join(PREPARED_SCHEMA), &detail))
            }
        }
    }

    /// Where the file is, if it is there with its size.
    pub(crate) fn check_size(&self, folder: &Path) -> Result<PathBuf, DataError> {
        let path = self.place(folder)?;
        self.check_size_at(&path)?;
        Ok(path)
    }

    /// Reads the file and compares its size and its hash.
    pub(crate) fn verify(&self, folder: &Path) -> Result<(), DataError> {
        self.verify_at(&self.place(folder)?).map(drop)
    }

    /// The same for a file whose place is known; gives its hash.
    pub(crate) fn verify_at(&self, path: &Path) -> Result<ContentHash, DataError> {
        self.check_size_at(path)?;
        let hash = hash_of_file(path)?;
        match hash.to_string() == self.hash {
            true => Ok(hash),
            false => Err(damaged(path, &format!("its hash is another one than {PREPARED_SCHEMA} says"))),
        }
    }

    fn check_size_at(&self, path: &Path) -> Result<(), DataError> {
        let found = fs::metadata(path).map_err(|error| DataError::io(path, "read", error))?.len();
        if found != self.bytes {
            let detail = format!("it has {found} bytes, and {PREPARED_SCHEMA} says {}", self.bytes);
            return Err(damaged(path, &detail));
        }
        Ok(())
    }
}

/// The hash of all bytes of a file.
pub(crate) fn hash_of_file(path: &Path) -> Result<ContentHash, DataError> {
    let reading = |error| DataError::io(path, "read", error);
    let mut file = open_file(path)?;
    let (mut hash, mut buffer) = (Xxh3::new(), vec![0; 1 << 20]);
    loop {
        match file.read(&mut buffer).map_err(reading)? {
            0 => return Ok(ContentHash::from(&hash)),
            n => hash.update(&buffer[..n]),
        }
    }
}
