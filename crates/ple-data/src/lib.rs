//! Reads the rows that multi-task ranking models learn from, checks them, and deals them out in batches.
//!
//! # Brief overview
//!
//! - A [`FeatureSchema`] says what the columns mean: features (sparse, sequence, dense), labels, keys. It is written
//!   by hand, read from JSON, or found in the files by [`infer_schema`].
//! - [`read_table`] reads a CSV or Parquet file under a schema into a [`Table`]: rows in memory in which every id is
//!   in its vocabulary and every number is finite. Whatever is amiss is a [`DataError`] that names file, row, column
//!   and value.
//! - A [`RowSource`] is such a table, or [`ParquetShards`]: files that are larger than memory, read window by window.
//! - [`UserLists`] are lists that all rows of a user share: stored once, and joined to the rows when a batch is made.
//! - [`UnlabelledRows`] are those that a trained model is to predict; a [`PredictionWriter`] writes what it said of them.
//! - An [`EpochOrder`] says which rows make up batch k of epoch e, as a pure function of (seed, e, k).
//! - [`Batches`] fills one [`Batch`] after the other, a few at a time, in buffers that are used again and again.
//! - [`prepare`] makes such shards of tables with raw ids (strings, hashes), and remembers how for new rows and for serving.
//! - [`write_csv`], [`write_parquet`] and [`write_predictions`] write files that appear whole or not at all.
//! - [`generate`] makes data in the shape of Ali-CCP whose true probabilities are known; [`ali_ccp_raw`] does so in the
//!   format of the published files.
//!
//! This crate knows Arrow, and nothing of models.
//!
//! # Example
//!
//! ```
//! use ple_data::{
//!     BatchPlan, BatchPosition, Batches, GeneratorConfig, LastBatch, Roles, RowSource, Shuffle, Vocabulary, generate,
//!     infer_schema, read_table, write_csv,
//! };
//!
//! // A file to read.
//! let folder = tempfile::tempdir()?;
//! let path = folder.path().join("train.csv");
//! let config = GeneratorConfig { rows: 500, vocabulary: Vocabulary::Small, seed: 2020 };
//! let generated = generate(&config);
//! write_csv(&generated.table, &path)?;
//!
//! // What its columns mean, and its rows.
//! let labels = generated.table.schema().labels.clone();
//! let schema = infer_schema(&[&path], &Roles { labels, keys: vec![], embedding_dim: 16 })?;
//! let source = RowSource::from(read_table(&path, &schema)?);
//!
//! // One epoch.
//! let plan = BatchPlan { batch_size: 128, last_batch: LastBatch::Keep, shuffle: Shuffle::Seeded(1) };
//! let mut clicks = 0.0;
//! let mut batches = Batches::new(&source, plan, BatchPosition::default(), 1, 1);
//! while let Some(batch) = batches.next_batch(|_| ()) {
//!     clicks += batch?.labels(0).iter().sum::<f32>();
//! }
//! assert_eq!(Some(clicks as usize), source.task_counts(0).positives);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # Features
//!
//! `buckets` (off by default) lets [`ParquetShards`] read from `s3://`, `gs://` and `az://`.
//!
//! # Threads
//!
//! Readers and the generator use the rayon pool that they are called in; the results do not depend on its size.
#![cfg_attr(test, allow(clippy::unwrap_used))]

// What the columns mean.
mod distinct;
mod infer;
mod label_range;
mod moments;
mod names;
mod quantiles;
mod schema;
mod space;

// What memory there is, and what is needed.
mod memory;
mod memory_room;
mod source_size;

// From a file to rows in memory.
mod read;
mod read_csv;
mod read_parquet;
mod records;
mod table;
mod table_checks;
mod table_contents;

mod arrow_columns;
mod cell;
mod csv_lines;
mod page_headers;
mod parquet_limits;
mod parquet_source;
mod resolve;

// Files in buckets.
mod bucket_error;
mod bucket_names;
#[cfg(feature = "buckets")]
mod buckets;

// From rows to batches.
mod batch;
mod batches;
mod group_columns;
mod group_numbers;
mod order;
mod row_source;
mod shards;
mod split;
mod split_files;
mod unlabelled;
mod user_lists;
mod windows;

// What says that rows are the ones that are meant.
mod content_hash;
mod part_counts;
mod prepared_file;
mod recorded;
mod row_origin;
mod schema_file;
mod transformation_hash;

// Back to files.
mod fingerprint;
mod in_order;
mod local_files;
mod output_columns;
mod output_folder;
mod parquet_file;
mod predictions;
mod write_csv;
mod write_parquet;

// What is in the files.
pub mod describe;

// Ali-CCP as it comes.
pub mod ali_ccp_raw;

// Any table with raw ids.
pub mod prepare;
mod prepared_folder;

// Generated data.
mod ali_ccp;
mod generate;
mod planted;

// What can go wrong.
mod error;
mod error_kind;
mod name_error;
mod nearest;
mod not_a_table;
mod place;
mod short_number;

pub use ali_ccp::{ALI_CCP_DENSE, ALI_CCP_SPARSE, Vocabulary, ali_ccp_schema};
pub use batch::{Batch, SequenceBatch};
pub use batches::{BatchPosition, Batches, PlannedBatch};
pub use bucket_error::BucketError;
pub use content_hash::{ContentHash, HashSyntax};
pub use error::DataError;
pub use generate::{Generated, GeneratedSplit, GeneratorConfig, generate, generate_rows, generate_split};
pub use group_columns::NoGroupColumn;
pub use group_numbers::{GroupNumbers, NO_GROUP};
pub use infer::{Roles, infer_schema, infer_schema_within};
pub use label_range::LabelRange;
pub use local_files::local_files;
pub use memory::{MemoryCause, MemoryNeed, MemoryPart, MemoryShortage};
pub use memory_room::{Bytes, MemoryLimit, MemoryRoom};
pub use name_error::NameError;
pub use not_a_table::NotATable;
pub use order::{BatchPlan, EpochOrder, LastBatch, Shuffle, Window};
pub use place::Place;
pub use ple_files::{ExitKind, FileError};
pub use predictions::{PredictionWriter, write_predictions};
pub use prepared_folder::PreparedFolder;
pub use quantiles::quantile_edges;
pub use read::{FileFormat, read_table, read_tables, read_tables_keeping};
pub use read_csv::read_csv;
pub use read_parquet::read_parquet;
pub use row_origin::{OtherTransformation, RowOrigin};
pub use row_source::RowSource;
pub use schema::{DenseBins, Feature, FeatureKind, FeatureSchema, Label, Pooling, TaskType};
pub use shards::{ParquetShards, StreamConfig, TaskCounts};
pub use source_size::SourceSize;
pub use space::Space;
pub use split_files::SplitFiles;
pub use table::{Table, TableColumns};
pub use table_contents::SequenceColumn;
pub use transformation_hash::{Lineage, TRANSFORMATION_KEY, TransformationHash};
pub use unlabelled::UnlabelledRows;
pub use user_lists::UserLists;
pub use windows::{WindowRows, Windows};
pub use write_csv::write_csv;
pub use write_parquet::write_parquet;

#[cfg(doctest)]
#[doc = include_str!("../../../docs/data.md")]
struct DataListings;
