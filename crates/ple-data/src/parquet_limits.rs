//! Opens a Parquet file behind two walls: its claims are checked before anything is allocated, and a panic of the
//! decoder becomes an error.

use std::any::Any;
use std::fs::File;
use std::io::{Read, Seek};
use std::ops::Range;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;

use parquet::arrow::ProjectionMask;
use parquet::arrow::arrow_reader::{
    ArrowReaderMetadata, ArrowReaderOptions, ParquetRecordBatchReader, ParquetRecordBatchReaderBuilder,
};
use parquet::basic::Compression;
use parquet::errors::ParquetError;
use parquet::file::metadata::ColumnChunkMetaData;
use parquet::file::reader::ChunkReader;
use ple_files::open_file;

use crate::csv_lines::ZERO_BYTES;
use crate::error::DataError;
use crate::not_a_table::NotATable;
use crate::page_headers::largest_page;

/// The most bytes that one column of one row group may claim to have when it is unpacked.
const MAX_CHUNK_BYTES: u64 = 2 << 30;

/// The most bytes that one page may claim to have when it is unpacked. Writers make pages of 1 to 100 MiB.
const MAX_PAGE_BYTES: u64 = 256 << 20;

/// Runs a piece of decoding; a panic inside becomes [`DataError::Corrupt`].
///
/// arrow-rs takes panics on malformed files for ordinary bugs, so they must not end a process that has run for
/// hours. Nothing that the closure changes is looked at after a panic.
pub(crate) fn guarded<T>(path: &Path, decode: impl FnOnce() -> Result<T, DataError>) -> Result<T, DataError> {
    catch_unwind(AssertUnwindSafe(decode)).unwrap_or_else(|panic| {
        let detail = format!("the decoder gave up ({})", panic_text(panic.as_ref()));
        Err(DataError::Corrupt { path: path.to_path_buf(), detail })
    })
}

/// The error for what the decoder said about a file.
pub(crate) fn corrupt(path: &Path, error: &dyn std::fmt::Display) -> DataError {
    // Some messages of the decoder have several lines; ours has one for this.
    let detail = error.to_string().split_whitespace().collect::<Vec<_>>().join(" ");
    DataError::Corrupt { path: path.to_path_buf(), detail }
}

/// Reads the footer of a Parquet file and checks what it claims.
pub(crate) fn open_parquet(path: &Path) -> Result<ArrowReaderMetadata, DataError> {
    let file = open_file(path)?;
    let length = file.metadata().map_err(|error| DataError::io(path, "read", error))?.len();
    if length == 0 {
        return Err(DataError::EmptyFile { path: path.to_path_buf(), found: ZERO_BYTES });
    }
    refuse_other_formats(path, &file)?;
    metadata_of(path, &file, length)
}

/// The same from the bytes of a file of a known length.
pub(crate) fn metadata_of(
    path: &Path,
    bytes: &impl ChunkReader,
    length: u64,
) -> Result<ArrowReaderMetadata, DataError> {
    let metadata = ArrowReaderMetadata::load(bytes, ArrowReaderOptions::new())
        .map_err(|error| parquet_error(path, error))?;
    check_claims(path, &metadata, length)?;
    Ok(metadata)
}

/// A reader of some columns of one row group, whose pages have been checked for what they claim.
pub(crate) fn open_row_group(
    path: &Path,
    metadata: &ArrowReaderMetadata,
    row_group: usize,
    projection: ProjectionMask,
    rows_at_a_time: usize,
) -> Result<ParquetRecordBatchReader, DataError> {
    // Each row group opens the file for itself: a cloned handle would share its position with other threads.
    let file = open_file(path)?;
    check_row_group(path, metadata, row_group, &projection, |_| Ok((&file, 0)))?;
    row_group_of(path, file, metadata, row_group, projection, rows_at_a_time)
}

/// The columns of a row group that a projection takes, and where their bytes are.
pub(crate) fn columns_read<'a>(
    metadata: &'a ArrowReaderMetadata,
    row_group: usize,
    projection: &ProjectionMask,
) -> Vec<(&'a ColumnChunkMetaData, Range<u64>)> {
    let columns = metadata.metadata().row_group(row_group).columns().iter().enumerate();
    let read = columns.filter(|&(leaf, _)| projection.leaf_included(leaf)).map(|(_, column)| {
        let start = first_page(column) as u64;
        (column, start..start + column.compressed_size() as u64)
    });
    read.collect()
}

/// Checks what the pages of the columns that are read claim. `bytes_of` gives something that has the bytes of a range, and
/// the place in the file at which it begins.
pub(crate) fn check_row_group<R: Read + Seek>(
    path: &Path,
    metadata: &ArrowReaderMetadata,
    row_group: usize,
    projection: &ProjectionMask,
    bytes_of: impl Fn(Range<u64>) -> Result<(R, u64), ParquetError>,
) -> Result<(), DataError> {
    for (column, range) in columns_read(metadata, row_group, projection) {
        check_codec(path, column)?;
        let (bytes, first) = bytes_of(range.clone()).map_err(|error| parquet_error(path, error))?;
        let largest = largest_page(bytes, range.start - first, range.end - first)
            .map_err(|error| DataError::io(path, "read", error))?;
        if let Some(page) = largest.filter(|page| page.unpacked > MAX_PAGE_BYTES) {
            let (name, start) = (column.column_path().string(), first + page.start);
            let what = format!("the unpacked size of the page at byte {start}, column `{name}`");
            let found = i128::from(page.unpacked);
            return Err(DataError::TooLarge { path: path.to_path_buf(), what, found, limit: MAX_PAGE_BYTES });
        }
    }
    Ok(())
}

