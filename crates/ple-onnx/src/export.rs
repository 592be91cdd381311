//! An export from beginning to end: record, plan, emit, check, write, prove, rename.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use ndarray::Array2;
use ple_nn::{BankInput, FeatureKind, FeatureSpec, Model, is_label_standard};
use ple_tensor::{Mode, ParamStore, Tape, Var, Workspace};
use serde_json::{Value, json};

use crate::deep_stack::on_deep_stack;
use crate::emit::{Emitted, QuantisedInput};
use crate::error::OnnxError;
use crate::graph::{Graph, Initializer};
use crate::options::{ExportOptions, MOST_INLINE_BYTES, Precision};
#[cfg(feature = "proof")]
use crate::plan::Evaluation;
use crate::plan::{FeatureNames, Plan, record};
#[cfg(feature = "proof")]
use crate::proof::{Runtime, compare};
use crate::rounding::Rounding;
#[cfg(feature = "proof")]
use crate::sample_rows::{self, SampleRows};
use crate::write::{Unfinished, more_metadata, write_data, write_model};
use crate::{check, emit, raw, sample};

/// What is exported.
#[derive(Clone, Debug)]
pub struct ExportInput<'a> {
    /// The model.
    pub model: &'a Model,
    /// The values of its parameters.
    pub store: &'a ParamStore,
    /// The features that the sample rows are of, in their order. They have to be the model's.
    pub features: &'a [FeatureSpec],
    /// Rows of its features: the forward pass over them is recorded, and the export has to predict the same for them.
    /// Some hundred are plenty.
    pub sample: BankInput<'a>,
    /// What else the file's metadata should say: training configuration, metrics, hashes.
    pub metadata: BTreeMap<String, String>,
}

/// What an export has become.
#[derive(Clone, Debug, PartialEq)]
pub struct ExportReport {
    /// The file.
    pub path: PathBuf,
    /// Its size, that of external data included.
    pub bytes: u64,
    /// The nodes of the graph.
    pub nodes: usize,
    /// The rows that it was proved on; none without the feature `proof`.
    pub proved_rows: usize,
    /// How exactly it keeps tables and weights.
    pub precision: Precision,
    /// The largest difference between its predictions and the model's on those rows.
    pub largest_difference: f32,
    /// The largest difference between its predictions and those that it was proved against, which have to agree within 1e-5:
    /// the model's own for [`Precision::F32`], else a plain computation in 64 bits with the values that the file has.
    pub proved_difference: f32,
    /// The keys of raw inputs that were read back from the file and compared with their vocabularies.
    pub compared_keys: usize,
}

