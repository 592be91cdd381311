//! CSV files as raw chunks: the columns that are needed, as texts, with the line of each row.

use std::borrow::Cow;
use std::path::Path;
use std::sync::Arc;

use arrow_array::{ArrayRef, LargeStringArray};
use arrow_buffer::{NullBuffer, OffsetBuffer};
use arrow_schema::DataType;

use super::raw_chunk::{Places, RawChunk, SourceFile};
use super::row_layout::RowLayout;
use crate::csv_lines::{
    BLANK_LINES, Block, BlockReader, HEADER_ALONE, ZERO_BYTES, header_names, numbered_lines, split_fields,
    utf8,
};
use crate::error::DataError;

/// What is known of a file from its header.
pub(crate) struct CsvHeader {
    file: Arc<SourceFile>,
    n_fields: usize,
    /// The field of each column.
    fields: Vec<usize>,
}

/// Some lines of a file.
pub(crate) struct CsvPiece {
    header: Arc<CsvHeader>,
    first_line: usize,
    bytes: Vec<u8>,
}

/// A CSV file that is being read.
pub(crate) struct CsvSource<'a> {
    file: Arc<SourceFile>,
    layout: &'a RowLayout,
    blocks: BlockReader<'a>,
    header: Option<Arc<CsvHeader>>,
    piece_bytes: usize,
    found: &'static str,
    has_rows: bool,
}

impl<'a> CsvSource<'a> {
    pub(crate) fn open(
        file: Arc<SourceFile>,
        path: &'a Path,
        layout: &'a RowLayout,
        piece_bytes: usize,
    ) -> Result<Self, DataError> {
        let blocks = BlockReader::open(path)?;
        Ok(CsvSource { file, layout, blocks, header: None, piece_bytes, found: ZERO_BYTES, has_rows: false })
    }

    /// The next lines in pieces that can be taken apart on any thread; `None` at the end of the file.
    pub(crate) fn next(&mut self) -> Result<Option<Vec<CsvPiece>>, DataError> {
        while let Some(mut block) = self.blocks.next_block()? {
            if self.header.is_none() && !self.read_header(&mut block)? {
                continue;
            }
            let Some(header) = &self.header else { continue };
            let piece = |(first_line, bytes): (usize, &[u8])| CsvPiece {
                header: Arc::clone(header),
                first_line,
                bytes: bytes.to_vec(),
            };
            let n_pieces = block.bytes.len().div_ceil(self.piece_bytes.max(1));
            let pieces: Vec<CsvPiece> = block.pieces(n_pieces).into_iter().map(piece).collect();
            self.has_rows |= pieces.iter().any(|piece| numbered_lines(1, &piece.bytes).next().is_some());
            return Ok(Some(pieces));
        }
        match self.has_rows {
            true => Ok(None),
            false => Err(DataError::EmptyFile { path: self.file.path.to_path_buf(), found: self.found }),
        }
    }

    /// Takes the header off a block; `false` if the block is blank.
    fn read_header(&mut self, block: &mut Block) -> Result<bool, DataError> {
        let path = &self.file.path;
        let Some((line, header)) = numbered_lines(block.first_line, &block.bytes).next() else {
            self.found = BLANK_LINES;
            return Ok(false);
        };
        self.found = HEADER_ALONE;
        let names = header_names(path, line, header)?;
        let fields = self.layout.find(path, names.iter().map(String::as_str))?;
        for column in 0..self.layout.columns.len() {
            self.layout.check_type(path, column, &DataType::LargeUtf8)?;
        }
        self.header =
            Some(Arc::new(CsvHeader { file: Arc::clone(&self.file), n_fields: names.len(), fields }));
        let mut line_feeds = memchr::memchr_iter(b'\n', &block.bytes);
        let end = line_feeds.nth(line - block.first_line).map_or(block.bytes.len(), |end| end + 1);
        block.bytes.drain(..end);
        block.first_line = line + 1;
        Ok(true)
    }
}

impl CsvPiece {
    /// Takes the lines apart.
    pub(crate) fn into_chunk(self) -> RawChunk {
        let CsvHeader { file, n_fields, fields: wanted } = &*self.header;
        let mut columns: Vec<TextColumn> = wanted.iter().map(|_| TextColumn::new()).collect();
        // Lines are cut at commas, which are no part of another letter: where all of it is UTF-8, so is each field.
        let is_utf8 = std::str::from_utf8(&self.bytes).is_ok();
        let (mut lines, mut faults) = (Vec::new(), Vec::new());
        let mut fields: Vec<Cow<'_, [u8]>> = Vec::with_capacity(*n_fields);
        for (line, bytes) in numbered_lines(self.first_line, &self.bytes) {
            let path = || file.path.to_path_buf();
            if split_fields(bytes, &mut fields).is_err() {
                faults.push((line as u64, DataError::Quotes { path: path(), line }));
                continue;
            }
            if fields.len() != *n_fields {
                let (found, expected) = (fields.len(), *n_fields);
                faults.push((line as u64, DataError::FieldCount { path: path(), line, found, expected }));
                continue;
            }
            if !is_utf8 {
                let fault = wanted.iter().find_map(|&field| utf8(&file.path, line, &fields[field]).err());
                if let Some(fault) = fault {
                    faults.push((line as u64, fault));
                    continue;
                }
            }
            lines.push(line);
            columns.iter_mut().zip(wanted).for_each(|(column, &field)| column.push(&fields[field]));
        }
        RawChunk {
            file: Arc::clone(file),
            rows: lines.len(),
            places: Places::Lines(lines),
            columns: columns.into_iter().map(TextColumn::finish).collect(),
            faults,
            bytes: self.bytes.len() as u64,
        }
    }
}

/// The texts of a column, one after the other.
struct TextColumn {
    texts: Vec<u8>,
    ends: Vec<i64>,
}

impl TextColumn {
    fn new() -> Self {
        TextColumn { texts: Vec::new(), ends: vec![0] }
    }

    fn push(&mut self, text: &[u8]) {
        self.texts.extend_from_slice(text);
        self.ends.push(self.texts.len() as i64);
    }

    /// The column, in which an empty text is a null.
    fn finish(self) -> ArrayRef {
        let is_there: NullBuffer = self.ends.windows(2).map(|pair| pair[0] < pair[1]).collect();
        let nulls = Some(is_there).filter(|nulls| nulls.null_count() > 0);
        let array = LargeStringArray::try_new(OffsetBuffer::new(self.ends.into()), self.texts.into(), nulls);
        Arc::new(array.expect("texts that were checked, one after the other"))
    }
}
