//! Tables with raw ids: what their columns mean, and how raw values become the numbers that a model reads.
//!
//! - A [`FeatureFile`] says which columns become which features, in TOML.
//! - [`prepare_table`] makes Parquet shards of CSV or Parquet files: it fits to the training rows, applies what was fitted
//!   before, or extends it by new ids ([`Fitting`]).
//! - A [`PreparedTable`] is the folder that it writes, with its `schema.json`, and leads back to the transformation.
//! - A [`Transformation`] is what was fitted: [`Encoder`]s from raw ids ([`Key`]) to numbers, [`Scaler`]s of dense values,
//!   and the [`FittedFeature`]s that use them. It encodes single rows too ([`RawValue`]), for serving.

// What is asked for.
mod config;
mod draft;
mod feature_checks;
mod feature_file;
mod input;

// From raw values to numbers.
mod encoder;
mod identity;
mod key;
mod key_index;
mod raw_value;
mod scaler;
mod transformation;

// From files to typed rows.
mod csv_source;
mod decode;
mod labels;
mod parquet_source;
mod raw_chunk;
mod raw_column;
mod row_layout;
mod waves;

// What rows show.
mod fitting;
mod tallies;

// To files and back.
mod collapse;
mod encode;
mod prepared_table;
mod shard_writer;
mod shuffle;
mod vocabulary_file;

// The way as a whole.
mod prepare_table;
mod summary;

// What can go wrong.
mod error;

pub use collapse::CollapsedColumn;
pub use config::{
    BadRows, PrepareConfig, PreparePhase, PrepareProgress, PrepareProgressFn, SkippedRows, TrainOrder,
};
pub use encoder::{Encoder, HashBuckets, KeyVocabulary, VocabularyKeys};
pub use error::PrepareError;
pub use feature_file::{
    DenseEntry, FeatureFile, LabelEntry, MissingId, MissingNumber, RowSplit, Scale, SequenceEntry,
    SparseEntry,
};
pub use input::TableInput;
pub use key::Key;
pub use prepare_table::{Fitting, prepare_table};
pub(crate) use prepared_table::TABLE_FORMATS;
pub use prepared_table::{
    EncoderFacts, EncoderKind, KeyType, PreparedTable, TablePart, TableSchema, TaskFacts,
};
pub use raw_value::{EncodedFeatures, RawValue};
pub use scaler::{Arithmetic, Scaler};
pub use summary::TableSummary;
pub use transformation::{FittedFeature, FittedKind, ListForm, NamedEncoder, Transformation};
