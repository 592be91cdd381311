//! Lines of the raw format as numbers: the loop that all of the bytes go through.
//!
//! Ids and values are read eight digits at a time, as in D. Lemire's and J. Mula's work on parsing numbers: eight bytes
//! are loaded as one number, the digits at its start are counted and put into their places by multiplications.

use super::fault::{RawFault, shown};
use super::format::{FEATURE_SEPARATOR, Fields, ID_SEPARATOR, VALUE_SEPARATOR};

/// The bytes that have to follow the last line in memory, so that eight can be loaded from any of its places.
pub(super) const PADDING: usize = 16;

/// The longest index.
const MAX_INDEX: usize = 64;

/// The parts of a skeleton's line, with its features not yet looked at.
#[derive(Debug, PartialEq)]
pub(super) struct SkeletonLine {
    pub(super) click: bool,
    pub(super) purchase: bool,
    /// The index, as places in the bytes that were read.
    pub(super) index: (usize, usize),
    pub(super) features: FeatureList,
}

/// The features of a line.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct FeatureList {
    /// How many the line says that there are.
    pub(super) stated: u64,
    /// Where the list starts.
    pub(super) start: usize,
    /// Where it ends.
    pub(super) end: usize,
}

/// Splits `bytes[start..end]`, a line of the skeleton without its end. Its index is not looked at.
pub(super) fn skeleton_line(bytes: &[u8], start: usize, end: usize) -> Result<SkeletonLine, RawFault> {
    let [sample_id, click, purchase, index, stated] = split(bytes, start, end)?;
    let _ = sample_id;
    let label = |field, (start, end): (usize, usize)| match &bytes[start..end] {
        b"0" => Ok(false),
        b"1" => Ok(true),
        other => Err(RawFault::Label { field, found: shown(other) }),
    };
    let (click, purchase) = (label("click", click)?, label("purchase", purchase)?);
    let features =
        FeatureList { stated: feature_number(&bytes[stated.0..stated.1])?, start: stated.1 + 1, end };
    Ok(SkeletonLine { click, purchase, index, features })
}

/// Splits `bytes[start..end]`, a line of common features without its end, into the index and the features.
pub(super) fn common_line(
    bytes: &[u8],
    start: usize,
    end: usize,
) -> Result<((usize, usize), FeatureList), RawFault> {
    let [index, stated] = split(bytes, start, end)?;
    check_index(&bytes[index.0..index.1])?;
    let features =
        FeatureList { stated: feature_number(&bytes[stated.0..stated.1])?, start: stated.1 + 1, end };
    Ok((index, features))
}

/// The parts before the last one, which holds the features and no comma.
fn split<const N: usize>(bytes: &[u8], start: usize, end: usize) -> Result<[(usize, usize); N], RawFault> {
    let fault = || {
        let found = 1 + memchr::memchr_iter(b',', &bytes[start..end]).count();
        RawFault::Parts { found, expected: N + 1 }
    };
    let mut parts = [(0, 0); N];
    let mut at = start;
    for part in &mut parts {
        let comma = bytes[at..end].iter().position(|&byte| byte == b',').ok_or_else(fault)?;
        *part = (at, at + comma);
        at += comma + 1;
    }
    match memchr::memchr(b',', &bytes[at..end]) {
        Some(_) => Err(fault()),
        None => Ok(parts),
    }
}

/// Whether an index can be one.
pub(super) fn check_index(index: &[u8]) -> Result<(), RawFault> {
    let is_text = std::str::from_utf8(index).is_ok_and(|text| !text.chars().any(char::is_control));
    match !index.is_empty() && index.len() <= MAX_INDEX && is_text {
        true => Ok(()),
        false => Err(RawFault::Index { found: shown(index) }),
    }
}

fn feature_number(text: &[u8]) -> Result<u64, RawFault> {
    let number = std::str::from_utf8(text).ok().filter(|text| !text.starts_with('+'));
    number.and_then(|text| text.parse().ok()).ok_or_else(|| RawFault::FeatureNumber { found: shown(text) })
}

/// What a line's number of features has to do with its list.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum StatedNumber {
    /// It has to be right.
    Checked,
    /// Nobody looks at it.
    Ignored,
}

