//! Lines of the raw format as numbers: the loop that all of the bytes go through.
//!
//! Nearly all features are of one form and are read at one go (`usual_feature.rs`). Any other feature is read step by step,
//! which also says what is wrong with it.

use super::digits::{TENS, TENS_F64, digits, load};
use super::fault::{RawFault, shown};
use super::format::{FEATURE_SEPARATOR, Fields, ID_SEPARATOR, VALUE_SEPARATOR};
use super::usual_feature::{WINDOW, usual_feature};

/// The bytes that have to follow the last line in memory, so that a window can be loaded from any of its places.
pub(super) const PADDING: usize = WINDOW;

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

/// The parts of a line of the skeleton.
pub(super) const SKELETON_PARTS: usize = 6;
/// The parts of a line of common features.
pub(super) const COMMON_PARTS: usize = 3;

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

/// The parts before the last one, which holds the features. A comma in the features is found when they are read.
fn split<const N: usize>(bytes: &[u8], start: usize, end: usize) -> Result<[(usize, usize); N], RawFault> {
    let mut parts = [(0, 0); N];
    let mut at = start;
    for part in &mut parts {
        let comma = bytes[at..end].iter().position(|&byte| byte == b',');
        let comma =
            comma.ok_or_else(|| RawFault::Parts { found: n_parts(&bytes[start..end]), expected: N + 1 })?;
        *part = (at, at + comma);
        at += comma + 1;
    }
    Ok(parts)
}

fn n_parts(line: &[u8]) -> usize {
    1 + memchr::memchr_iter(b',', line).count()
}

/// What is said about a line in which there is a fault: where it has not `expected` parts, nothing else counts.
#[cold]
pub(super) fn first_fault(line: &[u8], expected: usize, fault: RawFault) -> RawFault {
    match n_parts(line) {
        found if found != expected => RawFault::Parts { found, expected },
        _ => fault,
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
        if let Some(window) = bytes[at..].first_chunk::<WINDOW>()
            && let Some((key, feature)) = usual_feature(window)
            && at + feature.length <= end
            && (window[feature.length] == FEATURE_SEPARATOR && at + feature.length + 1 < end
                || at + feature.length == end)
        {
            if key != last_key {
                (last_key, last_field) = (key, fields.find(key));
            }
            if let Some(field) = last_field {
                visit(field, feature.id, feature.value);
                n_features += 1;
                at += feature.length + 1;
                continue;
            }
        }
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

/// The end of the feature that starts at a place.
fn feature_end(bytes: &[u8], at: usize, end: usize) -> usize {
    memchr::memchr(FEATURE_SEPARATOR, &bytes[at.min(end)..end]).map_or(end, |more| at + more)
}

#[cold]
fn malformed(bytes: &[u8], feature: usize, end: usize, position: u64) -> RawFault {
    RawFault::Feature { position, found: shown(&bytes[feature..feature_end(bytes, feature, end)]) }
}

/// The name of a field that is not known: not empty, inside of its feature, and text without a comma.
#[cold]
fn check_name(
    bytes: &[u8],
    start: usize,
    name_end: usize,
    end: usize,
    position: u64,
) -> Result<(), RawFault> {
    let feature_end = feature_end(bytes, start, end);
    if name_end >= feature_end || name_end == start || bytes[start..name_end].contains(&b',') {
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
    use crate::ali_ccp::ALI_CCP_SPARSE;

    fn padded(line: &[u8]) -> Vec<u8> {
        [line, &[b'\n'; PADDING]].concat()
    }

    fn features(list: &str, stated: u64) -> Result<Vec<(usize, u64, f32)>, RawFault> {
        let (bytes, end) = (padded(list.as_bytes()), list.len());
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

    /// What a feature is by definition: its parts between separators, read as numbers are in Rust.
    fn defined(feature: &str) -> Option<(&str, u64, f32)> {
        let (name, rest) = feature.split_once('\x02')?;
        let (id, value) = rest.split_once('\x03')?;
        let is_id = id.bytes().all(|byte| byte.is_ascii_digit()) && (1..=18).contains(&id.len());
        let is_id = is_id && (id.len() == 1 || !id.starts_with('0'));
        let value = value.parse::<f64>().ok().map(|value| value as f32).filter(|value| value.is_finite())?;
        (is_id && !name.is_empty()).then(|| Some((name, id.parse().ok()?, value)))?
    }

    #[test]
    fn features_are_what_they_are_by_definition_wherever_they_stand() {
        let names = ["101", "109_14", "999", "150_15", "1010", "x"];
        let ids = ["0", "7", "00", "03", "48048", "12345678", "123456789", "12a4", "", "9/9", "9:9", "4 4"];
        let values = [
            "1.0",
            "0",
            "3",
            "1234567",
            "12345678",
            "123456789",
            "2.41568",
            "0.000001",
            "123456.7",
            "1234567.8",
            "12.345678",
            "1.",
            ".5",
            "1..2",
            "1.2.3",
            "1.2x",
            "x1.2",
            "-1.5",
            "+1",
            "1e3",
            "1E-2",
            ".",
            "",
            "1/2",
            "1:2",
            "9999.999",
            "0.33333",
            "5.96046",
        ];
        let good = "121\x027958\x031.25";
        for name in names {
            for id in ids {
                for value in values {
                    let feature = format!("{name}\x02{id}\x03{value}");
                    let number = |name: &str| ALI_CCP_SPARSE.iter().position(|field| *field == name);
                    let found = defined(&feature);
                    let seen = found.and_then(|(name, id, value)| Some((number(name)?, id, value)));
                    let other = (1, 7958, 1.25);
                    for (list, expected) in [
                        (feature.clone(), vec![seen]),
                        (format!("{feature}\x01{good}"), vec![seen, Some(other)]),
                        (format!("{good}\x01{feature}"), vec![Some(other), seen]),
                        (format!("{good}\x01{feature}\x01{good}"), vec![Some(other), seen, Some(other)]),
                    ] {
                        let n_features = expected.len() as u64;
                        match features(&list, n_features) {
                            Ok(read) => {
                                assert!(found.is_some(), "{list:?} is no list");
                                assert_eq!(
                                    read,
                                    expected.into_iter().flatten().collect::<Vec<_>>(),
                                    "{list:?}"
                                );
                            }
                            Err(fault) => assert!(found.is_none(), "{list:?}: {fault}"),
                        }
                    }
                }
            }
        }
    }

    #[test]
    fn a_comma_too_many_is_what_is_wrong_first() {
        let line = b"i,2,101\x025\x031\x01a,b\x021\x031";
        let ((_, _), list) = common_line(&padded(line), 0, line.len()).unwrap();
        let fault =
            for_each_feature(&padded(line), list, &Fields::new(), StatedNumber::Checked, |_, _, _| ());
        let fault = first_fault(line, COMMON_PARTS, fault.unwrap_err());
        assert_eq!(fault, RawFault::Parts { found: 4, expected: 3 });
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
