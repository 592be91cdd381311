//! Ali-CCP as it comes: two pairs of text files, joined over an index.
//!
//! A *skeleton* has a line for each impression, `sample_id,click,purchase,common_feature_index,feature_num,features`; the
//! *common features* have a line for each index, `common_feature_index,feature_num,features`. There is no header. In
//! `features`, one feature follows the other after the byte 1, and each is `field`, byte 2, `id`, byte 3, `value`.
//!
//! - [`RawFiles`] names the four files of a folder.
//! - [`generate_ali_ccp`] writes files of this format, of any size, whose truth is known.

mod files;
mod format;
mod generate;
mod generated_rows;

pub use files::{RawFiles, RawPart};
pub use generate::{GeneratedRaw, GeneratedRawPart, RawGeneratorConfig, generate_ali_ccp};
