//! The broad classes of errors, by which a program chooses its exit code, and how those of the system fall into them.

use crate::bucket_error::BucketError;
use crate::bucket_names::BucketName;
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
            DataError::NotATable(error) => error.kind(),
            DataError::Raw(error) => error.kind(),
            DataError::Prepare(error) => error.kind(),
            DataError::Bucket(error) => error.kind(),
            _ => ErrorKind::BadData,
        }
    }
}

impl DataError {
    /// Turns an error of the operating system into one that names the file and tells a missing file apart.
    pub(crate) fn io(path: &std::path::Path, action: &'static str, source: std::io::Error) -> Self {
        if source.kind() == std::io::ErrorKind::NotFound && BucketName::of(path).is_some() {
            BucketError::NotLocal { path: path.to_path_buf() }.into()
        } else if source.kind() == std::io::ErrorKind::NotFound && action != "write" {
            DataError::MissingFile { path: path.to_path_buf() }
        } else {
            DataError::Io { path: path.to_path_buf(), action, source }
        }
    }
}
