//! The rate of single-precision multiply-adds that the machine's cores reach in registers, all threads at once: no product
//! can be faster, whoever wrote it.

use std::collections::BTreeMap;
use std::time::Instant;

use ple_tensor::InstructionSet;
use rayon::prelude::*;

use crate::repeats::median_of_repeats;

/// Multiply-adds of a thread between two looks at the clock: some milliseconds.
const WORK: u64 = 100_000_000;

/// Floating-point operations a second of each set that the processor has, up to the one in use; a multiply-add is two.
pub(crate) fn by_set(seconds: f64) -> BTreeMap<&'static str, f64> {
    let sets = InstructionSet::ALL.into_iter().filter(|&set| set <= InstructionSet::in_use());
    let sets: Vec<InstructionSet> = sets.collect();
    let each = seconds / sets.len() as f64;
    sets.into_iter().map(|set| (set.name(), flops_per_second(set, each))).collect()
}

fn flops_per_second(set: InstructionSet, seconds: f64) -> f64 {
    let threads = rayon::current_num_threads();
    let done = 2.0 * (threads as u64 * set.multiply_adds_in_registers(WORK)) as f64;
    let median = median_of_repeats(seconds, || {
        let start = Instant::now();
        (0..threads).into_par_iter().with_max_len(1).for_each(|_| {
            set.multiply_adds_in_registers(WORK);
        });
        start.elapsed().as_secs_f64()
    });
    done / median
}

#[cfg(test)]
mod tests {
    use super::{InstructionSet, by_set};

    #[test]
    fn every_set_up_to_the_one_in_use_has_a_rate() {
        let rates = by_set(1e-9);
        assert!(rates.contains_key("portable") && rates.contains_key(InstructionSet::in_use().name()));
        assert!(rates.values().all(|rate| *rate > 1e6), "{rates:?}");
    }
}
