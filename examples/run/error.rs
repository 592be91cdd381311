//! What can end a training example early: an error of the training or of the export, or Ctrl-C.

use std::fmt;
use std::path::PathBuf;

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
    /// None: the run was asked to stop, and has saved its state.
    Interrupted {
        /// The epochs begun, and the steps taken.
        at: (u64, u64),
        /// The folder of its checkpoints.
        checkpoints: PathBuf,
    },
}

impl RunError {
    /// The code that the program ends with.
    pub(crate) fn exit_code(&self) -> u8 {
        match self {
            RunError::Train(error) => error.exit_code(),
            RunError::Onnx(error) => error.exit_code(),
            RunError::Interrupted { .. } => 130,
        }
    }
}

impl fmt::Display for RunError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            RunError::Train(error) => error.fmt(f),
            RunError::Onnx(error) => error.fmt(f),
            RunError::Interrupted { at: (epoch, step), checkpoints } => write!(
                f,
                "interrupted in epoch {epoch}, after step {step}; saved in {}\nnext: {}",
                checkpoints.display(),
                command_to_go_on()
            ),
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

/// The command that goes on with this run.
fn command_to_go_on() -> String {
    let words = std::env::args().filter(|word| word != "--resume").chain(["--resume".to_owned()]);
    words.collect::<Vec<_>>().join(" ")
}
