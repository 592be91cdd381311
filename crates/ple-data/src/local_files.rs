//! The files behind a path of data, for programs that check their outputs against what they read.

use std::path::{Path, PathBuf};

use crate::ali_ccp_raw::PREPARED_SCHEMA;
use crate::bucket_names::BucketName;
use crate::describe::parts::files_of;

/// The local files that a file, a folder or a pattern means: every file below a prepared folder, the tables of any other
/// one. None in a bucket, and none where nothing can be found, which the reader says in its own words.
///
/// ```
/// use ple_data::local_files;
///
/// let folder = tempfile::tempdir()?;
/// std::fs::write(folder.path().join("train.csv"), "user,click\n1,0\n")?;
/// std::fs::write(folder.path().join("notes.txt"), "not a table")?;
/// assert_eq!(local_files(folder.path()), [folder.path().join("train.csv")]);
/// # Ok::<(), std::io::Error>(())
/// ```
pub fn local_files(path: &Path) -> Vec<PathBuf> {
    if BucketName::of(path).is_some() {
        return Vec::new();
    }
    if path.join(PREPARED_SCHEMA).exists() {
        let mut files = Vec::new();
        all_below(path, &mut files);
        return files;
    }
    files_of(path).unwrap_or_default()
}

fn all_below(folder: &Path, files: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(folder).into_iter().flatten().flatten() {
        match entry.file_type() {
            Ok(kind) if kind.is_dir() => all_below(&entry.path(), files),
            _ => files.push(entry.path()),
        }
    }
}
