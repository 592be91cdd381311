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
mod fit;
pub mod metrics;
mod nearest;
mod observer;
mod optimizer;
pub mod parity;
mod ranking_model;
mod seed;
mod task_losses;
mod train_config;
mod train_step;

pub use balance::{Balance, Balancer};
pub use bridge::{bank_input, feature_specs, task_specs};
pub use error::TrainError;
pub use fit::{Ended, FitReport, RunInput, fit, instruction_set};
pub use observer::{Control, Evaluation, Observer, RunStart, StepProgress};
pub use optimizer::{Adam, AdamConfig, DecayKind, LearningRate, TableUpdates};
pub use ranking_model::RankingModel;
pub use seed::RunSeed;
pub use task_losses::task_losses;
pub use train_config::{Every, TrainConfig};
pub use train_step::{NonFiniteLoss, Pass, TrainState};

#[cfg(doctest)]
#[doc = include_str!("../../../README.md")]
struct ReadmeListings;

#[cfg(doctest)]
#[doc = include_str!("../../../docs/tutorial.md")]
struct TutorialListings;
