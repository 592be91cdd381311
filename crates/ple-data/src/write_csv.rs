//! Writes a table as CSV, in the column order of Ali-CCP's processed files: labels, then features.

use std::io::{self, Write};
use std::ops::Range;
use std::path::Path;

use arrow_cast::display::{ArrayFormatter, FormatOptions};

use ple_files::write_whole;

use crate::csv_lines::shortened;
use crate::error::DataError;
use crate::output_columns::{OutputColumn, output_columns};
use crate::read_csv::refuse_sequences;
use crate::space::Space;
use crate::table::Table;

/// Writes a table as CSV with a header: keys, labels, weights, then features in the order of the schema.
///
/// Labels of classifications are written as `0` and `1`, numbers with the fewest digits that read back as the same
/// f32 and always with a point or an exponent, so that a reader can tell them from ids. The file appears whole or
/// not at all.
///
/// # Errors
///
/// [`DataError::SequenceInCsv`] if the table has sequences, [`DataError::OutputColumn`] if two columns have one name,
/// [`DataError::LineBreakInCsv`] for a name or key with a line break,
/// [`DataError::File`] if the file cannot be written.
pub fn write_csv(table: &Table, path: impl AsRef<Path>) -> Result<(), DataError> {
    let path = path.as_ref();
    refuse_sequences(path, table.schema())?;
    let columns = output_columns(path, table)?;
    let options = FormatOptions::new();
    let mut keys = Vec::new();
    for key in table.keys() {
        let formatter = ArrayFormatter::try_new(key, &options)
            .map_err(|error| DataError::io(path, "write", io::Error::other(error)))?;
        keys.push(formatter);
    }
    refuse_line_breaks(path, columns.iter().map(|(name, _)| (*name).to_string()))?;
    for (key, array) in keys.iter().zip(table.keys()) {
        refuse_line_breaks(path, (0..array.len()).map(|row| key.value(row).to_string()))?;
    }
    let names: Vec<String> = columns.iter().map(|(name, _)| quoted(name)).collect();
    let records = &table.contents().records;
    let layout = records.layout();
    let number = |record: &[u32], of: Range<usize>, column: usize| f32::from_bits(record[of][column]);
    let weight = |record: &[u32], task: usize| {
        if layout.has_weights() { number(record, layout.weights(), task) } else { 1.0 }
    };
    Ok(write_whole(path, |file| {
        writeln!(file, "{}", names.join(","))?;
        for row in 0..table.rows() {
            let record = records.record(row);
            let mut next_key = keys.iter();
            for (position, (_, column)) in columns.iter().enumerate() {
                if position > 0 {
                    file.write_all(b",")?;
                }
                match column {
                    OutputColumn::Key(_) => {
                        let text = next_key.next().map(|key| key.value(row).to_string()).unwrap_or_default();
                        file.write_all(quoted(&text).as_bytes())?;
                    }
                    // A row outside of the task that has no label to show.
                    OutputColumn::Label { task, .. }
                        if table.schema().labels[*task].space == Space::Labelled
                            && weight(record, *task) <= 0.0 => {}
                    OutputColumn::Inside { task } => {
                        write!(file, "{}", u8::from(weight(record, *task) > 0.0))?;
                    }
                    OutputColumn::Label { task, is_whole: true } => {
                        write!(file, "{}", number(record, layout.labels(), *task))?;
                    }
                    OutputColumn::Label { task, is_whole: false } => {
                        write!(file, "{:?}", number(record, layout.labels(), *task))?;
                    }
                    OutputColumn::Weight { task } => {
                        write!(file, "{:?}", weight(record, *task))?;
                    }
                    OutputColumn::Sparse(feature) => {
                        write!(file, "{}", record[layout.sparse()][*feature])?;
                    }
                    OutputColumn::Dense(feature) => {
                        write!(file, "{:?}", number(record, layout.dense(), *feature))?;
                    }
                    OutputColumn::Sequence(_) | OutputColumn::SequenceWeights(_) => {
                        unreachable!("sequences were refused above")
                    }
                }
            }
            file.write_all(b"\n")?;
        }
        Ok(())
    })?)
}

fn refuse_line_breaks(path: &Path, mut texts: impl Iterator<Item = String>) -> Result<(), DataError> {
    match texts.find(|text| text.contains('\n')) {
        Some(text) => Err(DataError::LineBreakInCsv { path: path.to_path_buf(), text: shortened(&text) }),
        None => Ok(()),
    }
}

/// The text as a CSV field: in quotes if it would not read back as it is.
fn quoted(text: &str) -> String {
    if text.contains([',', '"', '\n', '\r']) {
        format!("\"{}\"", text.replace('"', "\"\""))
    } else {
        text.to_string()
    }
}
