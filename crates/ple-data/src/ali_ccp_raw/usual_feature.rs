//! The usual feature at one go: nearly all features have a known length of name, a short id and a plain value.
//!
//! Where a feature ends decides where the next one starts, so the processor waits for that and for little else. Here both
//! ends are found at once in the sixteen bytes after the name, and the numbers are worked out meanwhile.

use super::digits::{ZEROS, load, number, others};
use super::format::{ID_SEPARATOR, VALUE_SEPARATOR};

/// The bytes that are looked at for one feature: the longest name with its separator, sixteen after it, and eight that
/// are loaded with the last of them.
pub(super) const WINDOW: usize = 32;

/// A feature whose name has 3 or 6 bytes, and whose id and value are short and plain.
pub(super) struct UsualFeature {
    pub(super) id: u64,
    pub(super) value: f32,
    /// The bytes before the one that ends it, which is any control byte below 16.
    pub(super) length: usize,
}

/// The name, as a number with its first byte lowest, and the rest of the feature that a window starts with, if the
/// feature is of the usual form: an id of at most 8 digits, a value of at most 8 bytes with digits before and after a
/// point, or of at most 7 digits, and both within 16 bytes.
#[inline(always)]
pub(super) fn usual_feature(window: &[u8; WINDOW]) -> Option<(u64, UsualFeature)> {
    let name = load(window, 0);
    let (key, id_start) = if (name >> 24) & 0xFF == u64::from(ID_SEPARATOR) {
        (name & 0xFF_FFFF, 4)
    } else if (name >> 48) & 0xFF == u64::from(ID_SEPARATOR) {
        (name & 0xFFFF_FFFF_FFFF, 7)
    } else {
        return None;
    };
    let word = load(window, id_start);
    let ends = control_bytes(word) | control_bytes(load(window, id_start + 8)) << 8;
    let after_id = ends & ends.wrapping_sub(1);
    if after_id == 0 {
        return None;
    }
    let id_length = ends.trailing_zeros() as usize;
    let length = after_id.trailing_zeros() as usize;
    let value_length = length - id_length - 1;
    if !(1..=8).contains(&id_length) || !(1..=8).contains(&value_length) {
        return None;
    }
    let value_start = id_start + id_length + 1;
    let id_digits = (word ^ ZEROS) << (64 - 8 * id_length);
    let is_id = window[value_start - 1] == VALUE_SEPARATOR
        && others(id_digits) == 0
        && (id_length == 1 || word & 0xFF != u64::from(b'0'));

    // The value's bytes move to the end of the word, with zeros before them; then those before the point one place on.
    let digits = (load(window, value_start) ^ ZEROS) << (64 - 8 * value_length);
    let no_digits = others(digits);
    let (value, is_value) = if no_digits == 0 {
        (number(digits) as f32, value_length < 8)
    } else {
        let point = no_digits.trailing_zeros() & !7;
        let before = digits & ((1 << point) - 1);
        // No place is left for a digit after a point in the last byte; the shift by 64 is one by 0 then, which is refused.
        let after = digits.wrapping_shr(point + 8).wrapping_shl(point + 8);
        let n_after = 7 - point as usize / 8;
        let is_value = no_digits & no_digits.wrapping_sub(1) == 0
            && digits >> point & 0xFF == u64::from(b'.' ^ b'0')
            && n_after > 0
            && n_after + 1 < value_length;
        // At most seven digits and a power of ten, both exact in 32 bits, so that the quotient is rounded once.
        (number(before << 8 | after) as f32 / TENS[n_after], is_value)
    };
    let length = id_start + length;
    (is_id && is_value).then_some((key, UsualFeature { id: number(id_digits), value, length }))
}

/// Powers of ten, to divide by.
const TENS: [f32; 8] = [1e0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7];

/// A bit for each of eight bytes that is below 16: a separator, or the end of a line.
#[inline]
fn control_bytes(word: u64) -> u64 {
    let high = word & 0xF0F0_F0F0_F0F0_F0F0;
    // A half that is not zero reaches the highest bit, without a carry into the next byte.
    let reached = (high >> 1) + 0x7878_7878_7878_7878;
    ((!reached & 0x8080_8080_8080_8080) >> 7).wrapping_mul(0x0102_0408_1020_4080) >> 56
}
