//! What is in the data, before anything is learned from it: counts, shares and distributions of every column, and
//! warnings of what usually goes wrong.
//!
//! [`describe`] reads CSV and Parquet files once, a stretch of rows at a time, and gives back a [`Description`]: to be
//! printed ([`Description::to_text`]), kept ([`Description::to_json`]) or looked at ([`Description::to_html`], one page
//! that asks for nothing else). Memory is bounded, whatever the files hold:
//!
//! - ids from 0 to 1,048,575 are counted exactly; of others (and of texts) the 262,144 most frequent are kept, and the
//!   description says by how much a count may then be too low;
//! - quantiles and histograms of numbers come from the same some 65,000 rows of every column, chosen by a hash of the
//!   row's number; sums, means and extremes come from all rows.
//!
//! The result is a function of the files and the options alone: not of the number of threads.
//!
//! ```
//! use ple_data::describe::{DescribeOptions, describe};
//! use ple_data::{GeneratorConfig, Vocabulary, generate, write_csv};
//!
//! let folder = tempfile::tempdir()?;
//! let table = generate(&GeneratorConfig { rows: 3_000, vocabulary: Vocabulary::Small, seed: 1 }).table;
//! let files = [folder.path().join("train.csv"), folder.path().join("test.csv")];
//! files.iter().try_for_each(|file| write_csv(&table, file))?;
//!
//! let options = DescribeOptions { labels: vec!["click".to_owned()], ..DescribeOptions::default() };
//! let description = describe(&[folder.path()], &options)?;
//! assert_eq!(description.parts.iter().map(|part| part.name.as_str()).collect::<Vec<_>>(), ["train", "test"]);
//! assert_eq!(description.parts[0].rows, 3_000);
//! assert_eq!(description.tasks[0].parts[0].positives, Some(table.positives(0) as u64));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod column_stats;
mod comparison;
mod csv_chunks;
mod html;
mod id_counts;
mod numbers;
mod parquet_chunks;
pub(crate) mod parts;
mod plot;
mod report;
mod roles;
mod run;
mod separation;
mod summary;
pub(crate) mod text;
mod values;
mod warnings;

pub use report::{
    Alone, AsFloats, ColumnInPart, ColumnKind, ColumnRole, ColumnSummary, Description, Distinct, Gaps,
    IdSummary, LengthSummary, NumberSummary, PartSummary, TaskInPart, TaskSummary, TopId, Warning,
    WarningKind,
};
pub use run::{DescribeOptions, describe};
