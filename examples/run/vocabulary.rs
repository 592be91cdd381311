//! The vocabularies of generated rows by name.

use clap::ValueEnum;
use ple_data::Vocabulary;

/// The sizes of the vocabularies.
#[derive(Clone, Copy, Debug, ValueEnum)]
pub(crate) enum VocabularyName {
    /// Ali-CCP's.
    Full,
    /// Some 50,000 ids in all.
    Small,
}

impl From<VocabularyName> for Vocabulary {
    fn from(name: VocabularyName) -> Self {
        match name {
            VocabularyName::Full => Vocabulary::Full,
            VocabularyName::Small => Vocabulary::Small,
        }
    }
}
