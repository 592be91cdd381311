//! Some rows of a file as raw columns, with their places, and the rows that could not even be taken apart.

use std::path::Path;
use std::sync::Arc;

use arrow_array::ArrayRef;

use super::input::PartRule;
use crate::error::DataError;
use crate::place::Place;

/// A file that rows come from.
#[derive(Debug)]
pub(crate) struct SourceFile {
    pub(crate) path: Box<Path>,
    /// Its position among all files of the input.
    pub(crate) number: u64,
    /// Which part its rows belong to.
    pub(crate) part: PartRule,
}

/// Some rows of a file.
pub(crate) struct RawChunk {
    pub(crate) file: Arc<SourceFile>,
    pub(crate) rows: usize,
    pub(crate) places: Places,
    /// The columns that are needed, in the order in which they were asked for.
    pub(crate) columns: Vec<ArrayRef>,
    /// Lines that are no rows, with their places in order.
    pub(crate) faults: Vec<(u64, DataError)>,
    /// How many bytes of the file these rows stand for.
    pub(crate) bytes: u64,
}

/// Where the rows of a chunk stand.
pub(crate) enum Places {
    /// The line of each row.
    Lines(Vec<usize>),
    /// Rows that follow each other in a row group.
    RowGroup { row_group: usize, first_row: usize, first_in_file: u64 },
}

impl RawChunk {
    /// Where a row stands, for messages.
    pub(crate) fn place(&self, row: usize) -> Place {
        match &self.places {
            Places::Lines(lines) => Place::Line(lines[row]),
            Places::RowGroup { row_group, first_row, .. } => {
                Place::RowGroup { row_group: *row_group, row: first_row + row }
            }
        }
    }

    /// A number that no other row of the file has, and that grows from row to row.
    pub(crate) fn ordinal(&self, row: usize) -> u64 {
        match &self.places {
            Places::Lines(lines) => lines[row] as u64,
            Places::RowGroup { first_in_file, .. } => first_in_file + row as u64,
        }
    }
}
