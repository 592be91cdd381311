//! CSV as bytes: blocks of whole lines, lines, and fields, each with its line number.
//!
//! The files that this project reads hold numbers, one row a line, and some gigabytes of them; so lines are found
//! with memchr-like scans, fields are borrowed from the block, and blocks are parsed in parallel. A field may stand
//! in double quotes (inner quotes doubled), but may not hold a line break: thus every line feed ends a row, and any
//! block can be cut at any of them.

use std::borrow::Cow;
use std::fs::File;
use std::io::Read;
use std::path::Path;

use ple_files::open_file;

use crate::error::DataError;
use crate::not_a_table::NotATable;

/// The bytes read at a time, and so the most that one line may have.
pub(crate) const BLOCK_BYTES: usize = 8 << 20;

/// What a file without rows holds, for messages.
pub(crate) const ZERO_BYTES: &str = "zero bytes";
/// What a file without rows holds, for messages.
pub(crate) const BLANK_LINES: &str = "blank lines alone";
/// What a file without rows holds, for messages.
pub(crate) const HEADER_ALONE: &str = "a header alone";

/// Reads a file in blocks that end with a line feed (the last one may lack it).
pub(crate) struct BlockReader<'a> {
    path: &'a Path,
    file: File,
    rest: Vec<u8>,
    next_line: usize,
    is_at_end: bool,
}

/// Some whole lines of a file.
pub(crate) struct Block {
    /// The lines, with their line feeds.
    pub(crate) bytes: Vec<u8>,
    /// The number of the first line, counted from 1.
    pub(crate) first_line: usize,
}

impl<'a> BlockReader<'a> {
    /// Opens a file.
    pub(crate) fn open(path: &'a Path) -> Result<Self, DataError> {
        let file = open_file(path)?;
        Ok(BlockReader { path, file, rest: Vec::new(), next_line: 1, is_at_end: false })
    }

    /// The next block, or `None` at the end of the file.
    pub(crate) fn next_block(&mut self) -> Result<Option<Block>, DataError> {
        if self.is_at_end {
            return Ok(None);
        }
        let mut bytes = std::mem::take(&mut self.rest);
        let missing = (BLOCK_BYTES - bytes.len()) as u64;
        let read = self
            .file
            .by_ref()
            .take(missing)
            .read_to_end(&mut bytes)
            .map_err(|error| DataError::io(self.path, "read", error))?;
        self.is_at_end = (read as u64) < missing;
        if bytes.is_empty() {
            return Ok(None);
        }
        if !self.is_at_end {
            let Some(end) = memchr::memrchr(b'\n', &bytes) else {
                return Err(DataError::LineTooLong {
                    path: self.path.to_path_buf(),
                    line: self.next_line,
                    limit: BLOCK_BYTES,
                });
            };
            self.rest = bytes.split_off(end + 1);
        }
        let first_line = self.next_line;
        self.next_line += count_lines(&bytes);
        Ok(Some(Block { bytes, first_line }))
    }
}

impl Block {
    /// Cuts the block into about `parts` pieces of whole lines, each with the number of its first line.
    pub(crate) fn pieces(&self, parts: usize) -> Vec<(usize, &[u8])> {
        let size = self.bytes.len().div_ceil(parts.max(1)).max(1);
        let mut pieces = Vec::with_capacity(parts);
        let (mut start, mut line) = (0, self.first_line);
        while start < self.bytes.len() {
            let wanted = (start + size).min(self.bytes.len());
            let end = memchr::memchr(b'\n', &self.bytes[wanted..])
                .map_or(self.bytes.len(), |more| wanted + more + 1);
            let piece = &self.bytes[start..end];
            pieces.push((line, piece));
            line += count_lines(piece);
            start = end;
        }
        pieces
    }
}

