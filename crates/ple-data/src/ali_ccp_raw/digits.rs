//! Digits, eight at a time, as in D. Lemire's and J. Mula's work on parsing numbers: eight bytes are loaded as one number,
//! the digits at its start are counted and put into their places by multiplications.

/// Eight times the digit 0.
pub(super) const ZEROS: u64 = 0x3030_3030_3030_3030;

/// The highest bit of each byte that is no digit, after the digit 0 was taken from all.
#[inline]
pub(super) fn others(digits: u64) -> u64 {
    ((digits & 0x7F7F_7F7F_7F7F_7F7F).wrapping_add(0x7676_7676_7676_7676) | digits) & 0x8080_8080_8080_8080
}

/// The number that eight digits make, of which the first is the lowest byte.
#[inline]
pub(super) fn number(digits: u64) -> u64 {
    let word = digits.wrapping_mul(10).wrapping_add(digits >> 8);
    let pairs = (word & 0x0000_00FF_0000_00FF).wrapping_mul(0x000F_4240_0000_0064);
    let other_pairs = ((word >> 16) & 0x0000_00FF_0000_00FF).wrapping_mul(0x0000_2710_0000_0001);
    pairs.wrapping_add(other_pairs) >> 32
}

/// Eight bytes from a place on, the first of them lowest.
#[inline]
pub(super) fn load(bytes: &[u8], at: usize) -> u64 {
    let mut word = [0; 8];
    word.copy_from_slice(&bytes[at..at + 8]);
    u64::from_le_bytes(word)
}

/// The number that the digits at the start of eight bytes make, and how many there are.
#[inline]
pub(super) fn digits(word: u64) -> (u64, usize) {
    let word = word ^ ZEROS;
    let n_digits = (others(word).trailing_zeros() / 8) as usize;
    if n_digits == 0 {
        return (0, 0);
    }
    // The digits move to the end, with zeros before them.
    (number(word << (64 - 8 * n_digits)), n_digits)
}

/// Powers of ten: what a number is multiplied by to make room for so many digits.
pub(super) const TENS: [u64; 9] = [1, 10, 100, 1_000, 10_000, 100_000, 1_000_000, 10_000_000, 100_000_000];
/// The same, to divide by.
pub(super) const TENS_F64: [f64; 9] = [1e0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8];
