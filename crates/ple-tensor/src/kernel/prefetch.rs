//! Hints for rows that will be read soon: random rows of a table are bound by the memory's latency, not its speed.

#![allow(unsafe_code, reason = "a hint takes an address")]

/// Rows between the row in hand and the one that is fetched.
pub(crate) const ROWS_AHEAD: usize = 16;

/// Asks for the cache lines of `length` values from `start` on; does nothing where they do not exist.
#[inline(always)]
pub(crate) fn prefetch(values: &[f32], start: usize, length: usize) {
    #[cfg(target_arch = "x86_64")]
    if start + length <= values.len() {
        for offset in (0..length).step_by(16) {
            let address = values[start + offset..].as_ptr();
            // SAFETY: a hint reads nothing that a program could see, and the address is one of `values`.
            unsafe {
                std::arch::x86_64::_mm_prefetch::<{ std::arch::x86_64::_MM_HINT_T0 }>(address.cast());
            }
        }
    }
    #[cfg(not(target_arch = "x86_64"))]
    let _ = (values, start, length);
}

/// Asks for `rows` rows of `length` values each, `stride` values apart; addresses that do not exist are harmless.
#[inline(always)]
pub(crate) fn prefetch_scattered(start: *const f32, rows: usize, stride: usize, length: usize) {
    #[cfg(target_arch = "x86_64")]
    for row in 0..rows {
        for offset in (0..length).step_by(16) {
            let address = start.wrapping_add(row * stride + offset);
            // SAFETY: a hint reads nothing that a program could see, and does not fault.
            unsafe {
                std::arch::x86_64::_mm_prefetch::<{ std::arch::x86_64::_MM_HINT_T0 }>(address.cast());
            }
        }
    }
    #[cfg(not(target_arch = "x86_64"))]
    let _ = (start, rows, stride, length);
}
