//! The serving path: a model that only predicts, immutable, and shared between threads.

use std::path::Path;
use std::sync::{Mutex, PoisonError};

use ple_data::FeatureSchema;
use ple_data::prepare::{RawValue, Transformation};
use ple_nn::{BankInput, FeatureKind, FeatureSpec, SequenceInput};
use ple_tensor::{Mode, Tape, Workspace};

use crate::bridge::encoded_input;
use crate::checkpoint::Manifest;
use crate::error::TrainError;
use crate::finite::{NotFinite, Number};
use crate::ranking_model::RankingModel;

/// A trained model that answers requests, from any number of threads at a time.
///
/// The forward pass is the code of training, in evaluation mode: no derivative is recorded, batch norm uses its running
/// statistics. Its numbers are those of [`RankingModel::predict`], whatever rows share a call. Its matrices and lists lie
/// in memory that calls leave to each other: once as many calls at a time have had so many rows, requests of up to four
/// rows allocate nothing, and larger ones, whose matrices are packed, a few short lists.
///
/// Each call checks its input, since a server has it from somebody else.
///
/// # Examples
///
/// ```
/// use ndarray::array;
/// use ple_data::{FeatureSchema, GeneratorConfig, Vocabulary, ali_ccp_schema};
/// use ple_nn::{BankInput, ModelConfig};
/// use ple_train::{Predictor, RankingModel, RunSeed};
///
/// let schema = ali_ccp_schema(&[10; 23], 16);
/// let predictor = Predictor::new(RankingModel::new(schema, ModelConfig::default(), RunSeed(1))?);
///
/// // One row: an id for each of the 23 sparse features, and 8 dense values.
/// let (id, dense) = ([7], array![[0.5; 8]]);
/// let row = BankInput { batch: 1, sparse: vec![&id; 23], sequences: vec![], dense: dense.view() };
/// let mut probabilities = [0.0; 2];
/// predictor.predict(&row, &mut probabilities)?;
/// assert!(probabilities.iter().all(|&p| p > 0.0 && p < 1.0));
///
/// let unknown = [11];
/// let row = BankInput { sparse: vec![&unknown; 23], ..row };
/// let error = predictor.predict(&row, &mut probabilities).unwrap_err();
/// assert!(error.to_string().starts_with("a request has 11 in row 0 of the feature `101`"));
/// # Ok::<(), ple_train::TrainError>(())
/// ```
#[derive(Debug)]
pub struct Predictor {
    model: RankingModel,
    free: Mutex<Vec<Workspace>>,
}

impl Predictor {
    /// A predictor of a model in memory.
    pub fn new(model: RankingModel) -> Self {
        Self { model, free: Mutex::new(Vec::new()) }
    }

    /// A predictor of a saved model, and what the manifest says of its run.
    ///
    /// # Errors
    /// As [`RankingModel::load`].
    pub fn load(folder: &Path) -> Result<(Self, Manifest), TrainError> {
        let (model, manifest) = RankingModel::load(folder)?;
        Ok((Self::new(model), manifest))
    }

    /// The model.
    pub fn model(&self) -> &RankingModel {
        &self.model
    }

    /// What its features and tasks are.
    pub fn schema(&self) -> &FeatureSchema {
        &self.model.schema
    }

