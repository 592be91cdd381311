//! The ONNX writer of the workspace: the only crate that knows ONNX.
//!
//! # Brief overview
//!
//! - [`export`] writes a model of `ple-nn` to a file, from the operations that a forward pass in evaluation mode recorded
//!   on a [`Tape`](ple_tensor::Tape). A model that does not exist yet exports with no code of its own.
//! - [`ExportInput`] is the model with its values, sample rows, and facts for the file's metadata.
//! - [`ExportOptions`] choose the form of inputs and outputs, and the [`Precision`].
//! - [`RawInput`] lets a server send what its log has: an [`Encoder`] with vocabulary or scale goes into the graph.
//! - [`ExportReport`] says what the file has become, and how far its predictions are from the model's.
//!
//! The graph is of opset 17 and IR version 8, which every ONNX Runtime since 1.12 reads. Batch norm is folded into the
//! linear map before it, linear maps that read one input are one product, mixtures of experts are part of the product
//! that reads them, and all tables of one dimension are one initialiser with one Gather. An id outside of its
//! vocabulary makes the runtime refuse the batch. The predictions of a classification task are probabilities.
//!
//! ```
//! use std::collections::BTreeMap;
//! use ndarray::array;
//! use ple_nn::{BankInput, FeatureSpec, Model, ModelConfig, TaskKind, TaskSpec};
//! use ple_onnx::{ExportInput, ExportOptions, export};
//! use ple_tensor::ParamStore;
//! use rand_chacha::{ChaCha8Rng, rand_core::SeedableRng};
//!
//! let features = vec![FeatureSpec::sparse("user", 100, 16), FeatureSpec::dense("price")];
//! let tasks = vec![TaskSpec { name: "click".into(), kind: TaskKind::Classification }];
//! let mut store = ParamStore::new();
//! let checked = ModelConfig::default().check(features, tasks)?;
//! let model = Model::new(&mut store, checked, &mut ChaCha8Rng::seed_from_u64(0));
//!
//! let (user, price) = ([7, 42], array![[0.5], [2.0]]);
//! let sample = BankInput { batch: 2, sparse: vec![&user], sequences: vec![], dense: price.view() };
//! // A new model is refused; let its values stand for trained ones.
//! store.mark_learned();
//! let features = model.features();
//! let input = ExportInput { model: &model, store: &store, features, sample, metadata: BTreeMap::new() };
//! let folder = tempfile::tempdir()?;
//! let report = export(&input, &ExportOptions::default(), &folder.path().join("model.onnx"))?;
//! assert!(report.largest_difference < 1e-5);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

#![cfg_attr(test, allow(clippy::unwrap_used))]

mod error;
mod options;

mod plan;
mod raw;
mod rounding;

mod emit;
mod graph;

mod check;
mod deep_stack;
#[cfg(feature = "proof")]
mod proof;
mod proto;
mod sample;
#[cfg(feature = "proof")]
mod sample_rows;
mod write;

mod export;

pub use error::OnnxError;
pub use export::{ExportInput, ExportReport, export};
pub use options::{ExportOptions, ExternalData, Inputs, Outputs, Precision};
pub use ple_files::{ExitKind, FileError};
pub use raw::{Arithmetic, Encoder, Keys, RawInput, Scaler};
pub use write::check_path;
