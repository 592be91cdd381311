//! Multiply-adds of values that never leave registers: the most that a core can do, against which benchmarks hold a step.

use std::hint::black_box;

use super::instruction_set::InstructionSet;

/// Sums that are added to in turn, so that none waits for the one before: two a cycle, each of at most five cycles. With one
/// factor and one term they fit the 16 registers of AVX2.
const CHAINS: usize = 12;

/// Lanes of a sum of the portable set, and what its compiled loops have in a register.
const PORTABLE_LANES: usize = 4;

impl InstructionSet {
    /// Does at least `wanted` multiply-adds in registers, on the thread that calls, and gives back how many it did.
    ///
    /// # Panics
    /// If the processor lacks the set.
    ///
    /// ```
    /// use ple_tensor::InstructionSet;
    ///
    /// assert!(InstructionSet::Portable.multiply_adds_in_registers(1_000) >= 1_000);
    /// ```
    #[allow(unsafe_code, reason = "a call of code for an instruction set that the processor has")]
    pub fn multiply_adds_in_registers(self, wanted: u64) -> u64 {
        assert!(self <= Self::detected(), "this processor lacks {}", self.name());
        let rounds = |lanes: usize| wanted.div_ceil((CHAINS * lanes) as u64);
        let (sum, rounds, lanes) = match self {
            #[cfg(target_arch = "x86_64")]
            // SAFETY: the processor has the set, see above.
            Self::Avx512 => (unsafe { x86_64::avx512(rounds(16)) }, rounds(16), 16),
            #[cfg(target_arch = "x86_64")]
            // SAFETY: as above.
            Self::Avx2 => (unsafe { x86_64::avx2(rounds(8)) }, rounds(8), 8),
            _ => (portable(rounds(PORTABLE_LANES)), rounds(PORTABLE_LANES), PORTABLE_LANES),
        };
        black_box(sum);
        rounds * (CHAINS * lanes) as u64
    }
}

fn portable(rounds: u64) -> f32 {
    let [factor, term] = black_box([0.5_f32, 1.0]);
    let mut sums = [[0.0_f32; PORTABLE_LANES]; CHAINS];
    for _ in 0..rounds {
        for sum in &mut sums {
            sum.iter_mut().for_each(|sum| *sum = *sum * factor + term);
        }
    }
    sums.iter().flatten().sum()
}

#[cfg(target_arch = "x86_64")]
mod x86_64 {
    use std::arch::x86_64::{
        _mm256_add_ps, _mm256_cvtss_f32, _mm256_fmadd_ps, _mm256_set1_ps, _mm256_setzero_ps, _mm512_add_ps,
        _mm512_fmadd_ps, _mm512_reduce_add_ps, _mm512_set1_ps, _mm512_setzero_ps,
    };
    use std::hint::black_box;

    use super::CHAINS;

    #[target_feature(enable = "avx2,fma")]
    pub(super) fn avx2(rounds: u64) -> f32 {
        let [factor, term] = black_box([0.5, 1.0]).map(|value| _mm256_set1_ps(value));
        let mut sums = [_mm256_setzero_ps(); CHAINS];
        for _ in 0..rounds {
            for sum in &mut sums {
                *sum = _mm256_fmadd_ps(*sum, factor, term);
            }
        }
        let mut total = _mm256_setzero_ps();
        for sum in sums {
            total = _mm256_add_ps(total, sum);
        }
        // All lanes are wanted, or those that nothing reads would not be computed.
        _mm256_cvtss_f32(black_box(total))
    }

    #[target_feature(enable = "avx2,fma,avx512f,avx512bw,avx512dq,avx512vl")]
    pub(super) fn avx512(rounds: u64) -> f32 {
        let [factor, term] = black_box([0.5, 1.0]).map(|value| _mm512_set1_ps(value));
        let mut sums = [_mm512_setzero_ps(); CHAINS];
        for _ in 0..rounds {
            for sum in &mut sums {
                *sum = _mm512_fmadd_ps(*sum, factor, term);
            }
        }
        let mut total = _mm512_setzero_ps();
        for sum in sums {
            total = _mm512_add_ps(total, sum);
        }
        _mm512_reduce_add_ps(black_box(total))
    }
}