    /// Writes the predictions of a request row by row: head h of row r to `out[r * heads + h]`, the probability of a
    /// classification, the value of a regression.
    ///
    /// # Errors
    /// [`TrainError::Request`] for a feature that is missing, an id outside of its vocabulary, a value that is not finite,
    /// or lists that do not fit their offsets; `out` is as it was then. [`TrainError::NotFinite`] for a prediction that is
    /// NaN or infinite.
    ///
    /// # Panics
    /// If `out` is not as long as rows x heads.
    pub fn predict<'a>(&'a self, request: &BankInput<'a>, out: &mut [f32]) -> Result<(), TrainError> {
        let RankingModel { model, store, .. } = &self.model;
        check(model.features(), request)?;
        let workspace = self.free().pop().unwrap_or_default();
        let workspace = model.predict_into(store, request, workspace, out);
        self.free().push(workspace);
        match out.iter().position(|value| !value.is_finite()) {
            None => Ok(()),
            Some(place) => Err(self.not_finite(request, place).into()),
        }
    }

    /// What a request was answered with at a place of its predictions, and where in the forward pass that began.
    fn not_finite<'a>(&'a self, request: &BankInput<'a>, place: usize) -> NotFinite {
        let RankingModel { model, store, .. } = &self.model;
        let mut tape = Tape::new(store, Workspace::new(), Mode::Evaluate);
        model.forward(&mut tape, request);
        let n_heads = model.heads().len();
        let (row, head) = (place / n_heads, place % n_heads);
        let task = model.heads()[head].name.clone();
        NotFinite::in_pass(|origin| Number::Prediction { task, row, origin }, tape.first_non_finite())
    }

    /// The same for rows of raw values that `value(row, column)` gives: encoded by the transformation that made the training
    /// rows, and then predicted.
    ///
    /// # Errors
    /// A raw value that its feature does not read; [`TrainError::OtherTransformation`] for another transformation than that
    /// of the rows that the model was trained on, [`TrainError::OtherState`] for one of another schema.
    ///
    /// # Panics
    /// If `out` is not as long as rows x heads.
    ///
    /// # Examples
    /// ```
    /// use ple_data::prepare::{FeatureFile, Fitting, PrepareConfig, PreparedTable, RawValue, TableInput, prepare_table};
    /// use ple_nn::ModelConfig;
    /// use ple_train::{Predictor, RankingModel, RunSeed};
    ///
    /// let folder = tempfile::tempdir()?;
    /// let (file, out) = (folder.path().join("log.csv"), folder.path().join("prepared"));
    /// std::fs::write(&file, "city,price,click\noslo,2.5,1\nrome,7.5,0\n")?;
    /// let text = "min_count = 1\n[[sparse]]\nname = \"city\"\n[[dense]]\nname = \"price\"\nscale = \"min_max\"\n[[label]]\nname = \"click\"\n";
    /// let features = FeatureFile::parse("features.toml", text)?;
    /// let input = TableInput::find(&[&file])?;
    /// prepare_table(&input, Fitting::New(&features), &out, &PrepareConfig::default(), &|_| ())?;
    ///
    /// let transformation = PreparedTable::open(&out)?.transformation()?;
    /// let model = RankingModel::new(transformation.schema().clone(), ModelConfig::default(), RunSeed(1))?;
    /// let mut probability = [0.0];
    /// Predictor::new(model).predict_raw(
    ///     &transformation,
    ///     1,
    ///     |_row, column| match column {
    ///         "city" => RawValue::Text("oslo"),
    ///         _ => RawValue::Number(3.0),
    ///     },
    ///     &mut probability,
    /// )?;
    /// assert!(probability[0] > 0.0 && probability[0] < 1.0);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn predict_raw<'v>(
        &self,
        transformation: &Transformation,
        rows: usize,
        value: impl Fn(usize, &str) -> RawValue<'v>,
        out: &mut [f32],
    ) -> Result<(), TrainError> {
        let found = transformation.hash();
        if self.model.transformation.is_some_and(|expected| expected != found) {
            return Err(self.model.other_transformation("the raw values of a request".to_owned(), found));
        }
        if *transformation.schema() != self.model.schema {
            return Err(TrainError::OtherState {
                what: "model's schema",
                found: "other features, labels or vocabularies".to_owned(),
                expected: "the schema of the transformation".to_owned(),
            });
        }
        let encoded = transformation.encode(rows, value)?;
        self.predict(&encoded_input(&encoded), out)
    }

    fn free(&self) -> std::sync::MutexGuard<'_, Vec<Workspace>> {
        self.free.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The first thing that is wrong with a request.
