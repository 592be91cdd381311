//! A plain computation of a plan in 64 bits: what an export whose values are rounded has to predict.

use std::collections::HashMap;

use ndarray::{Array2, ArrayView2, Axis, concatenate, s};
use ple_nn::{BankInput, FeatureKind, FeatureSpec, SequenceInput};
use ple_tensor::{ParamStore, Pooling};

use super::{Affine, Block, Form, Gated, Map, Operand, Plan, Segment, Source, Step};
use crate::error::OnnxError;
use crate::rounding::Rounding;

/// What Dice adds to each squared deviation.
const DICE_EPSILON: f64 = 1e-3;

/// The inputs of products that a runtime has quantised, by step and group: `[rows, columns]`, decoded.
pub(crate) type Quantised = HashMap<(usize, usize), Array2<f64>>;

/// Where a plan reads from.
pub(crate) struct Evaluation<'a, 's> {
    pub(crate) plan: &'a Plan,
    pub(crate) store: &'a ParamStore,
    pub(crate) rounding: &'a Rounding,
    pub(crate) features: &'a [FeatureSpec],
    pub(crate) sample: &'a BankInput<'s>,
}

impl Evaluation<'_, '_> {
    /// The outputs, `[rows, heads]`. A product whose input is quantised at each call goes on from what the runtime has made of
    /// it, once that is known to be within half a scale of what it stands for.
    ///
    /// # Errors
    /// [`OnnxError::Structure`] for a step that no plan has at its end, [`OnnxError::Runtime`] for codes that are wrong.
    pub(crate) fn run(&self, quantised: &Quantised) -> Result<Array2<f64>, OnnxError> {
        let mut values: Vec<Array2<f64>> = Vec::with_capacity(self.plan.steps.len());
        for (index, step) in self.plan.steps.iter().enumerate() {
            let value = match step {
                Step::Gone => Array2::zeros((self.sample.batch, 0)),
                Step::Embedding(segments) => self.embedding(segments),
                Step::Affine(affine) => affine_value(affine, index, &values, quantised)?,
                Step::Scale(scale) => {
                    let mut value = block(&values, scale.x).to_owned();
                    for (mut column, (factor, shift)) in
                        value.columns_mut().into_iter().zip(scale.factor.iter().zip(&scale.shift))
                    {
                        column.mapv_inplace(|x| x * f64::from(*factor as f32) + f64::from(*shift as f32));
                    }
                    value
                }
                Step::Map { x, map } => mapped(block(&values, *x), map),
                Step::Softmax { x, groups } => by_group(block(&values, *x), *groups, |_, row| {
                    let largest = row.iter().copied().fold(f64::NEG_INFINITY, f64::max);
                    row.iter_mut().for_each(|x| *x = (*x - largest).exp());
                    let sum: f64 = row.iter().sum();
                    row.iter_mut().for_each(|x| *x /= sum);
                }),
                Step::Dice { x, alpha } => by_group(block(&values, *x), alpha.len(), |group, row| {
                    let n = row.len() as f64;
                    let (alpha, mean) = (f64::from(alpha[group]), row.iter().sum::<f64>() / n);
                    let squares: f64 = row.iter().map(|x| (x - mean).powi(2)).sum();
                    let deviation = (squares + n * DICE_EPSILON).sqrt();
                    for x in row.iter_mut() {
                        *x *= alpha + sigmoid((*x - mean) / deviation) * (1.0 - alpha);
                    }
                }),
                Step::JointLogit { first, second } => {
                    let mut z = block(&values, *first).to_owned();
                    z.zip_mut_with(&block(&values, *second), |a, b| *a = joint_logit(*a, *b));
                    z
                }
                Step::RowDots { left, right, scale } => {
                    let pairs = left.iter().zip(right).map(|(&left, &right)| {
                        let products = &block(&values, left) * &block(&values, right);
                        (products.sum_axis(Axis(1)) * f64::from(*scale)).insert_axis(Axis(1))
                    });
                    let pairs: Vec<_> = pairs.collect();
                    let views: Vec<_> = pairs.iter().map(|pair| pair.view()).collect();
                    side_by_side(&views, self.sample.batch)
                }
                Step::Mixture { .. } => {
                    return Err(OnnxError::Structure { detail: "a mixture was not folded".to_owned() });
                }
            };
            values.push(value);
        }
        let outputs: Vec<_> = self.plan.outputs.iter().map(|&output| block(&values, output)).collect();
        Ok(side_by_side(&outputs, self.sample.batch))
    }

