//! A stretch of rows as columns of plain values, whatever file they came from.

use arrow_array::cast::AsArray;
use arrow_array::types::UInt64Type;
use arrow_array::{Array, ArrayRef, LargeStringArray};
use arrow_cast::cast;
use arrow_schema::{ArrowError, DataType};

use crate::arrow_columns::{as_large_list, list_element, unpacked};

/// Some consecutive rows of a part.
pub(super) struct Chunk {
    pub rows: usize,
    /// One for each column that is described, in their order.
    pub columns: Vec<Column>,
}

/// The values of one column in these rows.
pub(super) struct Column {
    pub values: Values,
    /// Which rows have none; empty if all have one.
    pub nulls: Vec<bool>,
}

/// Values of one kind, one for each row; where a row has none, anything stands.
pub(super) enum Values {
    Integers(Vec<i64>),
    /// Whole numbers of which some have more than 63 bits, as 64-bit hashes do.
    Wide(Vec<i128>),
    Numbers(Vec<f64>),
    Texts(LargeStringArray),
    /// The lengths of the rows' lists, and the elements of all of them one after the other.
    Lists {
        lengths: Vec<u32>,
        elements: Box<Column>,
    },
    /// Dates, structs and the rest: only whether there is a value.
    Opaque,
}

impl Column {
    /// Whether a row has a value.
    pub(super) fn has(&self, row: usize) -> bool {
        self.nulls.is_empty() || !self.nulls[row]
    }

    /// Whether a row has no value, or one that says the same: NaN.
    pub(super) fn is_gap(&self, row: usize) -> bool {
        !self.has(row) || matches!(&self.values, Values::Numbers(values) if values[row].is_nan())
    }

    /// A row's value as a number, if it is one.
    pub(super) fn number(&self, row: usize) -> Option<f64> {
        match &self.values {
            _ if !self.has(row) => None,
            Values::Integers(values) => Some(values[row] as f64),
            Values::Wide(values) => Some(values[row] as f64),
            Values::Numbers(values) => Some(values[row]),
            _ => None,
        }
    }

    /// The values of an Arrow array.
    pub(super) fn from_array(array: &ArrayRef) -> Result<Self, ArrowError> {
        let array = unpacked(array);
        let nulls = match array.logical_nulls().filter(|nulls| nulls.null_count() > 0) {
            Some(nulls) => nulls.iter().map(|valid| !valid).collect(),
            None => Vec::new(),
        };
        let values = match array.data_type() {
            DataType::UInt64 => {
                let values = array.as_primitive::<UInt64Type>().values();
                let narrow = values.iter().map(|&value| i64::try_from(value).ok()).collect();
                match narrow {
                    Some(narrow) => Values::Integers(narrow),
                    None => Values::Wide(values.iter().map(|&value| value.into()).collect()),
                }
            }
            kind if kind.is_integer() || *kind == DataType::Boolean => {
                let cast = cast(&array, &DataType::Int64)?;
                Values::Integers(cast.as_primitive::<arrow_array::types::Int64Type>().values().to_vec())
            }
            kind if kind.is_floating() => {
                let cast = cast(&array, &DataType::Float64)?;
                Values::Numbers(cast.as_primitive::<arrow_array::types::Float64Type>().values().to_vec())
            }
            DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View => {
                Values::Texts(cast(&array, &DataType::LargeUtf8)?.as_string::<i64>().clone())
            }
            kind if list_element(kind).is_some() => {
                let lists = as_large_list(&array)?;
                let offsets = lists.value_offsets();
                let lengths = offsets.windows(2).map(|pair| (pair[1] - pair[0]) as u32).collect();
                let (start, end) = (offsets[0] as usize, offsets[offsets.len() - 1] as usize);
                let elements = Box::new(Self::from_array(&lists.values().slice(start, end - start))?);
                Values::Lists { lengths, elements }
            }
            _ => Values::Opaque,
        };
        Ok(Self { values, nulls })
    }
}
