//! Changed files of every format that this crate reads: each ends in an error or in sound data, never in a panic, and in
//! bounded memory. `PLE_MUTATIONS` says how many of all formats there are; `cargo xtask torture` asks for 20,000.

#![allow(clippy::unwrap_used)]

mod counting_allocator;
mod lists;
mod mutator;
mod tables;

use counting_allocator::Counting;

#[global_allocator]
static ALLOCATOR: Counting = Counting;

/// One test, since memory is counted for the whole process.
#[test]
fn changed_files_end_in_an_error_or_in_sound_data() {
    tables::parquet();
    tables::csv();
    tables::feature_schema();
    lists::raw_lines();
    lists::prepared_schema();
    lists::user_lists();
}