/// Calls `visit` with field, id and value of each feature of a field that is known; others are checked for their form.
///
/// `bytes` goes on for at least [`PADDING`] bytes after the list.
#[inline]
pub(super) fn for_each_feature(
    bytes: &[u8],
    list: FeatureList,
    fields: &Fields,
    stated_number: StatedNumber,
    mut visit: impl FnMut(usize, u64, f32),
) -> Result<(), RawFault> {
    let FeatureList { stated, start, end } = list;
    let mut at = start;
    let mut n_features = 0;
    let (mut last_key, mut last_field) = (0, None);
    while at < end {
        let feature = at;
        let malformed = |position| malformed(bytes, feature, end, position);
        n_features += 1;
        // The name of a field that is known has 3 or 6 bytes.
        let word = load(bytes, at);
        let field = if (word >> 24) & 0xFF == u64::from(ID_SEPARATOR) {
            let key = word & 0xFF_FFFF;
            at += 4;
            if key != last_key {
                (last_key, last_field) = (key, fields.find(key));
            }
            last_field
        } else if (word >> 48) & 0xFF == u64::from(ID_SEPARATOR) {
            let key = word & 0xFFFF_FFFF_FFFF;
            at += 7;
            if key != last_key {
                (last_key, last_field) = (key, fields.find(key));
            }
            last_field
        } else {
            let name = memchr::memchr(ID_SEPARATOR, &bytes[at..end]).ok_or_else(|| malformed(n_features))?;
            at += name + 1;
            None
        };
        if field.is_none() {
            check_name(bytes, feature, at - 1, end, n_features)?;
        }

        let id_start = at;
        let (mut id, mut n_digits) = digits(load(bytes, at));
        at += n_digits;
        while n_digits >= 8 && n_digits % 8 == 0 && n_digits < 24 {
            let (more, n_more) = digits(load(bytes, at));
            if n_more == 0 {
                break;
            }
            id = id.wrapping_mul(TENS[n_more]).wrapping_add(more);
            at += n_more;
            n_digits += n_more;
        }
        let is_id = (1..=18).contains(&n_digits) && (n_digits == 1 || bytes[id_start] != b'0');
        if !is_id || bytes[at] != VALUE_SEPARATOR || at >= end {
            return Err(id_fault(bytes, feature, id_start, end, n_features));
        }
        at += 1;

        let value_start = at;
        let (whole, n_whole) = digits(load(bytes, at));
        let mut value = whole as f64;
        let mut is_plain = (1..8).contains(&n_whole);
        at += n_whole;
        if bytes[at] == b'.' {
            let (part, n_part) = digits(load(bytes, at + 1));
            value = (whole * TENS[n_part] + part) as f64 / TENS_F64[n_part];
            is_plain &= (1..8).contains(&n_part);
            at += 1 + n_part;
        }
        if !(is_plain && (at == end || bytes[at] == FEATURE_SEPARATOR)) {
            at = feature_end(bytes, value_start, end);
            value = other_value(bytes, feature, value_start, at)?;
        }
        if let Some(field) = field {
            visit(field, id, value as f32);
        }
        at += 1;
        if at == end {
            return Err(RawFault::Feature { position: n_features + 1, found: String::new() });
        }
    }
    match stated_number == StatedNumber::Ignored || stated == n_features {
        true => Ok(()),
        false => Err(RawFault::FeatureCount { stated, found: n_features }),
    }
}

#[inline]
fn load(bytes: &[u8], at: usize) -> u64 {
    let mut word = [0; 8];
    word.copy_from_slice(&bytes[at..at + 8]);
    u64::from_le_bytes(word)
}

/// The number that the digits at the start of eight bytes make, and how many there are.
#[inline]
fn digits(word: u64) -> (u64, usize) {
    let word = word ^ 0x3030_3030_3030_3030;
    let others =
        ((word & 0x7F7F_7F7F_7F7F_7F7F).wrapping_add(0x7676_7676_7676_7676) | word) & 0x8080_8080_8080_8080;
    let n_digits = (others.trailing_zeros() / 8) as usize;
    if n_digits == 0 {
        return (0, 0);
    }
    // The digits move to the end, with zeros before them.
    let word = word << (64 - 8 * n_digits);
    let word = word.wrapping_mul(10).wrapping_add(word >> 8);
    let pairs = (word & 0x0000_00FF_0000_00FF).wrapping_mul(0x000F_4240_0000_0064);
    let other_pairs = ((word >> 16) & 0x0000_00FF_0000_00FF).wrapping_mul(0x0000_2710_0000_0001);
    (pairs.wrapping_add(other_pairs) >> 32, n_digits)
}

const TENS: [u64; 9] = [1, 10, 100, 1_000, 10_000, 100_000, 1_000_000, 10_000_000, 100_000_000];
const TENS_F64: [f64; 9] = [1e0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8];

/// The end of the feature that starts at a place.
fn feature_end(bytes: &[u8], at: usize, end: usize) -> usize {
    memchr::memchr(FEATURE_SEPARATOR, &bytes[at.min(end)..end]).map_or(end, |more| at + more)
}

#[cold]
fn malformed(bytes: &[u8], feature: usize, end: usize, position: u64) -> RawFault {
    RawFault::Feature { position, found: shown(&bytes[feature..feature_end(bytes, feature, end)]) }
}

