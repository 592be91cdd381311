//! ple-data
