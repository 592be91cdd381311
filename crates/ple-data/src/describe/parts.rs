//! Which files are meant, and which of them belong together: a file, a folder or a pattern, split into training,
//! validation and test by what the files are called.

use std::collections::HashSet;
use std::ffi::OsStr;
use std::path::{Path, PathBuf};

use ple_files::FileError;

use crate::bucket_names::{BucketName, files_in_bucket};
use crate::error::DataError;
use crate::not_a_table::NotATable;
use crate::prepared_folder::shards_below;

/// Files that are described together.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Part {
    pub name: String,
    pub files: Vec<PathBuf>,
}

/// The names of parts, in their order, and the words in files' names that stand for them.
const PARTS: [(&str, &[&str]); 3] =
    [("train", &["train", "training"]), ("val", &["val", "valid", "validation", "dev"]), ("test", &["test"])];

/// The files of some paths, in parts. Files whose names tell nothing are the part `data`.
pub(crate) fn find_parts(paths: &[&Path]) -> Result<Vec<Part>, DataError> {
    let mut files = Vec::new();
    for path in paths {
        files.extend(files_of(path)?);
    }
    let known = PARTS.iter().map(|(name, _)| *name);
    let mut parts: Vec<Part> =
        known.chain(["data"]).map(|name| Part { name: name.to_owned(), files: Vec::new() }).collect();
    let mut seen = HashSet::with_capacity(files.len());
    for file in files {
        let name = part_name(&file);
        if let Some(part) = parts.iter_mut().find(|part| part.name == name)
            && seen.insert(file.clone())
        {
            part.files.push(file);
        }
    }
    parts.retain(|part| !part.files.is_empty());
    Ok(parts)
}

/// The files that one path means, in the order of their names; of a prepared folder, or a part of one, its shards.
pub(crate) fn files_of(path: &Path) -> Result<Vec<PathBuf>, DataError> {
    let missing = || DataError::File(FileError::Missing { path: path.to_owned() });
    if let Some(name) = BucketName::of(path) {
        return files_in_bucket(path, &name);
    }
    if path.is_dir() {
        if let Some(shards) = shards_below(path)? {
            return Ok(shards);
        }
        let mut files = Vec::new();
        collect(path, &mut files)?;
        files.sort();
        return if files.is_empty() {
            Err(NotATable::NoTables { path: path.to_owned() }.into())
        } else {
            Ok(without_twins(files))
        };
    }
    let pattern = path.to_string_lossy();
    if path.exists() {
        return Ok(vec![path.to_owned()]);
    }
    if !pattern.contains(['*', '?', '[']) {
        return Err(missing());
    }
    let matches = glob::glob(&pattern).map_err(|_| missing())?;
    let mut files = Vec::new();
    for entry in matches {
        let entry = entry.map_err(|error| {
            let folder = error.path().to_owned();
            DataError::io(&folder, "read", error.into())
        })?;
        match entry.is_dir() {
            true => files.extend(files_of(&entry)?),
            false => files.push(entry),
        }
    }
    if files.is_empty() { Err(missing()) } else { Ok(files) }
}

/// The tables below a folder. What begins with a dot or an underscore is a writer's own business.
fn collect(folder: &Path, files: &mut Vec<PathBuf>) -> Result<(), DataError> {
    let entries = std::fs::read_dir(folder).map_err(|error| DataError::io(folder, "read", error))?;
    for entry in entries {
        let entry = entry.map_err(|error| DataError::io(folder, "read", error))?;
        let path = entry.path();
        if entry.file_name().to_string_lossy().starts_with(['.', '_']) {
            continue;
        }
        // A link to a folder is not followed, so that a circle of links has an end.
        let kind = entry.file_type().map_err(|error| DataError::io(&path, "read", error))?;
        let is_table = path.extension().is_some_and(|extension| extension == "csv" || extension == "parquet");
        match (kind.is_dir(), is_table) {
            (true, _) => collect(&path, files)?,
            (false, true) => files.push(path),
            (false, false) => {}
        }
    }
    Ok(())
}

/// Of a table that lies there as CSV and as Parquet, the Parquet file alone.
fn without_twins(files: Vec<PathBuf>) -> Vec<PathBuf> {
    let is_csv = |file: &Path| file.extension() == Some(OsStr::new("csv"));
    let all: HashSet<&Path> = files.iter().map(PathBuf::as_path).collect();
    let has_twin = |file: &PathBuf| is_csv(file) && all.contains(file.with_extension("parquet").as_path());
    files.iter().filter(|file| !has_twin(file)).cloned().collect()
}

/// A word that says to which part a file belongs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct PartWord {
    pub(crate) part: &'static str,
    pub(crate) word: &'static str,
    /// Whether it is in the name of the folder, rather than in that of the file.
    pub(crate) of_folder: bool,
}

/// The word of a file's name, or else of its folder's, that says to which part the file belongs.
pub(crate) fn part_word(file: &Path) -> Option<PartWord> {
    let stem = file.file_stem().map(OsStr::to_string_lossy).unwrap_or_default().to_lowercase();
    let folder = file.parent().and_then(Path::file_name).map(OsStr::to_string_lossy).unwrap_or_default();
    for (text, of_folder) in [(stem, false), (folder.to_lowercase(), true)] {
        for found in text.split(|c: char| !c.is_ascii_alphabetic()) {
            let mut known =
                PARTS.iter().flat_map(|&(part, words)| words.iter().map(move |&word| (part, word)));
            if let Some((part, word)) = known.find(|&(_, word)| word == found) {
                return Some(PartWord { part, word, of_folder });
            }
        }
    }
    None
}

/// The part that a file belongs to by its name, or by that of its folder.
fn part_name(file: &Path) -> &'static str {
    part_word(file).map_or("data", |found| found.part)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_are_parted_by_their_names() {
        let part = |name: &str| part_name(Path::new(name));
        assert_eq!(part("a/ali_ccp_train_sample.csv"), "train");
        assert_eq!(part("a/valid-00001.parquet"), "val");
        assert_eq!(part("test/part-0.parquet"), "test");
        assert_eq!(part("a/contest.csv"), "data", "a part of a word is no word");
    }

    #[test]
    fn a_folder_a_pattern_and_a_file_find_the_same() {
        let folder = tempfile::tempdir().unwrap();
        let place = folder.path();
        std::fs::create_dir(place.join("day=1")).unwrap();
        for name in ["train.csv", "train.parquet", "test.csv", "_notes.csv", "readme.md", "day=1/x.csv"] {
            std::fs::write(place.join(name), "").unwrap();
        }
        let names = |files: Vec<PathBuf>| -> Vec<String> {
            files.iter().map(|file| file.strip_prefix(place).unwrap().display().to_string()).collect()
        };
        assert_eq!(names(files_of(place).unwrap()), ["day=1/x.csv", "test.csv", "train.parquet"]);
        assert_eq!(names(files_of(&place.join("t*.csv")).unwrap()), ["test.csv", "train.csv"]);
        let parts = find_parts(&[place, &place.join("test.csv")]).unwrap();
        let parts: Vec<_> = parts.iter().map(|part| (part.name.as_str(), part.files.len())).collect();
        assert_eq!(parts, [("train", 1), ("test", 1), ("data", 1)]);
        let error = files_of(&place.join("none-*.csv")).unwrap_err();
        assert!(error.to_string().contains("none-*.csv: there is no such file"), "{error}");
    }
}
