//! A large file of lines in blocks that any thread can read by itself, without anything before them.
//!
//! A line belongs to the block in which it starts, so a block is read on until its last line ends.

use std::fs::File;
use std::ops::Range;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

use ple_files::open_file;

use super::error::RawError;
use super::line::PADDING;
use crate::csv_lines::ZERO_BYTES;
use crate::error::DataError;

/// The most bytes that a line may have.
pub(super) const MAX_LINE: usize = 8 << 20;

/// A raw file, open.
pub(super) struct LineFile {
    path: PathBuf,
    file: File,
    length: u64,
    block_bytes: u64,
}

/// The lines of a block.
pub(super) struct Block<'a> {
    /// The bytes, and after them at least [`PADDING`] line feeds.
    pub(super) bytes: &'a [u8],
    /// Where the lines start in `bytes`.
    pub(super) start: usize,
    /// Where they end.
    pub(super) end: usize,
    /// The place in the file of the first of `bytes`.
    pub(super) offset: u64,
}

impl LineFile {
    /// Opens a file; one that is empty or packed is refused.
    pub(super) fn open(path: PathBuf, block_bytes: usize) -> Result<Self, DataError> {
        let refuse = |error| DataError::io(&path, "read", error);
        let file = open_file(&path)?;
        let length = file.metadata().map_err(refuse)?.len();
        if length == 0 {
            return Err(DataError::EmptyFile { path, found: ZERO_BYTES });
        }
        let mut start = [0; 4];
        let n = file.read_at(&mut start, 0).map_err(refuse)?;
        if let Some(found) = packed_format(&start[..n]) {
            return Err(RawError::NotText { path, found }.into());
        }
        Ok(LineFile { path, file, length, block_bytes: block_bytes as u64 })
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// The number of bytes.
    pub(super) fn length(&self) -> u64 {
        self.length
    }

    /// The number of blocks.
    pub(super) fn n_blocks(&self) -> usize {
        self.length.div_ceil(self.block_bytes) as usize
    }

    /// How many of the file's bytes belong to a block.
    pub(super) fn bytes_of_block(&self, block: usize) -> u64 {
        self.block_bytes.min(self.length - block as u64 * self.block_bytes)
    }

    /// Reads a block into `buffer`, which may be used again for the next one.
    pub(super) fn read_block<'b>(
        &self,
        block: usize,
        buffer: &'b mut Vec<u8>,
    ) -> Result<Block<'b>, DataError> {
        let block_start = block as u64 * self.block_bytes;
        let block_end = (block_start + self.block_bytes).min(self.length);
        // One byte before it shows whether a line starts at its first byte.
        let offset = block_start.saturating_sub(1);
        let mut end = (block_end - offset) as usize;
        self.read_at(buffer, 0..end, offset)?;
        let start = match block_start {
            0 => 0,
            _ => memchr::memchr(b'\n', &buffer[..end]).map_or(end, |line_feed| line_feed + 1),
        };
        if start < end && buffer[end - 1] != b'\n' {
            let last_line = memchr::memrchr(b'\n', &buffer[..end]).map_or(0, |line_feed| line_feed + 1);
            loop {
                let known = end;
                let at = offset + known as u64;
                let more = ((self.length - at) as usize).min(MORE_BYTES);
                if more == 0 {
                    break;
                }
                end += more;
                self.read_at(buffer, known..end, at)?;
                if let Some(line_feed) = memchr::memchr(b'\n', &buffer[known..end]) {
                    end = known + line_feed + 1;
                    break;
                }
                if end - last_line > MAX_LINE {
                    let line = self.line_at(offset + last_line as u64)?;
                    return Err(RawError::LineTooLong { path: self.path.clone(), line }.into());
                }
            }
        }
        let padded = end + PADDING;
        grow(buffer, padded);
        buffer[end..padded].fill(b'\n');
        Ok(Block { bytes: &buffer[..padded], start, end, offset })
    }

    /// Reads the bytes from `at` on into a range of `buffer`.
    fn read_at(&self, buffer: &mut Vec<u8>, range: Range<usize>, at: u64) -> Result<(), DataError> {
        grow(buffer, range.end + PADDING);
        self.file
            .read_exact_at(&mut buffer[range], at)
            .map_err(|error| DataError::io(&self.path, "read", error))
    }

    /// The number of the line that starts at a place of the file, counted from 1.
    pub(super) fn line_at(&self, offset: u64) -> Result<usize, DataError> {
        let mut buffer = vec![0; 1 << 20];
        let (mut at, mut line) = (0, 1);
        while at < offset {
            let n = buffer.len().min((offset - at) as usize);
            let n = self
                .file
                .read_at(&mut buffer[..n], at)
                .map_err(|error| DataError::io(&self.path, "read", error))?;
            if n == 0 {
                break;
            }
            line += memchr::memchr_iter(b'\n', &buffer[..n]).count();
            at += n as u64;
        }
        Ok(line)
    }
}

/// Makes a buffer as long as it has to be at least. It is never shortened, so that nothing is filled with zeros twice.
fn grow(buffer: &mut Vec<u8>, length: usize) {
    if buffer.len() < length {
        buffer.resize(length, 0);
    }
}

/// The bytes that are read at a time to find the end of a block's last line.
const MORE_BYTES: usize = 64 << 10;

impl Block<'_> {
    /// The lines as places in `bytes`, without their ends; blank ones are passed over.
    pub(super) fn lines(&self) -> impl Iterator<Item = (usize, usize)> + '_ {
        let mut at = self.start;
        std::iter::from_fn(move || {
            while at < self.end {
                let start = at;
                let end = start + memchr::memchr(b'\n', &self.bytes[start..]).unwrap_or(self.end - start);
                at = end + 1;
                let end = end - usize::from(end > start && self.bytes[end - 1] == b'\r');
                if end > start {
                    return Some((start, end));
                }
            }
            None
        })
    }
}

fn packed_format(start: &[u8]) -> Option<&'static str> {
    match start {
        [0x1F, 0x8B, ..] => Some("gzip"),
        [b'P', b'K', 3, 4] => Some("zip"),
        [0x28, 0xB5, 0x2F, 0xFD] => Some("zstd"),
        [b'B', b'Z', b'h', _] => Some("bzip2"),
        [0xFD, b'7', b'z', b'X'] => Some("xz"),
        [0xFF, 0xFE, ..] | [0xFE, 0xFF, ..] => Some("UTF-16"),
        [b'P', b'A', b'R', b'1'] => Some("Parquet"),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_line_is_in_one_block_whatever_their_size() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("lines");
        let text = "a\nbcd\n\nefghijklmnopqrs\r\nt\nuvw";
        std::fs::write(&path, text).unwrap();
        let expected = ["a", "bcd", "efghijklmnopqrs", "t", "uvw"];
        for size in 1..40 {
            let file = LineFile::open(path.clone(), size).unwrap();
            let mut lines = Vec::new();
            let mut buffer = Vec::new();
            for number in 0..file.n_blocks() {
                let block = file.read_block(number, &mut buffer).unwrap();
                for (start, end) in block.lines() {
                    let line = String::from_utf8(block.bytes[start..end].to_vec()).unwrap();
                    let offset = block.offset as usize + start;
                    assert!(text[offset..].starts_with(&line));
                    lines.push(line);
                }
            }
            assert_eq!(lines, expected, "blocks of {size} bytes");
        }
        assert_eq!(LineFile::open(path, 8).unwrap().line_at(7).unwrap(), 4);
    }
}
