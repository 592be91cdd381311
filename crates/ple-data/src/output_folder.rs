//! A folder of output that appears whole or not at all, with the sizes and hashes of its files, which are put on the disk
//! while the next ones are made.

use std::fs::{self, File};
use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};
use std::sync::mpsc::{Sender, channel};
use std::thread::JoinHandle;

use ple_files::WholeFolder;
use serde::{Deserialize, Serialize};
use xxhash_rust::xxh3::Xxh3;

use crate::error::DataError;

/// A folder in the making. If it is dropped before it is finished, nothing is left of it.
pub(crate) struct OutputFolder {
    syncing: Syncing,
    folder: WholeFolder,
}

/// A thread that puts finished files on the disk, so that nobody who has work to do waits for it.
struct Syncing {
    files: Option<Sender<(PathBuf, File)>>,
    thread: Option<JoinHandle<Result<(), DataError>>>,
}

impl Syncing {
    fn start() -> Self {
        let (files, finished) = channel::<(PathBuf, File)>();
        let sync = move || {
            let sync = |(path, file): (PathBuf, File)| {
                file.sync_data().map_err(|error| DataError::io(&path, "write", error))
            };
            finished.into_iter().try_for_each(sync)
        };
        Syncing { files: Some(files), thread: Some(std::thread::spawn(sync)) }
    }

    /// Waits until all files are on the disk.
    fn finish(&mut self) -> Result<(), DataError> {
        self.files = None;
        match self.thread.take().map(JoinHandle::join) {
            Some(Ok(result)) => result,
            Some(Err(panic)) => std::panic::resume_unwind(panic),
            None => Ok(()),
        }
    }
}

impl Drop for Syncing {
    /// Nothing is left of a folder that is given up, so its files have to be closed before it is removed.
    fn drop(&mut self) {
        self.files = None;
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

/// A file of the output.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FileFacts {
    /// Its place below the folder, with `/` between names.
    pub file: String,
    /// Its size.
    pub bytes: u64,
    /// The XXH3 hash of its bytes, 128 bits, in hexadecimal digits.
    pub hash: String,
}

impl OutputFolder {
    /// Begins a folder.
    pub(crate) fn begin(target: &Path) -> Result<Self, DataError> {
        let folder = WholeFolder::begin(target)?;
        Ok(OutputFolder { syncing: Syncing::start(), folder })
    }

    /// Where the files are made.
    pub(crate) fn path(&self) -> &Path {
        self.folder.path()
    }

    /// Makes a folder in the folder.
    pub(crate) fn subfolder(&self, name: &str) -> Result<PathBuf, DataError> {
        let path = self.path().join(name);
        fs::create_dir(&path).map_err(|error| DataError::io(&path, "write", error))?;
        Ok(path)
    }

    /// Puts a file on the disk, at some time before the folder is finished. What goes wrong is an error of `finish`.
    pub(crate) fn sync_later(&self, path: &Path, file: File) {
        if let Some(files) = &self.syncing.files {
            // Nobody takes files any more after one could not be synced, and that is the error that counts.
            let _ = files.send((path.to_path_buf(), file));
        }
    }

    /// Writes a file through `write`, to be on the disk when the folder is finished; gives its size and hash. `name` is
    /// its place in the folder.
    pub(crate) fn write_hashed(
        &self,
        name: &str,
        write: impl FnOnce(&mut HashingFile) -> std::io::Result<()>,
    ) -> Result<FileFacts, DataError> {
        let path = self.path().join(name);
        let attempt = || {
            let file = BufWriter::with_capacity(1 << 18, File::create_new(&path)?);
            let mut file = HashingFile { file, hash: Xxh3::new(), bytes: 0 };
            write(&mut file)?;
            let HashingFile { file, hash, bytes } = file;
            let file = file.into_inner().map_err(std::io::IntoInnerError::into_error)?;
            Ok((facts(name, bytes, &hash), file))
        };
        let (facts, file) = attempt().map_err(|error| DataError::io(&path, "write", error))?;
        self.sync_later(&path, file);
        Ok(facts)
    }

    /// Gives the folder its name, when everything in it is on the disk.
    pub(crate) fn finish(mut self) -> Result<(), DataError> {
        self.syncing.finish()?;
        Ok(self.folder.finish()?)
    }
}

pub(crate) fn facts(name: &str, bytes: u64, hash: &Xxh3) -> FileFacts {
    FileFacts { file: name.to_owned(), bytes, hash: format!("{:032x}", hash.digest128()) }
}

/// A file that hashes what is written to it.
pub(crate) struct HashingFile {
    file: BufWriter<File>,
    hash: Xxh3,
    bytes: u64,
}

impl Write for HashingFile {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        let written = self.file.write(bytes)?;
        self.hash.update(&bytes[..written]);
        self.bytes += written as u64;
        Ok(written)
    }

    fn flush(&mut self) -> std::io::Result<()> {
        self.file.flush()
    }
}
