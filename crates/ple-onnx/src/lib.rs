//! ple-onnx
