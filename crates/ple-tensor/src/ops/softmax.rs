//! Softmax over each row, or over each group of a row's columns.

use ndarray::Array2;

use super::{Op, Operation};
use crate::backward::BackwardPass;
use crate::kernel::rows::{for_each_block, row};
use crate::kernel::scratch::Pool;
use crate::kernel::softmax::{softmax_columns, softmax_gradient};
use crate::reach::{Reach, by_group, repeated};
use crate::replay::Replay;
use crate::tape::Tape;
use crate::var::Var;

static COLUMNS: Pool = Pool::new();

/// `y = exp(x) / Σ exp(x)`: see [`Tape::softmax`].
#[derive(Clone, Copy, Debug)]
pub struct Softmax {
    /// The argument.
    pub x: Var,
    /// The number of column groups that each sum to one.
    pub groups: usize,
}

impl<'a> Tape<'a> {
    /// `y = exp(x - max) / Σ exp(x - max)` over each of the equal groups of a row's columns.
    ///
    /// # Shapes
    /// `x` and the result are `[batch, groups x width]`; each group of a row sums to one.
    ///
    /// # Panics
    /// If the columns cannot be cut into that many groups.
    ///
    /// ```
    /// use ndarray::array;
    /// use ple_tensor::{Mode, ParamStore, Tape, Workspace};
    ///
    /// let store = ParamStore::new();
    /// let mut tape = Tape::new(&store, Workspace::new(), Mode::Evaluate);
    /// let x = tape.input(array![[1.0, 1.0, 7.0, 7.0]].view());
    /// let y = tape.softmax(x, 2);
    /// assert_eq!(tape.value(y), array![[0.5, 0.5, 0.5, 0.5]]);
    /// ```
    pub fn softmax(&mut self, x: Var, groups: usize) -> Var {
        let (rows, width) = self.value(x).dim();
        assert!(width % groups == 0, "softmax of [batch, {width}] in {groups} groups");
        let mut value = self.workspace.matrix(rows, width);
        let input = self.value(x);
        let (cost, group) = (value.len(), width / groups);
        for_each_block(value.view_mut(), cost, |first, mut block| {
            // Whole vectors of rows: those that the block does not have are zeros.
            let rows = block.nrows().next_multiple_of(16);
            let mut columns = COLUMNS.take(group * rows);
            columns.fill(0.0);
            for start in (0..width).step_by(group.max(1)) {
                for index in 0..block.nrows() {
                    let x = &row(&input, first + index)[start..start + group];
                    x.iter().enumerate().for_each(|(c, &x)| columns[c * rows + index] = x);
                }
                softmax_columns(&mut columns, rows);
                for (index, mut out) in block.outer_iter_mut().enumerate() {
                    (0..group).for_each(|c| out[start + c] = columns[c * rows + index]);
                }
            }
        });
        self.push(value, Op::Softmax(Softmax { x, groups }))
    }
}

impl Operation for Softmax {
    fn inputs(&self) -> Box<dyn Iterator<Item = Var> + '_> {
        Box::new(std::iter::once(self.x))
    }

    fn reach(&self, reached: &[bool], reach: &mut Reach) {
        let groups = by_group(reached, self.groups);
        reach.columns_of(self.x, repeated(&groups, reached.len() / self.groups));
    }

    /// `dx = y (dy - Σ y dy)`.
    fn backward(&self, output: &Array2<f32>, gradient: &mut Array2<f32>, pass: &mut BackwardPass<'_, '_>) {
        let width = output.ncols() / self.groups;
        let (output, gradient) = (output.view(), gradient.view());
        pass.accumulate_blocks(self.x, output.len(), |first, fresh, dx| {
            softmax_gradient(dx, first, fresh, output, gradient, width);
        });
    }

    fn define(&self, replay: &Replay<'_>) -> Array2<f64> {
        let mut y = replay.value(self.x).to_owned();
        let width = y.ncols() / self.groups;
        for mut row in y.rows_mut() {
            for mut group in row.exact_chunks_mut(width) {
                let max = group.fold(f64::NEG_INFINITY, |max, &x| max.max(x));
                group.mapv_inplace(|x| (x - max).exp());
                let sum = group.sum();
                group.mapv_inplace(|x| x / sum);
            }
        }
        y
    }
}
