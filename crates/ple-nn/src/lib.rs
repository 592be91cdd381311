//! Embeddings, experts, gates and the multi-task models that are made of them: PLE, MMOE, the shared bottom, ESMM, AITM.
//!
//! # Brief overview
//!
//! - [`ModelConfig`] holds the settings of a model; [`ModelConfig::check`] makes sure that it can be built.
//! - [`Model`] is an [`EmbeddingBank`] and the layers of an [`Architecture`] over it. Training, inference and
//!   export run the same forward code.
//! - [`CgcLayer`], [`Experts`], [`Gate`], [`Towers`], [`Mlp`] are the parts, for those who build their own.
//! - [`rechub`] brings weights over from torch-rechub.
//!
//! Letters in shapes: `batch` rows, `input_dim` the width of the embedding matrix, `expert_dim` the width of an expert's
//! output.
//!
//! See [`Model`] for an example that runs.

#![cfg_attr(test, allow(clippy::unwrap_used))]

mod error;
mod feature;
mod init;

mod activation;
mod batch_norm;
mod embedding_bank;
mod linear;
mod mlp;

mod expert;
mod gate;
mod tower;

mod architecture;
mod heads;
mod label_standard;
mod link;

mod aitm;
mod cgc;
mod esmm;
mod mmoe;
mod ple;
mod shared_bottom;

pub mod diagram;
mod model;
mod nearest;
pub mod rechub;
mod size;

pub use activation::{Activation, ActivationLayer};
pub use aitm::{Aitm, AitmConfig};
pub use architecture::{Architecture, ModelName};
pub use batch_norm::{BatchNorm1d, Norm};
pub use cgc::{CgcLayer, CgcShape, SharedStream, Source, Streams};
pub use embedding_bank::{BankInput, EmbeddingBank, SequenceInput, first_embedding};
pub use error::NnError;
pub use esmm::{Esmm, EsmmConfig, SecondLabel};
pub use expert::{Expert, Experts};
pub use feature::{Bins, FeatureKind, FeatureSpec, Pooling};
pub use gate::Gate;
pub use heads::{Head, Learns, Outputs};
pub use init::{Builder, Initialization};
pub use label_standard::{LabelStandard, is_label_standard};
pub use linear::{Linear, Part};
pub use link::Link;
pub use mlp::{Mlp, MlpConfig};
pub use mmoe::{Mmoe, MmoeConfig};
pub use model::{CheckedModel, HeadConfig, LabelScale, Model, ModelConfig, TaskKind, TaskSpec};
pub use nearest::nearest;
pub use ple::{Ple, PleConfig};
pub use shared_bottom::{SharedBottom, SharedBottomConfig};
pub use size::{ModelSize, StepMemory, TableSize, WidestResults};
pub use tower::{TowerInput, Towers};
