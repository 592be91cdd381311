//! Adam and AdamW: dense for matrices, by rows for embedding tables.

mod adam;
mod config;
mod rule;
mod saved;

pub use adam::Adam;
pub use config::{AdamConfig, DecayKind, LearningRate, TableUpdates};
pub(crate) use saved::{SavedSteps, is_moment, is_second_moment, moment_names, moments_of};
