//! The rectified linear unit with a learned slope below zero, one for each group of columns.

use ndarray::Array2;

use super::{Op, Operation};
use crate::backward::BackwardPass;
use crate::kernel::rows::{for_each_row, row};
use crate::reach::{Reach, by_group, repeated};
use crate::replay::Replay;
use crate::store::MatrixId;
use crate::tape::Tape;
use crate::var::Var;

/// `y = x` above zero, `slope * x` below: see [`Tape::prelu`].
#[derive(Clone, Copy, Debug)]
pub struct Prelu {
    /// The argument.
    pub x: Var,
    /// The slopes, `[1, groups]`.
    pub slope: MatrixId,
}

impl<'a> Tape<'a> {
    /// `y = x` where x > 0, else `slope * x`, with one learned slope for each of the equal groups of columns.
    ///
    /// Source: K. He et al., "Delving Deep into Rectifiers", ICCV 2015, equation 1; PyTorch starts at 0.25.
    ///
    /// # Shapes
    /// `x` and the result are `[batch, groups x width]`, `slope` is `[1, groups]`.
    ///
    /// # Panics
    /// If the columns cannot be cut into as many groups as there are slopes.
    ///
    /// ```
    /// use ndarray::array;
    /// use ple_tensor::{Mode, ParamStore, Role, Tape, Workspace};
    ///
    /// let mut store = ParamStore::new();
    /// let slope = store.add("slope", array![[0.25, 0.5]], Role::Decayed);
    /// let mut tape = Tape::new(&store, Workspace::new(), Mode::Evaluate);
    /// let x = tape.input(array![[-4.0, -4.0]].view());
    /// let y = tape.prelu(x, slope);
    /// assert_eq!(tape.value(y), array![[-1.0, -2.0]]);
    /// ```
    pub fn prelu(&mut self, x: Var, slope: MatrixId) -> Var {
        let slopes = self.store.matrix(slope);
        let (groups, width) = (slopes.ncols(), x.width());
        assert!(width % groups == 0, "prelu of [batch, {width}] with {groups} slopes");
        let slopes = slopes.to_slice().expect("matrices are contiguous");
        let rows = self.value(x).nrows();
        let mut value = self.workspace.matrix(rows, width);
        let input = self.value(x);
        for_each_row(value.view_mut(), |index, out| {
            let pairs =
                out.chunks_exact_mut(width / groups).zip(row(&input, index).chunks_exact(width / groups));
            for ((y, x), slope) in pairs.zip(slopes) {
                y.iter_mut().zip(x).for_each(|(y, &x)| *y = if x > 0.0 { x } else { slope * x });
            }
        });
        self.push(value, Op::Prelu(Prelu { x, slope }))
    }
}

impl Operation for Prelu {
    fn inputs(&self) -> Box<dyn Iterator<Item = Var> + '_> {
        Box::new(std::iter::once(self.x))
    }

    fn matrices(&self) -> Vec<MatrixId> {
        vec![self.slope]
    }

    fn reach(&self, reached: &[bool], reach: &mut Reach) {
        let groups = by_group(reached, reach.matrix(self.slope.index()).len());
        reach.columns_of(self.x, repeated(&groups, reached.len() / groups.len()));
        reach.columns_of_matrix(self.slope, groups);
    }

    fn backward(&self, _: &Array2<f32>, gradient: &mut Array2<f32>, pass: &mut BackwardPass<'_, '_>) {
        let input = pass.value(self.x);
        let slopes = pass.store.matrix(self.slope).to_slice().expect("matrices are contiguous");
        let width = input.ncols() / slopes.len();
        let gradient = gradient.view();
        pass.accumulate(self.x, |target| {
            for_each_row(target, |index, dx| {
                let (x, dy) = (row(&input, index), row(&gradient, index));
                for column in 0..dx.len() {
                    let slope = slopes[column / width];
                    dx[column] += if x[column] > 0.0 { dy[column] } else { slope * dy[column] };
                }
            });
        });
        let sums = crate::kernel::columns::sum_rows(input.nrows(), slopes.len(), |rows, block| {
            rows.for_each(|index| {
                let pairs =
                    row(&input, index).chunks_exact(width).zip(row(&gradient, index).chunks_exact(width));
                for (sum, (x, dy)) in block.iter_mut().zip(pairs) {
                    *sum += x.iter().zip(dy).map(|(x, dy)| x.min(0.0) * dy).sum::<f32>();
                }
            })
        });
        pass.accumulate_matrix(self.slope, |mut target| {
            target.iter_mut().zip(sums).for_each(|(t, sum)| *t += sum as f32);
        });
    }

    fn define(&self, replay: &Replay<'_>) -> Array2<f64> {
        let (x, slopes) = (replay.value(self.x), replay.matrix(self.slope));
        let width = x.ncols() / slopes.ncols();
        Array2::from_shape_fn(x.dim(), |(row, column)| {
            let value = x[[row, column]];
            if value > 0.0 { value } else { slopes[[0, column / width]] * value }
        })
    }
}
