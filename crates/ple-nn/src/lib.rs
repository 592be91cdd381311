//! ple-nn
