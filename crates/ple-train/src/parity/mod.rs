//! Agreement with PyTorch: a golden file records what torch-rechub's classes computed for one model, and this module
//! rebuilds the model, trains it by the same steps as any run, and compares every value. Aggregators of gradients have a file of
//! cases.

mod aggregators;
mod compare;
mod golden;
mod rebuild;
mod run;

pub use aggregators::{AggregatorReport, check_aggregators};
pub use compare::{GROUPS, Report};
pub use golden::{GoldenFile, ParityError};
pub use run::check_golden;