/// The lines of a piece with their numbers, without line ends; lines that are blank are passed over.
pub(crate) fn numbered_lines(first_line: usize, bytes: &[u8]) -> impl Iterator<Item = (usize, &[u8])> {
    let mut rest = Some(bytes);
    let next = move || {
        let bytes = rest?;
        let end = memchr::memchr(b'\n', bytes);
        rest = end.map(|end| &bytes[end + 1..]);
        Some(&bytes[..end.unwrap_or(bytes.len())])
    };
    std::iter::from_fn(next)
        .map(|line| line.strip_suffix(b"\r").unwrap_or(line))
        .enumerate()
        .filter(|(_, line)| !line.is_empty())
        .map(move |(position, line)| (first_line + position, line))
}

/// Splits a line into fields. `Err` means that a quote is open at the end, or followed by something else.
pub(crate) fn split_fields<'a>(line: &'a [u8], fields: &mut Vec<Cow<'a, [u8]>>) -> Result<(), ()> {
    split_fields_at(b',', line, fields)
}

/// The same where fields are separated by another byte than the comma.
#[inline]
fn split_fields_at<'a>(separator: u8, line: &'a [u8], fields: &mut Vec<Cow<'a, [u8]>>) -> Result<(), ()> {
    fields.clear();
    let mut rest = line;
    loop {
        if rest.first() == Some(&b'"') {
            let (field, after) = quoted_field(&rest[1..]).ok_or(())?;
            fields.push(Cow::Owned(field));
            match after.split_first() {
                None => return Ok(()),
                Some((&next, more)) if next == separator => rest = more,
                Some(_) => return Err(()),
            }
        } else {
            match rest.iter().position(|&byte| byte == separator) {
                Some(end) => {
                    fields.push(Cow::Borrowed(&rest[..end]));
                    rest = &rest[end + 1..];
                }
                None => {
                    fields.push(Cow::Borrowed(rest));
                    return Ok(());
                }
            }
        }
    }
}

/// The content of a quoted field that starts after its first quote, and what follows its last one.
fn quoted_field(mut rest: &[u8]) -> Option<(Vec<u8>, &[u8])> {
    let mut field = Vec::new();
    loop {
        let quote = rest.iter().position(|&byte| byte == b'"')?;
        field.extend_from_slice(&rest[..quote]);
        rest = &rest[quote + 1..];
        match rest.strip_prefix(b"\"") {
            Some(more) => {
                field.push(b'"');
                rest = more;
            }
            None => return Some((field, rest)),
        }
    }
}

/// How files begin that are no text, what they hold and what to do with them.
const NO_TEXT: [(&[u8], &str, &str); 4] = [
    (b"\x1F\x8B", "what gzip has packed", "unpack it with gunzip"),
    (b"\x28\xB5\x2F\xFD", "what zstd has packed", "unpack it with unzstd"),
    (b"PK\x03\x04", "a zip archive", "unpack it"),
    (b"PAR1", "a Parquet file", "give it a name that ends in .parquet"),
];

/// The names in the header line.
pub(crate) fn header_names(path: &Path, line_number: usize, line: &[u8]) -> Result<Vec<String>, DataError> {
    if let Some((_, found, next)) = NO_TEXT.iter().find(|(start, ..)| line.starts_with(start)) {
        return Err(NotATable::NotText { path: path.to_path_buf(), found, next }.into());
    }
    if line.contains(&b'\r') {
        let (found, next) =
            ("lines that end in CR alone", "write it again with LF or CR LF at the ends of lines");
        return Err(NotATable::NotText { path: path.to_path_buf(), found, next }.into());
    }
    let mut fields = Vec::new();
    let line = line.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(line);
    let split = split_fields(line, &mut fields);
    if (split.is_err() || fields.len() == 1)
        && let Some(separator) = other_separator(line)
    {
        return Err(NotATable::Separator { path: path.to_path_buf(), found: char::from(separator) }.into());
    }
    split.map_err(|()| DataError::Quotes { path: path.to_path_buf(), line: line_number })?;
    let name = |field: &Cow<'_, [u8]>| utf8(path, line_number, field).map(|name| name.trim().to_string());
    fields.iter().map(name).collect()
}

