//! The numbers of an export: it is run in rten, a runtime in Rust, and compared with what it has to predict.

use std::path::Path;

use ndarray::{Array2, ArrayView1};
use rten::{Model, NodeId, RunOptions, Value, ValueOrView};

use crate::emit::{MATRIX, QuantisedInput};
use crate::error::OnnxError;
use crate::options::Outputs;
use crate::plan::Quantised;
use crate::sample::{Fed, FedValues};

/// How far a prediction may be off: so much, times the head's largest prediction in the rows where that is beyond 1.
pub(crate) const TOLERANCE: f64 = 1e-5;

/// An export in a runtime.
pub(crate) struct Runtime<'a> {
    model: Model,
    heads: &'a [&'a str],
    outputs: Outputs,
    quantised: &'a [QuantisedInput],
}

impl<'a> Runtime<'a> {
    /// Loads the file of an export.
    ///
    /// # Errors
    /// [`OnnxError::Runtime`].
    pub(crate) fn load(
        path: &Path,
        heads: &'a [&'a str],
        outputs: Outputs,
        quantised: &'a [QuantisedInput],
    ) -> Result<Self, OnnxError> {
        let model = Model::load_file(path).map_err(|error| failed(&error))?;
        Ok(Self { model, heads, outputs, quantised })
    }

    /// The predictions for some rows, `[rows, heads]`, and the inputs of products that were quantised on the way.
    ///
    /// # Errors
    /// [`OnnxError::Runtime`].
    pub(crate) fn predict(&self, fed: &[Fed], rows: usize) -> Result<(Array2<f32>, Quantised), OnnxError> {
        let mut inputs: Vec<(NodeId, ValueOrView<'_>)> = Vec::new();
        for Fed { name, dims, values } in fed {
            let value = match values {
                FedValues::Ids(ids) => Value::from_shape(&dims[..], ids.clone()).map_err(|e| failed(&e)),
                FedValues::Floats(values) => {
                    Value::from_shape(&dims[..], values.clone()).map_err(|e| failed(&e))
                }
            };
            inputs.push((self.node(name)?, value?.into()));
        }
        let outputs = match self.outputs {
            Outputs::PerTask => self.heads.to_vec(),
            Outputs::Matrix => vec![MATRIX],
        };
        let codes = self.quantised.iter().flat_map(|input| &input.names).map(String::as_str);
        let wanted: Result<Vec<_>, _> =
            outputs.iter().copied().chain(codes).map(|name| self.node(name)).collect();
        let found = self.model.run(inputs, &wanted?, Some(RunOptions::default()));
        let mut found = found.map_err(|error| failed(&error))?.into_iter();

        let mut predictions = Array2::zeros((rows, self.heads.len()));
        for (position, name) in outputs.iter().enumerate() {
            let values = floats(found.next(), name)?;
            let target = match self.outputs {
                Outputs::PerTask => predictions.column_mut(position).into_dyn(),
                Outputs::Matrix => predictions.view_mut().into_dyn(),
            };
            if target.len() != values.len() {
                return Err(failed(&format!("the output `{name}` has {} values", values.len())));
            }
            target.into_iter().zip(values).for_each(|(target, value)| *target = value);
        }
        let mut quantised = Quantised::new();
        for QuantisedInput { step, group, names } in self.quantised {
            let [codes, scale, zero] = [(); 3].map(|()| found.next());
            let scale = floats(scale, &names[1])?.first().copied().map_or(f64::NAN, f64::from);
            let zero = bytes(zero, &names[2])?.first().copied().map_or(f64::NAN, f64::from);
            let codes = bytes(codes, &names[0])?;
            let width = codes.len() / rows.max(1);
            let decoded: Vec<f64> = codes.into_iter().map(|code| (f64::from(code) - zero) * scale).collect();
            let decoded = Array2::from_shape_vec((rows, width), decoded).map_err(|error| failed(&error))?;
            quantised.insert((*step, *group), decoded);
        }
        Ok((predictions, quantised))
    }

    fn node(&self, name: &str) -> Result<NodeId, OnnxError> {
        self.model.node_id(name).map_err(|error| failed(&error))
    }
}

/// Compares predictions with the expected ones, both `[rows, heads]`, and gives back the largest difference.
///
/// # Errors
/// [`OnnxError::Differs`].
pub(crate) fn compare(found: &Array2<f32>, expected: &Array2<f64>, heads: &[&str]) -> Result<f32, OnnxError> {
    let largest_of =
        |column: ArrayView1<'_, f64>| column.iter().fold(1.0_f64, |most, value| most.max(value.abs()));
    let scales: Vec<f64> = expected.columns().into_iter().map(largest_of).collect();
    let mut largest = 0.0_f64;
    for ((row, head), &expected) in expected.indexed_iter() {
        let found = found[[row, head]];
        let difference = (f64::from(found) - expected).abs();
        // A NaN is no agreement.
        let tolerance = TOLERANCE * scales[head];
        if difference.is_nan() || difference > tolerance {
            return Err(OnnxError::Differs {
                output: heads[head].to_owned(),
                row,
                found,
                expected: expected as f32,
                tolerance: tolerance as f32,
            });
        }
        largest = largest.max(difference);
    }
    Ok(largest as f32)
}

fn floats(value: Option<Value>, name: &str) -> Result<Vec<f32>, OnnxError> {
    match value {
        Some(Value::FloatTensor(values)) => Ok(values.into_data()),
        _ => Err(failed(&format!("`{name}` is no tensor of floats"))),
    }
}

fn bytes(value: Option<Value>, name: &str) -> Result<Vec<u8>, OnnxError> {
    match value {
        Some(Value::UInt8Tensor(values)) => Ok(values.into_data()),
        _ => Err(failed(&format!("`{name}` is no tensor of bytes"))),
    }
}

fn failed(detail: &dyn std::fmt::Display) -> OnnxError {
    OnnxError::Runtime { detail: detail.to_string() }
}
