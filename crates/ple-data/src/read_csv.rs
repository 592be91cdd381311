//! Reads CSV files with a header, in parallel blocks, with an error that names line and column for anything amiss.

use std::borrow::Cow;
use std::path::Path;
use std::sync::Arc;

use arrow_array::builder::LargeStringBuilder;
use arrow_array::{Array, ArrayRef, Int64Array, LargeStringArray};
use rayon::prelude::*;

use crate::cell::{A_NUMBER, AN_ID, CellFault, check_dense, check_id, check_label, check_weight};
use crate::csv_lines::{
    BLANK_LINES, BlockReader, HEADER_ALONE, ZERO_BYTES, header_names, numbered_lines, shortened,
    split_fields, utf8,
};
use crate::error::DataError;
use crate::place::Place;
use crate::resolve::{ResolvedColumns, resolve};
use crate::row_origin::RowOrigin;
use crate::schema::{FeatureSchema, Label};
use crate::space::Inside;
use crate::table::Table;
use crate::table_contents::{TableContents, join_keys};

/// Reads a CSV file whose first line names the columns; columns that the schema does not name are passed over.
///
/// Fields are separated by commas and may stand in double quotes; a row is one line; blank lines are passed over.
/// A key column in which every value is an integer becomes an `Int64` array, any other a `LargeUtf8` array.
///
/// # Errors
///
/// A missing or empty file, a missing column, a name or key that is not UTF-8, a line with too few or too many fields, an id that is no integer or
/// lies outside of its vocabulary, a number that is missing, not a number or not finite, a label other than 0 and 1
/// in a classification, a sequence feature (CSV has no lists). Each names file, line and column; of several errors,
/// the first one in the file is reported.
pub fn read_csv(path: impl AsRef<Path>, schema: &FeatureSchema) -> Result<Table, DataError> {
    let path = path.as_ref();
    schema.validate()?;
    refuse_sequences(path, schema)?;
    let schema = Arc::new(schema.clone());
    let mut blocks = BlockReader::open(path)?;
    let mut rows = TableContents::empty(&schema);
    let mut key_pieces: Vec<Vec<ArrayRef>> = vec![Vec::new(); schema.keys.len()];
    let mut layout: Option<CsvLayout> = None;
    let mut found = ZERO_BYTES;

    while let Some(mut block) = blocks.next_block()? {
        if layout.is_none() {
            let Some((line, header)) = numbered_lines(block.first_line, &block.bytes).next() else {
                found = BLANK_LINES;
                continue;
            };
            found = HEADER_ALONE;
            let names = header_names(path, line, header)?;
            let resolved = resolve(path, names.iter().map(String::as_str), &schema)?;
            layout = Some(CsvLayout { path, schema: &schema, resolved, names });
            let end = block
                .bytes
                .iter()
                .enumerate()
                .filter(|&(_, &byte)| byte == b'\n')
                .nth(line - block.first_line);
            let Some((end, _)) = end else { break };
            block.bytes.drain(..=end);
            block.first_line = line + 1;
        }
        let Some(layout) = &layout else { continue };
        let parsed: Vec<Result<Piece, DataError>> = block
            .pieces(rayon::current_num_threads() * 4)
            .into_par_iter()
            .map(|(first_line, bytes)| layout.parse(first_line, bytes))
            .collect();
        for piece in parsed {
            let piece = piece?;
            rows.append(&piece.rows);
            for (pieces, key) in key_pieces.iter_mut().zip(piece.keys) {
                pieces.push(key);
            }
        }
        if rows.rows() > u32::MAX as usize {
            let what = "the number of rows".to_string();
            let (found, limit) = (rows.rows() as i128, u64::from(u32::MAX));
            return Err(DataError::TooLarge { path: path.to_path_buf(), what, found, limit });
        }
    }
    if rows.rows() == 0 {
        return Err(DataError::EmptyFile { path: path.to_path_buf(), found });
    }
    for pieces in &key_pieces {
        let joined = join_keys(pieces)
            .map_err(|error| DataError::Corrupt { path: path.to_path_buf(), detail: error.to_string() })?;
        rows.keys.push(integers_if_all_are(joined));
    }
    Ok(Table::assembled(schema, rows).with_origin(RowOrigin::of_file(path, None)))
}

pub(crate) fn refuse_sequences(path: &Path, schema: &FeatureSchema) -> Result<(), DataError> {
    match schema.sequences().next() {
        Some(feature) => {
            Err(DataError::SequenceInCsv { path: path.to_path_buf(), column: feature.name.clone() })
        }
        None => Ok(()),
    }
}

/// Where the fields of a line go.
struct CsvLayout<'a> {
    path: &'a Path,
    schema: &'a FeatureSchema,
    resolved: ResolvedColumns,
    names: Vec<String>,
}

/// The rows of some lines.
struct Piece {
    rows: TableContents,
    keys: Vec<ArrayRef>,
}

