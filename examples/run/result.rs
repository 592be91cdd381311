//! The folder of a run's result: what may stand there before the run, and the order in which it is replaced.
//!
//! The result is the model (`model.safetensors` and `manifest.json`) and what is derived from it (`model.svg`,
//! `model.onnx`); beside it lie the checkpoints. What else is in the folder is never touched.

use std::fs;
use std::path::{Path, PathBuf};

use ple_files::{FileError, FolderLock, Outputs, sync_folder};
use ple_train::checkpoint::{EarlierRun, Manifest, RunFacts, earlier_run, files_in, read_manifest};
use ple_train::{Checkpoints, RankingModel, Start, TrainError};

use super::options::RunOptions;
use crate::program::console;
use crate::program::failure::Failure;

/// What is derived from the model, in the order in which it is made.
const DERIVED: [&str; 2] = ["model.svg", "model.onnx"];

/// The folder of a result, kept for this process.
pub(crate) struct ResultFolder {
    out: PathBuf,
    checkpoints: Checkpoints,
    _lock: FolderLock,
}

impl ResultFolder {
    /// Checks everything that the run will write, and takes the folder. `inputs` are the files that it reads.
    pub(crate) fn open(
        options: &RunOptions,
        out: &Path,
        inputs: impl IntoIterator<Item = PathBuf>,
    ) -> Result<Self, Failure> {
        let folder = out.join("checkpoints");
        let mut outputs = Outputs::new().inputs(inputs).inputs(&options.settings).folder(out, "--out");
        for file in files_in(out).into_iter().chain(DERIVED.map(|name| out.join(name))) {
            outputs = outputs.file(&file, "--out");
        }
        outputs = outputs.own_folder(&folder, "the folder of checkpoints in --out");
        if let Some(path) = &options.predictions {
            outputs = outputs.file(path, "--predictions");
        }
        outputs.check()?;
        let lock = FolderLock::take(out)?;
        refuse_files_of_others(out, &folder)?;
        let start = start(options, out, &folder)?;
        let every = options.checkpoint_every.unwrap_or_default();
        Ok(ResultFolder {
            out: out.to_owned(),
            checkpoints: Checkpoints { folder, every, start },
            _lock: lock,
        })
    }

    /// The folder.
    pub(crate) fn path(&self) -> &Path {
        &self.out
    }

    /// Where checkpoints go, and how the run begins.
    pub(crate) fn checkpoints(&self) -> &Checkpoints {
        &self.checkpoints
    }

    /// Saves the model. What was derived from an older one goes first: wherever the run ends, a picture and an ONNX file
    /// beside a manifest are those of its model.
    pub(crate) fn publish(&self, model: &RankingModel, facts: &RunFacts) -> Result<Manifest, Failure> {
        for path in DERIVED.map(|name| self.out.join(name)) {
            match fs::remove_file(&path) {
                Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                    return Err(FileError::writing(&path, error).into());
                }
                _ => {}
            }
        }
        sync_folder(&self.out)?;
        Ok(model.save(&self.out, facts)?)
    }
}

/// Refuses a folder in which files have the names of a result, and are of another origin.
fn refuse_files_of_others(out: &Path, checkpoints: &Path) -> Result<(), Failure> {
    let other = |path: PathBuf| Err(TrainError::NotOfARun { path }.into());
    let exists = |path: &PathBuf| fs::symlink_metadata(path).is_ok();
    let [manifest, tensors @ ..] = &files_in(out)[..] else { return Ok(()) };
    match read_manifest(out) {
        Ok(_) => Ok(()),
        // Another version of this program has written it.
        Err(TrainError::CheckpointVersion { found, .. }) if found.parse::<u32>().is_ok() => Ok(()),
        Err(TrainError::CheckpointMissing { .. }) => {
            // A run that was killed while it saved its first result has left tensors, and has checkpoints.
            let was_killed = earlier_run(checkpoints)?.is_some();
            let derived = DERIVED.map(|name| out.join(name));
            let tensors = tensors.iter().filter(|_| !was_killed).cloned();
            match derived.into_iter().chain(tensors).find(exists) {
                Some(path) => other(path),
                None => Ok(()),
            }
        }
        Err(_) => other(manifest.clone()),
    }
}

/// How the run begins, after what the folder holds of an earlier one.
fn start(options: &RunOptions, out: &Path, checkpoints: &Path) -> Result<Start, Failure> {
    if options.resume {
        return Ok(Start::GoOn);
    }
    match earlier_run(checkpoints)? {
        Some(EarlierRun { step, .. }) if options.overwrite => {
            console::note(format_args!(
                "{}: the checkpoints of the earlier run, the last one after step {step}, are removed",
                out.display()
            ));
        }
        Some(run) if !is_saved(&run, out) => {
            return Err(TrainError::UnfinishedRun { path: run.place, step: run.step }.into());
        }
        Some(EarlierRun { step, .. }) => console::note(format_args!(
            "{}: the result of the earlier run, which was over after step {step}, is replaced",
            out.display()
        )),
        None => {}
    }
    Ok(if options.overwrite { Start::Overwrite } else { Start::Anew })
}

/// Whether a run is over and its result is the one in the folder.
fn is_saved(run: &EarlierRun, out: &Path) -> bool {
    let (Ok(last), Ok(result)) = (read_manifest(&run.place), read_manifest(out)) else { return false };
    let of = |manifest: &Manifest| {
        let RunFacts { seed, position, schema, config, data_fingerprint, .. } = manifest.run.clone();
        (seed, position, schema, config, data_fingerprint)
    };
    run.is_over && of(&last) == of(&result)
}
