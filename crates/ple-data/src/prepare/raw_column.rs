//! Raw columns of any fitting type as keys, numbers and lists, whatever kind of file they come from.

use std::fmt::Write;
use std::sync::Arc;

use arrow_array::builder::LargeStringBuilder;
use arrow_array::cast::AsArray;
use arrow_array::types::{Float64Type, Int64Type, UInt64Type};
use arrow_array::{Array, ArrayRef, Float64Array, Int64Array, LargeListArray, LargeStringArray, UInt64Array};
use arrow_cast::cast;
use arrow_schema::{ArrowError, DataType};

use super::key::Key;
use crate::arrow_columns::{as_large_list, is_id_type, is_number_type, list_element, unpacked};

/// The types that a column of raw ids may have.
pub(crate) const KEY_TYPES: &str = "texts, integers, booleans or bytes";
/// The types that a column of lists of raw ids may have.
pub(crate) const KEY_LIST_TYPES: &str =
    "lists of texts, integers, booleans or bytes (or texts, with a separator)";
/// The types that a column of numbers may have.
pub(crate) const NUMBER_OR_TEXT_TYPES: &str = "floats, integers, booleans, decimals or texts of numbers";

/// Raw ids, one after the other.
#[derive(Debug, Clone)]
pub(crate) enum KeyColumn {
    Texts(LargeStringArray),
    Integers(Int64Array),
    Unsigned(UInt64Array),
}

impl KeyColumn {
    /// The keys of an array; bytes are keys by their hexadecimal digits.
    pub(crate) fn of(array: &ArrayRef) -> Result<Self, ArrowError> {
        let array = unpacked(array);
        Ok(match array.data_type() {
            DataType::UInt64 => KeyColumn::Unsigned(array.as_primitive::<UInt64Type>().clone()),
            kind if is_id_type(kind) => {
                KeyColumn::Integers(cast(&array, &DataType::Int64)?.as_primitive::<Int64Type>().clone())
            }
            kind if is_bytes(kind) => KeyColumn::Texts(hexadecimal(&array)?),
            _ => KeyColumn::Texts(cast(&array, &DataType::LargeUtf8)?.as_string::<i64>().clone()),
        })
    }

    /// The key at a position. A null and an empty text are none.
    #[inline]
    pub(crate) fn get(&self, position: usize) -> Option<Key<'_>> {
        match self {
            KeyColumn::Texts(texts) => {
                let text = texts.is_valid(position).then(|| texts.value(position))?;
                (!text.is_empty()).then(|| Key::from(text))
            }
            KeyColumn::Integers(values) => {
                values.is_valid(position).then(|| Key::from(values.value(position)))
            }
            KeyColumn::Unsigned(values) => {
                values.is_valid(position).then(|| Key::from(values.value(position)))
            }
        }
    }
}

/// Whether a column of this type can hold raw ids.
pub(crate) fn is_key_type(data_type: &DataType) -> bool {
    match data_type {
        DataType::Dictionary(_, values) => is_key_type(values),
        other => is_text_type(other) || is_id_type(other) || is_bytes(other),
    }
}

/// Whether a column of this type holds texts.
pub(crate) fn is_text_type(data_type: &DataType) -> bool {
    match data_type {
        DataType::Dictionary(_, values) => is_text_type(values),
        other => matches!(other, DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View),
    }
}

/// Whether a column of this type holds lists of raw ids.
pub(crate) fn is_key_list_type(data_type: &DataType) -> bool {
    list_element(data_type).is_some_and(is_key_type)
}

/// Whether a column of this type holds lists of numbers.
pub(crate) fn is_number_list_type(data_type: &DataType) -> bool {
    list_element(data_type).is_some_and(is_number_type)
}

/// Whether a column of this type can hold numbers, as numbers or as texts.
pub(crate) fn is_number_or_text_type(data_type: &DataType) -> bool {
    let is_decimal = matches!(data_type, DataType::Decimal128(..) | DataType::Decimal256(..));
    is_number_type(data_type) || is_text_type(data_type) || is_decimal
}

fn is_bytes(data_type: &DataType) -> bool {
    matches!(
        data_type,
        DataType::Binary | DataType::LargeBinary | DataType::BinaryView | DataType::FixedSizeBinary(_)
    )
}

fn hexadecimal(array: &ArrayRef) -> Result<LargeStringArray, ArrowError> {
    let bytes = cast(array, &DataType::LargeBinary)?;
    let bytes = bytes.as_binary::<i64>();
    let mut texts = LargeStringBuilder::with_capacity(bytes.len(), 2 * bytes.value_data().len());
    let mut text = String::new();
    for value in bytes {
        match value {
            None => texts.append_null(),
            Some(value) => {
                text.clear();
                for byte in value {
                    // Writing into a string does not fail.
                    let _ = write!(text, "{byte:02x}");
                }
                texts.append_value(&text);
            }
        }
    }
    Ok(texts.finish())
}

/// Numbers with nulls, of an array of numbers.
pub(crate) fn numbers(array: &ArrayRef) -> Result<Float64Array, ArrowError> {
    Ok(cast(&unpacked(array), &DataType::Float64)?.as_primitive::<Float64Type>().clone())
}

/// The texts of an array of texts.
pub(crate) fn texts(array: &ArrayRef) -> Result<LargeStringArray, ArrowError> {
    Ok(cast(&unpacked(array), &DataType::LargeUtf8)?.as_string::<i64>().clone())
}

/// Lists of keys: the lists, and the keys of all of them from the first list's start on.
pub(crate) fn key_lists(array: &ArrayRef) -> Result<(LargeListArray, KeyColumn), ArrowError> {
    let lists = as_large_list(array)?;
    let keys = KeyColumn::of(&elements(&lists))?;
    Ok((lists, keys))
}

/// The elements of all lists, from the first list's start on.
pub(crate) fn elements(lists: &LargeListArray) -> ArrayRef {
    let offsets = lists.value_offsets();
    let (start, end) = (offsets[0] as usize, offsets[offsets.len() - 1] as usize);
    Arc::clone(lists.values()).slice(start, end - start)
}