/// Writes a model as ONNX, whole or not at all, and proves it on the sample rows before it gets its name.
///
/// See the [page of the crate](crate) for an example.
///
/// # Errors
/// Every variant of [`OnnxError`]. There is no file then, or the one that was there before.
pub fn export(
    input: &ExportInput<'_>,
    options: &ExportOptions,
    path: &Path,
) -> Result<ExportReport, OnnxError> {
    let ExportInput { model, store, features, sample, metadata } = input;
    sample::check_features(model.features(), features)?;
    sample::check(model, sample)?;
    raw::check(features, options)?;
    check_learned(store)?;
    check_finite(store)?;
    let mut unfinished = Unfinished::new(path, options.external_data.name.as_deref())?;

    let mut tape = Tape::new(store, Workspace::new(), Mode::Evaluate);
    let forward = model.forward(&mut tape, sample);
    let outputs = model.predictions(&mut tape, &forward.logits);
    let expected = predictions(&tape, &outputs, model, sample.batch)?;
    let names = feature_names(model);
    let mut plan = record(&tape, &outputs, &names)?;
    plan.optimise();
    let rounding = Rounding::new(options.precision, &plan, store)?;
    plan.round(options.precision, &rounding)?;
    let Emitted { graph, quantised } = emit::emit(&plan, store, &rounding, &names, model.heads(), options)?;
    check::check(&graph, store)?;

    let mut facts = metadata.clone();
    facts.insert("ple.version".to_owned(), env!("CARGO_PKG_VERSION").to_owned());
    facts.insert("ple.architecture".to_owned(), model.config().architecture.name().to_owned());
    facts.insert("ple.precision".to_owned(), options.precision.to_string());
    facts.insert("ple.parameters".to_owned(), notes(&graph));
    let facts: Vec<(String, String)> = facts.into_iter().collect();

    let bytes: u64 = graph.initializers.iter().map(Initializer::bytes).sum();
    let data = match bytes > options.external_data.beyond.min(MOST_INLINE_BYTES) {
        true => Some(unfinished.write_data(|out| write_data(&graph, store, out))?),
        false => None,
    };
    let external = data.as_ref().map(|(name, offsets)| (name.as_str(), &offsets[..]));
    unfinished.write_model(|out| write_model(&graph, store, &facts, external, out))?;

    // The graph behind the encoders is what can be proved; they go before it afterwards.
    let exact = Exact { plan: &plan, rounding: &rounding, quantised: &quantised, predictions: &expected };
    let n_nodes = graph.nodes.len() + graph.inputs.len();
    let proved = on_deep_stack(n_nodes, || prove(&unfinished, input, options, &exact))?;
    let mut proof = Vec::new();
    if let Some(Differences { model, proved }) = proved {
        let entries = [
            ("ple.proved_rows".to_owned(), sample.batch.to_string()),
            ("ple.largest_difference".to_owned(), format!("{model:e}")),
            ("ple.proved_difference".to_owned(), format!("{proved:e}")),
        ];
        proof.extend(entries);
    }
    let (mut graph, mut compared_keys) = (graph, 0);
    if !options.raw_inputs.is_empty() {
        graph = raw::encode(graph, features, &options.raw_inputs);
        check::check(&graph, store)?;
        unfinished.write_model(|out| write_model(&graph, store, &facts, external, out))?;
        compared_keys = raw::compare(&unfinished.model(), features, &options.raw_inputs)?;
        proof.push(("ple.raw_inputs".to_owned(), raw::describe(&options.raw_inputs)));
    }
    unfinished.append(&more_metadata(&proof))?;
    let bytes = unfinished.finish()?;
    Ok(ExportReport {
        path: path.to_owned(),
        bytes,
        nodes: graph.nodes.len(),
        proved_rows: if proved.is_some() { sample.batch } else { 0 },
        precision: options.precision,
        largest_difference: proved.map_or(0.0, |differences| differences.model),
        proved_difference: proved.map_or(0.0, |differences| differences.proved),
        compared_keys,
    })
}

/// The model's own predictions for the sample rows, `[rows, heads]`.
fn predictions(
    tape: &Tape<'_>,
    outputs: &[Var],
    model: &Model,
    rows: usize,
) -> Result<Array2<f32>, OnnxError> {
    let mut predictions = Array2::zeros((rows, outputs.len()));
    for (mut column, &output) in predictions.columns_mut().into_iter().zip(outputs) {
        column.assign(&tape.value(output).column(0));
    }
    match predictions.indexed_iter().find(|(_, value)| !value.is_finite()) {
        None => Ok(predictions),
        Some(((row, head), &value)) => {
            let output = model.heads()[head].name.clone();
            Err(OnnxError::NotFinitePrediction { output, row, value })
        }
    }
}

/// What an export is proved against.
#[cfg_attr(not(feature = "proof"), expect(dead_code))]
struct Exact<'a> {
    plan: &'a Plan,
    rounding: &'a Rounding,
    quantised: &'a [QuantisedInput],
    /// The model's own predictions for the sample rows.
    predictions: &'a Array2<f32>,
}

/// The largest differences from the model, and from what the export was proved against.
#[derive(Clone, Copy, Debug)]
struct Differences {
    model: f32,
    proved: f32,
}

