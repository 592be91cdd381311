//! From raw columns to typed values, row by row checked, the same for fitting and for writing.
//!
//! What makes a row a bad one is decided here, without anything that was fitted: a row that is skipped in one pass is
//! skipped in the other.

use arrow_array::builder::LargeStringBuilder;
use arrow_array::{Array, ArrayRef};
use arrow_cast::cast;
use arrow_schema::{ArrowError, DataType};
use xxhash_rust::xxh3::{xxh3_64, xxh3_64_with_seed};

use super::feature_file::{MissingId, RowSplit};
use super::input::{Part, PartRule};
use super::raw_chunk::RawChunk;
use super::raw_column::{KeyColumn, elements, is_text_type, key_lists, numbers, texts};
use super::row_layout::RowLayout;
use super::transformation::{FittedFeature, FittedKind, ListForm, Transformation};
use crate::cell::{A_NUMBER, CellFault, check_dense, check_label, check_weight};
use crate::csv_lines::shortened;
use crate::error::DataError;
use crate::parquet_limits::corrupt;
use crate::read_csv::number_of;

/// What a cell of raw ids holds, for messages.
const A_KEY: &str = "an id";
/// What a cell of a list holds, for messages.
const A_LIST: &str = "a list of ids, which may be empty";

/// The rows of a chunk as typed values.
pub(crate) struct DecodedRows {
    pub(crate) features: Vec<DecodedFeature>,
    /// The columns of numbers that tasks need; a missing one is NaN.
    pub(crate) numbers: Vec<Vec<f32>>,
    pub(crate) keys: Vec<ArrayRef>,
    /// The good rows of each part.
    pub(crate) rows: [Vec<u32>; 3],
    /// A number for each row by which samples are drawn.
    pub(crate) draws: Vec<u64>,
    /// What is wrong with the bad rows, in the order of the file.
    pub(crate) faults: Vec<DataError>,
    pub(crate) bytes: u64,
}

/// The values of a feature.
pub(crate) enum DecodedFeature {
    Keys(KeyColumn),
    /// The list of row r is at `offsets[r]..offsets[r + 1]`.
    Lists {
        offsets: Vec<usize>,
        keys: KeyColumn,
        weights: Option<Vec<f32>>,
    },
    /// A missing value is NaN.
    Numbers(Vec<f64>),
}

/// What decodes chunks.
pub(crate) struct Decoder<'a> {
    pub(crate) transformation: &'a Transformation,
    pub(crate) layout: &'a RowLayout,
}

/// The bad rows of a chunk, with the first thing that is wrong with each.
struct Faults<'a> {
    chunk: &'a RawChunk,
    layout: &'a RowLayout,
    of_row: Vec<Option<Box<DataError>>>,
}

impl Faults<'_> {
    fn add(&mut self, column: usize, row: usize, fault: CellFault) {
        if self.of_row[row].is_none() {
            let name = &self.layout.columns[column];
            let error = fault.at(&self.chunk.file.path, self.chunk.place(row), name);
            self.of_row[row] = Some(Box::new(error));
        }
    }
}

