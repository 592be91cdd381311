//! An operation that is wrong in a way that is known: what the gradient checker itself is tested on.

use ndarray::{Array2, aview1};

use super::{Op, Operation};
use crate::backward::BackwardPass;
use crate::gradients::RowGradients;
use crate::reach::Reach;
use crate::replay::Replay;
use crate::store::{MatrixId, TableId};
use crate::tape::Tape;
use crate::var::Var;

/// What is wrong with a [`Faulty`] operation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fault {
    /// Nothing: the checker has to accept it.
    None,
    /// One element of the forward value is 1% too large.
    Forward,
    /// The derivative of `x` is 1% too large.
    Derivative,
    /// The derivative of `x` has the wrong sign.
    Sign,
    /// The derivative of `x` is NaN.
    NotANumber,
    /// `z` receives no gradient.
    MissingTerm,
    /// The gradient of `z` replaces what was there, so an input that is used twice loses a term.
    Overwritten,
    /// The gradient of `bias` is 1% too large.
    Parameter,
    /// `bias` receives no gradient.
    MissingParameter,
    /// A table's gradient is given to the row after the one that was read.
    OtherRow,
    /// Of a row that is read several times only the last reading counts.
    LastReading,
    /// A row that is read several times stands in the gradient several times.
    RepeatedRow,
    /// The columns of `bias` are said not to be reached.
    Unreached,
}

/// `y = x z + bias + table[id]`, element by element, with a fault.
#[derive(Clone, Debug)]
pub struct Faulty {
    pub(crate) x: Var,
    pub(crate) z: Var,
    pub(crate) bias: MatrixId,
    pub(crate) table: TableId,
    pub(crate) ids: Vec<u32>,
    pub(crate) fault: Fault,
}

impl Tape<'_> {
    pub(crate) fn faulty(&mut self, op: Faulty) -> Var {
        let bias = self.store.matrix(op.bias);
        let mut value = &self.value(op.x) * &self.value(op.z) + bias;
        for (mut row, &id) in value.outer_iter_mut().zip(&op.ids) {
            row += &aview1(self.store.table_row(op.table, id as usize));
        }
        if op.fault == Fault::Forward {
            value[[0, 0]] *= 1.01;
        }
        self.push(value, Op::Faulty(op))
    }
}

impl Faulty {
    fn row_gradients(&self, dy: &Array2<f32>, rows_of_table: usize) -> RowGradients {
        let mut gradient = RowGradients::default();
        for (dy, &id) in dy.outer_iter().zip(&self.ids) {
            let row = match self.fault {
                Fault::OtherRow => (id + 1) % rows_of_table as u32,
                _ => id,
            };
            match gradient.rows.iter().position(|&before| before == row) {
                Some(found) if self.fault != Fault::RepeatedRow => {
                    let sums = &mut gradient.values[found * dy.len()..(found + 1) * dy.len()];
                    for (sum, &dy) in sums.iter_mut().zip(dy) {
                        *sum = if self.fault == Fault::LastReading { dy } else { *sum + dy };
                    }
                }
                _ => {
                    gradient.rows.push(row);
                    gradient.values.extend(dy);
                }
            }
        }
        gradient
    }
}

impl Operation for Faulty {
    fn inputs(&self) -> Box<dyn Iterator<Item = Var> + '_> {
        Box::new([self.x, self.z].into_iter())
    }

    fn matrices(&self) -> Vec<MatrixId> {
        vec![self.bias]
    }

    fn reach(&self, reached: &[bool], reach: &mut Reach) {
        self.inputs().for_each(|input| reach.columns_of(input, reached.iter().copied()));
        if self.fault != Fault::Unreached {
            reach.columns_of_matrix(self.bias, reached.iter().copied());
        }
    }

    fn backward(&self, _: &Array2<f32>, dy: &mut Array2<f32>, pass: &mut BackwardPass<'_, '_>) {
        let (x, z) = (pass.value(self.x), pass.value(self.z));
        let factor = match self.fault {
            Fault::Derivative => 1.01,
            Fault::Sign => -1.0,
            Fault::NotANumber => f32::NAN,
            _ => 1.0,
        };
        pass.accumulate(self.x, |mut dx| dx += &(&*dy * &z * factor));
        if self.fault != Fault::MissingTerm {
            pass.accumulate(self.z, |mut dz| match self.fault {
                Fault::Overwritten => dz.assign(&(&*dy * &x)),
                _ => dz += &(&*dy * &x),
            });
        }
        if self.fault != Fault::MissingParameter {
            let factor = if self.fault == Fault::Parameter { 1.01 } else { 1.0 };
            pass.accumulate_matrix(self.bias, |mut sums| {
                dy.outer_iter().for_each(|dy| sums.row_mut(0).scaled_add(factor, &dy));
            });
        }
        pass.accumulate_rows(self.table, self.row_gradients(dy, pass.store.table(self.table).rows));
    }

    fn define(&self, replay: &Replay<'_>) -> Array2<f64> {
        let mut value = &replay.value(self.x) * &replay.value(self.z) + replay.matrix(self.bias);
        for (mut row, &id) in value.outer_iter_mut().zip(&self.ids) {
            row += &replay.table(self.table).row(id as usize);
        }
        value
    }
}
