//! CSV files as stretches of rows. A column is taken for integers until a value is none, then for numbers, then for
//! text; each stretch begins anew.

use std::path::Path;

use arrow_array::builder::LargeStringBuilder;
use rayon::prelude::*;

use super::values::{Chunk, Column, Values};
use crate::csv_lines::{
    BLANK_LINES, BlockReader, HEADER_ALONE, ZERO_BYTES, header_names, numbered_lines, split_fields,
};
use crate::error::DataError;
use crate::read_csv::{parse_integer, parse_number};
use crate::resolve::Header;

/// The pieces of a block that are parsed side by side: fixed, so that the stretches are the same on every machine.
const PIECES: usize = 16;

/// The names of a file's columns.
pub(super) fn csv_columns(path: &Path) -> Result<Vec<String>, DataError> {
    let mut blocks = BlockReader::open(path)?;
    let mut found = ZERO_BYTES;
    while let Some(block) = blocks.next_block()? {
        if let Some((line, header)) = numbered_lines(block.first_line, &block.bytes).next() {
            let names = header_names(path, line, header)?;
            Header::new(path, names.iter().map(String::as_str))?;
            return Ok(names);
        }
        found = BLANK_LINES;
    }
    Err(DataError::EmptyFile { path: path.to_owned(), found })
}

/// Calls `take` with each stretch of rows of a file, its columns in the order of `names`.
pub(super) fn csv_chunks(
    path: &Path,
    names: &[String],
    mut take: impl FnMut(Chunk),
) -> Result<(), DataError> {
    let in_file = csv_columns(path)?;
    let header = Header::new(path, in_file.iter().map(String::as_str))?;
    let positions: Result<Vec<usize>, DataError> =
        names.iter().map(|name| header.position(name, || "the first file".to_owned())).collect();
    let positions = positions?;
    let mut blocks = BlockReader::open(path)?;
    let mut header_passed = false;
    let mut rows = 0;
    while let Some(block) = blocks.next_block()? {
        let pieces = block.pieces(PIECES);
        let parsed: Vec<Result<Chunk, DataError>> = pieces
            .into_par_iter()
            .enumerate()
            .map(|(index, (first_line, bytes))| {
                let skip = usize::from(!header_passed && index == 0);
                parse(path, first_line, bytes, skip, in_file.len(), &positions)
            })
            .collect();
        header_passed = true;
        for chunk in parsed {
            let chunk = chunk?;
            rows += chunk.rows;
            if chunk.rows > 0 {
                take(chunk);
            }
        }
    }
    if rows == 0 {
        return Err(DataError::EmptyFile { path: path.to_owned(), found: HEADER_ALONE });
    }
    Ok(())
}

fn parse(
    path: &Path,
    first_line: usize,
    bytes: &[u8],
    skip: usize,
    n_fields: usize,
    positions: &[usize],
) -> Result<Chunk, DataError> {
    let mut builders: Vec<Builder> = positions.iter().map(|_| Builder::default()).collect();
    let mut fields = Vec::with_capacity(n_fields);
    let mut rows = 0;
    for (line, text) in numbered_lines(first_line, bytes).skip(skip) {
        split_fields(text, &mut fields).map_err(|()| DataError::Quotes { path: path.to_owned(), line })?;
        if fields.len() != n_fields {
            let (path, found, expected) = (path.to_owned(), fields.len(), n_fields);
            return Err(DataError::FieldCount { path, line, found, expected });
        }
        rows += 1;
        for (builder, &position) in builders.iter_mut().zip(positions) {
            builder.push(&fields[position]);
        }
    }
    Ok(Chunk { rows, columns: builders.into_iter().map(Builder::finish).collect() })
}

/// A whole number beyond 63 bits that a 64-bit hash can be.
fn wide_integer(field: &[u8]) -> Option<i128> {
    std::str::from_utf8(field.trim_ascii()).ok()?.parse::<u64>().ok().map(i128::from)
}

/// A column in the making.
#[derive(Default)]
struct Builder {
    integers: Vec<i64>,
    /// Once a value was an integer of more than 63 bits.
    wide: Option<Vec<i128>>,
    /// Once a value was no integer.
    numbers: Option<Vec<f64>>,
    /// Once a value was no number.
    texts: Option<LargeStringBuilder>,
    nulls: Vec<bool>,
    any_null: bool,
}

impl Builder {
    fn push(&mut self, field: &[u8]) {
        let missing = field.trim_ascii().is_empty();
        self.nulls.push(missing);
        self.any_null |= missing;
        if let Some(texts) = &mut self.texts {
            texts.append_value(String::from_utf8_lossy(field.trim_ascii()));
            return;
        }
        if let Some(numbers) = &mut self.numbers {
            match if missing { Ok(0.0) } else { parse_number(field) } {
                Ok(value) => numbers.push(value),
                Err(_) => self.become_texts(field),
            }
            return;
        }
        match (if missing { Ok(0) } else { parse_integer(field) }, &mut self.wide) {
            (Ok(value), None) => return self.integers.push(value),
            (Ok(value), Some(wide)) => return wide.push(value.into()),
            (Err(_), _) => {}
        }
        if let Some(value) = wide_integer(field) {
            let earlier = || self.integers.iter().map(|&value| value.into()).collect();
            return self.wide.get_or_insert_with(earlier).push(value);
        }
        match parse_number(field) {
            Ok(value) => {
                let earlier: Vec<f64> = match &self.wide {
                    Some(wide) => wide.iter().map(|&value| value as f64).collect(),
                    None => self.integers.iter().map(|&value| value as f64).collect(),
                };
                self.numbers = Some(earlier.into_iter().chain([value]).collect());
            }
            Err(_) => self.become_texts(field),
        }
    }

    fn become_texts(&mut self, field: &[u8]) {
        let mut texts = LargeStringBuilder::new();
        match (&self.numbers, &self.wide) {
            (Some(numbers), _) => numbers.iter().for_each(|value| texts.append_value(value.to_string())),
            (None, Some(wide)) => wide.iter().for_each(|value| texts.append_value(value.to_string())),
            (None, None) => self.integers.iter().for_each(|value| texts.append_value(value.to_string())),
        }
        texts.append_value(String::from_utf8_lossy(field.trim_ascii()));
        self.texts = Some(texts);
    }

    fn finish(self) -> Column {
        let values = match (self.texts, self.numbers, self.wide) {
            (Some(mut texts), ..) => Values::Texts(texts.finish()),
            (None, Some(numbers), _) => Values::Numbers(numbers),
            (None, None, Some(wide)) => Values::Wide(wide),
            (None, None, None) => Values::Integers(self.integers),
        };
        Column { values, nulls: if self.any_null { self.nulls } else { Vec::new() } }
    }
}
