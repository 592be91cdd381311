//! Output files that appear whole or not at all: a temporary file beside the target, synced, then renamed.

use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::Path;

use tempfile::NamedTempFile;

use crate::error::DataError;

/// Writes a file through `write`. Until everything is on the disk the old file, if there is one, stays as it is;
/// after a failure no trace is left.
///
/// # Errors
///
/// [`DataError::Io`] with the target's name for whatever the operating system refuses.
pub(crate) fn write_whole(
    path: &Path,
    write: impl FnOnce(&mut BufWriter<&File>) -> std::io::Result<()>,
) -> Result<(), DataError> {
    let folder = match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    };
    let attempt = || -> std::io::Result<()> {
        let temporary = NamedTempFile::new_in(folder).map_err(plainly)?;
        let mut buffered = BufWriter::with_capacity(1 << 16, temporary.as_file());
        write(&mut buffered)?;
        buffered.flush()?;
        drop(buffered);
        allow_reading(temporary.as_file())?;
        temporary.as_file().sync_all()?;
        temporary.persist(path).map_err(|error| error.error)?;
        sync_folder(folder)
    };
    attempt().map_err(|error| DataError::io(path, "write", error))
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
