//! What the programs that prepare data share: the choice of what becomes of bad rows, the threads, and how a run ends.

use std::process::ExitCode;

use clap::{Args, ValueEnum};
use ple_data::DataError;
use ple_train::TrainError;

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
    threads: Option<usize>,
}

#[derive(Clone, Copy, ValueEnum)]
pub(crate) enum BadRowsChoice {
    /// The first one ends the run.
    Fail,
    /// They are skipped and counted by reason.
    Skip,
}

impl Preparation {
    /// Prepares on as many threads as were asked for, and says what went wrong.
    pub(crate) fn run(&self, prepare: impl FnOnce() -> Result<(), DataError> + Send) -> ExitCode {
        let threads = rayon::ThreadPoolBuilder::new().num_threads(self.threads.unwrap_or(0)).build();
        let result = match threads {
            Ok(pool) => pool.install(prepare),
            Err(error) => {
                eprintln!("error: the threads could not be started: {error}");
                return ExitCode::from(74);
            }
        };
        match result {
            Ok(()) => ExitCode::SUCCESS,
            Err(error) => {
                eprintln!("error: {error}");
                ExitCode::from(TrainError::from(error).exit_code())
            }
        }
    }
}
