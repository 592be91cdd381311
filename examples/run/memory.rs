//! What a run needs of memory, checked before its rows are read and again when they are there.

use ple_data::{Bytes, FeatureSchema, SourceSize};
use ple_nn::ModelConfig;
use ple_onnx::Precision;
use ple_train::{AtTheEnd, RunMemory, RunSizes, TrainConfig, TrainError, VocabularyFrom};

use super::options::RunOptions;
use super::training::Splits;

/// The settings of a run that decide on its memory, before there is a model.
pub(crate) struct Planned<'p> {
    /// The options of the program.
    pub options: &'p RunOptions,
    /// The model.
    pub model: &'p ModelConfig,
    /// The training.
    pub config: &'p TrainConfig,
}

impl Planned<'_> {
    /// Fails where a run on rows of these sizes, of which there are none yet, needs more memory than there is.
    pub(crate) fn check(
        &self,
        schema: &FeatureSchema,
        [train, validation, test]: [SourceSize; 3],
        vocabulary: VocabularyFrom,
    ) -> Result<(), TrainError> {
        let at_the_end = onnx(self.options);
        let sizes =
            RunSizes { train, validation: Some(validation), test: Some(test), vocabulary, at_the_end };
        RunMemory::of(schema, self.model, self.config, &sizes)?.check(self.options.room())
    }
}

/// The memory of a run on rows that are there, as a line of the banner.
///
/// # Errors
/// More memory is needed than there is.
pub(crate) fn checked(
    options: &RunOptions,
    data: &Splits,
    model: &ModelConfig,
    config: &TrainConfig,
) -> Result<String, TrainError> {
    let Splits { train, validation, test, .. } = data;
    let sizes = RunSizes::of(train, Some(validation), Some(test));
    let sizes = RunSizes { at_the_end: onnx(options), vocabulary: data.vocabulary, ..sizes };
    let memory = RunMemory::of(train.schema(), model, config, &sizes)?;
    let room = options.room();
    memory.check(room)?;
    let needed = memory.peak().need.bytes();
    Ok(match room.bytes {
        u64::MAX => format!("memory      about {} at its peak", Bytes(needed)),
        bytes => format!("memory      about {} at its peak, of {}", Bytes(needed), Bytes(bytes)),
    })
}

fn onnx(options: &RunOptions) -> AtTheEnd {
    let weight_bytes = match options.precision {
        Precision::F32 => 4,
        Precision::F16 => 2,
        Precision::Int8 => 1,
    };
    AtTheEnd::Onnx { weight_bytes }
}
