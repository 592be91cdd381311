//! The rules, each a file.

mod adagrad;
mod adam;
mod rowwise_adagrad;
mod sgd;

#[cfg(test)]
mod stepped;

pub use adagrad::AdagradConfig;
pub use adam::{AdamConfig, DecayKind};
pub use rowwise_adagrad::RowwiseAdagradConfig;
pub use sgd::{MomentumKind, SgdConfig};
