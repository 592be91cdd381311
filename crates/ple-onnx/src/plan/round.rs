//! Weights in fewer bits: each is replaced by the value that the file will have, and the map remembers the form.

use half::f16;
use ndarray::{Axis, s};

use super::bundles::{BundleKind, bundles};
use super::{Affine, Form, Operand, Plan, Step};
use crate::error::OnnxError;
use crate::options::Precision;
use crate::rounding::{LARGEST_WEIGHT_CODE, Rounding, TableForm, fits_half};

/// Weights of fewer values stay 32-bit floats: what they take is nothing beside a table.
const LEAST_HALVES: usize = 1 << 10;

/// Products of fewer weights stay in 32-bit floats. In ONNX Runtime it takes some 256 x 128 weights until a product of one
/// row is about as fast with its input quantised first; from there on batches gain 2 to 6 times.
const LEAST_DYNAMIC: usize = 1 << 15;

impl Plan {
    /// Rounds every weight, in the plan as it will be emitted.
    ///
    /// # Errors
    /// [`OnnxError::TooLarge`].
    pub(crate) fn round(&mut self, precision: Precision, rounding: &Rounding) -> Result<(), OnnxError> {
        for index in 0..self.steps.len() {
            let code_rows = self.code_rows(index, rounding);
            let Step::Affine(affine) = &mut self.steps[index] else { continue };
            let (rows, width) = affine.weight.dim();
            affine.form = match (precision, code_rows) {
                (Precision::F16, _) if affine.weight.len() >= LEAST_HALVES => {
                    check_halves(affine)?;
                    affine.weight.mapv_inplace(|weight| f16::from_f32(weight as f32).to_f64());
                    Form::Halves
                }
                (Precision::Int8, Some((rows, scales))) => {
                    let columns = affine.round_to_codes(&rows, &scales);
                    Form::Codes { scales, columns }
                }
                (Precision::Int8, None) if rows * width / affine.groups >= LEAST_DYNAMIC => {
                    let rows: Vec<usize> = (0..rows).collect();
                    let columns = affine.round_to_codes(&rows, &vec![1.0; rows.len()]);
                    Form::Dynamic { columns }
                }
                _ => Form::Floats,
            };
            affine.weight.mapv_inplace(|weight| f64::from(weight as f32));
        }
        Ok(())
    }

    /// The rows of a map's weight that are multiplied by the codes of tables, with the scale of each, where the map reads all
    /// of the embedding matrix: those of look-ups and bins. A sequence's rows are summed first, in floats.
    fn code_rows(&self, step: usize, rounding: &Rounding) -> Option<(Vec<usize>, Vec<f32>)> {
        let Step::Affine(Affine { x: Operand::Block(x), groups: 1, .. }) = &self.steps[step] else {
            return None;
        };
        let Step::Embedding(segments) = &self.steps[x.step] else { return None };
        if x.width != self.width(x.step) {
            return None;
        }
        let (mut rows, mut all) = (Vec::new(), Vec::new());
        for bundle in bundles(segments) {
            if !matches!(bundle.kind, BundleKind::Lookups | BundleKind::Bins) {
                continue;
            }
            for segment in bundle.segments.iter().map(|&segment| &segments[segment]) {
                let TableForm::Codes(scales) = rounding.table(segment.table()?) else { return None };
                rows.extend(segment.columns.clone());
                all.extend_from_slice(scales);
            }
        }
        (!rows.is_empty()).then_some((rows, all))
    }
}

impl Affine {
    /// Rounds some rows to codes of which each stands for the code times its column's scale, divided by the scale of its
    /// input. Gives back the scales of the columns.
    fn round_to_codes(&mut self, rows: &[usize], inputs: &[f32]) -> Vec<f32> {
        let width = self.weight.ncols();
        let mut columns = vec![0.0_f64; width];
        for (&row, &input) in rows.iter().zip(inputs) {
            for (largest, weight) in columns.iter_mut().zip(self.weight.row(row)) {
                *largest = largest.max((weight * f64::from(input)).abs());
            }
        }
        let scale = |largest: f64| ((largest / LARGEST_WEIGHT_CODE) as f32).max(f32::MIN_POSITIVE);
        let columns: Vec<f32> = columns.into_iter().map(scale).collect();
        for (&row, &input) in rows.iter().zip(inputs) {
            for (weight, &column) in self.weight.slice_mut(s![row, ..]).iter_mut().zip(&columns) {
                let (input, column) = (f64::from(input), f64::from(column));
                *weight = weight_code(*weight, input, column) * column / input;
            }
        }
        columns
    }
}

/// The code of a weight whose input has a scale, too. It is the same before and after rounding.
pub(crate) fn weight_code(weight: f64, input: f64, column: f64) -> f64 {
    (weight * input / column).round_ties_even().clamp(-LARGEST_WEIGHT_CODE, LARGEST_WEIGHT_CODE)
}

fn check_halves(affine: &Affine) -> Result<(), OnnxError> {
    for (row, weights) in affine.weight.axis_iter(Axis(0)).enumerate() {
        if let Some((column, &weight)) = weights.iter().enumerate().find(|(_, w)| !fits_half(**w as f32)) {
            let part = affine.parts.iter().find(|part| part.columns.contains(&column));
            let parameter = part.map_or_else(String::new, |part| part.weight.clone());
            return Err(OnnxError::TooLarge { parameter, row, value: weight as f32 });
        }
    }
    Ok(())
}
