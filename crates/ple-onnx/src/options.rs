//! What somebody may choose about an export.

/// The form of an export. The default is one input for each feature, one output for each task, in 32-bit floats.
///
/// ```
/// use ple_onnx::{ExportOptions, Inputs};
///
/// let options = ExportOptions { inputs: Inputs::Packed, ..ExportOptions::default() };
/// assert_ne!(options, ExportOptions::default());
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ExportOptions {
    /// How a server hands the features over.
    pub inputs: Inputs,
    /// How predictions come back.
    pub outputs: Outputs,
    /// Where the values of large tensors go.
    pub external_data: ExternalData,
}

/// How a server hands the features over.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Inputs {
    /// One input for each feature, named after it: `[batch]` int64 ids of a sparse feature, `[batch]` floats of a dense
    /// one, `[batch, length]` int64 ids of a sequence.
    #[default]
    PerFeature,
    /// `ids`, `[batch, sparse features]`, and `dense`, `[batch, dense features]`, in the order of the features. A
    /// sequence keeps an input of its own.
    Packed,
}

/// How predictions come back.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Outputs {
    /// One output for each task, named after it, `[batch]`.
    #[default]
    PerTask,
    /// One output `predictions`, `[batch, tasks]`.
    Matrix,
}

/// Where the values of large tensors go.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ExternalData {
    /// Into the model's file, unless it would pass the 2 GB that a protobuf message may have.
    #[default]
    WhereNeeded,
    /// Into a file beside the model's, named after it with `.data` appended.
    Always,
}
