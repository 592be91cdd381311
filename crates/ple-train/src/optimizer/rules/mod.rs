//! The rules, each a file.

mod adagrad;
mod adam;
mod sgd;

#[cfg(test)]
mod stepped;

pub use adagrad::AdagradConfig;
pub use adam::{AdamConfig, DecayKind};
pub use sgd::{MomentumKind, SgdConfig};
