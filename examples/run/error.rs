//! What can end a training example: an error of the training, or of the export.

use std::fmt;

use ple_data::DataError;
use ple_onnx::OnnxError;
use ple_train::TrainError;

/// An error with an exit code.
#[derive(Debug)]
pub(crate) enum RunError {
    /// Of data, training or checkpoints.
    Train(TrainError),
    /// Of the ONNX file.
    Onnx(OnnxError),
}

impl RunError {
    /// The code that the program ends with.
    pub(crate) fn exit_code(&self) -> u8 {
        match self {
            RunError::Train(error) => error.exit_code(),
            RunError::Onnx(error) => error.exit_code(),
        }
    }
}

impl fmt::Display for RunError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            RunError::Train(error) => error.fmt(f),
            RunError::Onnx(error) => error.fmt(f),
        }
    }
}

impl From<TrainError> for RunError {
    fn from(error: TrainError) -> Self {
        RunError::Train(error)
    }
}

impl From<DataError> for RunError {
    fn from(error: DataError) -> Self {
        RunError::Train(error.into())
    }
}

impl From<OnnxError> for RunError {
    fn from(error: OnnxError) -> Self {
        RunError::Onnx(error)
    }
}
