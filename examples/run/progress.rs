//! How far a program is, on standard error: one line that changes in a terminal, otherwise a line every ten seconds.

use std::io::IsTerminal;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use crate::program::console;

/// Shows lines, from any thread, and not too often.
pub(crate) struct Progress {
    started: Instant,
    every: Duration,
    last: Mutex<Instant>,
}

impl Progress {
    /// Starts the clock.
    pub(crate) fn new() -> Self {
        let every = match std::io::stderr().is_terminal() {
            true => Duration::from_millis(200),
            false => Duration::from_secs(10),
        };
        Progress { started: Instant::now(), every, last: Mutex::new(Instant::now()) }
    }

    /// The seconds since the start.
    pub(crate) fn seconds(&self) -> f64 {
        self.started.elapsed().as_secs_f64()
    }

    /// Shows a line, if it is time for one.
    pub(crate) fn show(&self, line: impl FnOnce() -> String) {
        let mut last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        if last.elapsed() < self.every {
            return;
        }
        *last = Instant::now();
        match self.is_one_line() {
            true => console::replace_line(&line()),
            false => console::note(line()),
        }
    }

    /// Removes the line that changed.
    pub(crate) fn end(&self) {
        if self.is_one_line() {
            console::replace_line("");
        }
    }

    fn is_one_line(&self) -> bool {
        self.every < Duration::from_secs(1)
    }
}
