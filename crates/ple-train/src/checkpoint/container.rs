//! Writing and reading a whole checkpoint: the tensors are streamed, hashed on the way, and verified on the way back.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{self, Read, Write};
use std::path::Path;

use xxhash_rust::xxh3::Xxh3;

use super::header;
use super::manifest::{
    self, Dtype, FORMAT_VERSION, FileRecord, Manifest, RunFacts, TensorRecord, hexadecimal,
};
use super::tensor_source::TensorEntry;
use super::whole_file::{create_folder, io_error, sync_folder, write_whole};
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
/// tensors then go into a file of another name, and the old file is removed last. The metadata goes into the header
/// of the safetensors file, where other programs see it.
///
/// # Errors
///
/// [`TrainError::Io`]; the folder then holds what it held before.
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
    let mut tensors: Vec<&TensorEntry<'_>> = tensors.iter().collect();
    tensors.sort_by(|a, b| a.name.cmp(&b.name));
    for pair in tensors.windows(2) {
        assert_ne!(pair[0].name, pair[1].name, "checkpoint: two tensors have one name");
    }
    tensors.iter().for_each(|tensor| tensor.check());

    create_folder(folder)?;
    // A manifest may name any file beside it, and only the two that this program writes are ever removed.
    let previous = Manifest::load(folder).ok().map(|manifest| manifest.file.name);
    let previous = previous.filter(|name| FILE_NAMES.contains(&name.as_str()));
    let name = if previous.as_deref() == Some(FILE_NAMES[0]) { FILE_NAMES[1] } else { FILE_NAMES[0] };
    let (file, tensors) = write_whole(folder, name, |out| write_tensors(out, name, &tensors, metadata))?;
    let crate_version = env!("CARGO_PKG_VERSION").to_owned();
    let manifest =
        Manifest { format_version: FORMAT_VERSION, crate_version, file, tensors, run: facts.clone() };
    // The tensors' name has to be on the disk before a manifest that relies on it.
    sync_folder(folder)?;
    write_whole(folder, manifest::FILE_NAME, |out| out.write_all(&manifest.encode()?))?;
    sync_folder(folder)?;
    if let Some(previous) = previous {
        // The new checkpoint is complete; an old file that stays costs space and nothing else.
        let _ = fs::remove_file(folder.join(previous));
    }
    Ok(manifest)
}

/// Reads a checkpoint, verifying sizes, hashes and names before anything is given back.
///
/// # Errors
///
/// [`TrainError::CheckpointMissing`], [`TrainError::CheckpointFileMissing`], [`TrainError::CheckpointSize`] for a file
/// that was cut short or grew, [`TrainError::CheckpointTensor`] with the name of a tensor whose values are damaged,
/// [`TrainError::CheckpointDamaged`] for damage elsewhere, [`TrainError::CheckpointName`],
/// [`TrainError::CheckpointVersion`], [`TrainError::CheckpointKey`], and [`TrainError::Io`].
pub fn read(folder: &Path) -> Result<Stored, TrainError> {
    let manifest = Manifest::load(folder)?;
    let path = folder.join(&manifest.file.name);
    let header_bytes = check_sizes(&path, folder, &manifest)?;
    let reading = |source| io_error(&path, "read the file", source);
    let damaged =
        |detail: &str| TrainError::CheckpointDamaged { path: path.clone(), detail: detail.to_owned() };

    let mut file = HashedReader { file: File::open(&path).map_err(reading)?, hash: Xxh3::new() };
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

/// The name of the tensors' file, and the one that is taken while the first belongs to the checkpoint being replaced.
const FILE_NAMES: [&str; 2] = ["model.safetensors", "model-2.safetensors"];

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
        _ => io_error(path, "read the file", source),
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
