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

/// Where the values of large tensors go: into the model's file, or into one beside it.
///
/// ```
/// use ple_onnx::ExternalData;
///
/// assert!(ExternalData::where_needed().beyond > 2_000_000_000);
/// assert_eq!(ExternalData::always().beyond, 0);
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ExternalData {
    /// All values together may have so many bytes before they go into a file of their own. More than the default, which
    /// is what a protobuf message can have, counts as the default.
    pub beyond: u64,
    /// The plain name of that file, which has to end in `.data`. By default it is the model's name, a hash of the contents and `.data`: then an older
    /// model that is replaced keeps its data until the new one has taken its place.
    pub name: Option<String>,
}

/// The most that a protobuf message may have, less room for everything but the values.
pub(crate) const MOST_INLINE_BYTES: u64 = (1 << 31) - (1 << 24);

impl ExternalData {
    /// A file beside the model where the model's own would pass 2 GB: the default.
    pub fn where_needed() -> Self {
        Self { beyond: MOST_INLINE_BYTES, name: None }
    }

    /// A file beside the model, whatever its size.
    pub fn always() -> Self {
        Self { beyond: 0, name: None }
    }
}

impl Default for ExternalData {
    fn default() -> Self {
        Self::where_needed()
    }
}
