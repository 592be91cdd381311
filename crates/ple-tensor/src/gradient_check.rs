//! The gradient checker: derivatives of a recorded tape against central differences of its f64 replay.

use std::collections::BTreeSet;

use ndarray::Array2;
use rand::seq::index::sample;
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;

use crate::ops::{Input, Op};
use crate::reach::Reach;
use crate::replay::ReferenceParams;
use crate::store::{ParamStore, Role};
use crate::tape::{Mode, Tape};
use crate::var::Var;
use crate::workspace::Workspace;

/// How [`gradient_check`] checks.
#[derive(Clone, Copy, Debug)]
pub struct GradientCheck {
    /// Half the distance of the two points of a central difference. In f64 the error of 1e-5 is about 1e-10 from
    /// truncation and 1e-11 from rounding.
    pub step: f64,
    /// The tolerance is `absolute + relative * |gradient|`. The analytic gradient is f32: some 1e-7 for each of the
    /// roundings on its way.
    pub absolute: f64,
    /// See `absolute`.
    pub relative: f64,
    /// At most so many elements of a matrix, table or input are checked, chosen by a fixed seed.
    pub elements: usize,
}

impl Default for GradientCheck {
    fn default() -> Self {
        Self { step: 1e-5, absolute: 2e-5, relative: 2e-4, elements: 64 }
    }
}

/// What [`gradient_check`] has compared.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GradientReport {
    /// The number of derivatives that were compared with central differences.
    pub derivatives: usize,
    /// The names of the operations through which those derivatives flow: see [`Op::NAMES`].
    pub operations: BTreeSet<&'static str>,
}

/// Where a derivative or a forward value disagrees with its definition.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum GradientMismatch {
    /// A kernel's forward value is not its definition's.
    #[error("forward of node {node} ({op}) at [{row}, {column}]: computed {computed}, defined {defined}")]
    Forward {
        /// The node's position on the tape.
        node: usize,
        /// The operation's name.
        op: &'static str,
        /// The element's row.
        row: usize,
        /// The element's column.
        column: usize,
        /// What the kernel computed.
        computed: f64,
        /// What the definition says.
        defined: f64,
    },
    /// A derivative is not the central difference.
    #[error(
        "gradient of {tensor} at [{row}, {column}]: backward gives {computed}, central difference {expected}"
    )]
    Gradient {
        /// The parameter or input.
        tensor: String,
        /// The element's row.
        row: usize,
        /// The element's column.
        column: usize,
        /// What the backward pass computed.
        computed: f64,
        /// The central difference.
        expected: f64,
    },
    /// A column of a parameter is said not to be reached by a loss that depends on it, so that it would take no step.
    #[error(
        "{tensor} at [{row}, {column}] is said not to be reached, but the central difference is {expected}"
    )]
    Reach {
        /// The parameter.
        tensor: String,
        /// The element's row.
        row: usize,
        /// The element's column.
        column: usize,
        /// The central difference.
        expected: f64,
    },
}

