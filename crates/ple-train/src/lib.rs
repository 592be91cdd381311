//! Training of multi-task ranking models: metrics, early stopping and checkpoints.
//!
//! - [`metrics`]: exact AUC with ties, log loss and regression errors, per task, undefined with a reason.
//! - [`early_stopping`]: when to stop and which epoch to keep, by one or several metrics.
//! - [`checkpoint`]: a folder that is read back whole, or refused with the name of what is damaged.

#![cfg_attr(test, allow(clippy::unwrap_used))]

mod balance;
mod bridge;
pub mod checkpoint;
pub mod early_stopping;
mod error;
pub mod metrics;
mod nearest;
mod optimizer;
pub mod parity;
mod seed;
mod task_losses;
mod train_step;

pub use balance::{Balance, Balancer};
pub use bridge::{bank_input, feature_specs, task_specs};
pub use error::TrainError;
pub use optimizer::{Adam, AdamConfig, DecayKind, LearningRate, TableUpdates};
pub use seed::RunSeed;
pub use task_losses::task_losses;
pub use train_step::{NonFiniteLoss, Pass, TrainState};
