//! A raw id as it stands in a file: a text, or a whole number, which is the same key as its decimal text.

use std::borrow::Cow;
use std::fmt;

/// A raw id: what a vocabulary or a hash turns into the number of a row of an embedding table.
///
/// A text that is a whole number in its usual form (digits without leading zeros, at most one minus sign, within 64 bits)
/// is the same key as that number. So `42` in a CSV file, `"42"` in a column of strings and 42 in a column of integers are
/// one key, and `042` is another. Nothing is trimmed and no letter is changed.
///
/// # Examples
///
/// ```
/// use ple_data::prepare::Key;
///
/// assert_eq!(Key::from("42"), Key::from(42_i64));
/// assert_ne!(Key::from("042"), Key::from(42_i64));
/// assert_eq!(Key::from(u64::MAX).to_string(), "18446744073709551615");
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Key<'a> {
    /// A whole number of 64 bits.
    Integer(i64),
    /// Any other text.
    Text(Cow<'a, str>),
}

/// The most bytes of a whole number of 64 bits.
const LONGEST_INTEGER: usize = 20;

impl<'a> From<&'a str> for Key<'a> {
    fn from(text: &'a str) -> Self {
        match canonical_integer(text.as_bytes()) {
            Some(value) => Key::Integer(value),
            None => Key::Text(Cow::Borrowed(text)),
        }
    }
}

impl From<i64> for Key<'_> {
    fn from(value: i64) -> Self {
        Key::Integer(value)
    }
}

impl From<u64> for Key<'_> {
    fn from(value: u64) -> Self {
        match i64::try_from(value) {
            Ok(value) => Key::Integer(value),
            Err(_) => Key::Text(Cow::Owned(value.to_string())),
        }
    }
}

impl fmt::Display for Key<'_> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Key::Integer(value) => value.fmt(formatter),
            Key::Text(text) => text.fmt(formatter),
        }
    }
}

impl Key<'_> {
    /// Calls `use_text` with the key's text, without making one for the heap.
    pub(crate) fn with_text<T>(&self, use_text: impl FnOnce(&[u8]) -> T) -> T {
        match self {
            Key::Text(text) => use_text(text.as_bytes()),
            Key::Integer(value) => {
                let mut digits = [0; LONGEST_INTEGER];
                use_text(decimal(*value, &mut digits))
            }
        }
    }
}

/// The number that a text is, if the number's own text is the same.
fn canonical_integer(text: &[u8]) -> Option<i64> {
    let digits = text.strip_prefix(b"-").unwrap_or(text);
    let is_usual = match digits {
        [b'0'] => digits.len() == text.len(),
        [b'1'..=b'9', rest @ ..] => rest.len() < LONGEST_INTEGER && rest.iter().all(u8::is_ascii_digit),
        _ => false,
    };
    if !is_usual {
        return None;
    }
    // Down from 0, since the smallest number has no positive twin.
    let magnitude = digits
        .iter()
        .try_fold(0_i64, |value, digit| value.checked_mul(10)?.checked_sub(i64::from(digit - b'0')))?;
    if digits.len() < text.len() { Some(magnitude) } else { magnitude.checked_neg() }
}

/// The decimal text of a number, at the end of a buffer.
fn decimal(value: i64, buffer: &mut [u8; LONGEST_INTEGER]) -> &[u8] {
    let (mut rest, mut start) = (value.unsigned_abs(), LONGEST_INTEGER);
    loop {
        start -= 1;
        buffer[start] = b'0' + (rest % 10) as u8;
        rest /= 10;
        if rest == 0 {
            break;
        }
    }
    if value < 0 {
        start -= 1;
        buffer[start] = b'-';
    }
    &buffer[start..]
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn only_usual_numbers_are_numbers() {
        for text in ["0", "7", "-7", "9223372036854775807", "-9223372036854775808"] {
            assert_eq!(Key::from(text), Key::Integer(text.parse().unwrap()), "{text}");
        }
        let others = ["", "-", "-0", "00", "01", "+1", " 1", "1 ", "1.0", "9223372036854775808", "1e3", "１"];
        for text in others {
            assert_eq!(Key::from(text), Key::Text(Cow::Borrowed(text)), "{text}");
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(2000))]
        #[test]
        fn a_number_and_its_text_are_one_key(value in any::<i64>(), shift in 0u32..63) {
            let value = value >> shift;
            let text = value.to_string();
            prop_assert_eq!(Key::from(text.as_str()), Key::from(value));
            prop_assert_eq!(Key::from(value).with_text(<[u8]>::to_vec), text.as_bytes());
        }

        #[test]
        fn the_text_of_a_key_is_the_text(text in "[-+0-9a ]{0,22}") {
            prop_assert_eq!(Key::from(text.as_str()).to_string(), text);
        }
    }
}
