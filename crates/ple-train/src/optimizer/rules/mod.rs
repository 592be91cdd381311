//! The rules, each a file.

mod adam;

pub use adam::{AdamConfig, DecayKind};
