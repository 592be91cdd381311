//! All rows of an input in waves: while one wave is worked on by all threads and its results are taken in order, the next
//! one is read.

use std::path::Path;
use std::sync::Arc;

use arrow_schema::DataType;
use rayon::prelude::*;

use super::csv_source::{CsvPiece, CsvSource};
use super::decode::key_type;
use super::input::PartRule;
use super::parquet_source::ParquetSource;
use super::raw_chunk::{RawChunk, SourceFile};
use super::row_layout::RowLayout;
use crate::error::DataError;
use crate::read::FileFormat;

/// The files of an input and how they are read.
pub(crate) struct Waves<'a> {
    pub(crate) files: &'a [(&'a Path, PartRule)],
    pub(crate) layout: &'a RowLayout,
    /// Bytes of CSV, and rows of Parquet, to a chunk.
    pub(crate) chunk_bytes: usize,
    pub(crate) chunk_rows: usize,
}

/// Some rows that any thread can take apart.
enum Piece {
    Csv(CsvPiece),
    Parquet(RawChunk),
}

/// A file that is being read.
enum Source<'a> {
    Csv(Box<CsvSource<'a>>),
    Parquet(Box<ParquetSource>),
}

/// Chunks of Parquet to a wave, for each thread.
const CHUNKS_A_THREAD: usize = 2;

impl<'a> Waves<'a> {
    /// Calls `work` with each chunk, on all threads of the pool, and `take` with each result, in the order of the rows.
    /// Results do not depend on the number of threads.
    ///
    /// # Errors
    ///
    /// The first one in the order of the rows.
    pub(crate) fn for_each<T: Send>(
        &self,
        work: impl Fn(RawChunk) -> Result<T, DataError> + Sync,
        mut take: impl FnMut(T) -> Result<(), DataError> + Send,
    ) -> Result<(), DataError> {
        let mut reader = Reader { waves: self, next_file: 0, source: None, keys: None, failed: None };
        let mut wave = reader.next_wave();
        loop {
            // What went wrong while a wave was read is told after the waves before it.
            let pieces = wave?;
            if pieces.is_empty() {
                return Ok(());
            }
            let results: Vec<Result<T, DataError>> = pieces
                .into_par_iter()
                .map(|piece| match piece {
                    Piece::Csv(piece) => work(piece.into_chunk()),
                    Piece::Parquet(chunk) => work(chunk),
                })
                .collect();
            let (next, taken) = rayon::join(
                || reader.next_wave(),
                || results.into_iter().try_for_each(|result| take(result?)),
            );
            taken?;
            wave = next;
        }
    }
}

struct Reader<'w, 'a> {
    waves: &'w Waves<'a>,
    next_file: usize,
    source: Option<Source<'a>>,
    /// The types of the keys in the first file.
    keys: Option<Vec<DataType>>,
    /// What went wrong after the rows of the last wave.
    failed: Option<DataError>,
}

impl<'a> Reader<'_, 'a> {
    /// The next pieces; none at the end of the input. What goes wrong is told when all rows before it have been given.
    fn next_wave(&mut self) -> Result<Vec<Piece>, DataError> {
        if let Some(error) = self.failed.take() {
            return Err(error);
        }
        let n_chunks = CHUNKS_A_THREAD * rayon::current_num_threads();
        let mut wave = Vec::new();
        while wave.len() < n_chunks {
            match self.read_more(&mut wave) {
                Ok(true) => {}
                Ok(false) => break,
                Err(error) if wave.is_empty() => return Err(error),
                Err(error) => {
                    self.failed = Some(error);
                    break;
                }
            }
        }
        Ok(wave)
    }

    /// Reads something more, or opens the next file; `false` at the end of the input.
    fn read_more(&mut self, wave: &mut Vec<Piece>) -> Result<bool, DataError> {
        let is_at_end = match &mut self.source {
            None => {
                self.source = self.open_next()?;
                return Ok(self.source.is_some());
            }
            Some(Source::Csv(source)) => match source.next()? {
                Some(pieces) => {
                    wave.extend(pieces.into_iter().map(Piece::Csv));
                    false
                }
                None => true,
            },
            Some(Source::Parquet(source)) => match source.next()? {
                Some(chunk) => {
                    wave.push(Piece::Parquet(chunk));
                    false
                }
                None => true,
            },
        };
        if is_at_end {
            self.source = None;
        }
        Ok(true)
    }

    fn open_next(&mut self) -> Result<Option<Source<'a>>, DataError> {
        let Waves { files, layout, chunk_bytes, chunk_rows } = *self.waves;
        let Some(&(path, part)) = files.get(self.next_file) else { return Ok(None) };
        let file = SourceFile { path: path.into(), number: self.next_file as u64, part };
        let file = Arc::new(file);
        let (source, types) = match FileFormat::of(path)? {
            FileFormat::Csv => {
                let types = vec![DataType::LargeUtf8; layout.columns.len()];
                (Source::Csv(Box::new(CsvSource::open(file, path, layout, chunk_bytes)?)), types)
            }
            FileFormat::Parquet => {
                let length =
                    std::fs::metadata(path).map_err(|error| DataError::io(path, "read", error))?.len();
                let source = ParquetSource::open(file, layout, chunk_rows, length)?;
                let types = source.types();
                (Source::Parquet(Box::new(source)), types)
            }
        };
        self.check_keys(path, &types)?;
        self.next_file += 1;
        Ok(Some(source))
    }

    /// Refuses a key whose type is not that of the files before.
    fn check_keys(&mut self, path: &Path, types: &[DataType]) -> Result<(), DataError> {
        let layout = self.waves.layout;
        let keys: Vec<DataType> = layout.keys.iter().map(|&column| key_type(&types[column])).collect();
        let expected = self.keys.get_or_insert_with(|| keys.clone());
        let mut pairs = keys.iter().zip(expected.iter()).zip(&layout.keys);
        match pairs.find(|((found, expected), _)| found != expected) {
            None => Ok(()),
            Some(((found, _), &column)) => Err(DataError::WrongType {
                path: path.to_path_buf(),
                column: layout.columns[column].clone(),
                found: format!("the type {found}"),
                expected: "the type that the column has in the first file",
            }),
        }
    }
}
