//! What can be wrong with a line of a raw file, and what becomes of such a line.

use std::fmt;

/// What is wrong with a line of a raw file. `Display` gives three lines: what, what was expected, the next step.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub enum RawFault {
    /// Another number of parts between commas.
    Parts {
        /// How many there are.
        found: usize,
        /// How many there have to be.
        expected: usize,
    },
    /// A label is neither 0 nor 1.
    Label {
        /// `click` or `purchase`.
        field: &'static str,
        /// The text there.
        found: String,
    },
    /// The common-feature index is empty, or holds bytes that are no text.
    Index {
        /// The text there.
        found: String,
    },
    /// The index has no line among the common features.
    UnknownIndex {
        /// The index.
        index: String,
    },
    /// The index has an earlier line among the common features.
    DuplicateIndex {
        /// The index.
        index: String,
    },
    /// The stated number of features is no number.
    FeatureNumber {
        /// The text there.
        found: String,
    },
    /// The list holds another number of features than the line says.
    FeatureCount {
        /// The number that the line says.
        stated: u64,
        /// The number of features in the list.
        found: u64,
    },
    /// A feature does not consist of a field, byte 2, an id, byte 3 and a value.
    Feature {
        /// Its place in the list, counted from 1.
        position: u64,
        /// Its text.
        found: String,
    },
    /// The name of a field is not UTF-8.
    FieldName {
        /// The feature's place in the list, counted from 1.
        position: u64,
        /// Its text.
        found: String,
    },
    /// The id of a feature is no id.
    Id {
        /// The field.
        field: String,
        /// The text there.
        found: String,
    },
    /// The value of a feature is no finite number.
    Value {
        /// The field.
        field: String,
        /// The text there.
        found: String,
    },
    /// The weight of an id in a list is negative.
    NegativeWeight {
        /// The field of the list.
        field: &'static str,
        /// The weight.
        weight: f32,
    },
}

impl RawFault {
    /// A word or two for what is wrong, by which skipped lines are counted.
    pub fn reason(&self) -> &'static str {
        match self {
            RawFault::Parts { .. } => "number of parts",
            RawFault::Label { .. } => "label",
            RawFault::Index { .. } => "index",
            RawFault::UnknownIndex { .. } => "index without common features",
            RawFault::DuplicateIndex { .. } => "duplicate index",
            RawFault::FeatureNumber { .. } => "stated number of features",
            RawFault::FeatureCount { .. } => "number of features",
            RawFault::Feature { .. } => "form of a feature",
            RawFault::FieldName { .. } => "field name",
            RawFault::Id { .. } => "id",
            RawFault::Value { .. } => "value",
            RawFault::NegativeWeight { .. } => "negative weight",
        }
    }
}

impl fmt::Display for RawFault {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (found, expected, next) = match self {
            RawFault::Parts { found, expected } => (
                format!("found {found} parts between commas"),
                format!("{expected}, as in `{}`", if *expected == 6 { SKELETON_FORM } else { COMMON_FORM }),
                "look at the line; it may be cut off, or the file has another separator",
            ),
            RawFault::Label { field, found } => {
                (format!("{field}: found `{found}`"), "0 or 1".to_owned(), "correct the label")
            }
            RawFault::Index { found } => (
                format!("common_feature_index: found `{found}`"),
                "a text of 1 to 64 characters".to_owned(),
                "look at the line; it may be damaged",
            ),
            RawFault::UnknownIndex { index } => (
                format!("common_feature_index: `{index}` has no common features"),
                "an index that has a line in the file of common features".to_owned(),
                "check that both files are whole and belong together",
            ),
            RawFault::DuplicateIndex { index } => (
                format!("common_feature_index: `{index}` has had a line before"),
                "each index once".to_owned(),
                "remove one of the lines",
            ),
            RawFault::FeatureNumber { found } => (
                format!("feature_num: found `{found}`"),
                "the number of features in the list".to_owned(),
                "look at the line; it may be damaged",
            ),
            RawFault::FeatureCount { stated, found } => (
                format!("found {found} features"),
                format!("{stated}, as feature_num says"),
                "look at the line; it may be cut off",
            ),
            RawFault::Feature { position, found } => (
                format!("feature {position}: found `{found}`"),
                "field, byte 2, id, byte 3, value; byte 1 between features".to_owned(),
                "look at the line; it may be cut off, or its separators were replaced",
            ),
            RawFault::FieldName { position, found } => (
                format!("feature {position}: the text `{found}` is not UTF-8"),
                "the name of a field".to_owned(),
                "look at the line; it may be damaged",
            ),
            RawFault::Id { field, found } => (
                format!("feature of field `{field}`: found the id `{found}`"),
                "a whole number of at most 18 digits, without sign or leading zero".to_owned(),
                "correct the id",
            ),
            RawFault::Value { field, found } => (
                format!("feature of field `{field}`: found the value `{found}`"),
                "a finite number that fits into 32 bits".to_owned(),
                "correct the value",
            ),
            RawFault::NegativeWeight { field, weight } => (
                format!("feature of field `{field}`: found the weight {weight}"),
                "0 (it counts for nothing) or a positive number".to_owned(),
                "correct the weight",
            ),
        };
        write!(formatter, "{found}\nexpected: {expected}\nnext: {next}")
    }
}

const SKELETON_FORM: &str = "sample_id,click,purchase,common_feature_index,feature_num,features";
const COMMON_FORM: &str = "common_feature_index,feature_num,features";

/// The longest piece of a line that a message shows, in characters.
const SHOWN: usize = 40;

/// Some bytes of a line as a message shows them: control bytes escaped, what is not UTF-8 replaced, and not too much.
pub(super) fn shown(bytes: &[u8]) -> String {
    let text = String::from_utf8_lossy(&bytes[..bytes.len().min(4 * SHOWN)]);
    let mut shown = String::new();
    for (position, character) in text.chars().enumerate() {
        if position == SHOWN {
            shown.push_str("...");
            break;
        }
        match character.is_control() {
            true => shown.extend(character.escape_default()),
            false => shown.push(character),
        }
    }
    shown
}
