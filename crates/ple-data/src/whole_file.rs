//! Output files that appear whole or not at all: a temporary file beside the target, synced, then renamed.

use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};

use tempfile::{NamedTempFile, TempPath};

use crate::error::DataError;

/// A file that is being written beside its place. Dropped before [`finish`](WholeFile::finish), it leaves no trace.
#[derive(Debug)]
pub(crate) struct WholeFile {
    path: PathBuf,
    /// Apart from its temporary name, which a user is not to see in an error.
    file: BufWriter<File>,
    temporary: TempPath,
}

impl WholeFile {
    /// An empty file beside `path`.
    ///
    /// # Errors
    ///
    /// [`DataError::Io`] with the target's name for whatever the operating system refuses.
    pub(crate) fn create(path: &Path) -> Result<Self, DataError> {
        let temporary = NamedTempFile::new_in(folder_of(path))
            .map_err(|error| DataError::io(path, "write", plainly(error)))?;
        let (file, temporary) = temporary.into_parts();
        Ok(Self { path: path.to_path_buf(), file: BufWriter::with_capacity(1 << 16, file), temporary })
    }

    /// Puts everything on the disk and gives the file its name.
    ///
    /// # Errors
    ///
    /// As [`WholeFile::create`]; the old file, if there is one, is then as it was.
    pub(crate) fn finish(self) -> Result<(), DataError> {
        let Self { path, file, temporary } = self;
        let finish = || -> std::io::Result<()> {
            let file = file.into_inner().map_err(std::io::IntoInnerError::into_error)?;
            allow_reading(&file)?;
            file.sync_all()?;
            temporary.persist(&path).map_err(|error| error.error)?;
            sync_folder(folder_of(&path))
        };
        finish().map_err(|error| DataError::io(&path, "write", error))
    }
}

impl Write for WholeFile {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.file.write(bytes)
    }

    fn flush(&mut self) -> std::io::Result<()> {
        self.file.flush()
    }
}

/// Writes a file through `write`. Until everything is on the disk the old file, if there is one, stays as it is;
/// after a failure no trace is left.
///
/// # Errors
///
/// [`DataError::Io`] with the target's name for whatever the operating system refuses.
pub(crate) fn write_whole(
    path: &Path,
    write: impl FnOnce(&mut WholeFile) -> std::io::Result<()>,
) -> Result<(), DataError> {
    let mut file = WholeFile::create(path)?;
    write(&mut file).map_err(|error| DataError::io(path, "write", error))?;
    file.finish()
}

fn folder_of(path: &Path) -> &Path {
    match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    }
}

/// The user asked for a file in a folder, and knows nothing of the temporary file that could not be made there.
fn plainly(error: std::io::Error) -> std::io::Error {
    match error.kind() {
        std::io::ErrorKind::NotFound => std::io::Error::new(error.kind(), "its folder does not exist"),
        _ => error,
    }
}

/// Temporary files are private to their owner; an output is an ordinary file.
#[cfg(unix)]
fn allow_reading(file: &File) -> std::io::Result<()> {
    use std::os::unix::fs::PermissionsExt;
    file.set_permissions(std::fs::Permissions::from_mode(0o644))
}

#[cfg(not(unix))]
fn allow_reading(_file: &File) -> std::io::Result<()> {
    Ok(())
}

/// Puts the new name of the file on the disk as well.
#[cfg(unix)]
fn sync_folder(folder: &Path) -> std::io::Result<()> {
    File::open(folder)?.sync_all()
}

#[cfg(not(unix))]
fn sync_folder(_folder: &Path) -> std::io::Result<()> {
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failed_write_leaves_the_old_file_and_nothing_else() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("out.csv");
        write_whole(&path, |file| file.write_all(b"old")).unwrap();
        let failed = write_whole(&path, |file| {
            file.write_all(b"half")?;
            Err(std::io::Error::other("the disk is full"))
        });
        assert!(failed.unwrap_err().to_string().contains("the disk is full"));
        assert_eq!(std::fs::read(&path).unwrap(), b"old");
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1);
    }

    #[test]
    fn a_folder_that_does_not_exist_is_an_error_of_the_output() {
        let folder = tempfile::tempdir().unwrap();
        let error = write_whole(&folder.path().join("no/out.csv"), |_| Ok(())).unwrap_err();
        assert!(matches!(error, DataError::Io { action: "write", .. }), "{error}");
    }
}
