//! Memory of kernels that outlives a call, so that a step allocates nothing from the second time on.

#![allow(unsafe_code, reason = "cache lines are read as the values that they hold")]

use std::ops::{Deref, DerefMut};
use std::sync::{Mutex, PoisonError};

/// A cache line.
#[derive(Clone, Copy, Debug)]
#[repr(C, align(64))]
struct Line([f32; 16]);

/// The free buffers of one use. Uses have pools of their own, so that a small need never holds a large buffer.
#[derive(Debug)]
pub(crate) struct Pool {
    free: Mutex<Vec<Vec<Line>>>,
}

/// Values on loan from a [`Pool`], with left-over contents; the first one starts a cache line.
#[derive(Debug)]
pub(crate) struct Scratch {
    lines: Vec<Line>,
    length: usize,
    pool: &'static Pool,
}

impl Pool {
    pub(crate) const fn new() -> Self {
        Self { free: Mutex::new(Vec::new()) }
    }

    /// A buffer of `length` values: the smallest that is long enough, or else the longest, made longer.
    pub(crate) fn take(&'static self, length: usize) -> Scratch {
        let needed = length.div_ceil(16);
        let mut free = self.free.lock().unwrap_or_else(PoisonError::into_inner);
        let best = (0..free.len()).min_by_key(|&i| match free[i].len() {
            lines if lines >= needed => (0, lines),
            lines => (1, usize::MAX - lines),
        });
        let mut lines = best.map_or_else(Vec::new, |best| free.swap_remove(best));
        drop(free);
        if lines.len() < needed {
            // What is in it is of no use, so that it need not be copied.
            lines.clear();
            lines.resize(needed, Line([0.0; 16]));
        }
        Scratch { lines, length, pool: self }
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let lines = std::mem::take(&mut self.lines);
        self.pool.free.lock().unwrap_or_else(PoisonError::into_inner).push(lines);
    }
}

impl Deref for Scratch {
    type Target = [f32];

    fn deref(&self) -> &[f32] {
        // SAFETY: a line is 16 values without padding, and `take` made enough of them for the length.
        unsafe { std::slice::from_raw_parts(self.lines.as_ptr().cast(), self.length) }
    }
}

impl DerefMut for Scratch {
    fn deref_mut(&mut self) -> &mut [f32] {
        // SAFETY: as in `deref`, and the borrow is exclusive.
        unsafe { std::slice::from_raw_parts_mut(self.lines.as_mut_ptr().cast(), self.length) }
    }
}

#[cfg(test)]
mod tests {
    use super::Pool;

    #[test]
    fn a_buffer_is_as_long_as_asked_for_and_is_used_again() {
        static POOL: Pool = Pool::new();
        let mut first = POOL.take(33);
        first.fill(7.0);
        let address = first.as_ptr();
        assert_eq!((first.len(), address as usize % 64), (33, 0));
        drop(first);
        let second = POOL.take(20);
        assert_eq!((second.len(), second.as_ptr()), (20, address));
        assert!(POOL.take(0).is_empty());
    }
}