    fn embedding(&self, segments: &[Segment]) -> Array2<f64> {
        let width = segments.last().map_or(0, |segment| segment.columns.end);
        let mut matrix = Array2::zeros((self.sample.batch, width));
        for segment in segments {
            let mut columns = matrix.slice_mut(s![.., segment.columns.clone()]);
            for (row, mut out) in columns.outer_iter_mut().enumerate() {
                match &segment.source {
                    Source::Lookup { feature, table } => {
                        let ids = self.sample.sparse[self.position(feature)];
                        self.add_row(*table, ids[row] as usize, 1.0, &mut out);
                    }
                    Source::Bag { feature, table, pooling, padding, .. } => {
                        let SequenceInput { offsets, ids, weights } =
                            &self.sample.sequences[self.position(feature)];
                        let list = offsets[row] as usize..offsets[row + 1] as usize;
                        let mut total = 0.0;
                        for element in list.filter(|&element| Some(ids[element]) != *padding) {
                            let weight = weights.map_or(1.0, |weights| f64::from(weights[element]));
                            total += weight;
                            self.add_row(*table, ids[element] as usize, weight, &mut out);
                        }
                        if *pooling == Pooling::Mean && total != 0.0 {
                            out /= total;
                        }
                    }
                    Source::Bins { feature, table, edges } => {
                        let value = self.sample.dense[[row, self.position(feature)]];
                        let bin = edges.iter().filter(|&&edge| value >= edge).count();
                        self.add_row(*table, bin, 1.0, &mut out);
                    }
                    Source::Dense { .. } => out.assign(&self.sample.dense.row(row).mapv(f64::from)),
                }
            }
        }
        matrix
    }

    /// Adds a table's row, as the file has it.
    fn add_row(
        &self,
        table: ple_tensor::TableId,
        row: usize,
        weight: f64,
        out: &mut ndarray::ArrayViewMut1<'_, f64>,
    ) {
        let form = self.rounding.table(table);
        for (column, (out, &value)) in out.iter_mut().zip(self.store.table_row(table, row)).enumerate() {
            *out += weight * f64::from(form.rounded(column, value));
        }
    }

    /// Where a feature is among those of its kind.
    fn position(&self, name: &str) -> usize {
        let kind = |feature: &FeatureSpec| match feature.kind {
            FeatureKind::Sparse { .. } => 0,
            FeatureKind::Sequence { .. } => 1,
            FeatureKind::Dense { .. } => 2,
        };
        let Some(own) = self.features.iter().find(|feature| feature.name == name) else { return 0 };
        let same = self.features.iter().filter(|feature| kind(feature) == kind(own));
        same.take_while(|feature| feature.name != name).count()
    }
}

fn affine_value(
    affine: &Affine,
    step: usize,
    values: &[Array2<f64>],
    quantised: &Quantised,
) -> Result<Array2<f64>, OnnxError> {
    let x = match &affine.x {
        Operand::Block(x) => block(values, *x).to_owned(),
        Operand::Gated(mixtures) => {
            let gated: Vec<_> = mixtures.iter().map(|mixture| gated_value(mixture, values)).collect();
            let views: Vec<_> = gated.iter().map(|gated| gated.view()).collect();
            side_by_side(&views, views.first().map_or(0, |first| first.nrows()))
        }
    };
    let (columns, width) = (x.ncols() / affine.groups, affine.weight.ncols() / affine.groups);
    let mut y = Array2::zeros((x.nrows(), affine.weight.ncols()));
    for group in 0..affine.groups {
        let own = s![.., group * width..(group + 1) * width];
        let input = x.slice(s![.., group * columns..(group + 1) * columns]);
        let product = match (&affine.form, quantised.get(&(step, group))) {
            (Form::Dynamic { .. }, Some(decoded)) => {
                check_codes(input, decoded)?;
                decoded.dot(&affine.weight.slice(own))
            }
            (Form::Dynamic { .. }, None) => {
                return Err(OnnxError::Structure { detail: "a product has no quantised input".to_owned() });
            }
            _ => input.dot(&affine.weight.slice(own)),
        };
        y.slice_mut(own).assign(&product);
    }
    for (mut column, &bias) in y.columns_mut().into_iter().zip(&affine.bias) {
        column += f64::from(bias as f32);
    }
    Ok(y)
}

