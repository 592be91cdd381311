//! Training of multi-task ranking models: metrics, early stopping and checkpoints.
//!
//! - [`metrics`]: exact AUC with ties, log loss and regression errors, per task, undefined with a reason.
//! - [`early_stopping`]: when to stop and which epoch to keep, by one or several metrics.
//! - [`checkpoint`]: a folder that is read back whole, or refused with the name of what is damaged.

#![cfg_attr(test, allow(clippy::unwrap_used))]

pub mod checkpoint;
pub mod early_stopping;
mod error;
pub mod metrics;
mod nearest;

pub use error::TrainError;
