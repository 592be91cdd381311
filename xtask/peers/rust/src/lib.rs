//! What the Rust peers share.

mod raw_rows;

pub use raw_rows::{Rows, peak_bytes};
