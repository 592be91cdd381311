//! From Arrow arrays of any fitting type to ids and numbers, value by value checked.

use arrow_array::cast::AsArray;
use arrow_array::types::{
    ArrowPrimitiveType, Float16Type, Float32Type, Float64Type, Int8Type, Int16Type, Int32Type, Int64Type,
    UInt8Type, UInt16Type, UInt32Type, UInt64Type,
};
use arrow_array::{Array, ArrayRef, BooleanArray, Float64Array, LargeListArray, PrimitiveArray};
use arrow_cast::cast;
use arrow_schema::{DataType, Field};
use std::sync::Arc;

use crate::cell::{CellFault, check_id};

/// The types that an id column may have.
pub(crate) const ID_TYPES: &str = "integers of any width, signed or not, or booleans";
/// The types that a dense or label column may have.
pub(crate) const NUMBER_TYPES: &str = "floats, integers or booleans";
/// The types that a sequence column may have.
pub(crate) const ID_LIST_TYPES: &str = "lists of integers";
/// The types that a column of weights of a sequence may have.
pub(crate) const NUMBER_LIST_TYPES: &str = "lists of floats or integers";

/// Whether a type is an integer one, also behind a dictionary.
pub(crate) fn is_id_type(data_type: &DataType) -> bool {
    match data_type {
        DataType::Dictionary(_, values) => is_id_type(values),
        other => other.is_integer() || *other == DataType::Boolean,
    }
}

/// Whether a type is a number, also behind a dictionary.
pub(crate) fn is_number_type(data_type: &DataType) -> bool {
    match data_type {
        DataType::Dictionary(_, values) => is_number_type(values),
        other => other.is_floating() || is_id_type(other),
    }
}

/// The type of the elements if the type is a list.
pub(crate) fn list_element(data_type: &DataType) -> Option<&DataType> {
    match data_type {
        DataType::List(element) | DataType::LargeList(element) | DataType::FixedSizeList(element, _) => {
            Some(element.data_type())
        }
        _ => None,
    }
}

/// Calls `put(position, id)` for each value of an integer array; a fault comes with its position.
pub(crate) fn for_each_id(
    array: &ArrayRef,
    vocab_size: usize,
    mut put: impl FnMut(usize, u32),
) -> Result<(), (usize, CellFault)> {
    let array = unpacked(array);
    let missing = CellFault::Missing { expected: crate::cell::AN_ID };
    macro_rules! ids {
        ($kind:ty) => {
            for_each_value(array.as_primitive::<$kind>(), missing, |position, value| {
                check_id(value, vocab_size).map(|id| put(position, id))
            })
        };
    }
    match array.data_type() {
        DataType::Int8 => ids!(Int8Type),
        DataType::Int16 => ids!(Int16Type),
        DataType::Int32 => ids!(Int32Type),
        DataType::Int64 => ids!(Int64Type),
        DataType::UInt8 => ids!(UInt8Type),
        DataType::UInt16 => ids!(UInt16Type),
        DataType::UInt32 => ids!(UInt32Type),
        DataType::UInt64 => ids!(UInt64Type),
        DataType::Boolean => for_each_boolean(array.as_boolean(), missing, |position, value| {
            check_id(u8::from(value), vocab_size).map(|id| put(position, id))
        }),
        other => unreachable!("the readers check the type before, found {other}"),
    }
}

/// Calls `put(position, number)` for each value of a numeric array; a fault comes with its position.
pub(crate) fn for_each_number(
    array: &ArrayRef,
    mut put: impl FnMut(usize, f64) -> Result<(), CellFault>,
) -> Result<(), (usize, CellFault)> {
    let array = unpacked(array);
    let missing = CellFault::Missing { expected: crate::cell::A_NUMBER };
    macro_rules! numbers {
        ($kind:ty, $widen:expr) => {
            for_each_value(array.as_primitive::<$kind>(), missing, |position, value| {
                put(position, $widen(value))
            })
        };
    }
    match array.data_type() {
        DataType::Float16 => {
            numbers!(Float16Type, |value: <Float16Type as ArrowPrimitiveType>::Native| value.to_f64())
        }
        DataType::Float32 => numbers!(Float32Type, f64::from),
        DataType::Float64 => numbers!(Float64Type, f64::from),
        DataType::Int8 => numbers!(Int8Type, f64::from),
        DataType::Int16 => numbers!(Int16Type, f64::from),
        DataType::Int32 => numbers!(Int32Type, f64::from),
        DataType::Int64 => numbers!(Int64Type, |value| value as f64),
        DataType::UInt8 => numbers!(UInt8Type, f64::from),
        DataType::UInt16 => numbers!(UInt16Type, f64::from),
        DataType::UInt32 => numbers!(UInt32Type, f64::from),
        DataType::UInt64 => numbers!(UInt64Type, |value| value as f64),
        DataType::Boolean => for_each_boolean(array.as_boolean(), missing, |position, value| {
            put(position, f64::from(u8::from(value)))
        }),
        other => unreachable!("the readers check the type before, found {other}"),
    }
}

/// The numbers of a numeric array, with its nulls.
pub(crate) fn number_or_null(array: &ArrayRef) -> Result<Float64Array, arrow_schema::ArrowError> {
    Ok(cast(&unpacked(array), &DataType::Float64)?.as_primitive::<Float64Type>().clone())
}

/// A list array of any of the three kinds as one with 64-bit offsets.
pub(crate) fn as_large_list(array: &ArrayRef) -> Result<LargeListArray, arrow_schema::ArrowError> {
    let element = list_element(array.data_type()).cloned().unwrap_or(DataType::Null);
    let target = DataType::LargeList(Arc::new(Field::new_list_field(element, true)));
    Ok(cast(array, &target)?.as_list::<i64>().clone())
}

/// A dictionary-encoded array with its values written out.
pub(crate) fn unpacked(array: &ArrayRef) -> ArrayRef {
    match array.data_type() {
        DataType::Dictionary(_, values) => {
            cast(array, values).expect("a dictionary can always be written out as its values")
        }
        _ => Arc::clone(array),
    }
}

fn for_each_value<T: ArrowPrimitiveType>(
    array: &PrimitiveArray<T>,
    missing: CellFault,
    mut put: impl FnMut(usize, T::Native) -> Result<(), CellFault>,
) -> Result<(), (usize, CellFault)> {
    refuse_nulls(array, missing)?;
    for (position, &value) in array.values().iter().enumerate() {
        put(position, value).map_err(|fault| (position, fault))?;
    }
    Ok(())
}

fn for_each_boolean(
    array: &BooleanArray,
    missing: CellFault,
    mut put: impl FnMut(usize, bool) -> Result<(), CellFault>,
) -> Result<(), (usize, CellFault)> {
    refuse_nulls(array, missing)?;
    for (position, value) in array.values().iter().enumerate() {
        put(position, value).map_err(|fault| (position, fault))?;
    }
    Ok(())
}

fn refuse_nulls(array: &dyn Array, missing: CellFault) -> Result<(), (usize, CellFault)> {
    if array.null_count() == 0 {
        return Ok(());
    }
    match (0..array.len()).find(|&position| array.is_null(position)) {
        Some(position) => Err((position, missing)),
        None => Ok(()),
    }
}