impl CsvLayout<'_> {
    /// The label of a row, and whether the row is inside of the task's space; an empty field is no label.
    fn label(
        &self,
        fields: &[Cow<'_, [u8]>],
        label: &Label,
        field: usize,
        decisive: Option<usize>,
    ) -> Result<(f32, Inside), CellFault> {
        if label.space.is_all() {
            let value = parse_number(&fields[field]).and_then(|value| check_label(value, label.task))?;
            return Ok((value, Inside::Yes));
        }
        let number = |field: usize| match parse_number(&fields[field]) {
            Ok(value) => Ok(Some(value)),
            Err(CellFault::Missing { .. }) => Ok(None),
            Err(fault) => Err(fault),
        };
        label.space.label(number(field)?, decisive.map(number).transpose()?.flatten(), label.task)
    }

    fn parse(&self, first_line: usize, bytes: &[u8]) -> Result<Piece, DataError> {
        let mut rows = TableContents::empty(self.schema);
        let layout = rows.records.layout();
        let mut keys: Vec<LargeStringBuilder> =
            self.schema.keys.iter().map(|_| LargeStringBuilder::new()).collect();
        let vocab_sizes: Vec<usize> =
            self.schema.sparse().map(|feature| feature.vocab_size().unwrap_or(0)).collect();
        let mut fields = Vec::with_capacity(self.names.len());
        for (line, text) in numbered_lines(first_line, bytes) {
            split_fields(text, &mut fields)
                .map_err(|()| DataError::Quotes { path: self.path.to_path_buf(), line })?;
            if fields.len() != self.names.len() {
                return Err(DataError::FieldCount {
                    path: self.path.to_path_buf(),
                    line,
                    found: fields.len(),
                    expected: self.names.len(),
                });
            }
            let at =
                |field: usize, fault: CellFault| fault.at(self.path, Place::Line(line), &self.names[field]);
            let record = rows.records.grow(1);
            let mut outside = Vec::new();
            for (t, (&field, label)) in self.resolved.labels.iter().zip(&self.schema.labels).enumerate() {
                let decisive = self.resolved.spaces[t];
                let (value, inside) =
                    self.label(&fields, label, field, decisive).map_err(|fault| at(field, fault))?;
                record[layout.labels()][t] = value.to_bits();
                if inside == Inside::No {
                    outside.push(t);
                }
            }
            for (word, field) in record[layout.weights()].iter_mut().zip(&self.resolved.weights) {
                let weight = match field {
                    None => 1.0,
                    Some(field) => parse_number(&fields[*field])
                        .and_then(check_weight)
                        .map_err(|fault| at(*field, fault))?,
                };
                *word = weight.to_bits();
            }
            outside.iter().for_each(|&task| record[layout.weights()][task] = 0.0_f32.to_bits());
            let ids = self.resolved.sparse.iter().zip(&vocab_sizes);
            for (word, (&field, &vocab_size)) in record[layout.sparse()].iter_mut().zip(ids) {
                let id = parse_integer(&fields[field]).and_then(|value| check_id(value, vocab_size));
                *word = id.map_err(|fault| at(field, fault))?;
            }
            for (word, &field) in record[layout.dense()].iter_mut().zip(&self.resolved.dense) {
                let value = parse_number(&fields[field]).and_then(check_dense);
                *word = value.map_err(|fault| at(field, fault))?.to_bits();
            }
            for (&field, key) in self.resolved.keys.iter().zip(&mut keys) {
                key.append_value(utf8(self.path, line, &fields[field])?);
            }
        }
        let keys = keys.into_iter().map(|mut key| Arc::new(key.finish()) as ArrayRef).collect();
        Ok(Piece { rows, keys })
    }
}

/// An integer in decimal digits, with blanks around it allowed.
pub(crate) fn parse_integer(field: &[u8]) -> Result<i64, CellFault> {
    // Up to 18 digits cannot overflow, and nearly every field is of this form.
    if (1..=18).contains(&field.len()) && field.iter().all(u8::is_ascii_digit) {
        return Ok(field.iter().fold(0, |value, digit| value * 10 + i64::from(digit - b'0')));
    }
    let text = trimmed(field, AN_ID)?;
    text.parse().map_err(|_| CellFault::NotANumber { value: shortened(&text), expected: AN_ID })
}

/// A number as Rust and C write it, with blanks around it allowed. NaN and infinity are read, and refused later.
pub(crate) fn parse_number(field: &[u8]) -> Result<f64, CellFault> {
    match std::str::from_utf8(field) {
        Ok(text) => number_of(text),
        Err(_) => number_of(&String::from_utf8_lossy(field)),
    }
}

/// The number that a text is.
pub(crate) fn number_of(text: &str) -> Result<f64, CellFault> {
    let text = text.trim_ascii();
    match text.parse() {
        Ok(value) => Ok(value),
        Err(_) if text.is_empty() => Err(CellFault::Missing { expected: A_NUMBER }),
        Err(_) => Err(CellFault::NotANumber { value: shortened(text), expected: A_NUMBER }),
    }
}

fn trimmed<'a>(field: &'a [u8], expected: &'static str) -> Result<std::borrow::Cow<'a, str>, CellFault> {
    let field = field.trim_ascii();
    if field.is_empty() {
        return Err(CellFault::Missing { expected });
    }
    Ok(String::from_utf8_lossy(field))
}

/// The values as integers if each of them is written as one in the usual way (so that `007` stays text).
fn integers_if_all_are(key: ArrayRef) -> ArrayRef {
    let Some(texts) = key.as_any().downcast_ref::<LargeStringArray>() else { return key };
    let integer = |text: Option<&str>| {
        let text = text?;
        text.parse::<i64>().ok().filter(|value| value.to_string() == text)
    };
    match texts.iter().map(integer).collect::<Option<Vec<i64>>>() {
        Some(integers) => Arc::new(Int64Array::from(integers)),
        None => key,
    }
}