impl Decoder<'_> {
    /// Decodes a chunk.
    ///
    /// # Errors
    ///
    /// What is wrong with a file as a whole; what is wrong with rows is among their values.
    pub(crate) fn decode(&self, mut chunk: RawChunk) -> Result<DecodedRows, DataError> {
        let line_faults = std::mem::take(&mut chunk.faults);
        let mut faults =
            Faults { chunk: &chunk, layout: self.layout, of_row: (0..chunk.rows).map(|_| None).collect() };
        let numbers = self.numbers(&mut faults)?;
        let positions = self.transformation.features.iter().zip(&self.layout.features);
        let features = positions
            .map(|(feature, &(column, weights))| decode_feature(&mut faults, feature, column, weights));
        let features = features.collect::<Result<Vec<_>, DataError>>()?;
        let of_row = faults.of_row;
        let keys = self.layout.keys.iter().map(|&column| key_array(&chunk.columns[column]));
        let keys =
            keys.collect::<Result<_, _>>().map_err(|error: ArrowError| corrupt(&chunk.file.path, &error))?;

        let draws: Vec<u64> =
            (0..chunk.rows).map(|row| draw(chunk.file.number, chunk.ordinal(row))).collect();
        let rows = self.parts(&chunk, &draws, &of_row)?;
        let of_rows = of_row.into_iter().enumerate();
        let of_rows = of_rows.filter_map(|(row, fault)| Some((chunk.ordinal(row), *fault?)));
        let mut all: Vec<(u64, DataError)> = line_faults.into_iter().chain(of_rows).collect();
        all.sort_by_key(|&(place, _)| place);
        Ok(DecodedRows {
            features,
            numbers,
            keys,
            rows,
            draws,
            faults: all.into_iter().map(|(_, fault)| fault).collect(),
            bytes: chunk.bytes,
        })
    }

    /// The columns of numbers that tasks need, checked for what each task asks of them.
    fn numbers(&self, faults: &mut Faults<'_>) -> Result<Vec<Vec<f32>>, DataError> {
        let columns = self.layout.numbers.iter();
        let raw = columns.map(|number| optional_numbers(faults, number.column));
        let raw = raw.collect::<Result<Vec<Vec<Option<f64>>>, DataError>>()?;
        for (number, values) in self.layout.numbers.iter().zip(&raw) {
            if number.is_weight {
                for (row, value) in values.iter().enumerate() {
                    let weight =
                        value.ok_or(CellFault::Missing { expected: A_NUMBER }).and_then(check_weight);
                    if let Err(fault) = weight {
                        faults.add(number.column, row, fault);
                    }
                }
            }
            for &task in &number.label_of {
                let label = &self.transformation.schema.labels[task];
                let decisive = label.space.column().and_then(|column| {
                    let position = self.layout.columns.iter().position(|known| known == column);
                    self.layout.numbers.iter().position(|known| Some(known.column) == position)
                });
                for (row, &value) in values.iter().enumerate() {
                    let decisive = decisive.and_then(|decisive| raw[decisive][row]);
                    let checked = match value {
                        // Whatever the space: a label that is there is one of the task's.
                        Some(value) => check_label(value, label.task).map(|_| ()),
                        None => label.space.label(None, decisive, label.task).map(|_| ()),
                    };
                    if let Err(fault) = checked {
                        faults.add(number.column, row, fault);
                    }
                }
            }
        }
        let mut numbers = Vec::with_capacity(raw.len());
        for (number, values) in self.layout.numbers.iter().zip(raw) {
            let narrowed = values.into_iter().enumerate().map(|(row, value)| match value.map(check_dense) {
                None => f32::NAN,
                // Adding 0 makes a negative zero positive.
                Some(Ok(value)) => value + 0.0,
                Some(Err(fault)) => {
                    faults.add(number.column, row, fault);
                    f32::NAN
                }
            });
            numbers.push(narrowed.collect());
        }
        Ok(numbers)
    }

    /// The good rows of each part.
    fn parts(
        &self,
        chunk: &RawChunk,
        draws: &[u64],
        faults: &[Option<Box<DataError>>],
    ) -> Result<[Vec<u32>; 3], DataError> {
        let mut rows = [Vec::new(), Vec::new(), Vec::new()];
        let split = self.transformation.split.as_ref().filter(|_| chunk.file.part == PartRule::Split);
        let by = split.and(self.layout.by).map(|by| KeyColumn::of(&chunk.columns[by]));
        let by = by.transpose().map_err(|error| corrupt(&chunk.file.path, &error))?;
        for (row, &draw) in draws.iter().enumerate().filter(|&(row, _)| faults[row].is_none()) {
            let part = match (chunk.file.part, split) {
                (PartRule::Whole(part), _) => part,
                (PartRule::Split, None) => Part::Train,
                (PartRule::Split, Some(split)) => split.part(match &by {
                    None => draw,
                    Some(by) => by.get(row).map_or(0, |key| key.with_text(xxh3_64)),
                }),
            };
            rows[part as usize].push(row as u32);
        }
        Ok(rows)
    }
}

/// A key as it is carried along: texts of any kind become those of one kind, so that files agree.
fn key_array(array: &ArrayRef) -> Result<ArrayRef, ArrowError> {
    cast(array, &key_type(array.data_type()))
}

