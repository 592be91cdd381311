//! What a run needs of memory, computed before it is asked for: phase by phase, from the sizes of rows, tables, matrices and
//! batches alone. The largest phase is the peak of the run.
//!
//! Each term is an allocation of the code, named in `terms.rs`; `docs/architecture.md` gives the formula.

mod terms;

use std::borrow::Cow;

use ple_data::{
    DataError, FeatureSchema, MemoryCause, MemoryNeed, MemoryPart, MemoryRoom, MemoryShortage, RowSource,
    SourceSize,
};
use ple_nn::{CheckedModel, ModelConfig};

use crate::bridge::{feature_specs, task_specs};
use crate::error::TrainError;
use crate::fit::RunInput;
use crate::ranking_model::RankingModel;
use crate::train_config::TrainConfig;
use terms::Terms;

pub use terms::VocabularyFrom;

/// What a run is about to have in memory.
#[derive(Clone, Debug)]
pub struct RunSizes {
    /// The training rows.
    pub train: SourceSize,
    /// The validation rows, if there are any.
    pub validation: Option<SourceSize>,
    /// The test rows, if there are any.
    pub test: Option<SourceSize>,
    /// Who decides on the sizes of the vocabularies.
    pub vocabulary: VocabularyFrom,
    /// Whether the model becomes an ONNX file at the end.
    pub at_the_end: AtTheEnd,
}

/// What is made of a trained model.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AtTheEnd {
    /// Nothing that takes memory.
    Nothing,
    /// An ONNX file with so many bytes for a weight, which a runtime proves.
    Onnx {
        /// The bytes of a weight: 4, 2 or 1.
        weight_bytes: u64,
    },
}

impl RunSizes {
    /// Rows of these sources, with vocabularies that come from the data.
    pub fn of(train: &RowSource, validation: Option<&RowSource>, test: Option<&RowSource>) -> Self {
        Self {
            train: train.size(),
            validation: validation.map(RowSource::size),
            test: test.map(RowSource::size),
            vocabulary: VocabularyFrom::Data,
            at_the_end: AtTheEnd::Nothing,
        }
    }
}

/// The memory of a run, phase by phase.
///
/// ```
/// use ple_data::{MemoryRoom, SourceSize, Vocabulary, ali_ccp_schema};
/// use ple_nn::ModelConfig;
/// use ple_train::{AtTheEnd, RunMemory, RunSizes, TrainConfig, VocabularyFrom};
///
/// let schema = ali_ccp_schema(&Vocabulary::Full.sizes(), 16);
/// let sizes = RunSizes {
///     train: SourceSize::generated(&schema, 1_000_000),
///     validation: None,
///     test: None,
///     vocabulary: VocabularyFrom::Setting,
///     at_the_end: AtTheEnd::Nothing,
/// };
/// let memory = RunMemory::of(&schema, &ModelConfig::default(), &TrainConfig::default(), &sizes)?;
/// assert!((400_000_000..800_000_000).contains(&memory.peak().need.bytes()));
/// let error = memory.check(MemoryRoom::allowed(100_000_000)).unwrap_err();
/// assert!(error.to_string().contains("100 MB (the memory that was allowed)"), "{error}");
/// # Ok::<(), ple_train::TrainError>(())
/// ```
#[derive(Clone, Debug)]
pub struct RunMemory {
    /// The phases of the run, in their order.
    pub phases: Vec<MemoryPhase>,
}

/// What is in memory in a phase of a run.
#[derive(Clone, Debug)]
pub struct MemoryPhase {
    /// What the run does.
    pub name: &'static str,
    /// What is in memory then.
    pub need: MemoryNeed,
}

impl RunMemory {
    /// The memory of a run on the threads of this pool.
    ///
    /// # Errors
    /// A configuration that cannot be built, whatever memory there is.
    pub fn of(
        schema: &FeatureSchema,
        model: &ModelConfig,
        config: &TrainConfig,
        sizes: &RunSizes,
    ) -> Result<Self, TrainError> {
        let checked = model.clone().check(feature_specs(schema), task_specs(schema))?;
        Ok(Self { phases: Terms::new(schema, &checked, sizes.vocabulary).phases(config, sizes) })
    }

    /// The phase that needs most.
    pub fn peak(&self) -> &MemoryPhase {
        let largest = self.phases.iter().max_by_key(|phase| phase.need.bytes());
        largest.expect("a run has phases")
    }

    /// Fails where the largest phase needs more than there is.
    ///
    /// # Errors
    /// [`MemoryShortage`], as an error of the data or of the settings, by what its largest part comes from.
    pub fn check(&self, room: MemoryRoom) -> Result<(), TrainError> {
        let MemoryPhase { name, need } = self.peak();
        Ok(need.check(*name, room).map_err(DataError::from)?)
    }
}

/// Fails where a model of this configuration is larger than the memory that there is; `cause` is what that is laid to.
pub(crate) fn check_model(
    what: impl Into<Cow<'static, str>>,
    schema: &FeatureSchema,
    model: &CheckedModel,
    room: MemoryRoom,
    cause: MemoryCause,
) -> Result<(), MemoryShortage> {
    let need = Terms::new(schema, model, VocabularyFrom::Setting).weights();
    need.check(what, room)
        .map_err(|shortage| MemoryShortage { largest: MemoryPart { cause, ..shortage.largest }, ..shortage })
}

/// Fails where a run of this model from this input needs more than there is.
pub(crate) fn check_run(
    model: &RankingModel,
    input: &RunInput,
    config: &TrainConfig,
) -> Result<(), TrainError> {
    let room = model.allowed.unwrap_or_else(MemoryRoom::of_machine);
    let sizes = RunSizes::of(&input.train, input.validation.as_ref(), None);
    RunMemory::of(&model.schema, model.model.config(), config, &sizes)?.check(room)
}

/// A part of what is needed.
fn part(what: impl Into<String>, bytes: u64, cause: MemoryCause, remedy: &'static str) -> MemoryPart {
    MemoryPart { what: what.into(), bytes, cause, remedy }
}
