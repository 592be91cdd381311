//! Dice, the data-adaptive activation, with statistics over each row as the reference computes them.

use ndarray::Array2;

use super::{Op, Operation};
use crate::backward::BackwardPass;
use crate::kernel::columns::sum_rows;
use crate::kernel::rows::{for_each_row, row};
use crate::kernel::transcendental::sigmoid;
use crate::reach::{Reach, by_group, repeated};
use crate::replay::Replay;
use crate::store::MatrixId;
use crate::tape::Tape;
use crate::var::Var;

/// Added to each squared deviation, as in torch-rechub.
const EPSILON: f32 = 1e-3;

/// `y = p x + (1 - p) alpha x`: see [`Tape::dice`].
#[derive(Clone, Copy, Debug)]
pub struct Dice {
    /// The argument.
    pub x: Var,
    /// The slopes, `[1, groups]`.
    pub alpha: MatrixId,
}

/// Mean and inverse deviation of one group of one row.
fn statistics(x: &[f32]) -> (f32, f32) {
    let mean = x.iter().sum::<f32>() / x.len() as f32;
    let variance = x.iter().map(|x| (x - mean) * (x - mean) + EPSILON).sum::<f32>();
    (mean, 1.0 / variance.sqrt())
}

impl<'a> Tape<'a> {
    /// `y = p x + (1 - p) alpha x` with `p = sigmoid((x - m) / sqrt(v))`, `m` the mean of the n values of a row's
    /// group and `v = Σ ((x - m)² + 0.001)`, one learned `alpha` for each group of columns.
    ///
    /// This is torch-rechub's form: statistics over a *row*, and a sum for the variance. G. Zhou et al., "Deep Interest
    /// Network", KDD 2018, section 5.3, takes them over the batch.
    ///
    /// # Shapes
    /// `x` and the result are `[batch, groups x n]`, `alpha` is `[1, groups]`.
    ///
    /// # Panics
    /// If the columns cannot be cut into as many groups as there are slopes.
    ///
    /// ```
    /// use ndarray::array;
    /// use ple_tensor::{Mode, ParamStore, Role, Tape, Workspace};
    ///
    /// let mut store = ParamStore::new();
    /// let alpha = store.add("alpha", array![[0.0]], Role::Decayed);
    /// let mut tape = Tape::new(&store, Workspace::new(), Mode::Evaluate);
    /// let x = tape.input(array![[2.0, 2.0]].view());
    /// let y = tape.dice(x, alpha);
    /// assert_eq!(tape.value(y), array![[1.0, 1.0]]); // each value is at the mean: p is one half
    /// ```
    pub fn dice(&mut self, x: Var, alpha: MatrixId) -> Var {
        let alphas = self.store.matrix(alpha);
        let (groups, width) = (alphas.ncols(), x.width());
        assert!(width % groups == 0, "dice of [batch, {width}] with {groups} slopes");
        let alphas = alphas.to_slice().expect("matrices are contiguous");
        let rows = self.value(x).nrows();
        let mut value = self.workspace.matrix(rows, width);
        let input = self.value(x);
        for_each_row(value.view_mut(), |index, out| {
            let pairs =
                out.chunks_exact_mut(width / groups).zip(row(&input, index).chunks_exact(width / groups));
            for ((y, x), alpha) in pairs.zip(alphas) {
                let (mean, inverse) = statistics(x);
                for (y, &x) in y.iter_mut().zip(x) {
                    let p = sigmoid((x - mean) * inverse);
                    *y = p * x + (1.0 - p) * alpha * x;
                }
            }
        });
        self.push(value, Op::Dice(Dice { x, alpha }))
    }
}

impl Operation for Dice {
    fn inputs(&self) -> Box<dyn Iterator<Item = Var> + '_> {
        Box::new(std::iter::once(self.x))
    }

    fn matrices(&self) -> Vec<MatrixId> {
        vec![self.alpha]
    }

    fn reach(&self, reached: &[bool], reach: &mut Reach) {
        let groups = by_group(reached, reach.matrix(self.alpha.index()).len());
        reach.columns_of(self.x, repeated(&groups, reached.len() / groups.len()));
        reach.columns_of_matrix(self.alpha, groups);
    }

    /// With `z = (x - m) r`, `r = 1 / sqrt(v)` and `e = dy (1 - alpha) x p (1 - p)`, the gradient of z:
    /// `dx = dy (p + (1 - p) alpha) + r (e - mean(e) - z Σ e z)`, since `dr/dx = -r² z`, and deviations sum to zero.
    fn backward(&self, _: &Array2<f32>, gradient: &mut Array2<f32>, pass: &mut BackwardPass<'_, '_>) {
        let input = pass.value(self.x);
        let alphas = pass.store.matrix(self.alpha).to_slice().expect("matrices are contiguous");
        let width = input.ncols() / alphas.len();
        let gradient = gradient.view();
        pass.accumulate(self.x, |target| {
            for_each_row(target, |index, dx| {
                let pairs =
                    row(&input, index).chunks_exact(width).zip(row(&gradient, index).chunks_exact(width));
                for ((dx, (x, dy)), &alpha) in dx.chunks_exact_mut(width).zip(pairs).zip(alphas) {
                    let (mean, inverse) = statistics(x);
                    let terms = |x: f32, dy: f32| {
                        let z = (x - mean) * inverse;
                        let p = sigmoid(z);
                        (z, p, dy * (1.0 - alpha) * x * p * (1.0 - p))
                    };
                    let (mut sum, mut product) = (0.0, 0.0);
                    for (&x, &dy) in x.iter().zip(dy) {
                        let (z, _, e) = terms(x, dy);
                        sum += e;
                        product += e * z;
                    }
                    for (dx, (&x, &dy)) in dx.iter_mut().zip(x.iter().zip(dy)) {
                        let (z, p, e) = terms(x, dy);
                        *dx +=
                            dy * (p + (1.0 - p) * alpha) + inverse * (e - sum / width as f32 - z * product);
                    }
                }
            });
        });
        let sums = sum_rows(input.nrows(), alphas.len(), |rows, block| {
            rows.for_each(|index| {
                let pairs =
                    row(&input, index).chunks_exact(width).zip(row(&gradient, index).chunks_exact(width));
                for (sum, (x, dy)) in block.iter_mut().zip(pairs) {
                    let (mean, inverse) = statistics(x);
                    *sum += x
                        .iter()
                        .zip(dy)
                        .map(|(x, dy)| dy * (1.0 - sigmoid((x - mean) * inverse)) * x)
                        .sum::<f32>();
                }
            })
        });
        pass.accumulate_matrix(self.alpha, |mut target| {
            target.iter_mut().zip(sums).for_each(|(t, sum)| *t += sum as f32);
        });
    }

    fn define(&self, replay: &Replay<'_>) -> Array2<f64> {
        let alphas = replay.matrix(self.alpha);
        let mut y = replay.value(self.x).to_owned();
        let width = y.ncols() / alphas.ncols();
        for mut row in y.rows_mut() {
            for (mut group, &alpha) in row.exact_chunks_mut(width).into_iter().zip(alphas) {
                let mean = group.sum() / width as f64;
                let variance = group.fold(0.0, |sum, x| sum + (x - mean) * (x - mean) + f64::from(EPSILON));
                group.mapv_inplace(|x| {
                    let p = 1.0 / (1.0 + (-(x - mean) / variance.sqrt()).exp());
                    p * x + (1.0 - p) * alpha * x
                });
            }
        }
        y
    }
}
