//! ple-train
