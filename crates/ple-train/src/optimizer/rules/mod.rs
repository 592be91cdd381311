//! The rules, each a file.

mod adam;
mod sgd;

#[cfg(test)]
mod stepped;

pub use adam::{AdamConfig, DecayKind};
pub use sgd::{MomentumKind, SgdConfig};
