//! The checkpoints of a run, each in a folder named after its step: which is the newest, which may go.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use ple_files::{FileError, remove_unfinished, sync_folder};

use super::container::FILE_NAMES;
use super::manifest::{FILE_NAME, Manifest};
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

    /// What has to be known of the checkpoints that are there before a run begins anew.
    pub(crate) fn earlier_run(&self) -> Result<Option<EarlierRun>, TrainError> {
        let Listing { saved, damaged } = self.list()?;
        let of_damaged = |(place, _): &(PathBuf, TrainError)| {
            let step = step_of(place)?;
            Some(EarlierRun { place: place.clone(), step, is_over: false })
        };
        let newest = saved.into_iter().next().map(|saved| {
            let state = saved.manifest.run.state.as_ref();
            let is_over = state.is_some_and(|state| state["is_over"] == true);
            EarlierRun { place: saved.place, step: saved.step, is_over }
        });
        Ok(newest.or_else(|| damaged.iter().filter_map(of_damaged).max_by_key(|run| run.step)))
    }

    /// Removes every checkpoint, so that a run can begin anew.
    pub(crate) fn clear(&self) -> Result<(), TrainError> {
        self.places()?.iter().for_each(|place| remove_checkpoint(place));
        Ok(sync_folder(&self.path)?)
    }

    /// Removes all checkpoints but the newest ones and the one of the best weights, now that the one of `step` is
    /// complete. What cannot be removed costs space and nothing else.
    pub(crate) fn prune(&self, step: u64, best: Option<u64>) -> Result<(), TrainError> {
        sync_folder(&self.path)?;
        let mut kept: Vec<PathBuf> =
            self.list()?.saved.into_iter().take(KEPT).map(|saved| saved.place).collect();
        kept.extend(best.into_iter().chain([step]).map(|step| self.place(step)));
        for place in self.places()?.into_iter().filter(|place| !kept.contains(place)) {
            remove_checkpoint(&place);
        }
        Ok(())
    }

    fn places(&self) -> Result<Vec<PathBuf>, TrainError> {
        let entries = match fs::read_dir(&self.path) {
            Ok(entries) => entries,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
            Err(source) => return Err(FileError::reading(&self.path, source).into()),
        };
        let places = entries.flatten().map(|entry| entry.path());
        Ok(places.filter(|place| step_of(place).is_some()).collect())
    }
}

/// The step that the name of a checkpoint's folder says.
fn step_of(place: &Path) -> Option<u64> {
    let step = place.file_name()?.to_str()?.strip_prefix("step-")?;
    if step.bytes().all(|byte| byte.is_ascii_digit()) { step.parse().ok() } else { None }
}

/// Removes a checkpoint: its manifest first, then its tensors and what a killed process has left of them, then the folder
/// if nothing else is in it. What cannot be removed costs space and nothing else.
fn remove_checkpoint(place: &Path) {
    for name in [FILE_NAME].iter().chain(&FILE_NAMES) {
        let _ = fs::remove_file(place.join(name));
        remove_unfinished(&place.join(name));
    }
    let _ = fs::remove_dir(place);
}

/// The newest checkpoint in a folder, whichever run has saved it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EarlierRun {
    /// The checkpoint.
    pub place: PathBuf,
    /// The steps taken in the whole run.
    pub step: u64,
    /// Whether the run was over with it, at its last epoch or because nothing improved any more.
    pub is_over: bool,
}

/// The newest checkpoint in a folder of checkpoints, if there is any; one that is damaged counts as that of a run that is
/// not over.
///
/// # Errors
///
/// [`TrainError::File`] if the folder cannot be read.
pub fn earlier_run(folder: &Path) -> Result<Option<EarlierRun>, TrainError> {
    RunFolder::new(folder).earlier_run()
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
