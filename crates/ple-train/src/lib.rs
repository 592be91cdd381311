//! Training of multi-task ranking models, from a table in memory to a tested and saved model.
//!
//! [`RankingModel`] is a model with its schema and its values; [`fit`] trains it, and `evaluate`, `predict`, `save` and
//! `load` do the rest:
//!
//! ```
//! use ple_data::{GeneratorConfig, Vocabulary, generate_split};
//! use ple_nn::ModelConfig;
//! use ple_train::{RankingModel, RunInput, RunSeed, TrainConfig, fit};
//!
//! let generator = GeneratorConfig { rows: 3_000, vocabulary: Vocabulary::Small, seed: 1 };
//! let data = generate_split(&generator, 1_000, 1_000);
//! let mut model = RankingModel::new(data.train.table.schema().clone(), ModelConfig::default(), RunSeed(1))?;
//!
//! let input = RunInput {
//!     train: data.train.table.into(),
//!     validation: Some(data.val.table.into()),
//!     checkpoints: None,
//! };
//! let config = TrainConfig { epochs: 1, ..TrainConfig::default() };
//! let report = fit(&mut model, &input, &config, &mut ())?;
//! assert_eq!(report.epochs, 1);
//!
//! for task in model.evaluate(&data.test.table)? {
//!     println!("{}: test AUC {}", task.task, task.primary());
//! }
//! # Ok::<(), ple_train::TrainError>(())
//! ```
//!
//! The same seed gives the same bytes for any number of threads; AVX2 and AVX-512 give the same bytes, the portable
//! instruction set its own.
//!
//! In the order in which a run meets them:
//!
//! - [`RankingModel`], and [`feature_specs`], [`task_specs`] and [`bank_input`], which join a schema's columns to a model;
//! - [`TrainConfig`], [`RunInput`] and [`fit`]: epochs, evaluations, early stopping, checkpoints, the best weights;
//! - [`TrainState`], the way of one batch through a step: [`task_losses`] by each task's [`Loss`], then [`Balance`], then [`Optimizer`];
//! - [`Aggregator`]: one gradient for several tasks, by weights that are a function of their [`Gramian`];
//! - [`Observer`]: how a program hears of a run, and ends it;
//! - [`metrics`]: exact AUC with ties, log loss and regression errors, per task, undefined with a reason;
//! - [`early_stopping`]: when to stop and which evaluation to keep, by one or several metrics;
//! - [`checkpoint`]: a folder that is read back whole, or refused with the name of what is damaged;
//! - [`Predictor`]: a trained model that answers requests;
//! - [`parity`]: the same step against what PyTorch computed;
//! - [`NotFinite`]: what happens to a number that is NaN or infinite, wherever it comes up;
//! - [`TrainError`]: every message, with the exit code of its kind.

#![cfg_attr(test, allow(clippy::unwrap_used))]

mod aggregators;
mod balance;
mod bridge;
mod carried_moments;
mod carry_over;
pub mod checkpoint;
mod drawing;
pub mod early_stopping;
mod error;
mod error_kind;
mod evaluation;
mod finite;
mod fit;
mod judging;
mod loading;
mod losses;
mod memory;
pub mod metrics;
mod named;
mod nearest;
mod numbers_known;
mod objective;
mod observer;
mod optimizer;
pub mod parity;
mod parts;
mod predictor;
mod ranking_model;
mod resume;
mod run;
mod scored;
mod seed;
mod standardizing;
mod targets;
mod task_losses;
mod train_config;
mod train_step;

pub use aggregators::{Aggregator, CaGrad, Gramian, pcgrad_weights};
pub use balance::*;
pub use bridge::{bank_input, encoded_input, feature_specs, task_specs};
pub use carried_moments::CarriedMoments;
pub use carry_over::CarriedRows;
pub use error::TrainError;
pub use finite::{Extreme, NotFinite, Number};
pub use fit::{
    Checkpoints, Ended, FitReport, RunInput, SaveEvery, Start, fit, fit_with_moments, instruction_set,
};
pub use losses::*;
pub use memory::{AtTheEnd, MemoryPhase, RunMemory, RunSizes, VocabularyFrom};
pub use objective::Objective;
pub use observer::{Control, Evaluation, Observer, RunStart, StepProgress};
pub use optimizer::*;
pub use parts::ModelParts;
pub use ple_files::{ExitKind, FileError};
pub use predictor::Predictor;
pub use ranking_model::RankingModel;
pub use resume::{Change, Resumed};
pub use seed::RunSeed;
pub use targets::Targets;
pub use task_losses::task_losses;
pub use train_config::{Every, TrainConfig};
pub use train_step::{Pass, TrainState};

#[cfg(doctest)]
#[doc = include_str!("../../../README.md")]
struct ReadmeListings;

#[cfg(doctest)]
#[doc = include_str!("../../../docs/tutorial.md")]
struct TutorialListings;

#[cfg(doctest)]
#[doc = include_str!("../../../docs/serving.md")]
struct ServingListings;
