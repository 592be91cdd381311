//! The checkpoints of a run, each in a folder named after its step: which is the newest, which may go.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use super::manifest::{FILE_NAME, Manifest};
use super::whole_file::{create_folder, io_error, sync_folder};
use crate::error::TrainError;

/// A folder of checkpoints `step-NNNNNNNN`.
///
/// **Invariants.** A checkpoint that has a manifest is complete. Nothing is removed before a newer one is complete, and
/// of one that goes, the manifest goes first.
#[derive(Clone, Debug)]
pub(crate) struct RunFolder {
    path: PathBuf,
}

/// The checkpoints that are kept besides the one with the best weights: the newest, and one more, should the newest turn
/// out to be damaged.
const KEPT: usize = 2;

impl RunFolder {
    pub(crate) fn new(path: &Path) -> Self {
        Self { path: path.to_owned() }
    }

    /// The place of the checkpoint of a step.
    pub(crate) fn place(&self, step: u64) -> PathBuf {
        self.path.join(format!("step-{step:08}"))
    }

    /// The checkpoints that have a manifest.
    pub(crate) fn list(&self) -> Result<Listing, TrainError> {
        let (mut saved, mut damaged) = (Vec::new(), Vec::new());
        for place in self.places()? {
            match Manifest::load(&place) {
                Ok(manifest) => {
                    let state = manifest.run.state.as_ref();
                    let number = state.and_then(|state| state["saved"].as_u64()).unwrap_or(0);
                    saved.push(Saved { number, step: manifest.run.position.step, place, manifest });
                }
                Err(TrainError::CheckpointMissing { .. }) => {}
                Err(error) => damaged.push((place, error)),
            }
        }
        saved.sort_by_key(|saved| std::cmp::Reverse((saved.number, saved.step)));
        Ok(Listing { saved, damaged })
    }

    /// The number of the newest checkpoint; they are numbered from 1.
    pub(crate) fn newest(&self) -> Result<u64, TrainError> {
        Ok(self.list()?.saved.first().map_or(0, |saved| saved.number))
    }

    /// Makes the place of a step ready: what a run that was killed has left there half-written goes.
    pub(crate) fn start(&self, step: u64) -> Result<PathBuf, TrainError> {
        create_folder(&self.path)?;
        let place = self.place(step);
        let unfinished = fs::read_dir(&place).into_iter().flatten().flatten();
        for entry in
            unfinished.filter(|entry| entry.file_name().to_string_lossy().starts_with(".unfinished-"))
        {
            let _ = fs::remove_file(entry.path());
        }
        Ok(place)
    }

    /// Removes all checkpoints but the newest ones and the one of the best weights, now that the one of `step` is
    /// complete. What cannot be removed costs space and nothing else.
    pub(crate) fn prune(&self, step: u64, best: Option<u64>) -> Result<(), TrainError> {
        sync_folder(&self.path)?;
        let mut kept: Vec<PathBuf> =
            self.list()?.saved.into_iter().take(KEPT).map(|saved| saved.place).collect();
        kept.extend(best.into_iter().chain([step]).map(|step| self.place(step)));
        for place in self.places()?.into_iter().filter(|place| !kept.contains(place)) {
            let _ = fs::remove_file(place.join(FILE_NAME));
            let _ = fs::remove_dir_all(place);
        }
        Ok(())
    }

    fn places(&self) -> Result<Vec<PathBuf>, TrainError> {
        let entries = match fs::read_dir(&self.path) {
            Ok(entries) => entries,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
            Err(source) => return Err(io_error(&self.path, "read the folder", source)),
        };
        let is_step = |name: &str| {
            name.strip_prefix("step-").is_some_and(|step| step.bytes().all(|byte| byte.is_ascii_digit()))
        };
        let names = entries.flatten().filter(|entry| is_step(&entry.file_name().to_string_lossy()));
        Ok(names.map(|entry| entry.path()).collect())
    }
}

/// The checkpoints of a folder.
#[derive(Debug)]
pub(crate) struct Listing {
    /// Those whose manifest verifies, the newest first.
    pub(crate) saved: Vec<Saved>,
    /// Those whose manifest does not, each with what is wrong with it.
    pub(crate) damaged: Vec<(PathBuf, TrainError)>,
}

/// A checkpoint of a run.
#[derive(Clone, Debug)]
pub(crate) struct Saved {
    /// It counts up over the runs in a folder.
    pub(crate) number: u64,
    pub(crate) step: u64,
    pub(crate) place: PathBuf,
    pub(crate) manifest: Manifest,
}
