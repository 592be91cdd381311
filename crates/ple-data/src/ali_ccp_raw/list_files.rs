//! The lists of all users in one file of ids and one of weights: written once from end to end, read and numbered in
//! stretches.

use std::fs::File;
use std::io::{BufWriter, Write};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

use xxhash_rust::xxh3::Xxh3;

use crate::error::DataError;
use crate::output_folder::{FileFacts, OutputFolder, facts};

/// The files of ids and weights while they grow.
pub(super) struct ListWriter {
    ids: OpenFile,
    weights: OpenFile,
    hash: Xxh3,
}

struct OpenFile {
    path: PathBuf,
    file: BufWriter<File>,
    bytes: u64,
}

impl OpenFile {
    fn create(path: PathBuf) -> Result<Self, DataError> {
        let file = File::options().read(true).write(true).create_new(true).open(&path);
        let file = file.map_err(|error| DataError::io(&path, "write", error))?;
        Ok(OpenFile { path, file: BufWriter::with_capacity(1 << 16, file), bytes: 0 })
    }

    fn append(&mut self, bytes: &[u8]) -> Result<(), DataError> {
        self.bytes += bytes.len() as u64;
        self.file.write_all(bytes).map_err(|error| DataError::io(&self.path, "write", error))
    }

    fn finish(self) -> Result<File, DataError> {
        let path = self.path;
        self.file.into_inner().map_err(|error| DataError::io(&path, "write", error.into_error()))
    }
}

impl ListWriter {
    pub(super) fn create(folder: &Path) -> Result<Self, DataError> {
        let ids = OpenFile::create(folder.join(IDS))?;
        Ok(ListWriter { ids, weights: OpenFile::create(folder.join(WEIGHTS))?, hash: Xxh3::new() })
    }

    /// Appends codes and as many weights.
    pub(super) fn append(&mut self, ids: &[u32], weights: &[f32]) -> Result<(), DataError> {
        self.ids.append(bytemuck::cast_slice(ids))?;
        let weights = bytemuck::cast_slice(weights);
        self.hash.update(weights);
        self.weights.append(weights)
    }

    pub(super) fn finish(self) -> Result<ListFiles, DataError> {
        let weights = facts(WEIGHTS, self.weights.bytes, &self.hash);
        let paths = [self.ids.path.clone(), self.weights.path.clone()];
        Ok(ListFiles {
            ids: self.ids.finish()?,
            weights: self.weights.finish()?,
            paths,
            weight_facts: weights,
        })
    }
}

/// The name of the file of ids.
pub(super) const IDS: &str = "ids.bin";
/// The name of the file of weights.
pub(super) const WEIGHTS: &str = "weights.bin";

/// The complete files, whose ids are codes until they are numbered.
pub(super) struct ListFiles {
    ids: File,
    weights: File,
    paths: [PathBuf; 2],
    pub(super) weight_facts: FileFacts,
}

impl ListFiles {
    /// The ids of a stretch.
    pub(super) fn ids(&self, range: &std::ops::Range<u64>) -> Result<Vec<u32>, DataError> {
        let mut ids = vec![0; (range.end - range.start) as usize];
        let read = self.ids.read_exact_at(bytemuck::cast_slice_mut(&mut ids), 4 * range.start);
        read.map_err(|error| DataError::io(&self.paths[0], "read", error))?;
        Ok(ids)
    }

    /// Reads the weights of a stretch into `weights`, in the place of what was there.
    pub(super) fn read_weights(
        &self,
        range: &std::ops::Range<u64>,
        weights: &mut Vec<f32>,
    ) -> Result<(), DataError> {
        weights.resize((range.end - range.start) as usize, 0.0);
        let read = self.weights.read_exact_at(bytemuck::cast_slice_mut(weights), 4 * range.start);
        read.map_err(|error| DataError::io(&self.paths[1], "read", error))
    }

    /// Puts other ids into the place of those that stand from `start` on.
    pub(super) fn put_ids(&self, start: u64, ids: &[u32]) -> Result<(), DataError> {
        let written = self.ids.write_all_at(bytemuck::cast_slice(ids), 4 * start);
        written.map_err(|error| DataError::io(&self.paths[0], "write", error))
    }

    /// Lets both files be put on the disk.
    pub(super) fn sync_later(&self, output: &OutputFolder) -> Result<(), DataError> {
        for (file, path) in [&self.ids, &self.weights].into_iter().zip(&self.paths) {
            let file = file.try_clone().map_err(|error| DataError::io(path, "write", error))?;
            output.sync_later(path, file);
        }
        Ok(())
    }
}
