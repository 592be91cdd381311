//! Finite numbers: the one place that says what of a run is NaN or infinite, where, and what to do about it.
//!
//! - [`NotFinite`] is what was found: which kind of number, in which tensor and row, and in which step.
//! - `search.rs` finds it, once the kernels of a step or a look at the results have raised suspicion.
//! - `loaded.rs` refuses checkpoints with such numbers, and with variances and second moments below 0.
//!
//! **Invariants.** No step is followed by another if a loss, a gradient, a weight, a moment or a running statistic of it
//! is not finite. Nothing that is not finite is saved, loaded or given back as a prediction.

mod extreme;
mod loaded;
mod not_finite;
mod search;

pub use extreme::Extreme;
pub(crate) use loaded::check_loaded;
pub use not_finite::{NotFinite, Number};
pub(crate) use search::{first_in_gradients, first_in_state};