#[cfg(feature = "proof")]
fn prove(
    unfinished: &Unfinished,
    input: &ExportInput<'_>,
    options: &ExportOptions,
    exact: &Exact<'_>,
) -> Result<Option<Differences>, OnnxError> {
    let features = input.model.features();
    let heads: Vec<&str> = input.model.heads().iter().map(|head| head.name.as_str()).collect();
    let runtime = Runtime::load(&unfinished.model(), &heads, options.outputs, exact.quantised)?;
    let mut differences = Differences { model: 0.0, proved: 0.0 };
    // A batch of one goes through the same graph, and has to come out the same.
    for run in std::iter::once(0..1).chain(sample_rows::runs(&input.sample)) {
        let rows = SampleRows::new(&input.sample, run.clone());
        let sample = rows.input(&input.sample);
        let fed = sample::feed(features, &sample, options.inputs);
        let (found, quantised) = runtime.predict(&fed, sample.batch)?;
        let own = exact.predictions.slice(ndarray::s![run, ..]);
        let expected = match options.precision {
            Precision::F32 => own.mapv(f64::from),
            Precision::F16 | Precision::Int8 => {
                let Exact { plan, rounding, .. } = *exact;
                let evaluation = Evaluation { plan, store: input.store, rounding, features, sample: &sample };
                evaluation.run(&quantised)?
            }
        };
        differences.proved = differences.proved.max(compare(&found, &expected, &heads)?);
        for (found, own) in found.iter().zip(own) {
            differences.model = differences.model.max((found - own).abs());
        }
    }
    Ok(Some(differences))
}

#[cfg(not(feature = "proof"))]
fn prove(
    _: &Unfinished,
    _: &ExportInput<'_>,
    _: &ExportOptions,
    _: &Exact<'_>,
) -> Result<Option<Differences>, OnnxError> {
    Ok(None)
}

fn feature_names(model: &Model) -> FeatureNames {
    let names = |dense: bool| {
        let of_kind = move |kind: &FeatureKind| matches!(kind, FeatureKind::Dense { .. }) == dense;
        let features = model.features().iter().filter(move |feature| of_kind(&feature.kind));
        features.map(|feature| feature.name.clone()).collect()
    };
    FeatureNames { ids: names(false), dense: names(true) }
}

/// Bin edges are part of the features, and nobody learns them.
fn check_learned(store: &ParamStore) -> Result<(), OnnxError> {
    let names = store.first_values().map(|entry| store.entry_name(entry));
    let first: Vec<&str> =
        names.filter(|name| !name.ends_with(".edges") && !is_label_standard(name)).collect();
    match first.first() {
        None => Ok(()),
        Some(parameter) => Err(OnnxError::Untrained {
            n_first: first.len(),
            n_parameters: store.entries().len(),
            parameter: (*parameter).to_owned(),
        }),
    }
}

fn check_finite(store: &ParamStore) -> Result<(), OnnxError> {
    let bad = |values: &[f32]| values.iter().any(|value| !value.is_finite());
    let not_finite = |name: &str, row: usize| OnnxError::NotFinite { parameter: name.to_owned(), row };
    for block in store.blocks() {
        let values = store.get(&block.name);
        let row = values.and_then(|v| v.outer_iter().position(|row| row.iter().any(|v| !v.is_finite())));
        if let Some(row) = row {
            return Err(not_finite(&block.name, row));
        }
    }
    for id in store.table_ids() {
        let table = store.table(id);
        if let Some(row) = (0..table.rows).find(|&row| bad(store.table_row(id, row))) {
            return Err(not_finite(&table.name, row));
        }
    }
    Ok(())
}

/// What the initialisers that are not one parameter are made of, as JSON.
fn notes(graph: &Graph) -> String {
    let notes: serde_json::Map<String, Value> = graph.notes.iter().cloned().collect();
    json!(notes).to_string()
}
