//! What can end a program without its result, the code that it then ends with, and how it is said.

use ple_data::DataError;
use ple_files::FileError;
use ple_onnx::OnnxError;
use ple_train::TrainError;
use serde_json::json;

use super::console;

/// Why a program ends without its result.
#[derive(Debug)]
pub(crate) enum Failure {
    /// An error, and the code of its kind.
    Error {
        /// Up to three lines.
        text: String,
        /// The code that the program ends with.
        exit_code: u8,
    },
    /// A command line that is not understood.
    Usage(clap::Error),
    /// None: a signal has ended it.
    Interrupted {
        /// What was kept, and the command that goes on if there is one.
        text: String,
    },
    /// What went wrong has been printed.
    Said {
        /// The code that the program ends with.
        exit_code: u8,
    },
}

impl Failure {
    /// The code that the program ends with.
    pub(crate) fn exit_code(&self) -> u8 {
        match self {
            Failure::Error { exit_code, .. } | Failure::Said { exit_code } => *exit_code,
            Failure::Usage(_) => 2,
            Failure::Interrupted { .. } => 130,
        }
    }

    /// Prints it on standard error, and with `--json` on standard output too.
    pub(crate) fn print(&self, json: bool) {
        let text = match self {
            Failure::Error { text, .. } => text.clone(),
            // Its own first word is the one that all errors begin with here.
            Failure::Usage(error) => {
                let text = error.render().to_string();
                text.trim_end().trim_start_matches("error: ").to_owned()
            }
            Failure::Interrupted { text } => text.clone(),
            Failure::Said { .. } => return,
        };
        match self {
            Failure::Interrupted { .. } => console::note(&text),
            _ => console::note(format_args!("error: {text}")),
        }
        if json {
            console::say_json(json!({ "error": text, "exit_code": self.exit_code() }));
        }
    }
}

impl From<TrainError> for Failure {
    fn from(error: TrainError) -> Self {
        Failure::Error { text: error.to_string(), exit_code: error.exit_code() }
    }
}

impl From<DataError> for Failure {
    fn from(error: DataError) -> Self {
        TrainError::from(error).into()
    }
}

impl From<FileError> for Failure {
    fn from(error: FileError) -> Self {
        Failure::Error { text: error.to_string(), exit_code: error.kind().code() }
    }
}

impl From<OnnxError> for Failure {
    fn from(error: OnnxError) -> Self {
        Failure::Error { text: error.to_string(), exit_code: error.exit_code() }
    }
}

impl From<clap::Error> for Failure {
    fn from(error: clap::Error) -> Self {
        Failure::Usage(error)
    }
}
