//! A checkpoint is a folder with two files: `model.safetensors`, which other programs read too, and `manifest.json`,
//! written last, which holds the sizes and hashes of everything and the facts of the run.
//!
//! - [`write`](fn@write) streams tensors from where they lie into the folder, and [`read`] gives them back, or names
//!   what is damaged.
//! - [`TensorEntry`] and [`TensorSource`] say where the values of a tensor lie, tables stored by row included.
//! - [`Manifest`] and [`RunFacts`] are what is known of it besides the values; [`Manifest::provenance`] is that for
//!   files that are made of it.
//!
//! **Invariants.** A file appears whole or not at all. The folder is a checkpoint from the moment at which its manifest
//! appears; a checkpoint that is replaced stays readable until then. The bytes depend on the arguments alone. What is
//! read back is what was written, to the last bit, or an error.
//!
//! # Examples
//!
//! ```
//! use std::collections::BTreeMap;
//! use ple_train::checkpoint::{self, RunFacts, TensorEntry, TensorSource};
//!
//! let folder = tempfile::tempdir().unwrap();
//! // Two rows of a table whose weights stand beside one slot of an optimiser.
//! let arena = [1.0, 2.0, 0.0, 0.0, 3.0, 4.0, 0.0, 0.0];
//! let rows = TensorSource::Rows { data: &arena, dim: 2, stride: 4, rows: 2 };
//! let table = TensorEntry { name: "item.table".into(), shape: vec![2, 2], source: rows };
//! let facts = RunFacts { seed: 7, ..RunFacts::default() };
//!
//! checkpoint::write(folder.path(), &[table], &BTreeMap::new(), &facts).unwrap();
//! let stored = checkpoint::read(folder.path()).unwrap();
//! assert_eq!(stored.tensors["item.table"].values, [1.0, 2.0, 3.0, 4.0]);
//! assert_eq!(stored.manifest.run.seed, 7);
//! ```

mod container;
mod header;
mod json;
mod manifest;
mod provenance;
mod run_folder;
mod tensor_source;

pub(crate) use container::read_tensors;
pub use container::{Stored, StoredTensor, files_in, read, read_manifest, write};
pub use json::to_json;
pub(crate) use manifest::FILE_NAME;
pub use manifest::{
    Dtype, FORMAT_VERSION, FileRecord, Manifest, OLDEST_VERSION, Position, RunFacts, TensorRecord,
};
pub use run_folder::{EarlierRun, earlier_run};
pub(crate) use run_folder::{Listing, RunFolder, Saved};
pub use tensor_source::{TensorEntry, TensorSource};
