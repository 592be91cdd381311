//! Where a run is when it takes a step.

use crate::seed::RunSeed;

/// The moment of a step: all that it may depend on besides its batch and the state that it finds.
///
/// ```
/// use ple_train::{Progress, RunSeed};
///
/// let first = Progress::first(RunSeed(1));
/// assert_eq!((first.epoch, first.step), (0, 0));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Progress {
    /// The seed of the run.
    pub seed: RunSeed,
    /// Epochs that are over.
    pub epoch: u64,
    /// Steps taken, of the whole run.
    pub step: u64,
}

impl Progress {
    /// That of the first step of a run.
    pub fn first(seed: RunSeed) -> Self {
        Self { seed, epoch: 0, step: 0 }
    }
}
