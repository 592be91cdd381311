//! A fixed piece of work that nothing in this project can make faster or slower: where its time changes, the machine was
//! disturbed.
//!
//! Half of it are multiply-adds in registers, which show a processor that is shared or slowed down; half are reads of
//! memory all over a buffer that no cache holds, which show a neighbour that moves data.

use std::hint::black_box;
use std::time::Instant;

use ple_tensor::InstructionSet;
use rayon::prelude::*;
use serde_json::{Value, json};

/// Multiply-adds of each thread: some tenths of a second in portable code.
const MULTIPLY_ADDS: u64 = 1_000_000_000;

/// Values of the buffer: 256 MB.
const VALUES: usize = 1 << 26;

/// Reads of each thread: some tenths of a second.
const READS: usize = 1 << 22;

/// Does the work once with all threads, and says how long each half took.
pub(crate) fn measure() -> Value {
    let threads = rayon::current_num_threads();
    let buffer: Vec<u32> = (0..VALUES as u32).collect();
    let start = Instant::now();
    (0..threads).into_par_iter().with_max_len(1).for_each(|_| {
        InstructionSet::Portable.multiply_adds_in_registers(MULTIPLY_ADDS);
    });
    let arithmetic = start.elapsed().as_secs_f64();
    let start = Instant::now();
    (0..threads).into_par_iter().with_max_len(1).for_each(|thread| {
        black_box(walk(&buffer, thread));
    });
    let memory = start.elapsed().as_secs_f64();
    json!({
        "seconds": arithmetic + memory,
        "arithmetic_seconds": arithmetic,
        "memory_seconds": memory,
        "threads": threads,
        "instruction_set": ple_train::instruction_set(),
    })
}

/// Reads all over the buffer, each at a place that follows from the one before and from what was read there.
fn walk(buffer: &[u32], thread: usize) -> u32 {
    let mut place = thread as u32;
    for _ in 0..READS {
        place = buffer[place as usize % VALUES].wrapping_mul(1_664_525).wrapping_add(1_013_904_223) >> 3;
    }
    place
}
