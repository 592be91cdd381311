//! When to stop and which epoch to keep: a state machine fed with the metrics of each evaluation.
//!
//! - [`EarlyStopping`] is the configuration: what to watch, and for how long to be patient.
//! - [`EarlyStopping::resolve`] checks it against the tasks of the run and gives an [`EarlyStopper`].
//! - [`EarlyStopper::observe`] takes an evaluation and gives a [`Verdict`].
//!
//! It holds no weights: [`Snapshot::Take`] says that the current ones are the best so far, and whoever trains keeps
//! them and restores them at the end, however the run ends.

mod config;
mod stopper;
mod watched;

pub use config::{EarlyStopping, Watch};
pub use stopper::{Best, Decision, EarlyStopper, Progress, Snapshot, StopReason, StopperState, Verdict};
pub use watched::WatchedMetric;
