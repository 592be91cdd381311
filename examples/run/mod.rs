//! What the training examples share: their options, the terminal, and the way from tables to a saved model.

pub(crate) mod memory;
pub(crate) mod onnx;
pub(crate) mod optimizer_options;
pub(crate) mod options;
pub(crate) mod report;
pub(crate) mod result;
pub(crate) mod settings;
pub(crate) mod terminal;
pub(crate) mod training;
