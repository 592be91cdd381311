//! Parquet files in buckets: listed, and read by ranges, the footer and then the columns that are needed. A request that
//! fails is made again, and so is the rest of an answer that breaks off.

use std::fmt;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use bytes::buf::Reader;
use bytes::{Buf, Bytes};
use futures_util::TryStreamExt;
use object_store::aws::AmazonS3Builder;
use object_store::azure::MicrosoftAzureBuilder;
use object_store::gcp::GoogleCloudStorageBuilder;
use object_store::path::Path as Key;
use object_store::{ObjectStore, ObjectStoreExt};
use parquet::arrow::ProjectionMask;
use parquet::arrow::arrow_reader::{ArrowReaderMetadata, ParquetRecordBatchReader};
use parquet::errors::ParquetError;
use parquet::file::reader::{ChunkReader, Length};
use ple_files::FileError;
use tokio::runtime::{Builder, Runtime};

use crate::bucket_error::BucketError;
use crate::bucket_names::{BucketName, Provider};
use crate::error::DataError;
use crate::parquet_limits::{check_row_group, columns_read, corrupt, metadata_of, row_group_of};
use crate::parquet_source::{footer_bytes, hash_of_footer};

/// Where footers are expected to begin: longer ones take a second request.
const LIKELY_FOOTER_BYTES: u64 = 64 << 10;

/// How often a question is asked whose answer breaks off.
const ATTEMPTS: usize = 5;

/// A bucket, with the thread that talks to it. Credentials, and where it is, come from the environment: `AWS_...`,
/// `GOOGLE_...` and `AZURE_...`, as the programs of those clouds read them.
pub(crate) struct Bucket {
    store: Box<dyn ObjectStore>,
    runtime: Runtime,
}

impl fmt::Debug for Bucket {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.store.fmt(f)
    }
}

impl Bucket {
    /// Makes ready to talk to the bucket that a name is in; nothing is sent yet.
    pub(crate) fn open(path: &Path) -> Result<Self, DataError> {
        let name = BucketName::of(path)
            .ok_or_else(|| DataError::File(FileError::Missing { path: path.to_path_buf() }))?;
        // The one for the whole process, for TLS; it stays if the program has chosen another one.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let store: Result<Box<dyn ObjectStore>, _> = match name.provider {
            Provider::S3 => AmazonS3Builder::from_env().with_bucket_name(name.bucket).build().map(boxed),
            Provider::Gcs => {
                GoogleCloudStorageBuilder::from_env().with_bucket_name(name.bucket).build().map(boxed)
            }
            Provider::Azure => {
                MicrosoftAzureBuilder::from_env().with_container_name(name.bucket).build().map(boxed)
            }
        };
        let store = store.map_err(|error| refused(path, error))?;
        let runtime = Builder::new_multi_thread().worker_threads(1).enable_all().build();
        let runtime = runtime.map_err(|error| DataError::io(path, "read", error))?;
        Ok(Bucket { store, runtime })
    }

    /// All keys below a folder.
    pub(crate) fn list(&self, path: &Path, folder: &str) -> Result<Vec<String>, DataError> {
        let folder = Key::from(folder);
        self.ask(path, async || {
            let keys = self.store.list(Some(&folder)).map_ok(|object| object.location.to_string());
            keys.try_collect().await
        })
    }

    /// Waits for an answer. The store itself makes requests again and continues what breaks off, but for the bodies of short
    /// answers: those are asked for once more.
    fn ask<T>(
        &self,
        path: &Path,
        question: impl AsyncFn() -> Result<T, object_store::Error>,
    ) -> Result<T, DataError> {
        let mut answer = self.runtime.block_on(question());
        for _ in 1..ATTEMPTS {
            if !matches!(answer, Err(object_store::Error::Generic { .. })) {
                break;
            }
            answer = self.runtime.block_on(question());
        }
        answer.map_err(|error| refused(path, error))
    }
}

fn boxed(store: impl ObjectStore) -> Box<dyn ObjectStore> {
    Box::new(store)
}

fn refused(path: &Path, error: object_store::Error) -> DataError {
    match error {
        object_store::Error::NotFound { .. } => {
            DataError::File(FileError::Missing { path: path.to_path_buf() })
        }
        error => {
            let detail = error.to_string().split_whitespace().collect::<Vec<_>>().join(" ");
            BucketError::Refused { path: path.to_path_buf(), detail }.into()
        }
    }
}

/// A file in a bucket.
#[derive(Debug, Clone)]
pub(crate) struct BucketFile {
    url: PathBuf,
    key: Key,
    bucket: Arc<Bucket>,
}

