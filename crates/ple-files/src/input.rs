//! Inputs: a file is opened only when it is a regular one, and text is read as a whole within a limit.

use std::fs::File;
use std::io::Read;
use std::path::Path;

use crate::error::FileError;
use crate::what::What;

/// The most bytes of a schema, of settings, or of another text that people write: 64 MiB.
pub const MOST_TEXT_BYTES: u64 = 64 << 20;

/// Opens a regular file. A pipe, a device, a socket or a folder is refused before it is opened: a pipe would wait for a
/// writer, and a device may never end.
///
/// # Errors
///
/// [`FileError::Missing`], [`FileError::NotAFile`] and [`FileError::Io`].
pub fn open_file(path: &Path) -> Result<File, FileError> {
    match What::is_at(path).map_err(|source| FileError::reading(path, source))? {
        Some(What::File) => File::open(path).map_err(|source| FileError::reading(path, source)),
        Some(found) => Err(FileError::NotAFile { path: path.to_path_buf(), found }),
        None => Err(FileError::Missing { path: path.to_path_buf() }),
    }
}

/// Reads a regular file of at most `limit` bytes.
///
/// # Errors
///
/// Those of [`open_file`], and [`FileError::TooLong`].
pub fn read_bytes(path: &Path, limit: u64) -> Result<Vec<u8>, FileError> {
    let file = open_file(path)?;
    let mut bytes = Vec::new();
    // The size that the system gives may change, and some files have none.
    file.take(limit.saturating_add(1))
        .read_to_end(&mut bytes)
        .map_err(|source| FileError::reading(path, source))?;
    match bytes.len() as u64 > limit {
        true => Err(FileError::TooLong { path: path.to_path_buf(), limit }),
        false => Ok(bytes),
    }
}

/// Reads a regular file of text in UTF-8 of at most `limit` bytes.
///
/// # Errors
///
/// Those of [`read_bytes`], and [`FileError::NotUtf8`].
pub fn read_text(path: &Path, limit: u64) -> Result<String, FileError> {
    String::from_utf8(read_bytes(path, limit)?).map_err(|error| {
        let valid = &error.as_bytes()[..error.utf8_error().valid_up_to()];
        let line = 1 + valid.iter().filter(|&&byte| byte == b'\n').count();
        FileError::NotUtf8 { path: path.to_path_buf(), line }
    })
}
