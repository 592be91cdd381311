//! An allocator that counts what is asked of it while somebody looks.

#![allow(unsafe_code)]

use std::alloc::{GlobalAlloc, Layout, System};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

pub(crate) struct Counting;

static LOOKING: AtomicBool = AtomicBool::new(false);
static NUMBER: AtomicUsize = AtomicUsize::new(0);
static LARGEST: AtomicUsize = AtomicUsize::new(0);

// SAFETY: every call is passed on to the system's allocator as it is; the counters are atomics, which allocate nothing.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        note(layout.size());
        // SAFETY: the caller keeps the contract of `alloc`, which is the same.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        // SAFETY: the pointer came from `System`, with this layout.
        unsafe { System.dealloc(pointer, layout) }
    }

    unsafe fn realloc(&self, pointer: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        note(size);
        // SAFETY: the pointer came from `System`, with this layout, and the caller keeps the contract of `realloc`.
        unsafe { System.realloc(pointer, layout, size) }
    }
}

fn note(size: usize) {
    if LOOKING.load(Ordering::Relaxed) {
        NUMBER.fetch_add(1, Ordering::Relaxed);
        LARGEST.fetch_max(size, Ordering::Relaxed);
    }
}

/// Runs `work` and gives back the number of allocations that any thread made meanwhile, and the size of the largest.
pub(crate) fn allocations(work: impl FnOnce()) -> (usize, usize) {
    NUMBER.store(0, Ordering::SeqCst);
    LARGEST.store(0, Ordering::SeqCst);
    LOOKING.store(true, Ordering::SeqCst);
    work();
    LOOKING.store(false, Ordering::SeqCst);
    (NUMBER.load(Ordering::SeqCst), LARGEST.load(Ordering::SeqCst))
}
