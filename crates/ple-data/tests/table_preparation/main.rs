//! Tables with raw ids to prepared rows, compared with plain re-computations, and everything that can be wrong with them.

#![allow(clippy::unwrap_used)]

mod bad_feature_files;
mod bad_tables;
mod damage;
mod extension;
mod identity;
mod numbers;
mod plain_fitting;
mod random_log;
mod serving;
mod shuffled;
mod splits;
