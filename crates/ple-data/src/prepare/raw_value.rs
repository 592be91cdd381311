//! Raw values of single rows, as a server has them, to the numbers of prepared rows: the same rules as for files.

use ndarray::Array2;

use super::decode::list_elements;
use super::encoder::Encoder;
use super::error::PrepareError;
use super::feature_file::MissingId;
use super::key::Key;
use super::transformation::{FittedFeature, FittedKind, ListForm, Transformation};
use crate::batch::SequenceBatch;
use crate::cell::check_dense;
use crate::error::DataError;
use crate::read_csv::parse_number;
use crate::short_number::ShortNumber;

/// A raw value of a row.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum RawValue<'a> {
    /// There is none. An empty text says the same.
    Missing,
    /// A whole number: an id, or a dense value.
    Integer(i64),
    /// A text: an id, a list with a separator, or a dense value in digits.
    Text(&'a str),
    /// A number with a fraction: a dense value, never an id. NaN is a missing value.
    Number(f64),
    /// A list of ids.
    Integers(&'a [i64]),
    /// A list of ids.
    Texts(&'a [&'a str]),
    /// A list of numbers: the weights of a list of ids.
    Numbers(&'a [f32]),
}

/// Rows as a model reads them, without labels.
#[derive(Debug, Clone, PartialEq)]
pub struct EncodedFeatures {
    /// The number of rows.
    pub rows: usize,
    /// The ids of each sparse feature, row by row.
    pub sparse: Vec<Vec<u32>>,
    /// The lists of each sequence feature.
    pub sequences: Vec<SequenceBatch>,
    /// The dense values `[rows, dense features]`, scaled.
    pub dense: Array2<f32>,
}

impl Transformation {
    /// Encodes rows whose raw values `value(row, column)` gives, as the rows of files are encoded. Labels are not asked for.
    ///
    /// # Errors
    ///
    /// [`PrepareError::Value`] for a value that would make a row of a file a bad one, or is of another kind than its feature.
    ///
    /// # Examples
    ///
    /// ```
    /// use ple_data::prepare::{
    ///     Arithmetic, Encoder, FittedFeature, FittedKind, KeyVocabulary, MissingId, NamedEncoder, RawValue, Scaler,
    ///     Transformation,
    /// };
    /// use ple_data::{Feature, FeatureSchema, Label, TaskType};
    ///
    /// let cities = KeyVocabulary::new(1, [("oslo".into(), 3), ("rome".into(), 1)]);
    /// let schema = FeatureSchema::new(
    ///     vec![Feature::sparse("city", 3, 8), Feature::dense("price")],
    ///     vec![Label::new("click", TaskType::Classification)],
    ///     vec![],
    /// )?;
    /// let features = vec![
    ///     FittedFeature {
    ///         name: "city".into(),
    ///         column: "city".into(),
    ///         kind: FittedKind::Sparse { encoder: "city".into(), missing: MissingId::Unknown },
    ///     },
    ///     FittedFeature {
    ///         name: "price".into(),
    ///         column: "price".into(),
    ///         kind: FittedKind::Dense {
    ///             scaler: Scaler::MinMax { minimum: 0.0, maximum: 10.0 },
    ///             missing: None,
    ///             arithmetic: Arithmetic::Double,
    ///         },
    ///     },
    /// ];
    /// let encoders = vec![NamedEncoder { name: "city".into(), encoder: Encoder::Vocabulary(cities) }];
    /// let transformation = Transformation::new(schema, features, encoders);
    /// let rows = [("rome", 2.5), ("lima", 5.0)];
    /// let encoded = transformation.encode(rows.len(), |row, column| match column {
    ///     "city" => RawValue::Text(rows[row].0),
    ///     _ => RawValue::Number(rows[row].1),
    /// })?;
    /// assert_eq!(encoded.sparse, [[2, 0]]);
    /// assert_eq!(encoded.dense, ndarray::array![[0.25], [0.5]]);
    /// # Ok::<(), ple_data::DataError>(())
    /// ```
    pub fn encode<'v>(
        &self,
        rows: usize,
        value: impl Fn(usize, &str) -> RawValue<'v>,
    ) -> Result<EncodedFeatures, DataError> {
        let n_dense = self.schema.n_dense();
        let mut encoded = EncodedFeatures {
            rows,
            sparse: Vec::new(),
            sequences: Vec::new(),
            dense: Array2::zeros((rows, n_dense)),
        };
        let mut dense = 0;
        for feature in &self.features {
            match (&feature.kind, self.encoder_of(feature)) {
                (FittedKind::Sparse { missing, .. }, Some(encoder)) => {
                    let id = |row| sparse_id(feature, encoder, *missing, row, value(row, &feature.column));
                    encoded.sparse.push((0..rows).map(id).collect::<Result<_, _>>()?);
                }
                (FittedKind::Sequence { form, missing, .. }, Some(encoder)) => {
                    let list = List { feature, encoder, form, missing: *missing };
                    encoded.sequences.push(list.encode(rows, &value)?);
                }
                (FittedKind::Dense { scaler, missing, arithmetic }, _) => {
                    for row in 0..rows {
                        let raw = dense_value(feature, *missing, row, value(row, &feature.column))?;
                        let scaled = scaler.scale_in(*arithmetic, raw);
                        if !scaled.is_finite() {
                            let feature = feature.name.clone();
                            return Err(PrepareError::BeyondScale { feature, value: raw }.into());
                        }
                        encoded.dense[[row, dense]] = scaled;
                    }
                    dense += 1;
                }
                (FittedKind::Sparse { encoder, .. } | FittedKind::Sequence { encoder, .. }, None) => {
                    return Err(PrepareError::NoEncoder {
                        feature: feature.name.clone(),
                        encoder: encoder.clone(),
                    }
                    .into());
                }
            }
        }
        Ok(encoded)
    }
}

