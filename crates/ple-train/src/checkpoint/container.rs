//! Writing and reading a whole checkpoint: the tensors are streamed, hashed on the way, and verified on the way back.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};

use ple_files::{FileError, create_folder, give_second_name, open_file, write_whole};
use xxhash_rust::xxh3::Xxh3;

use super::header;
use super::manifest::{
    self, Dtype, FORMAT_VERSION, FileRecord, Manifest, RunFacts, TensorRecord, hexadecimal,
};
use super::tensor_source::TensorEntry;
use crate::error::TrainError;

/// A checkpoint in memory.
#[derive(Clone, Debug, PartialEq)]
pub struct Stored {
    /// The tensors by name.
    pub tensors: BTreeMap<String, StoredTensor>,
    /// What the header of the tensors' file says besides.
    pub metadata: BTreeMap<String, String>,
    /// The manifest.
    pub manifest: Manifest,
}

/// A tensor in memory.
#[derive(Clone, Debug, PartialEq)]
pub struct StoredTensor {
    /// Its shape.
    pub shape: Vec<usize>,
    /// Its values, row by row.
    pub values: Vec<f32>,
}

/// Saves tensors and facts into a folder, which is created if it is not there, and gives back the manifest.
///
/// If the folder already holds a checkpoint, that one stays readable until the new manifest takes its place: the new
/// tensors then go into `model-2.safetensors` first, and have their name `model.safetensors` when the save has ended. A
/// process that is killed at any point leaves the old checkpoint or the new one. The metadata goes into the header
/// of the safetensors file, where other programs see it.
///
/// # Errors
///
/// [`TrainError::File`]; the folder then holds the old checkpoint or the new one.
///
/// # Panics
///
/// If two tensors have one name, or a shape does not fit its values: bugs of the caller.
pub fn write(
    folder: &Path,
    tensors: &[TensorEntry<'_>],
    metadata: &BTreeMap<String, String>,
    facts: &RunFacts,
) -> Result<Manifest, TrainError> {
    write_until(folder, tensors, metadata, facts, usize::MAX)
}

/// [`write`](fn@write) that stops after some of its steps, as a process does that is killed there.
fn write_until(
    folder: &Path,
    tensors: &[TensorEntry<'_>],
    metadata: &BTreeMap<String, String>,
    facts: &RunFacts,
    most_steps: usize,
) -> Result<Manifest, TrainError> {
    let mut tensors: Vec<&TensorEntry<'_>> = tensors.iter().collect();
    tensors.sort_by(|a, b| a.name.cmp(&b.name));
    for pair in tensors.windows(2) {
        assert_ne!(pair[0].name, pair[1].name, "checkpoint: two tensors have one name");
    }
    tensors.iter().for_each(|tensor| tensor.check());

    create_folder(folder)?;
    let [name, name_beside] = FILE_NAMES;
    let previous = Manifest::load(folder).ok().map(|manifest| manifest.file.name);
    let (first_name, steps) = match &previous {
        None => (name, STEPS),
        Some(previous) if previous == name => (name_beside, STEPS_OF_REPLACING),
        // A save was cut off, which has left its tensors beside.
        Some(_) => (name, STEPS_OF_REPAIR),
    };
    let (file, tensors) =
        write_whole(&folder.join(first_name), |out| write_tensors(out, first_name, &tensors, metadata))?;
    let crate_version = env!("CARGO_PKG_VERSION").to_owned();
    let mut manifest =
        Manifest { format_version: FORMAT_VERSION, crate_version, file, tensors, run: facts.clone() };
    for step in steps.iter().take(most_steps) {
        match step {
            Step::Publish => {
                write_whole(&folder.join(manifest::FILE_NAME), |out| out.write_all(&manifest.encode()?))?;
            }
            Step::Rename => {
                give_second_name(&folder.join(name_beside), &folder.join(name))?;
                name.clone_into(&mut manifest.file.name);
            }
            Step::CleanUp => {
                // A file that stays costs space and nothing else.
                let _ = fs::remove_file(folder.join(name_beside));
            }
        }
    }
    Ok(manifest)
}

/// What happens once the tensors are on the disk. After each step the folder holds a checkpoint.
#[derive(Clone, Copy, Debug)]
enum Step {
    /// The manifest appears, and with it the checkpoint.
    Publish,
    /// `model.safetensors` becomes another name of the new tensors. The manifest names the file beside it by then.
    Rename,
    /// The file beside goes, which no manifest names any more.
    CleanUp,
}

const STEPS: &[Step] = &[Step::Publish];
const STEPS_OF_REPAIR: &[Step] = &[Step::Publish, Step::CleanUp];
const STEPS_OF_REPLACING: &[Step] = &[Step::Publish, Step::Rename, Step::Publish, Step::CleanUp];

/// Reads a checkpoint, verifying sizes, hashes and names before anything is given back.
///
/// # Errors
///
/// [`TrainError::CheckpointMissing`], [`TrainError::CheckpointFileMissing`], [`TrainError::CheckpointSize`] for a file
/// that was cut short or grew, [`TrainError::CheckpointTensor`] with the name of a tensor whose values are damaged,
/// [`TrainError::CheckpointDamaged`] for damage elsewhere, [`TrainError::CheckpointName`],
/// [`TrainError::CheckpointVersion`], [`TrainError::CheckpointKey`], and [`TrainError::File`].
pub fn read(folder: &Path) -> Result<Stored, TrainError> {
    read_tensors(folder, Manifest::load(folder)?)
}

/// Reads the tensors of a checkpoint whose manifest has been read.
///
/// # Errors
///
/// Those of [`read`] that concern the file of the tensors.
pub(crate) fn read_tensors(folder: &Path, manifest: Manifest) -> Result<Stored, TrainError> {
    let path = folder.join(&manifest.file.name);
    let header_bytes = check_sizes(&path, folder, &manifest)?;
    let reading = |source| FileError::reading(&path, source);
    let damaged =
        |detail: &str| TrainError::CheckpointDamaged { path: path.clone(), detail: detail.to_owned() };

    let mut file = HashedReader { file: open_file(&path)?, hash: Xxh3::new() };
    let mut header = vec![0; header_bytes];
    file.read_exact(&mut header).map_err(reading)?;
    let mut tensors = BTreeMap::new();
    let mut buffer = vec![0; BUFFER_BYTES];
    for record in &manifest.tensors {
        let n_values: usize = record.shape.iter().product();
        let mut values = Vec::with_capacity(n_values);
        let mut hash = Xxh3::new();
        while values.len() < n_values {
            let bytes = &mut buffer[..BUFFER_BYTES.min(4 * (n_values - values.len()))];
            file.read_exact(bytes).map_err(reading)?;
            hash.update(bytes);
            values.extend(bytes.as_chunks().0.iter().map(|bytes| f32::from_le_bytes(*bytes)));
        }
        let found = hexadecimal(hash.digest128());
        if found != record.xxh3 {
            let (tensor, expected) = (record.name.clone(), record.xxh3.clone());
            return Err(TrainError::CheckpointTensor { path, tensor, found, expected });
        }
        tensors.insert(record.name.clone(), StoredTensor { shape: record.shape.clone(), values });
    }
    // Every tensor is whole, so what differs can only be the header.
    if hexadecimal(file.hash.digest128()) != manifest.file.xxh3 {
        return Err(damaged("the header of the file is damaged"));
    }
    let metadata = header::metadata(&header).ok_or_else(|| damaged("the file has no header"))?;
    if header::encode(&manifest.tensors, &metadata).ok().as_deref() != Some(&header[..]) {
        return Err(damaged("the header names other tensors than manifest.json does"));
    }
    Ok(Stored { tensors, metadata, manifest })
}

/// The files that a checkpoint in this folder has or may have, for programs that check their outputs against what they
/// read.
pub fn files_in(folder: &Path) -> Vec<PathBuf> {
    [manifest::FILE_NAME].iter().chain(&FILE_NAMES).map(|name| folder.join(name)).collect()
}

/// Reads the manifest alone: what a listing of checkpoints needs. The tensors are not looked at.
///
/// # Errors
///
/// Those of [`read`] that concern the manifest.
pub fn read_manifest(folder: &Path) -> Result<Manifest, TrainError> {
    Manifest::load(folder)
}

/// The name of the tensors' file, and the one that is taken while the first belongs to the checkpoint being replaced. Only
/// these two are ever removed, whatever a manifest names.
pub(super) const FILE_NAMES: [&str; 2] = ["model.safetensors", "model-2.safetensors"];

/// A multiple of the size of a value.
const BUFFER_BYTES: usize = 1 << 18;

/// No header that safetensors readers accept is longer.
const MOST_HEADER_BYTES: u64 = 100_000_000;

fn write_tensors(
    out: &mut dyn Write,
    name: &str,
    tensors: &[&TensorEntry<'_>],
    metadata: &BTreeMap<String, String>,
) -> io::Result<(FileRecord, Vec<TensorRecord>)> {
    let record = |tensor: &&TensorEntry<'_>| TensorRecord {
        name: tensor.name.clone(),
        dtype: Dtype::F32,
        shape: tensor.shape.clone(),
        xxh3: String::new(),
    };
    let mut records: Vec<TensorRecord> = tensors.iter().map(record).collect();
    let header = header::encode(&records, metadata)?;
    let mut file = HashedWriter { out, hash: Xxh3::new(), size: 0 };
    file.write_all(&header)?;
    let mut buffer = Vec::with_capacity(BUFFER_BYTES);
    for (tensor, record) in tensors.iter().zip(&mut records) {
        let mut hash = Xxh3::new();
        for values in tensor.source.pieces() {
            let mut values = values;
            while !values.is_empty() {
                let (now, later) = values.split_at(values.len().min((BUFFER_BYTES - buffer.len()) / 4));
                buffer.extend(now.iter().flat_map(|value| value.to_le_bytes()));
                values = later;
                if buffer.len() == BUFFER_BYTES {
                    hash.update(&buffer);
                    file.write_all(&buffer)?;
                    buffer.clear();
                }
            }
        }
        hash.update(&buffer);
        file.write_all(&buffer)?;
        buffer.clear();
        record.xxh3 = hexadecimal(hash.digest128());
    }
    let xxh3 = hexadecimal(file.hash.digest128());
    Ok((FileRecord { name: name.to_owned(), size: file.size, xxh3 }, records))
}

/// Checks that the tensors' file is a file of this folder with the size that was saved, before anything is allocated,
/// and gives back the length of its header.
fn check_sizes(path: &Path, folder: &Path, manifest: &Manifest) -> Result<usize, TrainError> {
    let found = fs::symlink_metadata(path).map_err(|source| match source.kind() {
        io::ErrorKind::NotFound => TrainError::CheckpointFileMissing { path: path.to_path_buf() },
        _ => FileError::reading(path, source).into(),
    })?;
    if !found.is_file() {
        let name = manifest.file.name.clone();
        return Err(TrainError::CheckpointName { path: folder.join(manifest::FILE_NAME), name });
    }
    let (found, expected) = (found.len(), manifest.file.size);
    if found != expected {
        return Err(TrainError::CheckpointSize { path: path.to_path_buf(), found, expected });
    }
    let sum = |total: u64, record: &TensorRecord| total.checked_add(record.n_bytes()?);
    manifest
        .tensors
        .iter()
        .try_fold(0_u64, sum)
        .and_then(|values| expected.checked_sub(values))
        .filter(|header| (header::LENGTH_BYTES as u64..=MOST_HEADER_BYTES).contains(header))
        .and_then(|header| usize::try_from(header).ok())
        .ok_or_else(|| TrainError::CheckpointDamaged {
            path: folder.join(manifest::FILE_NAME),
            detail: "the shapes of the tensors do not add up to the size of their file".to_owned(),
        })
}

/// A file whose bytes are hashed as they are written.
struct HashedWriter<'a> {
    out: &'a mut dyn Write,
    hash: Xxh3,
    size: u64,
}

impl HashedWriter<'_> {
    fn write_all(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.hash.update(bytes);
        self.size += bytes.len() as u64;
        self.out.write_all(bytes)
    }
}

