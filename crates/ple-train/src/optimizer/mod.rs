//! Optimisers: rules with what they keep of each weight, dense for matrices, by rows for embedding tables.
//!
//! A rule is a file of `rules/` and a line of the list in `rule_config.rs`; [`Optimizer`] is the machinery for any of them.

mod clipping;
mod config;
mod machine;
mod power;
mod rule;
mod rule_config;
mod ruled;
mod rules;
mod saved;
mod schedule;
mod slots;
mod table_updates;

pub use clipping::clip_to_norm;
pub use config::OptimizerConfig;
pub use machine::Optimizer;
pub use rule::{MadeOf, Slot};
pub use rule_config::RuleConfig;
pub use rules::*;
pub(crate) use saved::SavedSteps;
pub use schedule::{LearningRate, StepDecay};
pub(crate) use slots::{is_slot, parameter_of, slot_of, tensors_of};
pub use table_updates::TableUpdates;
