//! ple-tensor