/// A file whose bytes are hashed as they are read.
struct HashedReader {
    file: File,
    hash: Xxh3,
}

impl HashedReader {
    fn read_exact(&mut self, bytes: &mut [u8]) -> io::Result<()> {
        self.file.read_exact(bytes)?;
        self.hash.update(bytes);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;
    use std::fs;
    use std::path::Path;

    use proptest::prelude::*;

    use super::{FILE_NAMES, RunFacts, read, write, write_until};
    use crate::checkpoint::{TensorEntry, TensorSource};

    fn entry(values: &[f32]) -> Vec<TensorEntry<'_>> {
        let source = TensorSource::Contiguous(values);
        vec![TensorEntry { name: "a".to_owned(), shape: vec![values.len()], source }]
    }

    fn names(folder: &Path) -> Vec<String> {
        let entries = fs::read_dir(folder).unwrap();
        let mut names: Vec<String> =
            entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
        names.sort();
        names
    }

    proptest! {
        // Few, because every case waits for the disk some fifty times.
        #![proptest_config(ProptestConfig::with_cases(12))]

        /// Each save is cut off after some of its steps; the folder holds the checkpoint of a save that had published
        /// it, and the next whole save leaves two files under their usual names.
        #[test]
        fn a_save_that_is_cut_off_leaves_the_old_checkpoint_or_the_new_one(
            cuts in prop::collection::vec(0_usize..5, 1..7),
        ) {
            let folder = tempfile::tempdir().unwrap();
            let (none, facts) = (BTreeMap::new(), RunFacts::default());
            write(folder.path(), &entry(&[0.0, 0.0]), &none, &facts).unwrap();
            let mut expected = 0.0;
            for (save, cut) in cuts.into_iter().enumerate() {
                let values = [0.0, 1.0 + save as f32];
                write_until(folder.path(), &entry(&values), &none, &facts, cut).unwrap();
                if cut > 0 {
                    expected = values[1];
                }
                prop_assert_eq!(read(folder.path()).unwrap().tensors["a"].values[1], expected);
            }
            let manifest = write(folder.path(), &entry(&[0.0, -1.0]), &none, &facts).unwrap();
            let stored = read(folder.path()).unwrap();
            prop_assert_eq!(stored.tensors["a"].values[1], -1.0);
            prop_assert_eq!(&stored.manifest, &manifest);
            prop_assert_eq!(names(folder.path()), ["manifest.json", FILE_NAMES[0]]);
        }
    }
}
