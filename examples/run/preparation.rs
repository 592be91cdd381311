//! What the programs that prepare data share: the choice of what becomes of bad rows, and the threads.

use clap::{Args, ValueEnum};

#[derive(Args)]
pub(crate) struct Preparation {
    /// What becomes of rows that are not as they must be.
    #[arg(long, value_enum, default_value_t = BadRowsChoice::Fail)]
    pub(crate) bad_rows: BadRowsChoice,
    /// With --bad-rows skip: the most rows that may be skipped.
    #[arg(long, default_value_t = 1000)]
    pub(crate) max_bad_rows: u64,
    /// Threads; as many as the machine has if not given.
    #[arg(long)]
    pub(crate) threads: Option<usize>,
}

#[derive(Clone, Copy, ValueEnum)]
pub(crate) enum BadRowsChoice {
    /// The first one ends the run.
    Fail,
    /// They are skipped and counted by reason.
    Skip,
}