/// The type in which a key is carried along.
pub(crate) fn key_type(data_type: &DataType) -> DataType {
    if is_text_type(data_type) { DataType::LargeUtf8 } else { data_type.clone() }
}

impl RowSplit {
    /// The part of what has a number.
    fn part(&self, number: u64) -> Part {
        let hash = xxh3_64_with_seed(&number.to_le_bytes(), self.seed);
        // From 0 to below 1, in steps that 64-bit floats can tell apart.
        let place = (hash >> 11) as f64 / (1_u64 << 53) as f64;
        match place {
            place if place < self.val => Part::Val,
            place if place < self.val + self.test => Part::Test,
            _ => Part::Train,
        }
    }
}

/// A number for a row that depends on its place alone.
fn draw(file: u64, ordinal: u64) -> u64 {
    xxh3_64_with_seed(&ordinal.to_le_bytes(), file)
}

/// The values of a column of numbers or of texts of numbers; what is no number is a fault.
fn optional_numbers(faults: &mut Faults<'_>, column: usize) -> Result<Vec<Option<f64>>, DataError> {
    let array = &faults.chunk.columns[column];
    let refuse = |error| corrupt(&faults.chunk.file.path, &error);
    if !is_text_type(array.data_type()) {
        return Ok(numbers(array)
            .map_err(refuse)?
            .iter()
            .map(|value| value.filter(|value| !value.is_nan()))
            .collect());
    }
    let texts = texts(array).map_err(refuse)?;
    let mut values = Vec::with_capacity(texts.len());
    for (row, text) in texts.iter().enumerate() {
        values.push(match text.map(number_of) {
            None | Some(Err(CellFault::Missing { .. })) => None,
            Some(Ok(value)) => Some(value).filter(|value| !value.is_nan()),
            Some(Err(fault)) => {
                faults.add(column, row, fault);
                None
            }
        });
    }
    Ok(values)
}

fn decode_feature(
    faults: &mut Faults<'_>,
    feature: &FittedFeature,
    column: usize,
    weights: Option<usize>,
) -> Result<DecodedFeature, DataError> {
    let chunk = faults.chunk;
    let refuse = |error| corrupt(&chunk.file.path, &error);
    let array = &chunk.columns[column];
    match &feature.kind {
        FittedKind::Sparse { missing, .. } => {
            let keys = KeyColumn::of(array).map_err(refuse)?;
            if *missing == MissingId::Fail {
                for row in (0..chunk.rows).filter(|&row| keys.get(row).is_none()) {
                    faults.add(column, row, CellFault::Missing { expected: A_KEY });
                }
            }
            Ok(DecodedFeature::Keys(keys))
        }
        FittedKind::Dense { missing, .. } => {
            let mut values = Vec::with_capacity(chunk.rows);
            for (row, value) in optional_numbers(faults, column)?.into_iter().enumerate() {
                values.push(match value.map(|value| check_dense(value).map(|_| value)) {
                    Some(Ok(value)) => value,
                    None if missing.is_some() => f64::NAN,
                    None => {
                        faults.add(column, row, CellFault::Missing { expected: A_NUMBER });
                        f64::NAN
                    }
                    Some(Err(fault)) => {
                        faults.add(column, row, fault);
                        f64::NAN
                    }
                });
            }
            Ok(DecodedFeature::Numbers(values))
        }
        FittedKind::Sequence { form: ListForm::Text { separator, weight_separator }, missing, .. } => {
            let lists = texts(array).map_err(refuse)?;
            decode_texts(faults, column, &lists, separator, weight_separator.as_deref(), *missing)
        }
        FittedKind::Sequence { form: ListForm::List { .. }, missing, .. } => {
            let (lists, keys) = key_lists(array).map_err(refuse)?;
            let first = lists.value_offsets()[0];
            let offsets: Vec<usize> =
                lists.value_offsets().iter().map(|&offset| (offset - first) as usize).collect();
            for row in 0..chunk.rows {
                let lacks_one =
                    lists.is_null(row) || (offsets[row]..offsets[row + 1]).any(|at| keys.get(at).is_none());
                if *missing == MissingId::Fail && lacks_one {
                    let expected = if lists.is_null(row) { A_LIST } else { A_KEY };
                    faults.add(column, row, CellFault::Missing { expected });
                }
            }
            let weights =
                weights.map(|weights| list_weights(faults, column, weights, &offsets)).transpose()?;
            Ok(DecodedFeature::Lists { offsets, keys, weights })
        }
    }
}

