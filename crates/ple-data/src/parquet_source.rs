//! Where the bytes of a Parquet file lie: in a local file, or in a bucket.

use std::fs::File;
use std::io::{Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};

use parquet::arrow::ProjectionMask;
use parquet::arrow::arrow_reader::{ArrowReaderMetadata, ParquetRecordBatchReader};
use xxhash_rust::xxh3::xxh3_64;

#[cfg(feature = "buckets")]
use crate::buckets::BucketFile;
use crate::error::DataError;
use crate::parquet_limits::{open_parquet, open_row_group};

/// A Parquet file.
#[derive(Debug, Clone)]
pub(crate) enum ParquetSource {
    Local(PathBuf),
    #[cfg(feature = "buckets")]
    Bucket(BucketFile),
}

impl ParquetSource {
    /// What errors name.
    pub(crate) fn path(&self) -> &Path {
        match self {
            ParquetSource::Local(path) => path,
            #[cfg(feature = "buckets")]
            ParquetSource::Bucket(file) => file.url(),
        }
    }

    /// Reads the footer and checks what it claims; gives a hash of the file's length and of its footer as it is stored, too.
    pub(crate) fn open(&self) -> Result<(ArrowReaderMetadata, u64), DataError> {
        match self {
            ParquetSource::Local(path) => Ok((open_parquet(path)?, footer_hash(path)?)),
            #[cfg(feature = "buckets")]
            ParquetSource::Bucket(file) => file.open(),
        }
    }

    /// A reader of some columns of one row group, whose pages have been checked for what they claim.
    pub(crate) fn row_group(
        &self,
        metadata: &ArrowReaderMetadata,
        row_group: usize,
        projection: ProjectionMask,
        rows_at_a_time: usize,
    ) -> Result<ParquetRecordBatchReader, DataError> {
        match self {
            ParquetSource::Local(path) => {
                open_row_group(path, metadata, row_group, projection, rows_at_a_time)
            }
            #[cfg(feature = "buckets")]
            ParquetSource::Bucket(file) => file.row_group(metadata, row_group, projection, rows_at_a_time),
        }
    }
}

/// The sources of some files; those of one bucket share what talks to it.
pub(crate) fn sources(files: Vec<PathBuf>) -> Result<Vec<ParquetSource>, DataError> {
    #[cfg(feature = "buckets")]
    let mut buckets = std::collections::HashMap::new();
    let source = |path: PathBuf| {
        #[cfg(feature = "buckets")]
        if let Some(name) = crate::bucket_names::BucketName::of(&path) {
            let known = buckets.entry((name.provider, name.bucket.to_owned()));
            let bucket = match known {
                std::collections::hash_map::Entry::Occupied(known) => std::sync::Arc::clone(known.get()),
                std::collections::hash_map::Entry::Vacant(new) => {
                    let bucket = crate::buckets::Bucket::open(&path)?;
                    std::sync::Arc::clone(new.insert(std::sync::Arc::new(bucket)))
                }
            };
            return Ok(ParquetSource::Bucket(BucketFile::new(path, bucket)));
        }
        Ok(ParquetSource::Local(path))
    };
    files.into_iter().map(source).collect()
}

fn footer_hash(path: &Path) -> Result<u64, DataError> {
    let read = || -> std::io::Result<u64> {
        let mut file = File::open(path)?;
        let length = file.seek(SeekFrom::End(0))?;
        // The last 8 bytes are the length of the footer and a mark; the file has been opened as Parquet before.
        file.seek(SeekFrom::End(-8))?;
        let mut tail = [0; 8];
        file.read_exact(&mut tail)?;
        file.seek(SeekFrom::Start(length.saturating_sub(footer_bytes(tail))))?;
        let mut bytes = Vec::new();
        file.read_to_end(&mut bytes)?;
        Ok(hash_of_footer(length, &bytes))
    };
    read().map_err(|error| DataError::io(path, "read", error))
}

/// The bytes of a footer with its length and its mark, by the last 8 bytes of the file.
pub(crate) fn footer_bytes([a, b, c, d, ..]: [u8; 8]) -> u64 {
    u64::from(u32::from_le_bytes([a, b, c, d])) + 8
}

/// The hash by which a file is known again.
pub(crate) fn hash_of_footer(length: u64, footer: &[u8]) -> u64 {
    xxh3_64(&[&length.to_le_bytes(), footer].concat())
}
