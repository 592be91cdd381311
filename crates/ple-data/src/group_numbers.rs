//! The groups that rows are judged in: numbers for the values of a column, from one window of rows to the next.

use arrow_array::cast::AsArray;
use arrow_array::types::{Int64Type, UInt64Type};
use arrow_array::{Array, ArrayRef};
use arrow_cast::cast;
use arrow_schema::{ArrowError, DataType};
use hashbrown::HashMap;
use rustc_hash::FxBuildHasher;

use crate::arrow_columns::unpacked;
use crate::error::DataError;
use crate::group_columns::{array_of, is_text};
use crate::table::Table;
use crate::table_checks::MEMORY;

/// What stands in the place of a group's number for a row that has no value in the column: it is in no group.
pub const NO_GROUP: u32 = u32::MAX;

/// Numbers for the values of one column of some tables, so that rows of equal values have equal numbers.
///
/// Of a sparse feature the number is the id, so that values which its vocabulary does not have are one group. Of any other
/// column it counts the values in the order in which they are first seen, and equal integers are equal whatever their
/// widths. A null or an empty text is no value: the row is in no group.
///
/// Memory: 4 bytes a row for the numbers, and for a column that is no feature some 32 bytes for each distinct integer, or 40
/// and its bytes for each distinct text.
///
/// # Examples
///
/// ```
/// use ple_data::{Feature, FeatureSchema, GroupNumbers, Label, NO_GROUP, TaskType, read_tables_keeping};
///
/// let folder = tempfile::tempdir()?;
/// let path = folder.path().join("test.csv");
/// std::fs::write(&path, "session,item,click\nb,1,0\na,2,1\nb,0,1\n,1,0\n")?;
/// let schema = FeatureSchema::new(
///     vec![Feature::sparse("item", 3, 8)],
///     vec![Label::new("click", TaskType::Classification)],
///     vec![],
/// )?;
/// let table = read_tables_keeping(&[&path], &schema, &["session"])?;
/// let mut numbers = Vec::new();
/// GroupNumbers::default().append(&table, "session", &mut numbers)?;
/// assert_eq!(numbers, [0, 1, 0, NO_GROUP]);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, Default)]
pub struct GroupNumbers {
    integers: HashMap<i128, u32, FxBuildHasher>,
    texts: HashMap<String, u32, FxBuildHasher>,
}

impl GroupNumbers {
    /// Appends the number of each row's group by a column: a sparse feature, a key, or a column that was
    /// [kept](crate::read_tables_keeping).
    ///
    /// # Errors
    ///
    /// [`NoGroupColumn`](crate::NoGroupColumn) for a column that the table does not have, [`DataError::WrongType`] for one that is
    /// neither integers nor booleans nor text.
    pub fn append(&mut self, table: &Table, column: &str, numbers: &mut Vec<u32>) -> Result<(), DataError> {
        if let Some(feature) = table.schema().sparse().position(|feature| feature.name == column) {
            numbers.extend(table.sparse(feature));
            return Ok(());
        }
        let array = unpacked(array_of(table, column)?);
        let appended = match is_text(array.data_type()) {
            true => self.append_texts(&array, numbers),
            false => self.append_integers(&array, numbers),
        };
        appended.map_err(|error| DataError::Corrupt { path: MEMORY.into(), detail: error.to_string() })
    }

    fn append_integers(&mut self, array: &ArrayRef, numbers: &mut Vec<u32>) -> Result<(), ArrowError> {
        let Self { integers, texts } = self;
        let mut number = |value: Option<i128>| {
            let Some(value) = value else { return NO_GROUP };
            let fresh = (integers.len() + texts.len()) as u32;
            *integers.entry(value).or_insert(fresh)
        };
        match array.data_type() {
            DataType::UInt64 => {
                let values = array.as_primitive::<UInt64Type>();
                numbers.extend(values.iter().map(|value| number(value.map(i128::from))));
            }
            _ => {
                let values = cast(array, &DataType::Int64)?;
                let values = values.as_primitive::<Int64Type>();
                numbers.extend(values.iter().map(|value| number(value.map(i128::from))));
            }
        }
        Ok(())
    }

    fn append_texts(&mut self, array: &ArrayRef, numbers: &mut Vec<u32>) -> Result<(), ArrowError> {
        let array = cast(array, &DataType::LargeUtf8)?;
        for text in array.as_string::<i64>() {
            numbers.push(match text {
                None | Some("") => NO_GROUP,
                Some(text) => {
                    let fresh = (self.integers.len() + self.texts.len()) as u32;
                    *self.texts.entry_ref(text).or_insert(fresh)
                }
            });
        }
        Ok(())
    }
}