/// The weights of lists, from a column of their own.
fn list_weights(
    faults: &mut Faults<'_>,
    ids: usize,
    column: usize,
    offsets: &[usize],
) -> Result<Vec<f32>, DataError> {
    let chunk = faults.chunk;
    let refuse = |error| corrupt(&chunk.file.path, &error);
    let lists = crate::arrow_columns::as_large_list(&chunk.columns[column]).map_err(refuse)?;
    let values = numbers(&elements(&lists)).map_err(refuse)?;
    let mut weights = vec![0.0; offsets[offsets.len() - 1]];
    let first = lists.value_offsets()[0];
    for (row, pair) in lists.value_offsets().windows(2).enumerate() {
        let found = (pair[1] - pair[0]) as usize;
        let wanted = offsets[row]..offsets[row + 1];
        if found != wanted.len() {
            let weights_column = faults.layout.columns[column].clone();
            let fault = CellFault::Lengths { weights_column, ids: wanted.len(), weights: found };
            faults.add(ids, row, fault);
            continue;
        }
        for (at, to) in ((pair[0] - first) as usize..).zip(wanted) {
            let value = values.is_valid(at).then(|| values.value(at));
            match value.ok_or(CellFault::Missing { expected: A_NUMBER }).and_then(check_dense) {
                Ok(weight) => weights[to] = weight,
                Err(fault) => faults.add(column, row, fault),
            }
        }
    }
    Ok(weights)
}

/// Takes lists apart that are texts.
fn decode_texts(
    faults: &mut Faults<'_>,
    column: usize,
    lists: &arrow_array::LargeStringArray,
    separator: &str,
    weight_separator: Option<&str>,
    missing: MissingId,
) -> Result<DecodedFeature, DataError> {
    let mut keys = LargeStringBuilder::with_capacity(4 * lists.len(), lists.value_data().len());
    let mut offsets = Vec::with_capacity(lists.len() + 1);
    let mut weights = weight_separator.map(|_| Vec::new());
    let mut n_keys = 0;
    offsets.push(0);
    for (row, text) in lists.iter().enumerate() {
        if text.is_none() && missing == MissingId::Fail {
            faults.add(column, row, CellFault::Missing { expected: A_LIST });
        }
        let parts = list_elements(text.unwrap_or_default(), separator, weight_separator);
        for (key, weight) in parts {
            if key.is_empty() && missing == MissingId::Fail {
                faults.add(column, row, CellFault::Missing { expected: A_KEY });
            }
            keys.append_value(key);
            n_keys += 1;
            if let Some(weights) = &mut weights {
                weights.push(weight.unwrap_or_else(|fault| {
                    faults.add(column, row, fault);
                    0.0
                }));
            }
        }
        offsets.push(n_keys);
    }
    Ok(DecodedFeature::Lists { offsets, keys: KeyColumn::Texts(keys.finish()), weights })
}

/// The ids of a list that is a text, with their weights: 1 where there is none.
pub(crate) fn list_elements<'t>(
    text: &'t str,
    separator: &'t str,
    weight_separator: Option<&'t str>,
) -> impl Iterator<Item = (&'t str, Result<f32, CellFault>)> {
    // Splitting an empty text gives one empty element, and an empty text is an empty list.
    let elements = (!text.is_empty()).then(|| text.split(separator)).into_iter().flatten();
    elements.map(move |element| {
        let Some((key, weight)) = weight_separator.and_then(|between| element.rsplit_once(between)) else {
            return (element, Ok(1.0));
        };
        let weight = number_of(weight).and_then(check_weight).map_err(|fault| match fault {
            CellFault::Missing { .. } | CellFault::NotANumber { .. } => {
                CellFault::NotANumber { value: shortened(element), expected: A_WEIGHT }
            }
            other => other,
        });
        (key, weight)
    })
}

/// What stands after an id, for messages.
const A_WEIGHT: &str = "an id and a number as its weight";