fn refuse(row: usize, column: &str, found: impl ToString, expected: &'static str) -> DataError {
    let (column, found) = (column.to_owned(), found.to_string());
    PrepareError::Value { row, column, found, expected }.into()
}

/// What an id is, for messages.
const AN_ID: &str = "a text or a whole number";
/// What a list is, for messages.
const A_LIST: &str = "a list of texts or of whole numbers, or a text with the separator of the feature";

fn sparse_id(
    feature: &FittedFeature,
    encoder: &Encoder,
    missing: MissingId,
    row: usize,
    value: RawValue<'_>,
) -> Result<u32, DataError> {
    match value {
        RawValue::Missing | RawValue::Text("") => match missing {
            MissingId::Unknown => Ok(0),
            MissingId::Fail => Err(refuse(row, &feature.column, "nothing", AN_ID)),
        },
        RawValue::Integer(value) => Ok(encoder.id(&Key::from(value))),
        RawValue::Text(text) => Ok(encoder.id(&Key::from(text))),
        other => Err(refuse(row, &feature.column, format!("{other:?}"), AN_ID)),
    }
}

fn dense_value(
    feature: &FittedFeature,
    missing: Option<f64>,
    row: usize,
    value: RawValue<'_>,
) -> Result<f64, DataError> {
    let found = match value {
        RawValue::Missing => None,
        RawValue::Integer(value) => Some(value as f64),
        RawValue::Number(value) => Some(value),
        RawValue::Text(text) if text.trim_ascii().is_empty() => None,
        RawValue::Text(text) => Some(
            parse_number(text.as_bytes())
                .map_err(|_| refuse(row, &feature.column, format!("`{text}`"), "a number"))?,
        ),
        other => return Err(refuse(row, &feature.column, format!("{other:?}"), "a number")),
    };
    match (found.filter(|value| !value.is_nan()), missing) {
        (Some(value), _) => check_dense(value).map(|_| value).map_err(|_| {
            let expected = "a finite number that fits into 32 bits";
            refuse(row, &feature.column, ShortNumber(value), expected)
        }),
        (None, Some(missing)) => Ok(missing),
        (None, None) => Err(refuse(row, &feature.column, "nothing", "a number")),
    }
}

/// A sequence feature and what encodes it.
struct List<'a> {
    feature: &'a FittedFeature,
    encoder: &'a Encoder,
    form: &'a ListForm,
    missing: MissingId,
}

impl List<'_> {
    fn encode<'v>(
        &self,
        rows: usize,
        value: &impl Fn(usize, &str) -> RawValue<'v>,
    ) -> Result<SequenceBatch, DataError> {
        let mut all = SequenceBatch {
            offsets: vec![0],
            ids: Vec::new(),
            weights: self.form.is_weighted().then(Vec::new),
        };
        for row in 0..rows {
            let column = &self.feature.column;
            let before = all.ids.len();
            match (value(row, column), self.form) {
                (RawValue::Missing, _) if self.missing == MissingId::Fail => {
                    return Err(refuse(row, column, "nothing", A_LIST));
                }
                (RawValue::Missing | RawValue::Text(""), _) => {}
                (RawValue::Text(text), ListForm::Text { separator, weight_separator }) => {
                    for (key, weight) in list_elements(text, separator, weight_separator.as_deref()) {
                        all.ids.push(self.id(row, RawValue::Text(key))?);
                        if let Some(weights) = &mut all.weights {
                            let expected = "a finite weight of at least 0 after each id";
                            weights.push(
                                weight.map_err(|_| refuse(row, column, format!("`{text}`"), expected))?,
                            );
                        }
                    }
                }
                (RawValue::Integers(keys), _) => {
                    for &key in keys {
                        all.ids.push(self.id(row, RawValue::Integer(key))?);
                    }
                }
                (RawValue::Texts(keys), _) => {
                    for key in keys {
                        all.ids.push(self.id(row, RawValue::Text(key))?);
                    }
                }
                (other, _) => return Err(refuse(row, column, format!("{other:?}"), A_LIST)),
            }
            if let Some(weights) = &mut all.weights {
                self.add_weights(row, all.ids.len() - before, weights, all.ids.len(), value)?;
            }
            all.offsets.push(all.ids.len() as u32);
        }
        Ok(all)
    }

    fn id(&self, row: usize, value: RawValue<'_>) -> Result<u32, DataError> {
        sparse_id(self.feature, self.encoder, self.missing, row, value)
    }

    /// Appends the weights of a list from their own column; a list without weights counts 1 for each id.
    fn add_weights<'v>(
        &self,
        row: usize,
        n_ids: usize,
        weights: &mut Vec<f32>,
        total: usize,
        value: &impl Fn(usize, &str) -> RawValue<'v>,
    ) -> Result<(), DataError> {
        let ListForm::List { weights: Some(column) } = self.form else {
            weights.resize(total, 1.0);
            return Ok(());
        };
        match value(row, column) {
            RawValue::Numbers(found)
                if found.len() == n_ids
                    && found.iter().all(|weight| weight.is_finite() && *weight >= 0.0) =>
            {
                weights.extend_from_slice(found);
                Ok(())
            }
            RawValue::Missing if n_ids == 0 => Ok(()),
            other => Err(refuse(
                row,
                column,
                format!("{other:?}"),
                "a finite number of at least 0 for each id of the list",
            )),
        }
    }
}
