//! What `schema.json` records of the files of a prepared folder, compared before their rows are read: wherever a path
//! comes from, a file that lies in such a folder is the one that was written, or is refused.

use std::collections::HashMap;
use std::path::{Path, PathBuf};

use rayon::prelude::*;

use crate::ali_ccp_raw::{PREPARED_SCHEMA, RawError};
use crate::bucket_names::BucketName;
use crate::content_hash::ContentHash;
use crate::error::DataError;
use crate::output_folder::FileFacts;
use crate::parquet_limits::{guarded, open_parquet};
use crate::prepared_file::hash_of_file;
use crate::prepared_folder::RecordedFolder;
use crate::schema_file::damaged;

/// What a file of a prepared folder is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum RecordedKind {
    /// A shard, by its number of rows.
    Rows(u64),
    /// A vocabulary, or what belongs to users.
    Other,
}

/// What becomes of files that no `schema.json` names.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Unrecorded {
    /// They are not looked at.
    Skipped,
    /// Local ones are hashed all the same, so that they are known again.
    Hashed,
}

/// Some files, and what is recorded of each.
pub(crate) struct RecordedFiles<'a> {
    files: Vec<(&'a Path, Option<Record>)>,
}

#[derive(Clone)]
struct Record {
    /// The folder with the `schema.json`.
    folder: PathBuf,
    facts: FileFacts,
    kind: RecordedKind,
}

impl<'a> RecordedFiles<'a> {
    /// Looks each file up in the `schema.json` of the folder above its own.
    ///
    /// # Errors
    ///
    /// What is wrong with such a `schema.json`.
    pub(crate) fn of(paths: impl IntoIterator<Item = &'a Path>) -> Result<Self, DataError> {
        let mut folders: HashMap<PathBuf, HashMap<String, Record>> = HashMap::new();
        let mut files = Vec::new();
        for path in paths {
            let Some((folder, name)) = place_in_folder(path) else {
                files.push((path, None));
                continue;
            };
            if !folders.contains_key(&folder) {
                folders.insert(folder.clone(), records(&folder)?);
            }
            files.push((path, folders[&folder].get(&name).cloned()));
        }
        Ok(RecordedFiles { files })
    }

    /// Refuses files that are no rows, such as vocabularies.
    pub(crate) fn refuse_other_kinds(self) -> Result<Self, DataError> {
        for (path, record) in &self.files {
            if let Some(Record { folder, kind: RecordedKind::Other, .. }) = record {
                let (path, folder) = (path.to_path_buf(), folder.clone());
                return Err(RawError::NotRows { path, folder }.into());
            }
        }
        Ok(self)
    }

    /// Reads every file that is recorded, on all threads, and compares size, hash and number of rows. Gives the hashes of
    /// the files that were read.
    ///
    /// # Errors
    ///
    /// [`RawError::Damaged`] for the first file, in the order given, that is not what was written.
    pub(crate) fn verify(&self, unrecorded: Unrecorded) -> Result<Vec<Option<ContentHash>>, DataError> {
        let check = |(path, record): &(&Path, Option<Record>)| match record {
            Some(record) => record.verify(path).map(Some),
            None if unrecorded == Unrecorded::Hashed && BucketName::of(path).is_none() => {
                hash_of_file(path).map(Some)
            }
            None => Ok(None),
        };
        let checked: Vec<Result<Option<ContentHash>, DataError>> = self.files.par_iter().map(check).collect();
        checked.into_iter().collect()
    }
}

impl Record {
    fn verify(&self, path: &Path) -> Result<ContentHash, DataError> {
        let hash = self.facts.verify_at(path)?;
        if let RecordedKind::Rows(rows) = self.kind {
            let found = guarded(path, || Ok(open_parquet(path)?.metadata().file_metadata().num_rows()))?;
            if found as u64 != rows {
                return Err(damaged(
                    path,
                    &format!("it has {found} rows, and {PREPARED_SCHEMA} says {rows}"),
                ));
            }
        }
        Ok(hash)
    }
}

/// Checks that rows may be read from some files: none is of another kind, and what is recorded of them holds.
pub(crate) fn verify_rows<'a>(
    paths: impl IntoIterator<Item = &'a Path>,
    unrecorded: Unrecorded,
) -> Result<Vec<Option<ContentHash>>, DataError> {
    RecordedFiles::of(paths)?.refuse_other_kinds()?.verify(unrecorded)
}

/// The folder above the one of a local file, and the file's name from there.
fn place_in_folder(path: &Path) -> Option<(PathBuf, String)> {
    if BucketName::of(path).is_some() {
        return None;
    }
    let path = path.canonicalize().ok()?;
    let part = path.parent()?;
    let (part_name, file_name) = (part.file_name()?.to_str()?, path.file_name()?.to_str()?);
    Some((part.parent()?.to_path_buf(), format!("{part_name}/{file_name}")))
}

/// What a folder records, by the names of the files; nothing if it is not a prepared one.
fn records(folder: &Path) -> Result<HashMap<String, Record>, DataError> {
    let Some(recorded) = RecordedFolder::find(folder)? else { return Ok(HashMap::new()) };
    let record = |(facts, kind): (&FileFacts, RecordedKind)| {
        (facts.file.clone(), Record { folder: folder.to_path_buf(), facts: facts.clone(), kind })
    };
    Ok(recorded.files().map(record).collect())
}
