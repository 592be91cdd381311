//! The ONNX writer of the workspace: the only crate that knows ONNX.
//!
//! It is empty for now. What it will stand on exists: a forward pass in evaluation mode records its operations on a
//! [`Tape`](ple_tensor::Tape), [`Tape::nodes`](ple_tensor::Tape::nodes) shows them in order, and every parameter has a
//! name in the [`ParamStore`](ple_tensor::ParamStore). The writer will turn each recorded operation into ONNX nodes, so
//! that a model of `ple-nn`, also one that does not exist yet, exports with no code of its own.
