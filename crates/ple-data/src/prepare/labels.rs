//! Whether the files of an input have labels: rows that are only to be scored have none.

use std::path::Path;

use super::transformation::Transformation;
use crate::csv_lines::{BlockReader, header_names, numbered_lines};
use crate::error::DataError;
use crate::parquet_limits::{guarded, open_parquet};
use crate::read::FileFormat;

/// Whether some file has the label of some task. Then all of them have to have all labels.
pub(crate) fn has_labels<'p>(
    files: impl IntoIterator<Item = &'p Path>,
    transformation: &Transformation,
) -> Result<bool, DataError> {
    for path in files {
        let names = column_names(path)?;
        let is_there = |column: &str| names.iter().any(|name| name == column);
        if transformation.schema.labels.iter().any(|label| is_there(label.column_name())) {
            return Ok(true);
        }
    }
    Ok(false)
}

/// The names of a file's columns; none for an empty file, which is refused when its rows are read.
fn column_names(path: &Path) -> Result<Vec<String>, DataError> {
    match FileFormat::of(path)? {
        FileFormat::Csv => {
            let mut blocks = BlockReader::open(path)?;
            while let Some(block) = blocks.next_block()? {
                if let Some((line, header)) = numbered_lines(block.first_line, &block.bytes).next() {
                    return header_names(path, line, header);
                }
            }
            Ok(Vec::new())
        }
        FileFormat::Parquet => {
            let metadata = guarded(path, || open_parquet(path))?;
            Ok(metadata.schema().fields().iter().map(|field| field.name().clone()).collect())
        }
    }
}

impl Transformation {
    /// The same for rows without labels, which therefore belong to no task and are not split.
    pub(crate) fn without_labels(&self) -> Self {
        let mut unlabelled = self.clone();
        unlabelled.schema.labels.clear();
        unlabelled.split = None;
        unlabelled
    }
}
