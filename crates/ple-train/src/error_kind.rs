//! What kind of end a program comes to by each error.

use ple_files::ExitKind;

use crate::error::TrainError;

impl TrainError {
    /// The kind of end that a program comes to by this error.
    pub fn kind(&self) -> ExitKind {
        match self {
            Self::Data(error) => error.kind(),
            Self::File(error) => error.kind(),
            Self::Model(_)
            | Self::InstructionSet(_)
            | Self::UnknownMetric { .. }
            | Self::UnknownBalance { .. }
            | Self::UnknownLoss { .. }
            | Self::UnknownOptimizer { .. }
            | Self::UnknownSchedule { .. }
            | Self::OtherOptimizer { .. }
            | Self::LossOfOtherLink { .. }
            | Self::UnknownTask { .. }
            | Self::WatchSyntax { .. }
            | Self::MetricOfOtherType { .. }
            | Self::MixedMetrics { .. }
            | Self::Setting { .. }
            | Self::OtherState { .. }
            | Self::UnfinishedRun { .. }
            | Self::NotOfARun { .. }
            | Self::OtherRun { .. } => ExitKind::Configuration,
            Self::NotFinite(_) => ExitKind::NotFinite,
            Self::OneClass { .. }
            | Self::LabelOfLoss { .. }
            | Self::Request { .. }
            | Self::OtherModel { .. }
            | Self::OtherTransformation { .. }
            | Self::WatchedUndefined { .. }
            | Self::CheckpointValue { .. }
            | Self::CheckpointConfig { .. }
            | Self::CheckpointSize { .. }
            | Self::CheckpointTensor { .. }
            | Self::CheckpointDamaged { .. }
            | Self::CheckpointName { .. }
            | Self::CheckpointVersion { .. }
            | Self::CheckpointKey { .. } => ExitKind::BadData,
            Self::CheckpointMissing { .. }
            | Self::NothingToResume { .. }
            | Self::CheckpointFileMissing { .. } => ExitKind::MissingInput,
        }
    }

    /// The code that a program ends with, which is that of the [kind](Self::kind).
    pub fn exit_code(&self) -> u8 {
        self.kind().code()
    }
}