/// The separator that takes a header apart, quotes and all, where the comma does not.
fn other_separator(line: &[u8]) -> Option<u8> {
    let mut fields = Vec::new();
    b";\t|"
        .iter()
        .copied()
        .find(|&separator| split_fields_at(separator, line, &mut fields).is_ok() && fields.len() > 1)
}

/// A field as text.
pub(crate) fn utf8<'a>(path: &Path, line: usize, field: &'a [u8]) -> Result<&'a str, DataError> {
    std::str::from_utf8(field).map_err(|_| {
        let text = shortened(&String::from_utf8_lossy(field));
        DataError::NotUtf8 { path: path.to_path_buf(), line, text }
    })
}

/// The start of a text, short enough for a message, with control characters made visible.
pub(crate) fn shortened(text: &str) -> String {
    const LONGEST: usize = 40;
    let mut shown: String = text.chars().take(LONGEST).flat_map(char::escape_debug).collect();
    if text.chars().nth(LONGEST).is_some() {
        shown.push('…');
    }
    shown
}

fn count_lines(bytes: &[u8]) -> usize {
    memchr::memchr_iter(b'\n', bytes).count()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn fields(line: &str) -> Option<Vec<String>> {
        let mut fields = Vec::new();
        split_fields(line.as_bytes(), &mut fields).ok()?;
        Some(fields.iter().map(|field| String::from_utf8_lossy(field).into_owned()).collect())
    }

    #[test]
    fn fields_are_split_at_commas_outside_of_quotes() {
        assert_eq!(fields("1,2,").unwrap(), ["1", "2", ""]);
        assert_eq!(fields(r#""a,b",2,"say ""hi""""#).unwrap(), ["a,b", "2", r#"say "hi""#]);
        assert_eq!(fields(r#""open,2"#), None);
        assert_eq!(fields(r#""a"b,2"#), None);
    }

    #[test]
    fn another_separator_is_seen_in_a_header_with_quotes_too() {
        let message = |header: &str| header_names(Path::new("log.csv"), 1, header.as_bytes()).unwrap_err();
        for (separator, shown) in [(";", ";"), ("\t", "\\t"), ("|", "|")] {
            let names = ["user", "\"user\"", "\"a,b\"", "\"say \"\"hi\"\"\""];
            for (first, second) in names.into_iter().flat_map(|first| names.map(|second| (first, second))) {
                if first == "user" && second.contains(',') {
                    // By its commas this is `user;"a` and `b"`.
                    continue;
                }
                let error = message(&format!("{first}{separator}{second}")).to_string();
                let text = format!("log.csv: the header has no comma, but `{shown}`\n");
                assert!(error.starts_with(&text), "{error}");
            }
        }
        let error = message("\"user;item").to_string();
        assert!(error.starts_with("log.csv, line 1: a quoted field is not closed"), "{error}");
        assert_eq!(header_names(Path::new("log.csv"), 1, b"\"a;b\"").unwrap(), ["a;b"]);
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(3000))]
        #[test]
        fn pieces_put_together_are_the_block(text in "[a,\n]{0,60}", parts in 1usize..9, first_line in 1usize..5) {
            let block = Block { bytes: text.clone().into_bytes(), first_line };
            let mut joined = Vec::new();
            let mut lines = Vec::new();
            for (line, piece) in block.pieces(parts) {
                joined.extend_from_slice(piece);
                lines.extend(numbered_lines(line, piece));
            }
            prop_assert_eq!(joined, text.as_bytes());
            let whole: Vec<_> = numbered_lines(first_line, text.as_bytes()).collect();
            prop_assert_eq!(lines, whole);
        }

        #[test]
        fn no_bytes_make_the_splitter_panic(line in proptest::collection::vec(proptest::sample::select(vec![b'"', b',', b'a', 0xFF]), 0..30)) {
            let mut fields = Vec::new();
            let _ = split_fields(&line, &mut fields);
        }
    }
}
