//! `cargo xtask data`: the chores with data, each a program that this starts.

pub(crate) mod describe;
