//! The broad classes of errors, by which a program chooses its exit code.

use crate::error::DataError;

/// The broad class of an error, from which a program picks its exit code.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ErrorKind {
    /// A file was read and its contents are wrong.
    BadData,
    /// A file is not there.
    MissingInput,
    /// The operating system refused to read or write.
    InputOutput,
    /// A schema, a role or a setting is wrong, whatever the files hold.
    Configuration,
}

impl DataError {
    /// The broad class of this error, from which a program picks its exit code.
    pub fn kind(&self) -> ErrorKind {
        match self {
            DataError::MissingFile { .. } | DataError::MissingPart { .. } => ErrorKind::MissingInput,
            DataError::Io { .. } => ErrorKind::InputOutput,
            DataError::UnknownExtension { .. }
            | DataError::NoFeatures
            | DataError::NoLabels
            | DataError::DuplicateName { .. }
            | DataError::LabelAmongFeatures { .. }
            | DataError::SharedTable { .. }
            | DataError::FeatureSetting { .. }
            | DataError::SchemaSyntax { .. }
            | DataError::SequenceInCsv { .. }
            | DataError::LineBreakInCsv { .. }
            | DataError::Length { .. }
            | DataError::Offsets { .. }
            | DataError::Fractions { .. }
            | DataError::NotStreamed { .. }
            | DataError::OutputColumn { .. } => ErrorKind::Configuration,
            _ => ErrorKind::BadData,
        }
    }
}
