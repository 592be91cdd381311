//! A file that a `schema.json` names, found and checked: it lies in its folder, has its size, and its bytes their hash.

use std::fs;
use std::io::Read;
use std::path::{Component, Path, PathBuf};

use ple_files::open_file;
use xxhash_rust::xxh3::Xxh3;

use crate::ali_ccp_raw::{PREPARED_SCHEMA, RawError};
use crate::error::DataError;
use crate::output_folder::FileFacts;

impl FileFacts {
    /// Where the file is, in the folder of its `schema.json`; a name that leads out of it is refused.
    pub(crate) fn place(&self, folder: &Path) -> Result<PathBuf, DataError> {
        let relative = Path::new(&self.file);
        let stays = relative.components().all(|component| matches!(component, Component::Normal(_)));
        match stays && !self.file.is_empty() {
            true => Ok(folder.join(relative)),
            false => {
                let path = folder.join(PREPARED_SCHEMA);
                let detail = format!("the name `{}` leads out of its folder", self.file);
                Err(RawError::Damaged { path, detail }.into())
            }
        }
    }

    /// Where the file is, if it is there with its size.
    pub(crate) fn check_size(&self, folder: &Path) -> Result<PathBuf, DataError> {
        let path = self.place(folder)?;
        let found = fs::metadata(&path).map_err(|error| DataError::io(&path, "read", error))?.len();
        if found != self.bytes {
            let detail = format!("it has {found} bytes, and {PREPARED_SCHEMA} says {}", self.bytes);
            return Err(RawError::Damaged { path, detail }.into());
        }
        Ok(path)
    }

    /// Reads the file and compares its hash.
    pub(crate) fn verify(&self, folder: &Path) -> Result<(), DataError> {
        let path = self.place(folder)?;
        let mut file = open_file(&path)?;
        let (mut hash, mut buffer) = (Xxh3::new(), vec![0; 1 << 20]);
        loop {
            let n = file.read(&mut buffer).map_err(|error| DataError::io(&path, "read", error))?;
            if n == 0 {
                break;
            }
            hash.update(&buffer[..n]);
        }
        if format!("{:032x}", hash.digest128()) != self.hash {
            let detail = format!("its hash is another one than {PREPARED_SCHEMA} says");
            return Err(RawError::Damaged { path, detail }.into());
        }
        Ok(())
    }
}