impl BucketFile {
    /// The file of a name; whether it is there is seen when it is opened.
    pub(crate) fn new(url: PathBuf, bucket: Arc<Bucket>) -> Self {
        let key = BucketName::of(&url).map_or_else(Key::default, |name| Key::from(name.key));
        BucketFile { url, key, bucket }
    }

    /// Its name.
    pub(crate) fn url(&self) -> &Path {
        &self.url
    }

    /// Reads the footer and checks what it claims; gives a hash of it, too.
    pub(crate) fn open(&self) -> Result<(ArrowReaderMetadata, u64), DataError> {
        let length = self.length()?;
        if length == 0 {
            return Err(DataError::EmptyFile { path: self.url.clone(), found: crate::csv_lines::ZERO_BYTES });
        }
        let mut start = length.saturating_sub(LIKELY_FOOTER_BYTES);
        let mut tail = self.read_range(start..length)?;
        let Some(&last) = tail.last_chunk::<8>() else {
            return Err(corrupt(&self.url, &"it is shorter than the end of a Parquet file"));
        };
        let footer = footer_bytes(last).min(length);
        if footer > tail.len() as u64 {
            start = length - footer;
            tail = self.read_range(start..length)?;
        }
        let hash = hash_of_footer(length, &tail[tail.len() - footer as usize..]);
        let pieces = Pieces { length, pieces: vec![(start, tail)] };
        Ok((metadata_of(&self.url, &pieces, length)?, hash))
    }

    /// A reader of some columns of one row group, whose bytes are all here before the first page is decoded.
    pub(crate) fn row_group(
        &self,
        metadata: &ArrowReaderMetadata,
        row_group: usize,
        projection: ProjectionMask,
        rows_at_a_time: usize,
    ) -> Result<ParquetRecordBatchReader, DataError> {
        let ranges = columns_read(metadata, row_group, &projection);
        let ranges = ranges.into_iter().map(|(_, range)| range).filter(|range| !range.is_empty());
        let ranges: Vec<Range<u64>> = ranges.collect();
        let read =
            self.bucket.ask(&self.url, async || self.bucket.store.get_ranges(&self.key, &ranges).await)?;
        let pieces: Vec<(u64, Bytes)> = ranges.iter().map(|range| range.start).zip(read).collect();
        let length = pieces.iter().map(|(start, bytes)| start + bytes.len() as u64).max().unwrap_or(0);
        let pieces = Pieces { length, pieces };
        check_row_group(&self.url, metadata, row_group, &projection, |range| {
            let bytes = pieces.get_bytes(range.start, (range.end - range.start) as usize)?;
            Ok((std::io::Cursor::new(bytes), range.start))
        })?;
        row_group_of(&self.url, pieces, metadata, row_group, projection, rows_at_a_time)
    }

    fn length(&self) -> Result<u64, DataError> {
        let head = self.bucket.ask(&self.url, async || self.bucket.store.head(&self.key).await);
        head.map(|object| object.size)
    }

    fn read_range(&self, range: Range<u64>) -> Result<Bytes, DataError> {
        self.bucket.ask(&self.url, async || self.bucket.store.get_range(&self.key, range.clone()).await)
    }
}

/// The parts of a file that have been read.
struct Pieces {
    length: u64,
    pieces: Vec<(u64, Bytes)>,
}

impl Pieces {
    /// What has been read from a place on.
    fn from(&self, start: u64) -> Result<Bytes, ParquetError> {
        let piece = self.pieces.iter().find_map(|(first, bytes)| {
            let offset = usize::try_from(start.checked_sub(*first)?).ok()?;
            (offset < bytes.len()).then(|| bytes.slice(offset..))
        });
        piece.ok_or_else(|| ParquetError::EOF(format!("byte {start} is not among those that were read")))
    }
}

impl Length for Pieces {
    fn len(&self) -> u64 {
        self.length
    }
}

impl ChunkReader for Pieces {
    type T = Reader<Bytes>;

    fn get_read(&self, start: u64) -> Result<Self::T, ParquetError> {
        Ok(self.from(start)?.reader())
    }

    fn get_bytes(&self, start: u64, length: usize) -> Result<Bytes, ParquetError> {
        if length == 0 {
            return Ok(Bytes::new());
        }
        let bytes = self.from(start)?;
        match bytes.len() < length {
            true => Err(ParquetError::EOF(format!("{length} bytes from byte {start} on were not read"))),
            false => Ok(bytes.slice(..length)),
        }
    }
}
