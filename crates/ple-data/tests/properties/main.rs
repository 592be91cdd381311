//! Properties that hold for any table, order, file and schema, tried on thousands of random ones.

#![allow(clippy::unwrap_used)]

mod batches;
mod mutated_csv;
mod random_table;
mod round_trips;
mod schema_json;
mod splits;
mod streaming;
mod thread_counts;