/// Checks the forward values and all gradients of what `build` records: every operation against its f64 definition,
/// and the gradient of every parameter, table and variable against central differences of the replay.
///
/// `build` records a computation on the tape that it is given, in training mode, and returns any value of it. The loss
/// that is differentiated is a sum of that value's elements with fixed random weights, so that no error can hide in a
/// symmetry. The columns of matrices that the loss is said not to reach are checked to have no derivative.
///
/// # Errors
/// The first disagreement.
///
/// ```
/// use ndarray::array;
/// use ple_tensor::{GradientCheck, ParamStore, Role, gradient_check};
///
/// let mut store = ParamStore::new();
/// let weight = store.add("weight", array![[0.5, -1.0], [2.0, 0.25]], Role::Decayed);
/// let x = array![[1.0, 2.0], [3.0, -4.0], [0.5, 0.0]];
/// let checked = gradient_check(&store, GradientCheck::default(), |tape| {
///     let x = tape.variable(x.view());
///     let hidden = tape.linear(x, weight, None, 1);
///     tape.sigmoid(hidden)
/// });
/// let report = checked.expect("the derivatives of two operations are right");
/// assert_eq!(report.derivatives, 4 + 6);
/// assert!(report.operations.iter().eq(&["linear", "sigmoid"]));
/// ```
pub fn gradient_check<'a>(
    store: &'a ParamStore,
    options: GradientCheck,
    build: impl FnOnce(&mut Tape<'a>) -> Var,
) -> Result<GradientReport, GradientMismatch> {
    let mut tape = Tape::new(store, Workspace::new(), Mode::Train { dropout_seed: 1 });
    let output = build(&mut tape);
    let loss = tape.random_projection(output);
    let params = ReferenceParams::from(store);
    // The loss itself is a sum of thousands of values that have been compared: rounding may be all of it.
    check_forward(&tape, loss.node(), &params, options)?;

    let mut random = ChaCha8Rng::seed_from_u64(0);
    let mut pick = |shape: (usize, usize)| -> Vec<(usize, usize)> {
        let length = shape.0 * shape.1;
        let picked = sample(&mut random, length, length.min(options.elements));
        picked.into_iter().map(|element| (element / shape.1, element % shape.1)).collect()
    };
    let loss_of = |params: &ReferenceParams, inputs: &[(Var, Array2<f64>)]| {
        tape.replay(params, inputs)[loss.node()][[0, 0]]
    };
    let mut expected: Vec<(Target, (usize, usize), f64)> = Vec::new();
    let mut perturbed = params.clone();
    for id in store.matrix_ids().filter(|&id| store.role(id) != Role::Buffer) {
        for at in pick(store.matrix(id).dim()) {
            let difference = central_difference(options.step, params.matrices[id.index()][at], |value| {
                perturbed.matrices[id.index()][at] = value;
                loss_of(&perturbed, &[])
            });
            perturbed.matrices[id.index()][at] = params.matrices[id.index()][at];
            expected.push((Target::Matrix(id.index()), at, difference));
        }
    }
    for id in store.table_ids() {
        for at in pick(params.tables[id.index()].dim()) {
            let difference = central_difference(options.step, params.tables[id.index()][at], |value| {
                perturbed.tables[id.index()][at] = value;
                loss_of(&perturbed, &[])
            });
            perturbed.tables[id.index()][at] = params.tables[id.index()][at];
            expected.push((Target::Table(id.index()), at, difference));
        }
    }
    let variables: Vec<Var> = tape.variables().collect();
    for &variable in &variables {
        let value = tape.value(variable).mapv(f64::from);
        for at in pick(value.dim()) {
            let mut inputs = [(variable, value.clone())];
            let difference = central_difference(options.step, value[at], |changed| {
                inputs[0].1[at] = changed;
                loss_of(&params, &inputs)
            });
            expected.push((Target::Variable(variable), at, difference));
        }
    }

    let operations = tape.differentiated(output);
    let reach = Reach::of(&tape.nodes, store, loss);
    let (gradients, _) = tape.backward(loss);
    let matrix_ids: Vec<_> = store.matrix_ids().collect();
    let table_ids: Vec<_> = store.table_ids().collect();
    for &(target, (row, column), expected) in &expected {
        let (tensor, computed) = match target {
            Target::Matrix(index) => {
                let (id, tensor) = (matrix_ids[index], store.matrix_name(matrix_ids[index]));
                if !reach.matrix(id.index())[column] && expected.abs() > options.absolute {
                    return Err(GradientMismatch::Reach { tensor, row, column, expected });
                }
                (tensor, gradients.matrix(id).map_or(0.0, |g| g[[row, column]]))
            }
            Target::Table(index) => {
                let table = store.table(table_ids[index]);
                let gradient = gradients.table(table_ids[index]).and_then(|rows| {
                    let found = rows.rows.iter().position(|&read| read as usize == row)?;
                    Some(rows.values[found * table.dim + column])
                });
                (table.name.clone(), gradient.unwrap_or(0.0))
            }
            Target::Variable(variable) => {
                let gradient = gradients.input(variable);
                (format!("variable {}", variable.node()), gradient.map_or(0.0, |g| g[[row, column]]))
            }
        };
        let computed = f64::from(computed);
        if !close(computed, expected, options) {
            return Err(GradientMismatch::Gradient { tensor, row, column, computed, expected });
        }
    }
    Ok(GradientReport { derivatives: expected.len(), operations })
}

#[derive(Clone, Copy)]
enum Target {
    Matrix(usize),
    Table(usize),
    Variable(Var),
}

fn central_difference(step: f64, at: f64, mut f: impl FnMut(f64) -> f64) -> f64 {
    let (above, below) = (f(at + step), f(at - step));
    (above - below) / (2.0 * step)
}

/// False for a NaN on either side.
fn close(computed: f64, expected: f64, options: GradientCheck) -> bool {
    (computed - expected).abs() <= options.absolute + options.relative * expected.abs()
}

/// Compares the values of the first `nodes` operations.
fn check_forward(
    tape: &Tape<'_>,
    nodes: usize,
    params: &ReferenceParams,
    options: GradientCheck,
) -> Result<(), GradientMismatch> {
    let recorded = tape.nodes.iter().take(nodes);
    for (node, (recorded, defined)) in recorded.zip(tape.replay(params, &[])).enumerate() {
        for ((row, column), &defined) in defined.indexed_iter() {
            let computed = f64::from(recorded.value(tape.store)[[row, column]]);
            if !close(computed, defined, options) {
                let op = recorded.op.name();
                return Err(GradientMismatch::Forward { node, op, row, column, computed, defined });
            }
        }
    }
    Ok(())
}

impl Tape<'_> {
    fn variables(&self) -> impl Iterator<Item = Var> + '_ {
        let leaves = self.nodes.iter().enumerate();
        let leaves = leaves.filter(|(_, node)| matches!(node.op, Op::Input(_)) && node.needs_gradient());
        leaves.map(|(index, node)| Var::whole(index, node.dim().1))
    }

    /// The names of the operations that `output` was computed by and that a derivative flows through.
    fn differentiated(&self, output: Var) -> BTreeSet<&'static str> {
        let mut read = vec![false; output.node() + 1];
        read[output.node()] = true;
        let mut names = BTreeSet::new();
        for (index, node) in self.nodes[..read.len()].iter().enumerate().rev() {
            if read[index] && node.needs_gradient() {
                node.op.operation().inputs().for_each(|input| read[input.node()] = true);
                names.insert(node.op.name());
            }
        }
        names.remove(Op::Input(Input).name());
        names
    }

    /// The sum of a value's elements, each with a fixed random weight.
    fn random_projection(&mut self, value: Var) -> Var {
        let (rows, width) = self.value(value).dim();
        let mut random = ChaCha8Rng::seed_from_u64(2);
        let weights = Array2::from_shape_simple_fn((rows, width), || random.random_range(-1.0f32..1.0));
        self.projection(value, weights)
    }
}

#[cfg(test)]
mod tests;
