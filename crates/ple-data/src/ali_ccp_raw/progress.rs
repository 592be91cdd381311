//! How far a preparation is, added up over its threads.

use std::sync::Mutex;
use std::sync::PoisonError;

use super::config::{RawPhase, RawProgress};

/// Whoever wants to know how far a preparation is.
pub type ProgressFn<'a> = &'a (dyn Fn(RawProgress) + Sync);

pub(super) struct Progress<'a> {
    observe: ProgressFn<'a>,
    now: Mutex<RawProgress>,
}

impl<'a> Progress<'a> {
    pub(super) fn new(observe: ProgressFn<'a>, total: u64) -> Self {
        let now = RawProgress { phase: RawPhase::Reading("common_features_train"), done: 0, total };
        Progress { observe, now: Mutex::new(now) }
    }

    /// The next phase begins.
    pub(super) fn enter(&self, phase: RawPhase) {
        self.change(|now| now.phase = phase);
    }

    /// So many bytes more have been read, or their contents written.
    pub(super) fn advance(&self, bytes: u64) {
        self.change(|now| now.done = (now.done + bytes).min(now.total));
    }

    fn change(&self, change: impl FnOnce(&mut RawProgress)) {
        let mut now = self.now.lock().unwrap_or_else(PoisonError::into_inner);
        change(&mut now);
        (self.observe)(*now);
    }
}
