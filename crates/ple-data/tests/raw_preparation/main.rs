//! Raw files to Parquet and to torch-rechub's files, compared with a plain reading of the same files.

#![allow(clippy::unwrap_used)]

mod bad_raw_files;
mod changed_lists;
mod compat;
mod mutated_raw_files;
mod parquet;
mod plain_reading;
mod raw_texts;
mod user_lists;