/// A reader of some columns of one row group from the bytes of a file.
pub(crate) fn row_group_of(
    path: &Path,
    bytes: impl ChunkReader + 'static,
    metadata: &ArrowReaderMetadata,
    row_group: usize,
    projection: ProjectionMask,
    rows_at_a_time: usize,
) -> Result<ParquetRecordBatchReader, DataError> {
    ParquetRecordBatchReaderBuilder::new_with_metadata(bytes, metadata.clone())
        .with_row_groups(vec![row_group])
        .with_projection(projection)
        .with_batch_size(rows_at_a_time)
        .build()
        .map_err(|error| parquet_error(path, error))
}

/// Where the pages of a column start.
fn first_page(column: &ColumnChunkMetaData) -> i64 {
    column.dictionary_page_offset().unwrap_or(column.data_page_offset())
}

/// Refuses a file that does not begin as Parquet does, with plainer words than the decoder's.
fn refuse_other_formats(path: &Path, mut file: &File) -> Result<(), DataError> {
    let mut start = Vec::new();
    let read = file.by_ref().take(4).read_to_end(&mut start).and_then(|_| file.rewind());
    read.map_err(|error| DataError::io(path, "read", error))?;
    match start.as_slice() {
        b"PAR1" => Ok(()),
        b"PARE" => Err(encrypted(path)),
        _ => Err(corrupt(path, &"it does not begin with PAR1")),
    }
}

fn encrypted(path: &Path) -> DataError {
    NotATable::UnreadableParquet { path: path.to_path_buf(), found: "the file is encrypted".to_owned() }
        .into()
}

/// Refuses a column that no decoder was built in for.
fn check_codec(path: &Path, column: &ColumnChunkMetaData) -> Result<(), DataError> {
    let codec = match column.compression() {
        Compression::BROTLI(_) => "Brotli",
        Compression::LZO => "LZO",
        _ => return Ok(()),
    };
    let found = format!("the column `{}` is compressed by {codec}", column.column_path().string());
    Err(NotATable::UnreadableParquet { path: path.to_path_buf(), found }.into())
}

/// Tells an error of the operating system from one of the format.
fn parquet_error(path: &Path, error: ParquetError) -> DataError {
    match error {
        ParquetError::External(source) => match source.downcast::<std::io::Error>() {
            Ok(source) if source.kind() != std::io::ErrorKind::UnexpectedEof => {
                DataError::io(path, "read", *source)
            }
            Ok(source) => corrupt(path, &source),
            Err(source) => corrupt(path, &source),
        },
        error if error.to_string().to_lowercase().contains("encrypt") => encrypted(path),
        error => corrupt(path, &error),
    }
}

fn check_claims(path: &Path, metadata: &ArrowReaderMetadata, length: u64) -> Result<(), DataError> {
    let too_large = |what: String, found: i128, limit: u64| {
        Err(DataError::TooLarge { path: path.to_path_buf(), what, found, limit })
    };
    let file = metadata.metadata().file_metadata();
    let mut rows: i128 = 0;
    for (position, group) in metadata.metadata().row_groups().iter().enumerate() {
        if group.num_rows() < 0 {
            return Err(corrupt(path, &format!("row group {position} claims {} rows", group.num_rows())));
        }
        rows += i128::from(group.num_rows());
        for column in group.columns() {
            let name = column.column_path().string();
            let start = first_page(column);
            let (size, unpacked) = (column.compressed_size(), column.uncompressed_size());
            let end = i128::from(start) + i128::from(size);
            if start < 4 || size < 0 || unpacked < 0 || end > i128::from(length) {
                let detail = format!(
                    "row group {position}, column `{name}` claims bytes {start} to {end} of a file of {length}"
                );
                return Err(corrupt(path, &detail));
            }
            if unpacked as u64 > MAX_CHUNK_BYTES {
                let what = format!("the unpacked size of row group {position}, column `{name}`");
                return too_large(what, i128::from(unpacked), MAX_CHUNK_BYTES);
            }
        }
    }
    if rows > i128::from(u32::MAX) {
        return too_large("the number of rows".to_string(), rows, u64::from(u32::MAX));
    }
    if rows != i128::from(file.num_rows()) {
        let detail = format!("the footer claims {} rows, its row groups {rows}", file.num_rows());
        return Err(corrupt(path, &detail));
    }
    if rows == 0 {
        return Err(DataError::EmptyFile { path: path.to_path_buf(), found: "a schema alone" });
    }
    Ok(())
}

fn panic_text(panic: &(dyn Any + Send)) -> &str {
    panic
        .downcast_ref::<String>()
        .map(String::as_str)
        .or_else(|| panic.downcast_ref::<&str>().copied())
        .unwrap_or("no message")
}
