//! The numbers of an export: it is run in rten, a runtime in Rust, and compared with the model's own predictions.

use std::path::Path;

use ndarray::{ArrayView1, ArrayView2};
use rten::{Model, RunOptions, Value, ValueOrView};

use crate::emit::MATRIX;
use crate::error::OnnxError;
use crate::options::Outputs;
use crate::sample::{Fed, FedValues};

/// How far a prediction may be off: so much, times the task's largest prediction in the rows where that is beyond 1.
pub(crate) const TOLERANCE: f32 = 1e-5;

/// Loads the file of an export once, and compares its predictions with the expected ones, `[rows, tasks]`, for each set
/// of rows. Gives back the largest difference.
///
/// # Errors
/// [`OnnxError::Runtime`] if it cannot be loaded or run, [`OnnxError::Differs`] if a prediction is another one.
pub(crate) fn prove(
    path: &Path,
    rows: &[(Vec<Fed>, ArrayView2<'_, f32>)],
    tasks: &[&str],
    outputs: Outputs,
) -> Result<f32, OnnxError> {
    let failed = |detail: String| OnnxError::Runtime { detail };
    let model = Model::load_file(path).map_err(|error| failed(error.to_string()))?;
    let node = |name: &str| model.node_id(name).map_err(|error| failed(error.to_string()));
    let names = match outputs {
        Outputs::PerTask => tasks.to_vec(),
        Outputs::Matrix => vec![MATRIX],
    };
    let wanted = names.iter().map(|name| node(name)).collect::<Result<Vec<_>, _>>()?;
    let mut largest = 0.0_f32;
    for (fed, expected) in rows {
        let mut inputs: Vec<(_, ValueOrView<'_>)> = Vec::new();
        for Fed { name, dims, values } in fed {
            let text = |error: &dyn std::fmt::Display| failed(error.to_string());
            let value = match values {
                FedValues::Ids(ids) => Value::from_shape(&dims[..], ids.clone()).map_err(|e| text(&e)),
                FedValues::Floats(values) => {
                    Value::from_shape(&dims[..], values.clone()).map_err(|e| text(&e))
                }
            };
            inputs.push((node(name)?, value?.into()));
        }
        let found = model.run(inputs, &wanted, Some(RunOptions::default()));
        let found = found.map_err(|error| failed(error.to_string()))?;
        let values = |value: Value| match outputs {
            Outputs::PerTask => value.into_shape_vec::<f32, 1>().map(|(_, values)| values),
            Outputs::Matrix => value.into_shape_vec::<f32, 2>().map(|(_, values)| values),
        };
        let found = found.into_iter().map(values).collect::<Result<Vec<Vec<f32>>, _>>();
        let found = found.map_err(|error| failed(format!("an output has another form: {error}")))?;
        let n = tasks.len();
        let largest_of =
            |column: ArrayView1<'_, f32>| column.iter().fold(1.0_f32, |most, value| most.max(value.abs()));
        let scales: Vec<f32> = expected.columns().into_iter().map(largest_of).collect();
        for ((row, task), &expected) in expected.indexed_iter() {
            let at = match outputs {
                Outputs::PerTask => found[task].get(row),
                Outputs::Matrix => found[0].get(row * n + task),
            };
            let output = tasks[task];
            let &found = at.ok_or_else(|| failed(format!("the output `{output}` has no row {row}")))?;
            let difference = (found - expected).abs();
            // A NaN is no agreement.
            let tolerance = TOLERANCE * scales[task];
            if difference.is_nan() || difference > tolerance {
                let output = output.to_owned();
                return Err(OnnxError::Differs { output, row, found, expected, tolerance });
            }
            largest = largest.max(difference);
        }
    }
    Ok(largest)
}
