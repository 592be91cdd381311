//! Names of files in buckets: `s3://BUCKET/KEY`, `gs://BUCKET/KEY` and `az://CONTAINER/KEY`.

use std::path::{Path, PathBuf};

#[cfg(not(feature = "buckets"))]
use crate::bucket_error::BucketError;
use crate::error::DataError;

/// The kinds of buckets.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Provider {
    /// Amazon's S3, and what speaks its language.
    S3,
    /// Google Cloud Storage.
    Gcs,
    /// Azure Blob Storage.
    Azure,
}

/// A name in a bucket, by its parts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct BucketName<'a> {
    pub(crate) provider: Provider,
    pub(crate) scheme: &'a str,
    pub(crate) bucket: &'a str,
    /// A key, the beginning of keys, or a pattern.
    pub(crate) key: &'a str,
}

impl<'a> BucketName<'a> {
    /// The parts of a name; none if it is one of a local file.
    pub(crate) fn of(path: &'a Path) -> Option<Self> {
        let (scheme, rest) = path.to_str()?.split_once("://")?;
        let provider = match scheme {
            "s3" => Provider::S3,
            "gs" => Provider::Gcs,
            "az" => Provider::Azure,
            _ => return None,
        };
        let (bucket, key) = rest.split_once('/').unwrap_or((rest, ""));
        Some(BucketName { provider, scheme, bucket, key })
    }
}

/// Which keys of a bucket a name means.
#[cfg(any(feature = "buckets", test))]
impl<'a> BucketName<'a> {
    /// The name of another key in the same bucket.
    pub(crate) fn with_key(&self, key: &str) -> PathBuf {
        PathBuf::from(format!("{}://{}/{key}", self.scheme, self.bucket))
    }

    /// What all keys that are meant begin with, up to a `/`.
    pub(crate) fn folder(&self) -> &'a str {
        match self.key.find(WILDCARDS) {
            Some(wildcard) => self.key[..wildcard].rsplit_once('/').map_or("", |(folder, _)| folder),
            None => self.key.trim_end_matches('/'),
        }
    }

    /// Whether a key below the folder is meant: a table, no part of whose name below the folder begins with a dot or an
    /// underscore, and which fits the pattern if there is one.
    pub(crate) fn means(&self, key: &str) -> bool {
        let folder = self.folder();
        let below = match key.strip_prefix(folder) {
            Some(below) if folder.is_empty() => below,
            Some(below) if below.starts_with('/') => &below[1..],
            _ => return false,
        };
        let is_hidden = below.split('/').any(|part| part.starts_with(['.', '_']));
        let is_table = key.ends_with(".parquet") || key.ends_with(".csv");
        let options = glob::MatchOptions { require_literal_separator: true, ..glob::MatchOptions::new() };
        let fits = |pattern: &str| {
            // A pattern may name folders; then all below them is meant.
            let pattern = glob::Pattern::new(pattern.trim_end_matches('/')).ok();
            let ends = key.match_indices('/').map(|(end, _)| end).chain([key.len()]);
            pattern
                .is_some_and(|pattern| ends.into_iter().any(|end| pattern.matches_with(&key[..end], options)))
        };
        is_table && !is_hidden && (!self.key.contains(WILDCARDS) || fits(self.key))
    }

    /// Whether the name is that of one table.
    pub(crate) fn is_table(&self) -> bool {
        let is_table = self.key.ends_with(".parquet") || self.key.ends_with(".csv");
        is_table && !self.key.contains(WILDCARDS)
    }
}

/// What makes a pattern of a name.
#[cfg(any(feature = "buckets", test))]
const WILDCARDS: [char; 3] = ['*', '?', '['];

/// The files that a name in a bucket means, in the order of their names.
#[cfg(feature = "buckets")]
pub(crate) fn files_in_bucket(path: &Path, name: &BucketName<'_>) -> Result<Vec<PathBuf>, DataError> {
    if name.is_table() {
        return Ok(vec![path.to_path_buf()]);
    }
    let keys = crate::buckets::Bucket::open(path)?.list(path, name.folder())?;
    let mut files: Vec<PathBuf> =
        keys.iter().filter(|key| name.means(key)).map(|key| name.with_key(key)).collect();
    files.sort();
    if files.is_empty() {
        Err(DataError::File(ple_files::FileError::Missing { path: path.to_path_buf() }))
    } else {
        Ok(files)
    }
}

/// Without the feature there are no buckets.
#[cfg(not(feature = "buckets"))]
pub(crate) fn files_in_bucket(path: &Path, _: &BucketName<'_>) -> Result<Vec<PathBuf>, DataError> {
    Err(BucketError::NotBuilt { path: path.to_path_buf() }.into())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn name(text: &str) -> BucketName<'_> {
        BucketName::of(Path::new(text)).unwrap()
    }

    #[test]
    fn names_are_taken_apart() {
        let found = name("s3://rows/day=1/train-*.parquet");
        assert_eq!(
            (found.provider, found.bucket, found.key),
            (Provider::S3, "rows", "day=1/train-*.parquet")
        );
        assert_eq!(found.folder(), "day=1");
        assert_eq!(found.with_key("a/b.parquet"), Path::new("s3://rows/a/b.parquet"));
        assert_eq!((name("gs://rows").key, name("az://rows/").folder()), ("", ""));
        assert!(
            ["a/b.parquet", "file:///a", "https://a/b"]
                .iter()
                .all(|local| BucketName::of(Path::new(local)).is_none())
        );
    }

    #[test]
    fn a_folder_and_a_pattern_mean_the_tables_below_them() {
        let means = |text: &str| {
            let keys = [
                "d/train-0.parquet",
                "d/train-1.parquet",
                "d/x/val.parquet",
                "d/_done.parquet",
                "d/.x/a.parquet",
                "d/notes.txt",
                "day/a.parquet",
                "d/part=1/b.parquet",
                "d/part=2/c/d.parquet",
            ];
            let name = BucketName::of(Path::new(text)).unwrap();
            keys.into_iter().filter(|key| name.means(key)).collect::<Vec<_>>()
        };
        let all = [
            "d/train-0.parquet",
            "d/train-1.parquet",
            "d/x/val.parquet",
            "d/part=1/b.parquet",
            "d/part=2/c/d.parquet",
        ];
        assert_eq!(means("s3://rows/d"), all);
        assert_eq!(means("s3://rows/d/"), all);
        assert_eq!(means("s3://rows/d/train-*.parquet"), all[..2]);
        assert_eq!(means("s3://rows/d/part=*"), all[3..]);
        assert_eq!(means("s3://rows/d/*.parquet"), all[..2]);
        assert!(name("s3://rows/d/a.parquet").is_table() && !name("s3://rows/d/*.parquet").is_table());
    }
}
