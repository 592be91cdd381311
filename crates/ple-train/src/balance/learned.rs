//! What a strategy learns by the run's optimiser: parameters that are no part of the model.

use ndarray::arr2;
use ple_tensor::{Entry, MatrixId, ParamStore, Role};
use serde_json::Value;

/// What the names of all that a strategy learns begin with.
const PREFIX: &str = "balance.";

/// Whether a parameter is learned by a balancing strategy, and so is no part of the model.
pub(crate) fn is_of_balance(name: &str) -> bool {
    name.starts_with(PREFIX)
}

/// Whether a run with these settings, as JSON, may have a strategy that learns: one whose settings are not known may.
pub(crate) fn may_learn(training: &Value) -> bool {
    let balance = &training["balance"];
    balance.is_null() || balance == "uwl"
}

/// The name of the log variance of a task.
pub(crate) fn log_variance_name(task: &str) -> String {
    format!("{PREFIX}{task}.log_variance")
}

/// The parameter of that name, which is there already when a model is trained on.
pub(super) fn log_variance(store: &mut ParamStore, name: &str) -> MatrixId {
    match store.entry(name) {
        Some(Entry::Block(block)) => store.blocks()[block].matrix,
        _ => store.add(name, arr2(&[[0.0]]), Role::NotDecayed),
    }
}
