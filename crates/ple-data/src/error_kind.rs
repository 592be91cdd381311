//! The kind of end that a program comes to by an error of this crate, and how errors of files become errors of data.

use ple_files::{ExitKind, FileError};

use crate::bucket_error::BucketError;
use crate::bucket_names::BucketName;
use crate::error::DataError;
use crate::memory::MemoryCause;

impl DataError {
    /// The kind of end that a program comes to by this error, which has its exit code.
    pub fn kind(&self) -> ExitKind {
        match self {
            DataError::File(error) => error.kind(),
            DataError::MissingPart { .. } => ExitKind::MissingInput,
            DataError::UnknownExtension { .. }
            | DataError::NoFeatures
            | DataError::NoLabels
            | DataError::LabelAmongFeatures { .. }
            | DataError::SharedTable { .. }
            | DataError::FeatureSetting { .. }
            | DataError::SchemaSyntax { .. }
            | DataError::SequenceInCsv { .. }
            | DataError::LineBreakInCsv { .. }
            | DataError::TooManyRows { .. }
            | DataError::Length { .. }
            | DataError::Offsets { .. }
            | DataError::Fractions { .. }
            | DataError::NotStreamed { .. }
            | DataError::NoGroupColumn(_)
            | DataError::OutputColumn { .. } => ExitKind::Configuration,
            DataError::Memory(shortage) if shortage.largest.cause == MemoryCause::Setting => {
                ExitKind::Configuration
            }
            DataError::NotATable(error) => error.kind(),
            DataError::Name(error) => error.kind(),
            DataError::Raw(error) => error.kind(),
            DataError::Prepare(error) => error.kind(),
            DataError::Bucket(error) => error.kind(),
            _ => ExitKind::BadData,
        }
    }
}

impl DataError {
    /// Turns an error of the operating system, met while a file was read or written, into one that names the file.
    pub(crate) fn io(path: &std::path::Path, action: &'static str, source: std::io::Error) -> Self {
        match action {
            "write" => FileError::writing(path, source).into(),
            _ => FileError::reading(path, source).into(),
        }
    }
}

impl From<FileError> for DataError {
    /// A name in a bucket is told apart: no local file has it.
    fn from(error: FileError) -> Self {
        match error {
            FileError::Missing { path } if BucketName::of(&path).is_some() => {
                BucketError::NotLocal { path }.into()
            }
            error => DataError::File(error),
        }
    }
}
