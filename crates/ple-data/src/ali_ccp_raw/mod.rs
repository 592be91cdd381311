//! Ali-CCP as it comes: two pairs of text files, joined over an index.
//!
//! A *skeleton* has a line for each impression, `sample_id,click,purchase,common_feature_index,feature_num,features`; the
//! *common features* have a line for each index, `common_feature_index,feature_num,features`. There is no header. In
//! `features`, one feature follows the other after the byte 1, and each is `field`, byte 2, `id`, byte 3, `value`.
//!
//! - [`RawFiles`] names the four files of a folder.
//! - [`prepare_ali_ccp`] makes Parquet shards of them, and [`Prepared`] finds its way in the folder that it writes.
//! - [`prepare_ali_ccp_compat`] makes the CSV files of them that torch-rechub's script makes.
//! - [`CommonFeatures`] are the lists that belong to users, read a user at a time.
//! - [`generate_ali_ccp`] writes files of this format, of any size, whose truth is known.

// What the files hold.
mod files;
mod format;

// From bytes to rows and users.
mod blocks;
mod digits;
mod features;
mod line;
mod rows;
mod users;
mod usual_feature;

// Between reading and writing.
mod list_files;
mod paged_map;
mod raw_ids;
mod spill;
mod tally;
mod vocabulary;

// To files.
mod identity;
mod prepared;
mod write_common;
mod write_rows;

// The way as a whole.
mod bad_lines;
mod compat;
mod compat_scaling;
mod config;
mod prepare;
mod progress;
mod summary;

// Back from files.
mod common_features;
mod read_vocabulary;

// What can go wrong.
mod error;
mod fault;

// Generated files.
mod generate;
mod generated_rows;

pub use crate::output_folder::FileFacts;
pub use bad_lines::{BadLines, SkippedLines};
pub use common_features::{CommonFeatures, ListsOfUser};
pub use compat::prepare_ali_ccp_compat;
pub use config::{RawConfig, RawPhase, RawProgress};
pub use error::RawError;
pub use fault::RawFault;
pub use files::{RawFiles, RawPart};
pub use generate::{GeneratedRaw, GeneratedRawPart, RawGeneratorConfig, generate_ali_ccp};
pub use prepare::prepare_ali_ccp;
pub(crate) use prepared::ALI_CCP_FORMATS;
pub use prepared::{
    CommonFacts, DenseFacts, ListFacts, PREPARED_SCHEMA, PartFacts, Prepared, PreparedSchema, ShardFacts,
    VocabularyFacts,
};
pub use progress::ProgressFn;
pub use summary::{KnownFact, RawPartSummary, RawSummary};
