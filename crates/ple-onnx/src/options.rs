//! What somebody may choose about an export.

use std::fmt;
use std::str::FromStr;

use crate::error::OnnxError;
use crate::raw::RawInput;

/// The form of an export. The default is one input for each feature, one output for each task, in 32-bit floats.
///
/// ```
/// use ple_onnx::{ExportOptions, Inputs};
///
/// let options = ExportOptions { inputs: Inputs::Packed, ..ExportOptions::default() };
/// assert_ne!(options, ExportOptions::default());
/// ```
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ExportOptions {
    /// How a server hands the features over.
    pub inputs: Inputs,
    /// How predictions come back.
    pub outputs: Outputs,
    /// Where the values of large tensors go.
    pub external_data: ExternalData,
    /// How exactly tables and weights are kept.
    pub precision: Precision,
    /// The features that a server sends as its log has them, in any order: their encoders become part of the graph. Every
    /// other feature is sent as the model reads it. Not for [`Inputs::Packed`].
    pub raw_inputs: Vec<RawInput>,
}

/// How exactly tables and weights are kept: the fewer bytes, the smaller the file and the further its predictions from the
/// model's. `docs/serving.md` has what each costs in AUC and gains in size and speed.
///
/// ```
/// use ple_onnx::Precision;
///
/// assert_eq!("int8".parse::<Precision>()?, Precision::Int8);
/// let error = "int4".parse::<Precision>().unwrap_err();
/// assert!(error.to_string().ends_with("nearest: `int8`"));
/// # Ok::<(), ple_onnx::OnnxError>(())
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Precision {
    /// 32-bit floats, as they were trained.
    #[default]
    F32,
    /// Tables and the weights of all but the smallest products as 16-bit floats, which become 32-bit floats after they were
    /// looked up, or when the runtime loads the model. Sums are in 32 bits.
    F16,
    /// Tables as bytes, with a scale for each of their columns, which go into the product of the model's first layer as they
    /// are: its weights are bytes too, with a scale for each output. The input of a later product is quantised at each call
    /// (`DynamicQuantizeLinear`) where the product is so large that this pays. Everything else is in 32-bit floats.
    Int8,
}

impl Precision {
    /// All of them, the most exact one first.
    pub const ALL: [Precision; 3] = [Precision::F32, Precision::F16, Precision::Int8];

    /// The name that [`FromStr`] reads.
    pub fn name(self) -> &'static str {
        match self {
            Precision::F32 => "f32",
            Precision::F16 => "f16",
            Precision::Int8 => "int8",
        }
    }
}

impl fmt::Display for Precision {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for Precision {
    type Err = OnnxError;

    /// The precision of that name.
    ///
    /// # Errors
    /// [`OnnxError::Precision`].
    fn from_str(name: &str) -> Result<Self, OnnxError> {
        let known = |precision: &Precision| precision.name() == name;
        Precision::ALL.into_iter().find(known).ok_or_else(|| OnnxError::Precision {
            found: name.to_owned(),
            nearest: nearest(name).map(Precision::name),
        })
    }
}

/// The precision whose name is a slip away from another name: at most half of it is to be changed.
fn nearest(name: &str) -> Option<Precision> {
    let name = name.to_lowercase();
    let edits = |precision: &Precision| strsim::osa_distance(&name, precision.name());
    let near = |precision: &Precision| edits(precision) <= precision.name().len() / 2;
    Precision::ALL.into_iter().filter(near).min_by_key(edits)
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
    /// One output for each head of the model (of most models, for each task), named after it, `[batch]`.
    #[default]
    PerTask,
    /// One output `predictions`, `[batch, heads]`.
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
    /// The plain name of that file, which has to end in `.data`. By default it is the model's name, a hash of the
    /// contents and `.data`: then an older model that is replaced keeps its data until the new one has taken its place.
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
