//! Files that appear whole or not at all: written beside their place, synced, renamed, and the folder synced.

use std::fs::{self, File};
use std::io::{self, BufWriter, Write};
use std::path::Path;

use tempfile::NamedTempFile;

use crate::error::TrainError;

/// Makes sure that files can be written into a folder, creating it if it is not there. Run this before training.
///
/// # Errors
///
/// [`TrainError::Io`] if the folder cannot be made or no file can be written in it.
///
/// # Examples
///
/// ```
/// let place = tempfile::tempdir().unwrap();
/// ple_train::checkpoint::check_writable(&place.path().join("run/best")).unwrap();
/// assert!(place.path().join("run/best").is_dir());
/// ```
pub fn check_writable(folder: &Path) -> Result<(), TrainError> {
    create_folder(folder)?;
    let probe = || {
        let mut file = unfinished_file(folder)?;
        file.write_all(b"?")?;
        file.close()
    };
    probe().map_err(|source| io_error(folder, "write into the folder", source))
}

/// Creates a folder and what is missing above it.
pub(super) fn create_folder(folder: &Path) -> Result<(), TrainError> {
    fs::create_dir_all(folder).map_err(|source| io_error(folder, "create the folder", source))
}

/// What waits to be written.
const BUFFER_BYTES: usize = 64 << 10;

/// Writes one file of a folder; `contents` may fail at any point, and then the folder is as it was.
pub(crate) fn write_whole<T>(
    folder: &Path,
    name: &str,
    contents: impl FnOnce(&mut dyn Write) -> io::Result<T>,
) -> Result<T, TrainError> {
    let write = || {
        let mut file = unfinished_file(folder)?;
        // A model has many small tensors, which go to the disk together.
        let mut buffered = BufWriter::with_capacity(BUFFER_BYTES, file.as_file_mut());
        let result = contents(&mut buffered)?;
        buffered.flush()?;
        drop(buffered);
        file.as_file().sync_all()?;
        file.persist(folder.join(name)).map_err(|failed| failed.error)?;
        Ok(result)
    };
    write().map_err(|source| io_error(&folder.join(name), "write the file", source))
}

/// Makes the renames in a folder survive a loss of power. On systems that cannot open folders there is nothing to do.
pub(crate) fn sync_folder(folder: &Path) -> Result<(), TrainError> {
    if cfg!(unix) {
        let sync = File::open(folder).and_then(|folder| folder.sync_all());
        sync.map_err(|source| io_error(folder, "sync the folder", source))?;
    }
    Ok(())
}

pub(super) fn io_error(path: &Path, action: &'static str, source: io::Error) -> TrainError {
    TrainError::Io { path: path.to_path_buf(), action, source }
}

/// A file that is removed unless it is persisted, with the permissions that any new file would get.
fn unfinished_file(folder: &Path) -> io::Result<NamedTempFile> {
    let mut builder = tempfile::Builder::new();
    builder.prefix(".unfinished-");
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        builder.permissions(fs::Permissions::from_mode(0o666));
    }
    builder.tempfile_in(folder)
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::io;

    use super::{check_writable, write_whole};

    #[test]
    fn a_write_that_fails_leaves_the_folder_as_it_was() {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("a"), "old").unwrap();
        let result = write_whole(folder.path(), "a", |out| {
            out.write_all(b"half")?;
            Err::<(), _>(io::Error::other("disk full"))
        });
        let error = result.unwrap_err();
        assert!(error.to_string().contains("a: could not write the file: disk full\n"), "{error}");
        assert_eq!(error.exit_code(), 74);
        assert_eq!(fs::read_to_string(folder.path().join("a")).unwrap(), "old");
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
    }

    #[test]
    fn the_probe_leaves_nothing_behind() {
        let folder = tempfile::tempdir().unwrap();
        check_writable(folder.path()).unwrap();
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0);
    }

    #[test]
    fn a_folder_that_cannot_be_is_found_before_training() {
        let place = tempfile::tempdir().unwrap();
        fs::write(place.path().join("file"), "").unwrap();
        let folder = place.path().join("file/folder");
        let text = check_writable(&folder).unwrap_err().to_string();
        assert!(text.starts_with(&format!("{}: could not create the folder: ", folder.display())), "{text}");
        assert!(text.ends_with("next: check the permissions, the free space and the disk"), "{text}");
    }

    #[cfg(unix)]
    #[test]
    fn other_users_may_read_what_the_umask_lets_them() {
        use std::os::unix::fs::PermissionsExt;
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("plain"), "").unwrap();
        write_whole(folder.path(), "whole", |out| out.write_all(b"x")).unwrap();
        let mode = |name| fs::metadata(folder.path().join(name)).unwrap().permissions().mode();
        assert_eq!(mode("whole"), mode("plain"));
    }
}