/// The experts of a mixture, each times its gate.
fn gated_value(mixture: &Gated, values: &[Array2<f64>]) -> Array2<f64> {
    let Gated { gate, sources, slots } = mixture;
    let sources: Vec<_> = sources.iter().map(|&source| block(values, source)).collect();
    let mut x = side_by_side(&sources, values[gate.step].nrows());
    let (gate, slot) = (block(values, *gate), x.ncols() / slots.len().max(1));
    for (place, expert) in slots.iter().enumerate() {
        let mut own = x.slice_mut(s![.., place * slot..(place + 1) * slot]);
        match expert {
            Some(expert) => own *= &gate.column(*expert).insert_axis(Axis(1)),
            None => own.fill(0.0),
        }
    }
    x
}

/// What codes may be off, in scales: half a scale, and what is lost in 32 bits where a value lies between two codes.
const MOST_OFF: f64 = 0.51;

/// Checks that decoded codes are a rounding of values to one of 256 steps over their range.
fn check_codes(x: ArrayView2<'_, f64>, decoded: &Array2<f64>) -> Result<(), OnnxError> {
    let wrong = |detail: &str| Err(OnnxError::Runtime { detail: format!("a quantised input {detail}") });
    if x.dim() != decoded.dim() {
        return wrong("has another shape");
    }
    let range = x.iter().fold((0.0_f64, 0.0_f64), |(least, most), &x| (least.min(x), most.max(x)));
    let scale = (range.1 - range.0) / 255.0;
    match x.iter().zip(decoded).all(|(x, decoded)| (x - decoded).abs() <= MOST_OFF * scale) {
        true => Ok(()),
        false => wrong("is further from its values than half a scale"),
    }
}

fn mapped(x: ArrayView2<'_, f64>, map: &Map) -> Array2<f64> {
    match map {
        Map::Relu => x.mapv(|x| x.max(0.0)),
        Map::Sigmoid => x.mapv(sigmoid),
        Map::Exp => x.mapv(f64::exp),
        Map::LeakyRelu { slope } => x.mapv(|x| if x < 0.0 { x * f64::from(*slope) } else { x }),
        Map::Prelu { slopes, .. } => by_group(x, slopes.len(), |group, row| {
            row.iter_mut().filter(|x| **x < 0.0).for_each(|x| *x *= f64::from(slopes[group]));
        }),
    }
}

/// A function of each group's columns of each row, in place.
fn by_group(x: ArrayView2<'_, f64>, groups: usize, each: impl Fn(usize, &mut [f64])) -> Array2<f64> {
    let (rows, width) = x.dim();
    let columns = (width / groups.max(1)).max(1);
    let mut values: Vec<f64> = x.iter().copied().collect();
    for row in values.chunks_mut(width.max(1)) {
        row.chunks_mut(columns).enumerate().for_each(|(group, columns)| each(group, columns));
    }
    Array2::from_shape_vec((rows, width), values).unwrap_or_else(|_| Array2::zeros((rows, width)))
}

fn sigmoid(x: f64) -> f64 {
    1.0 / (1.0 + (-x).exp())
}

/// `-ln(exp(-a) + exp(-b) + exp(-a - b))`.
fn joint_logit(a: f64, b: f64) -> f64 {
    let terms = [-a, -b, -a - b];
    let largest = terms.into_iter().fold(f64::NEG_INFINITY, f64::max);
    -largest - terms.map(|term| (term - largest).exp()).iter().sum::<f64>().ln()
}

fn block<'v>(values: &'v [Array2<f64>], block: Block) -> ArrayView2<'v, f64> {
    values[block.step].slice(s![.., block.start..block.end()])
}

fn side_by_side(values: &[ArrayView2<'_, f64>], rows: usize) -> Array2<f64> {
    concatenate(Axis(1), values).unwrap_or_else(|_| Array2::zeros((rows, 0)))
}
