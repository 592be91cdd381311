//! The manifest of a checkpoint: what is in it, down to a hash of every tensor, and the facts of the run that made it.

use std::io;
use std::path::{Component, Path};

use ple_data::TransformationHash;
use ple_files::{FileError, read_bytes};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use xxhash_rust::xxh3::xxh3_128;

use crate::error::TrainError;

/// The form of checkpoint that this program writes. It reads [`OLDEST_VERSION`] too, which has no transformation.
pub const FORMAT_VERSION: u32 = 2;

/// The oldest form that is read.
pub const OLDEST_VERSION: u32 = 1;

/// Everything that is known of a checkpoint besides the values of its tensors.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Manifest {
    /// The form of the checkpoint, from [`OLDEST_VERSION`] to [`FORMAT_VERSION`].
    pub format_version: u32,
    /// The version of this crate that wrote it.
    pub crate_version: String,
    /// The file with the tensors.
    pub file: FileRecord,
    /// The tensors in the order of the file, which is that of their names.
    pub tensors: Vec<TensorRecord>,
    /// What the run adds.
    pub run: RunFacts,
}

/// A file beside the manifest.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FileRecord {
    /// Its plain name.
    pub name: String,
    /// Its size in bytes.
    pub size: u64,
    /// The 128-bit XXH3 hash of its bytes, in hexadecimal.
    pub xxh3: String,
}

/// A tensor of the file.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TensorRecord {
    /// The name of the parameter, or of what else is kept.
    pub name: String,
    /// The type of its values.
    pub dtype: Dtype,
    /// Its shape.
    pub shape: Vec<usize>,
    /// The 128-bit XXH3 hash of its values as little-endian bytes, in hexadecimal.
    pub xxh3: String,
}

/// The types of values that a checkpoint holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Dtype {
    /// 32-bit floats.
    F32,
}

/// The facts of a run: enough to go on from here to the same bytes, and to say where a model came from.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RunFacts {
    /// The seed that every random choice derives from.
    pub seed: u64,
    /// How far the run has come.
    pub position: Position,
    /// The instruction set in use: AVX2 and AVX-512 give the same bytes, the portable set its own.
    pub instruction_set: String,
    /// The feature schema.
    pub schema: Value,
    /// The configuration of the model and of the run.
    pub config: Value,
    /// What identifies the training data.
    pub data_fingerprint: String,
    /// The transformation that made the rows which the model was trained on; none where they did not say so.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub transformation: Option<TransformationHash>,
    /// The state of early stopping, if the run has any.
    pub early_stopping: Option<Value>,
    /// The metrics of the last evaluation.
    pub metrics: Value,
    /// What a run needs besides to go on from here; none in a finished model.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub state: Option<Value>,
}

/// A place in the data: batches are a function of the seed and these.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Position {
    /// The epoch, counted from 0.
    pub epoch: u64,
    /// The steps taken in the whole run.
    pub step: u64,
    /// The rows of this epoch that have been trained on.
    pub rows: u64,
}

/// The file as it is written: the hash covers every byte behind its own closing quote.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Sealed {
    #[serde(rename = "xxh3")]
    _xxh3: String,
    manifest: Manifest,
}

/// What is read first of a manifest, whatever else it has.
#[derive(Deserialize)]
struct Versioned {
    #[serde(default)]
    manifest: Version,
}

#[derive(Default, Deserialize)]
struct Version {
    #[serde(default)]
    format_version: Value,
}

pub(crate) const FILE_NAME: &str = "manifest.json";

/// What stands before the hash, and the length of a hash.
const SEAL: &str = "{\n  \"xxh3\": \"";
const HASH_DIGITS: usize = 32;

/// No manifest comes near this; what is larger is not read into memory.
const MOST_BYTES: u64 = 256 << 20;

impl Manifest {
    /// The bytes of the file.
    pub(super) fn encode(&self) -> io::Result<Vec<u8>> {
        let json = serde_json::to_string_pretty(self)?.replace('\n', "\n  ");
        let rest = format!("\",\n  \"manifest\": {json}\n}}\n");
        Ok(format!("{SEAL}{}{rest}", hexadecimal(xxh3_128(rest.as_bytes()))).into_bytes())
    }

    /// Reads the manifest of a folder and checks everything about it that needs no other file.
    pub(crate) fn load(folder: &Path) -> Result<Self, TrainError> {
        let path = folder.join(FILE_NAME);
        let damaged = |detail: String| TrainError::CheckpointDamaged { path: path.clone(), detail };
        let bytes = read_bytes(&path, MOST_BYTES).map_err(|error| match error {
            FileError::Missing { .. } => TrainError::CheckpointMissing { path: folder.to_path_buf() },
            error => error.into(),
        })?;
        // The version comes first: another version may differ in everything else.
        let Versioned { manifest: Version { format_version: version } } = serde_json::from_slice(&bytes)
            .map_err(|error| damaged(format!("the manifest is cut short or damaged ({error})")))?;
        let is_known = |version: u64| (OLDEST_VERSION.into()..=FORMAT_VERSION.into()).contains(&version);
        if !version.as_u64().is_some_and(is_known) {
            return Err(TrainError::CheckpointVersion {
                path,
                found: version.to_string(),
                expected: FORMAT_VERSION,
            });
        }
        if !is_sealed(&bytes) {
            return Err(damaged("the manifest is not as it was written".to_owned()));
        }
        let sealed: Sealed = serde_json::from_slice(&bytes).map_err(|error| {
            let place = format!(" at line {} column {}", error.line(), error.column());
            let detail = error.to_string().replace(&place, "");
            TrainError::CheckpointKey { path: path.clone(), detail, version: FORMAT_VERSION }
        })?;
        let manifest = sealed.manifest;
        if !is_plain_name(&manifest.file.name) {
            return Err(TrainError::CheckpointName { path, name: manifest.file.name });
        }
        Ok(manifest)
    }
}

impl TensorRecord {
    /// The size of its values in the file, or `None` if the shape is beyond any file.
    pub(super) fn n_bytes(&self) -> Option<u64> {
        let Dtype::F32 = self.dtype;
        self.shape.iter().try_fold(4_u64, |bytes, &side| bytes.checked_mul(u64::try_from(side).ok()?))
    }
}

/// A 128-bit hash as it stands in a manifest.
pub(super) fn hexadecimal(hash: u128) -> String {
    format!("{hash:0HASH_DIGITS$x}")
}

fn is_sealed(bytes: &[u8]) -> bool {
    let Some(rest) = bytes.strip_prefix(SEAL.as_bytes()) else { return false };
    rest.split_at_checked(HASH_DIGITS)
        .is_some_and(|(hash, rest)| hash == hexadecimal(xxh3_128(rest)).as_bytes())
}

/// Whether a name is that of a file in the same folder on every system: no separators, no drives, no dots alone.
fn is_plain_name(name: &str) -> bool {
    let mut parts = Path::new(name).components();
    let one_part =
        matches!(parts.next(), Some(Component::Normal(part)) if part == name) && parts.next().is_none();
    one_part && !name.contains(['/', '\\', ':', '\0'])
}

#[cfg(test)]
mod tests {
    use super::is_plain_name;

    #[test]
    fn only_plain_names_stay_in_the_folder() {
        assert!(is_plain_name("model.safetensors"));
        for name in ["", ".", "..", "../a", "a/b", "/a", "a/", "./a", "a\\b", "C:a", "a\0"] {
            assert!(!is_plain_name(name), "{name:?}");
        }
    }
}
