//! The rules, each a file.

mod adam;

#[cfg(test)]
mod stepped;

pub use adam::{AdamConfig, DecayKind};
