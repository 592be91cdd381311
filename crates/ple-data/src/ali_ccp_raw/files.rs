//! The four files of Ali-CCP in one folder, under the names that they have in the published archives.

use std::path::{Path, PathBuf};

/// The two official parts of Ali-CCP.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum RawPart {
    /// `sample_skeleton_train.csv` and `common_features_train.csv`.
    Train,
    /// `sample_skeleton_test.csv` and `common_features_test.csv`.
    Test,
}

impl RawPart {
    /// Both parts, training first.
    pub const ALL: [RawPart; 2] = [RawPart::Train, RawPart::Test];

    /// The name in the names of the files.
    pub fn name(self) -> &'static str {
        match self {
            RawPart::Train => "train",
            RawPart::Test => "test",
        }
    }
}

/// Where the raw files of Ali-CCP are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RawFiles {
    folder: PathBuf,
}

impl RawFiles {
    /// The files of a folder, which need not exist yet.
    pub fn in_folder(folder: impl AsRef<Path>) -> Self {
        RawFiles { folder: folder.as_ref().to_path_buf() }
    }

    /// The file with a line for each impression.
    pub fn skeleton(&self, part: RawPart) -> PathBuf {
        self.folder.join(format!("sample_skeleton_{}.csv", part.name()))
    }

    /// The file with a line for each common-feature index.
    pub fn common_features(&self, part: RawPart) -> PathBuf {
        self.folder.join(format!("common_features_{}.csv", part.name()))
    }

    /// All four.
    pub fn all(&self) -> Vec<PathBuf> {
        RawPart::ALL.iter().flat_map(|&part| [self.skeleton(part), self.common_features(part)]).collect()
    }
}