/// The name of a field that is not known: not empty, inside of its feature, and text.
#[cold]
fn check_name(
    bytes: &[u8],
    start: usize,
    name_end: usize,
    end: usize,
    position: u64,
) -> Result<(), RawFault> {
    let feature_end = feature_end(bytes, start, end);
    if name_end >= feature_end || name_end == start {
        return Err(malformed(bytes, start, end, position));
    }
    match std::str::from_utf8(&bytes[start..name_end]) {
        Ok(_) => Ok(()),
        Err(_) => Err(RawFault::FieldName { position, found: shown(&bytes[start..name_end]) }),
    }
}

#[cold]
fn id_fault(bytes: &[u8], feature: usize, id_start: usize, end: usize, position: u64) -> RawFault {
    let feature_end = feature_end(bytes, feature, end);
    let id_start = id_start.min(feature_end);
    match memchr::memchr(VALUE_SEPARATOR, &bytes[id_start..feature_end]) {
        None => malformed(bytes, feature, end, position),
        Some(length) => RawFault::Id {
            field: shown(&bytes[feature..id_start.saturating_sub(1).max(feature)]),
            found: shown(&bytes[id_start..id_start + length]),
        },
    }
}

/// A value with a sign, an exponent or many digits.
#[cold]
fn other_value(bytes: &[u8], feature: usize, start: usize, feature_end: usize) -> Result<f64, RawFault> {
    let text = &bytes[start..feature_end];
    let number = std::str::from_utf8(text).ok().and_then(|text| text.parse::<f64>().ok());
    number.filter(|number| (*number as f32).is_finite()).ok_or_else(|| {
        let name = memchr::memchr(ID_SEPARATOR, &bytes[feature..feature_end]).unwrap_or(0);
        RawFault::Value { field: shown(&bytes[feature..feature + name]), found: shown(text) }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn features(list: &str, stated: u64) -> Result<Vec<(usize, u64, f32)>, RawFault> {
        let mut bytes = list.as_bytes().to_vec();
        let end = bytes.len();
        bytes.extend([b'\n'; PADDING]);
        let mut found = Vec::new();
        let list = FeatureList { stated, start: 0, end };
        for_each_feature(&bytes, list, &Fields::new(), StatedNumber::Checked, |field, id, value| {
            found.push((field, id, value));
        })?;
        Ok(found)
    }

    #[test]
    fn numbers_of_every_length_are_read() {
        for n_digits in 1..=18 {
            let id: u64 = "123456789123456789"[..n_digits].parse().unwrap();
            for value in
                ["1.0", "0.69315", "12", "1234567.1234567", "-2.5", "1e3", "0.123456789", "123456789.5"]
            {
                let list = format!("101\x02{id}\x03{value}\x01999_xyz\x021\x032\x01150_14\x020\x03{value}");
                let expected = value.parse::<f64>().unwrap() as f32;
                assert_eq!(features(&list, 3).unwrap(), [(0, id, expected), (22, 0, expected)], "{list:?}");
            }
        }
    }

    #[test]
    fn an_empty_list_has_no_feature() {
        assert_eq!(features("", 0).unwrap(), []);
        assert_eq!(features("", 2), Err(RawFault::FeatureCount { stated: 2, found: 0 }));
    }

    #[test]
    fn what_is_no_feature_is_refused() {
        let feature = |found: &str| RawFault::Feature { position: 1, found: found.to_owned() };
        let id = |found: &str| RawFault::Id { field: "101".to_owned(), found: found.to_owned() };
        let value = |found: &str| RawFault::Value { field: "101".to_owned(), found: found.to_owned() };
        for (list, fault) in [
            ("101", feature("101")),
            ("101\x02", feature("101\\u{2}")),
            ("101\x025", feature("101\\u{2}5")),
            ("101 5 1.0", feature("101 5 1.0")),
            ("\x025\x031", feature("\\u{2}5\\u{3}1")),
            ("a\x01b\x02c", feature("a")),
            ("101\x02\x031", id("")),
            ("101\x0205\x031", id("05")),
            ("101\x02-5\x031", id("-5")),
            ("101\x025a\x031", id("5a")),
            ("101\x021234567890123456789\x031", id("1234567890123456789")),
            ("101\x025\x03", value("")),
            ("101\x025\x03nan", value("nan")),
            ("101\x025\x031e99", value("1e99")),
            ("101\x025\x031.", value("1.x")),
        ] {
            if list.ends_with("1.") {
                // Rust and Python both read `1.` as a number.
                assert_eq!(features(list, 1).unwrap(), [(0, 5, 1.0)]);
                continue;
            }
            assert_eq!(features(list, 1), Err(fault), "{list:?}");
        }
        let cut_off = features("101\x025\x031\x01", 1);
        assert_eq!(cut_off, Err(RawFault::Feature { position: 2, found: String::new() }));
    }
}
