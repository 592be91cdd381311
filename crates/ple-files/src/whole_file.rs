//! A file that appears whole or not at all: written under another name beside its place, put on the disk, renamed.

use std::fs::File;
use std::io::{self, BufWriter, Seek, SeekFrom, Write};
use std::path::Path;

use crate::claim::Claim;
use crate::error::FileError;
use crate::what::What;

/// What waits to be written.
const BUFFER_BYTES: usize = 64 << 10;

/// A file that is being written. Dropped before [`finish`](WholeFile::finish), it leaves no trace; the old file, if there
/// is one, stays until then. A link to a file stays a link, and what it leads to is replaced.
#[derive(Debug)]
pub struct WholeFile {
    file: BufWriter<File>,
    claim: Claim,
}

impl WholeFile {
    /// An empty file that is to be at `path`.
    ///
    /// # Errors
    ///
    /// [`FileError::OutputKind`] where a folder, a device or a pipe has the name, [`FileError::Busy`] where another process
    /// is writing the same file, [`FileError::Io`] for whatever the operating system refuses.
    pub fn create(path: &Path) -> Result<Self, FileError> {
        let claim = Claim::of(path, What::File)?;
        Ok(Self { file: BufWriter::with_capacity(BUFFER_BYTES, claim.file()?), claim })
    }

    /// Puts everything on the disk and gives the file its name.
    ///
    /// # Errors
    ///
    /// [`FileError::Io`]; the old file, if there is one, is then as it was.
    pub fn finish(self) -> Result<(), FileError> {
        let Self { file, claim } = self;
        let flushed = file.into_inner().map_err(io::IntoInnerError::into_error);
        flushed
            .and_then(|file| file.sync_all())
            .map_err(|source| FileError::writing(claim.target(), source))?;
        claim.publish()
    }
}

impl Write for WholeFile {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.file.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.flush()
    }
}

impl Seek for WholeFile {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        self.file.seek(to)
    }
}

/// Writes a file through `write`, whole or not at all, and gives back what `write` gave.
///
/// # Errors
///
/// As [`WholeFile::create`]; then the old file, if there is one, is as it was, and no trace is left.
pub fn write_whole<T>(
    path: &Path,
    write: impl FnOnce(&mut WholeFile) -> io::Result<T>,
) -> Result<T, FileError> {
    let mut file = WholeFile::create(path)?;
    let result = write(&mut file).map_err(|source| FileError::writing(path, source))?;
    file.finish()?;
    Ok(result)
}
