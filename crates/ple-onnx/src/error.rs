//! What can go wrong in an export. Each error is up to three lines: what was found, what was expected, the next step.

use std::path::PathBuf;

use ple_files::{ExitKind, FileError};
use thiserror::Error;

use crate::options::Precision;

/// The errors of this crate. The variants carry facts; [`exit_code`](Self::exit_code) is what a program ends with.
///
/// ```
/// use ple_onnx::OnnxError;
///
/// let error = OnnxError::NotFinite { parameter: "tower.0.layer.0.weight".into(), row: 3 };
/// assert!(error.to_string().starts_with("the parameter `tower.0.layer.0.weight` is not finite in row 3\n"));
/// assert_eq!(error.exit_code(), 65);
/// ```
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum OnnxError {
    /// A parameter holds NaN or an infinity.
    #[error(
        "the parameter `{parameter}` is not finite in row {row}\nexpected: a trained model\nnext: take a checkpoint from before the training diverged"
    )]
    NotFinite {
        /// Its name.
        parameter: String,
        /// The row.
        row: usize,
    },

    /// The model's own prediction for a sample row is NaN or infinite, so that there is nothing to prove the file against.
    #[error(
        "the model predicts {value} for `{output}` in sample row {row}\nexpected: a finite prediction for every sample row\nnext: take a checkpoint from before the training diverged, or look for extreme values among the features of that row"
    )]
    NotFinitePrediction {
        /// The task.
        output: String,
        /// The row.
        row: usize,
        /// What the model says.
        value: f32,
    },

    /// Parameters that nobody has trained or loaded.
    #[error(
        "{n_first} of {n_parameters} parameters have the values that the model was built with, `{parameter}` among them\nexpected: a model that was trained, or loaded as a whole\nnext: train it, or load a complete checkpoint"
    )]
    Untrained {
        /// How many there are.
        n_first: usize,
        /// Of how many.
        n_parameters: usize,
        /// The first one's name.
        parameter: String,
    },

    /// The features of the sample rows are not the model's.
    #[error(
        "the sample rows are of another schema than the model: feature {position} is {found}\nexpected: {expected}\nnext: read the rows with the schema that the model was trained with"
    )]
    Schema {
        /// The position of the first feature that differs, counted from 1.
        position: usize,
        /// What the rows have there.
        found: String,
        /// What the model has there.
        expected: String,
    },

    /// The name of a file of external data leads out of the model's folder, or is none of such a file.
    #[error(
        "`{name}` cannot be the name of the external data\nexpected: a plain file name that ends in .data, since the data lies beside the model\nnext: choose another name, or leave it out"
    )]
    DataName {
        /// The name.
        name: String,
    },

    /// A forward pass recorded an operation that has no emitter.
    #[error(
        "the operation `{operation}` has no form in ONNX here\nexpected: a forward pass in evaluation mode, from features to predictions\nnext: export the model's outputs, without losses"
    )]
    Operation {
        /// Its name.
        operation: &'static str,
    },

    /// Two inputs or outputs of the graph would have one name.
    #[error(
        "`{name}` would be the name of two inputs or outputs of the graph\nexpected: different names for features and tasks\nnext: rename one of them in the schema"
    )]
    Name {
        /// The name.
        name: String,
    },

    /// The sample rows are not rows of the model's features.
    #[error(
        "the sample rows do not fit the model: {found}\nexpected: {expected}\nnext: take rows of the schema that the model was trained with"
    )]
    Sample {
        /// What is there.
        found: String,
        /// What the model has.
        expected: String,
    },

    /// A precision that there is not.
    #[error("`{found}` is not a precision\nexpected: one of {}{}", known_precisions(), nearest_line(*nearest))]
    Precision {
        /// The name.
        found: String,
        /// The known one that is nearest.
        nearest: Option<&'static str>,
    },

    /// An encoder that does not fit its feature, or has no form in ONNX.
    #[error(
        "the raw input `{feature}` {found}\nexpected: {expected}\nnext: correct its encoder, or leave it out and send what the model reads"
    )]
    RawInput {
        /// The feature.
        feature: String,
        /// What is wrong with its encoder.
        found: String,
        /// What fits.
        expected: String,
    },

    /// A key table that was read back from the file is not what was written: a bug.
    #[error(
        "the key table of `{feature}` in the file is not its vocabulary: {detail}\nexpected: the same keys and ids in the same order\nnext: please report this with the model's configuration"
    )]
    KeyTable {
        /// The feature.
        feature: String,
        /// What differs.
        detail: String,
    },

    /// A value that 16-bit floats cannot hold.
    #[error(
        "the parameter `{parameter}` is {value:e} in row {row}, which f16 cannot hold\nexpected: values between -65504 and 65504\nnext: export with the precision f32 or int8"
    )]
    TooLarge {
        /// Its name, or that of one that it is fused with.
        parameter: String,
        /// The row.
        row: usize,
        /// The value, with what is folded into it.
        value: f32,
    },

    /// The name of a model does not end as the runtime that proves it expects.
    #[error("{}: the name does not end in .onnx\nexpected: a name such as model.onnx, by which a runtime knows the format\nnext: choose another name", path.display())]
    Ending {
        /// The path.
        path: PathBuf,
    },

    /// The graph breaks a rule of the format: a bug, found before anything has its name.
    #[error(
        "the graph is not valid: {detail}\nexpected: unique names, and every input defined before its use\nnext: please report this with the model's configuration"
    )]
    Structure {
        /// What is wrong.
        detail: String,
    },

    /// The runtime that proves an export could not run it.
    #[error(
        "the exported graph does not run: {detail}\nexpected: predictions for the sample rows\nnext: please report this with the model's configuration"
    )]
    Runtime {
        /// What the runtime said.
        detail: String,
    },

    /// The graph's predictions are not the model's, or not those of the model with its values rounded.
    #[error(
        "the exported graph predicts {found} for `{output}` in sample row {row}\nexpected: {expected}, within {tolerance:e}\nnext: please report this with the model's configuration"
    )]
    Differs {
        /// The task.
        output: String,
        /// The row.
        row: usize,
        /// What the graph says.
        found: f32,
        /// What the model says.
        expected: f32,
        /// The largest difference that is let through.
        tolerance: f32,
    },

    /// A file cannot be written or read, or is not what it should be.
    #[error(transparent)]
    File(#[from] FileError),
}

impl OnnxError {
    /// The kind of end that a program comes to by this error.
    pub fn kind(&self) -> ExitKind {
        match self {
            Self::File(error) => error.kind(),
            Self::Name { .. } | Self::DataName { .. } | Self::Ending { .. } | Self::Precision { .. } => {
                ExitKind::Configuration
            }
            Self::NotFinite { .. }
            | Self::Untrained { .. }
            | Self::Schema { .. }
            | Self::Sample { .. }
            | Self::RawInput { .. }
            | Self::TooLarge { .. } => ExitKind::BadData,
            Self::Operation { .. }
            | Self::Structure { .. }
            | Self::Runtime { .. }
            | Self::Differs { .. }
            | Self::KeyTable { .. } => ExitKind::Bug,
            Self::NotFinitePrediction { .. } => ExitKind::NotFinite,
        }
    }

    /// The code that a program ends with, which is that of the [kind](Self::kind).
    pub fn exit_code(&self) -> u8 {
        self.kind().code()
    }
}

fn known_precisions() -> String {
    Precision::ALL.map(Precision::name).join(", ")
}

fn nearest_line(nearest: Option<&str>) -> String {
    nearest.map_or_else(String::new, |name| format!("\nnearest: `{name}`"))
}