fn check(features: &[FeatureSpec], request: &BankInput<'_>) -> Result<(), TrainError> {
    let BankInput { batch, sparse, sequences, dense } = request;
    let count = |what: std::fmt::Arguments<'_>, found: usize, expected: usize| match found == expected {
        true => Ok(()),
        false => Err(request_error(format!("{found} {what}"), String::new(), format!("{expected} {what}"))),
    };
    let of_kind = |wanted: fn(&FeatureKind) -> bool| features.iter().filter(move |f| wanted(&f.kind));
    count(
        format_args!("sparse features"),
        sparse.len(),
        of_kind(|k| matches!(k, FeatureKind::Sparse { .. })).count(),
    )?;
    count(
        format_args!("sequences"),
        sequences.len(),
        of_kind(|k| matches!(k, FeatureKind::Sequence { .. })).count(),
    )?;
    count(format_args!("rows of dense values"), dense.nrows(), *batch)?;
    count(
        format_args!("dense features"),
        dense.ncols(),
        of_kind(|k| matches!(k, FeatureKind::Dense { .. })).count(),
    )?;
    let (mut sparse, mut sequences, mut columns) =
        (sparse.iter(), sequences.iter(), dense.columns().into_iter());
    for FeatureSpec { name, kind } in features {
        match kind {
            FeatureKind::Sparse { vocab_size, .. } => {
                let ids = sparse.next().map_or(&[][..], |ids| ids);
                count(format_args!("ids of the feature `{name}`"), ids.len(), *batch)?;
                check_ids(name, "row", ids, *vocab_size)?;
            }
            FeatureKind::Sequence { vocab_size, .. } => {
                if let Some(lists) = sequences.next() {
                    check_lists(name, lists, *batch)?;
                    check_ids(name, "list element", lists.ids, *vocab_size)?;
                }
            }
            FeatureKind::Dense { .. } => {
                let values = columns.next();
                let values = values.iter().flatten();
                if let Some((row, value)) = values.enumerate().find(|(_, value)| !value.is_finite()) {
                    let place = format!(" in row {row} of the feature `{name}`");
                    return Err(request_error(value.to_string(), place, "a finite value".to_owned()));
                }
            }
        }
    }
    Ok(())
}

fn check_ids(feature: &str, element: &str, ids: &[u32], vocab_size: usize) -> Result<(), TrainError> {
    match ids.iter().enumerate().find(|&(_, &id)| id as usize >= vocab_size) {
        None => Ok(()),
        Some((number, id)) => {
            let place = format!(" in {element} {number} of the feature `{feature}`");
            Err(request_error(id.to_string(), place, format!("an id below {vocab_size}")))
        }
    }
}

fn check_lists(feature: &str, lists: &SequenceInput<'_>, batch: usize) -> Result<(), TrainError> {
    let SequenceInput { offsets, ids, weights } = lists;
    let ascending = offsets.is_sorted() && offsets.first() == Some(&0);
    let fits = offsets.len() == batch + 1 && offsets.last().is_some_and(|&end| end as usize == ids.len());
    if !ascending || !fits {
        let found = format!("{} offsets for {} ids", offsets.len(), ids.len());
        let expected = format!("{} offsets that ascend from 0 to the number of ids", batch + 1);
        return Err(request_error(found, format!(" in the feature `{feature}`"), expected));
    }
    if let Some(weights) = weights {
        if weights.len() != ids.len() {
            let (found, expected) =
                (format!("{} weights", weights.len()), format!("{}, one for each id", ids.len()));
            return Err(request_error(found, format!(" in the feature `{feature}`"), expected));
        }
        if let Some((element, weight)) =
            weights.iter().enumerate().find(|(_, weight)| !(weight.is_finite() && **weight >= 0.0))
        {
            let place = format!(" as weight {element} of the feature `{feature}`");
            return Err(request_error(weight.to_string(), place, "a finite weight of at least 0".to_owned()));
        }
    }
    Ok(())
}

fn request_error(found: String, place: String, expected: String) -> TrainError {
    TrainError::Request { found, place, expected }
}
