//! Where a value stands, as error messages name it.

use std::fmt;

/// Where in a file (or a table in memory) a value stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Place {
    /// A line of a text file, counted from 1; the header is line 1.
    Line(usize),
    /// A row of a Parquet row group, both counted from 0.
    RowGroup {
        /// The row group, counted from 0.
        row_group: usize,
        /// The row inside that row group, counted from 0.
        row: usize,
    },
    /// A row of a table in memory, counted from 0.
    Row(usize),
}

impl fmt::Display for Place {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Place::Line(line) => write!(formatter, "line {line}"),
            Place::RowGroup { row_group, row } => write!(formatter, "row group {row_group}, row {row}"),
            Place::Row(row) => write!(formatter, "row {row}"),
        }
    }
}

/// A place, if it is known, as it follows the name of a file in a message.
pub(crate) fn after_comma(place: &Option<Place>) -> String {
    place.map_or(String::new(), |place| format!(", {place}"))
}
