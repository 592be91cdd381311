//! One pass over all files: every stretch of rows is counted, column beside column, and forgotten.

use std::path::{Path, PathBuf};

use ple_files::FileError;
use rayon::prelude::*;

use super::column_stats::{ColumnStats, RowFacts};
use super::csv_chunks::{csv_chunks, csv_columns};
use super::numbers::priority;
use super::parquet_chunks::{parquet_chunks, parquet_columns};
use super::parts::{Part, files_of, find_parts};
use super::report::{Description, PartSummary};
use super::roles::{Roles, find_roles};
use super::summary::summarize;
use super::values::{Chunk, Column};
use crate::error::DataError;
use crate::moments::Moments;
use crate::prepared_folder::PreparedFolder;
use crate::read::FileFormat;
use crate::recorded::{RecordedFiles, Unrecorded};
use crate::schema::FeatureSchema;

/// What is known of the data beforehand, and what it is compared with.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct DescribeOptions {
    /// What the columns mean. Without it whole numbers are taken for ids and all columns but labels for features.
    pub schema: Option<FeatureSchema>,
    /// The label columns where there is no schema; if none is named, those with the usual names (`click`, ...).
    pub labels: Vec<String>,
    /// Files, folders or patterns whose rows are compared with the others', as the part `against`.
    pub against: Vec<PathBuf>,
}

/// Describes the rows of files, folders (all CSV and Parquet files below them) and patterns such as `day-*.parquet`.
///
/// Files are told apart as training, validation and test by the words in their names, or in those of their folders;
/// later parts are compared with the first. All of them need the columns of the first file. Of a folder that was prepared the
/// shards are described, under its own schema, after their hashes have been compared.
///
/// # Errors
/// [`FileError::Missing`](crate::FileError::Missing) where a path means no file; files that cannot be read; a column of the schema, of a label,
/// or of the first file that a file lacks.
pub fn describe(paths: &[impl AsRef<Path>], options: &DescribeOptions) -> Result<Description, DataError> {
    let paths: Vec<&Path> = paths.iter().map(AsRef::as_ref).collect();
    let prepared = match paths[..] {
        [folder] => PreparedFolder::find(folder)?,
        _ => None,
    };
    let mut parts = match &prepared {
        Some(prepared) => parts_of(prepared)?,
        None => find_parts(&paths)?,
    };
    let schema = options.schema.clone().or(prepared.as_ref().map(PreparedFolder::schema_of_rows));
    let mut against = Vec::new();
    for path in &options.against {
        match PreparedFolder::find(path)? {
            Some(prepared) => against.extend(parts_of(&prepared)?.into_iter().flat_map(|part| part.files)),
            None => against.extend(files_of(path)?),
        }
    }
    if !against.is_empty() {
        parts.push(Part { name: "against".to_owned(), files: against });
    }
    let files = parts.iter().flat_map(|part| &part.files).map(PathBuf::as_path);
    RecordedFiles::of(files)?.verify(Unrecorded::Skipped)?;
    let Some(first) = parts.first().and_then(|part| part.files.first()) else {
        return Err(DataError::File(FileError::Missing { path: PathBuf::from("no path") }));
    };
    let names = match FileFormat::of(first)? {
        FileFormat::Csv => csv_columns(first)?,
        FileFormat::Parquet => parquet_columns(first)?,
    };
    let roles = find_roles(first, &names, schema.as_ref(), &options.labels)?;
    let mut counted = Vec::new();
    for (index, part) in parts.iter().enumerate() {
        let labels_matter = index == 0;
        counted.push(PartStats::of(part, &names, &roles, labels_matter)?);
    }
    Ok(summarize(&names, &roles, &counted))
}

/// The parts that a prepared folder says it has.
fn parts_of(prepared: &PreparedFolder) -> Result<Vec<Part>, DataError> {
    let part = |name: &str| Ok(Part { name: name.to_owned(), files: prepared.shards(name)? });
    let parts = ["train", "val", "test"].into_iter().map(part).collect::<Result<Vec<Part>, DataError>>()?;
    Ok(parts.into_iter().filter(|part| !part.files.is_empty()).collect())
}

/// What is kept of a part.
pub(super) struct PartStats {
    pub summary: PartSummary,
    pub columns: Vec<ColumnStats>,
    pub tasks: Vec<TaskStats>,
}

/// What is kept of a task's label.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct TaskStats {
    pub rows: u64,
    pub nulls: u64,
    pub positives: u64,
    pub labels: Moments,
    /// Rows whose label is neither 0 nor 1.
    pub others: u64,
}

impl PartStats {
    fn of(part: &Part, names: &[String], roles: &Roles, labels_matter: bool) -> Result<Self, DataError> {
        let n_tasks = if labels_matter { roles.tasks.len() } else { 0 };
        let files = part.files.iter().map(|file| file.display().to_string()).collect();
        let mut stats = Self {
            summary: PartSummary { name: part.name.clone(), files, bytes: 0, rows: 0 },
            columns: names.iter().map(|_| ColumnStats::new(n_tasks)).collect(),
            tasks: vec![TaskStats::default(); roles.tasks.len()],
        };
        for file in &part.files {
            let size = std::fs::metadata(file).map_err(|error| DataError::io(file, "read", error))?;
            stats.summary.bytes += size.len();
            let take = |chunk: Chunk| stats.add(&chunk, roles, labels_matter);
            match FileFormat::of(file)? {
                FileFormat::Csv => csv_chunks(file, names, take)?,
                FileFormat::Parquet => parquet_chunks(file, names, take)?,
            }
        }
        Ok(stats)
    }

    fn add(&mut self, chunk: &Chunk, roles: &Roles, labels_matter: bool) {
        let first = self.summary.rows;
        let priorities: Vec<u64> = (first..first + chunk.rows as u64).map(priority).collect();
        self.summary.rows += chunk.rows as u64;
        let mut labels = Vec::new();
        for (stats, task) in self.tasks.iter_mut().zip(&roles.tasks) {
            let weight = task.weight.map(|weight| &chunk.columns[weight]);
            let label = &chunk.columns[task.column];
            let space = task.space.map(|space| &chunk.columns[space]);
            let is_inside = |row: usize| {
                space.is_none_or(|space| space.number(row).is_some_and(|value| value > 0.0))
                    && weight.is_none_or(|weight| weight.number(row).is_some_and(|weight| weight != 0.0))
            };
            let row = |row: usize| if is_inside(row) { stats.add(label, row) } else { -1 };
            labels.push((0..chunk.rows).map(row).collect());
        }
        let facts = RowFacts { priorities: &priorities, labels: if labels_matter { &labels } else { &[] } };
        let columns = self.columns.par_iter_mut().zip(&chunk.columns);
        columns.for_each(|(stats, column)| stats.add(column, chunk.rows, &facts));
    }
}

impl TaskStats {
    /// Counts a row of the task, and gives its label as 1 or 0, or -1 if it is neither.
    fn add(&mut self, label: &Column, row: usize) -> i8 {
        let Some(value) = label.number(row).filter(|value| value.is_finite()) else {
            self.nulls += 1;
            return -1;
        };
        self.rows += 1;
        self.labels.add(value);
        match value {
            0.0 => 0,
            1.0 => {
                self.positives += 1;
                1
            }
            _ => {
                self.others += 1;
                -1
            }
        }
    }
}
