//! Values in fewer bits: what a table's value becomes, and the scales that bytes need.
//!
//! A byte is a code between -127 and 127, and stands for the code times its column's scale. A scale for each column of a
//! table, rather than for each row, costs no bytes to speak of and no look-up: the product that reads the codes has the
//! scales in its weights.

use std::collections::BTreeMap;

use half::f16;
use ple_tensor::{ParamStore, TableId};

use crate::error::OnnxError;
use crate::options::Precision;
use crate::plan::{Plan, Segment, Source, Step};

/// The largest code of a table's value.
const LARGEST_CODE: f32 = 127.0;

/// The largest code of a weight: one bit less than a byte has. On processors without the instructions of VNNI runtimes add
/// two products of bytes in 16 bits, where larger weights would be cut off.
pub(crate) const LARGEST_WEIGHT_CODE: f64 = 63.0;

/// What is added to a table's code in the file: runtimes multiply unsigned bytes by signed ones fastest.
pub(crate) const ZERO_POINT: u8 = 128;

/// How each table that a plan reads is kept.
#[derive(Debug, Default)]
pub(crate) struct Rounding {
    tables: BTreeMap<TableId, TableForm>,
}

/// How a table is kept.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum TableForm {
    Floats,
    Halves,
    /// Bytes, with a scale for each column.
    Codes(Vec<f32>),
}

impl Rounding {
    /// The forms for a precision.
    ///
    /// # Errors
    /// [`OnnxError::TooLarge`].
    pub(crate) fn new(precision: Precision, plan: &Plan, store: &ParamStore) -> Result<Self, OnnxError> {
        let mut tables = BTreeMap::new();
        for segment in plan.steps.iter().flat_map(|step| match step {
            Step::Embedding(segments) => &segments[..],
            _ => &[],
        }) {
            let Some(table) = segment.table() else { continue };
            if tables.contains_key(&table) {
                continue;
            }
            let form = match precision {
                Precision::F32 => TableForm::Floats,
                Precision::F16 => {
                    check_halves(store, table)?;
                    TableForm::Halves
                }
                Precision::Int8 => TableForm::Codes(scales(store, table)),
            };
            tables.insert(table, form);
        }
        Ok(Self { tables })
    }

    /// How a table is kept.
    pub(crate) fn table(&self, table: TableId) -> &TableForm {
        self.tables.get(&table).unwrap_or(&TableForm::Floats)
    }
}

impl TableForm {
    /// What a value of a column becomes.
    #[cfg(any(feature = "proof", test))]
    pub(crate) fn rounded(&self, column: usize, value: f32) -> f32 {
        match self {
            TableForm::Floats => value,
            TableForm::Halves => f16::from_f32(value).to_f32(),
            TableForm::Codes(scales) => f32::from(signed_code(value, scales[column])) * scales[column],
        }
    }
}

/// The byte in the file that stands for a value.
pub(crate) fn code(value: f32, scale: f32) -> u8 {
    (signed_code(value, scale) as u8).wrapping_add(ZERO_POINT)
}

fn signed_code(value: f32, scale: f32) -> i8 {
    (value / scale).round_ties_even().clamp(-LARGEST_CODE, LARGEST_CODE) as i8
}

/// The scale of each column: its largest value is the largest code.
fn scales(store: &ParamStore, table: TableId) -> Vec<f32> {
    let mut largest = vec![0.0_f32; store.table(table).dim];
    for row in 0..store.table(table).rows {
        for (largest, value) in largest.iter_mut().zip(store.table_row(table, row)) {
            *largest = largest.max(value.abs());
        }
    }
    // A column of zeros, or of values that are as good as zero, has a scale too.
    largest.into_iter().map(|largest| (largest / LARGEST_CODE).max(f32::MIN_POSITIVE)).collect()
}

fn check_halves(store: &ParamStore, table: TableId) -> Result<(), OnnxError> {
    for row in 0..store.table(table).rows {
        if let Some(&value) = store.table_row(table, row).iter().find(|value| !fits_half(**value)) {
            return Err(OnnxError::TooLarge { parameter: store.table(table).name.clone(), row, value });
        }
    }
    Ok(())
}

/// Whether the nearest 16-bit float is a number.
pub(crate) fn fits_half(value: f32) -> bool {
    f16::from_f32(value).is_finite()
}

impl Segment {
    /// The table that a segment reads.
    pub(crate) fn table(&self) -> Option<TableId> {
        match self.source {
            Source::Lookup { table, .. } | Source::Bag { table, .. } | Source::Bins { table, .. } => {
                Some(table)
            }
            Source::Dense { .. } => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{TableForm, code};

    #[test]
    fn a_code_is_off_by_half_a_scale_at_most() {
        let scale = 0.3;
        let form = TableForm::Codes(vec![scale]);
        for step in -1270..=1270 {
            let value = step as f32 * 0.03;
            let rounded = form.rounded(0, value);
            assert!((rounded - value).abs() <= 0.5001 * scale, "{value} {rounded}");
            assert_eq!(rounded, (f32::from(code(value, scale)) - 128.0) * scale);
        }
        assert_eq!((code(-1e9, scale), code(0.0, scale), code(1e9, scale)), (1, 128, 255));
    }
}
