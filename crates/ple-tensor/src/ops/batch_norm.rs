//! Batch normalisation, with the statistics of the batch in training and running ones in evaluation.

use std::ops::Range;

use ndarray::Array2;

use super::{Op, Operation};
use crate::backward::BackwardPass;
use crate::gradients::Buffers;
use crate::kernel::columns::sum_rows;
use crate::kernel::rows::for_each_block;
use crate::kernel::vectors::{self, NormColumns};
use crate::reach::Reach;
use crate::replay::Replay;
use crate::store::MatrixId;
use crate::tape::{Mode, Tape};
use crate::var::Var;
use crate::workspace::Workspace;

/// The parameters, buffers and constants of a batch norm over `width` columns; each matrix is `[1, width]`.
#[derive(Clone, Copy, Debug)]
pub struct BatchNormParams {
    /// The factor, 1 at first.
    pub gamma: MatrixId,
    /// The shift, 0 at first.
    pub beta: MatrixId,
    /// The running mean, a buffer.
    pub running_mean: MatrixId,
    /// The running unbiased variance, a buffer.
    pub running_variance: MatrixId,
    /// Added to the variance under the root: 1e-5 in the reference.
    pub epsilon: f32,
    /// The share of the batch in the running statistics: 0.1 in the reference.
    pub momentum: f32,
}

/// `y = (x - mean) / sqrt(variance + epsilon) * gamma + beta`: see [`Tape::batch_norm`].
#[derive(Debug)]
pub struct BatchNorm {
    /// The values that are normalised.
    pub x: Var,
    /// Parameters, buffers and constants.
    pub params: BatchNormParams,
    /// The columns whose result is rectified: see [`Tape::batch_norm_relu`].
    pub rectified: Range<usize>,
    /// Mean, inverse deviation and scale of each column, `[3, width]`.
    statistics: Array2<f32>,
    new_statistics: Option<[Array2<f32>; 2]>,
}

impl<'a> Tape<'a> {
    /// Batch normalisation of each column, `y = (x - mean) / sqrt(variance + epsilon) * gamma + beta`.
    ///
    /// In training, mean and (biased) variance are the batch's, and the running statistics move by
    /// `running += momentum * (batch - running)` with the unbiased variance; [`Tape::backward`] gives back their new
    /// values. In evaluation the running statistics are used. Source: S. Ioffe and C. Szegedy, "Batch Normalization",
    /// ICML 2015, algorithms 1 and 2; constants and the unbiased running variance as in PyTorch.
    ///
    /// # Shapes
    /// `x` and the result are `[batch, width]`.
    ///
    /// # Panics
    /// If a shape does not fit, or a training batch has fewer than two rows: one row has no variance.
    ///
    /// ```
    /// use ndarray::array;
    /// use ple_tensor::{BatchNormParams, Mode, ParamStore, Role, Tape, Workspace};
    ///
    /// let mut store = ParamStore::new();
    /// let params = BatchNormParams {
    ///     gamma: store.add("gamma", array![[2.0]], Role::Decayed),
    ///     beta: store.add("beta", array![[10.0]], Role::Decayed),
    ///     running_mean: store.add("running_mean", array![[0.0]], Role::Buffer),
    ///     running_variance: store.add("running_variance", array![[1.0]], Role::Buffer),
    ///     epsilon: 0.0,
    ///     momentum: 0.1,
    /// };
    /// let mut tape = Tape::new(&store, Workspace::new(), Mode::Train { dropout_seed: 0 });
    /// let x = tape.input(array![[1.0], [3.0]].view());
    /// let y = tape.batch_norm(x, params);
    /// assert_eq!(tape.value(y), array![[8.0], [12.0]]);
    /// ```
    pub fn batch_norm(&mut self, x: Var, params: BatchNormParams) -> Var {
        self.batch_norm_rectified(x, params, 0..0)
    }

    /// Batch normalisation, and the rectified linear unit on the columns `active` of its result; gives back these columns
    /// and the result, which is to be read outside of `active` only.
    ///
    /// The numbers are those of [`Tape::batch_norm`] and [`Tape::relu`]. In training they are one operation, which spares
    /// two passes over the values; in evaluation they are recorded as the two that they are.
    ///
    /// # Shapes
    /// `x` and the result are `[batch, width]`, the rectified columns `[batch, length of active]`.
    ///
    /// # Panics
    /// As [`Tape::batch_norm`], or if `active` leaves the columns.
    ///
    /// ```
    /// use ndarray::array;
    /// use ple_tensor::{BatchNormParams, Mode, ParamStore, Role, Tape, Workspace};
    ///
    /// let mut store = ParamStore::new();
    /// let params = BatchNormParams {
    ///     gamma: store.add("gamma", array![[1.0, 1.0]], Role::Decayed),
    ///     beta: store.add("beta", array![[0.0, 0.0]], Role::Decayed),
    ///     running_mean: store.add("running_mean", array![[0.0, 0.0]], Role::Buffer),
    ///     running_variance: store.add("running_variance", array![[1.0, 1.0]], Role::Buffer),
    ///     epsilon: 0.0,
    ///     momentum: 0.1,
    /// };
    /// let mut tape = Tape::new(&store, Workspace::new(), Mode::Train { dropout_seed: 0 });
    /// let x = tape.input(array![[1.0, 1.0], [3.0, 3.0]].view());
    /// let (rectified, normed) = tape.batch_norm_relu(x, params, 0..1);
    /// assert_eq!(tape.value(rectified), array![[0.0], [1.0]]);
    /// assert_eq!(tape.value(normed.columns(1..2)), array![[-1.0], [1.0]]);
    /// ```
    pub fn batch_norm_relu(&mut self, x: Var, params: BatchNormParams, active: Range<usize>) -> (Var, Var) {
        match self.mode {
            Mode::Train { .. } => {
                let normed = self.batch_norm_rectified(x, params, active.clone());
                (normed.columns(active), normed)
            }
            Mode::Evaluate => {
                let normed = self.batch_norm(x, params);
                (self.relu(normed.columns(active)), normed)
            }
        }
    }

    fn batch_norm_rectified(&mut self, x: Var, params: BatchNormParams, rectified: Range<usize>) -> Var {
        let input = self.nodes[x.node()].value(self.store).slice(ndarray::s![.., x.range()]);
        let (rows, width) = input.dim();
        let vector = |id: MatrixId| {
            let matrix = self.store.matrix(id);
            assert_eq!(
                matrix.dim(),
                (1, width),
                "batch norm of [batch, {width}] with {}",
                self.store.matrix_name(id)
            );
            matrix.to_slice().expect("matrices are contiguous")
        };
        let (running_mean, running_variance) = (vector(params.running_mean), vector(params.running_variance));
        let mut statistics = self.workspace.matrix(3, width);
        let (mean, rest) =
            statistics.as_slice_mut().expect("the workspace's matrices have no gaps").split_at_mut(width);
        let (variance, scale) = rest.split_at_mut(width);
        let new_statistics = match self.mode {
            Mode::Evaluate => {
                mean.copy_from_slice(running_mean);
                variance.copy_from_slice(running_variance);
                None
            }
            Mode::Train { .. } => {
                assert!(rows > 1, "batch norm of a training batch of {rows} rows (x [{rows}, {width}])");
                let n = rows as f64;
                let sums = sum_rows(rows, width, |rows, sums| vectors::add_rows(sums, rows, input));
                mean.iter_mut().zip(&sums).for_each(|(mean, sum)| *mean = (sum / n) as f32);
                let mean = &*mean;
                let squares =
                    sum_rows(rows, width, |rows, sums| vectors::add_squares(sums, rows, input, mean));
                let mut moved = |running: &[f32], batch: &mut dyn Iterator<Item = f64>| {
                    let momentum = f64::from(params.momentum);
                    let mut moved = self.workspace.matrix(1, width);
                    for ((moved, &running), batch) in moved.iter_mut().zip(running).zip(batch) {
                        let running = f64::from(running);
                        *moved = (running + momentum * (batch - running)) as f32;
                    }
                    moved
                };
                let new_mean = moved(running_mean, &mut mean.iter().map(|&mean| f64::from(mean)));
                let new_variance = moved(running_variance, &mut squares.iter().map(|sum| sum / (n - 1.0)));
                variance.iter_mut().zip(&squares).for_each(|(variance, sum)| *variance = (sum / n) as f32);
                Some([new_mean, new_variance])
            }
        };
        // The variance becomes the inverse deviation.
        for ((value, scale), gamma) in variance.iter_mut().zip(scale).zip(vector(params.gamma)) {
            *value = 1.0 / (*value + params.epsilon).sqrt();
            *scale = gamma * *value;
        }
        let mut value = self.workspace.matrix(rows, width);
        let columns = norm_columns(&statistics, vector(params.beta), &rectified);
        for_each_block(value.view_mut(), rows * width, |first, out| {
            vectors::normalise(out, first, input, columns);
        });
        let op = BatchNorm { x, params, rectified, statistics, new_statistics };
        self.push(value, Op::BatchNorm(op))
    }
}

/// What the columns are normalised with: the rows of `statistics`, and the shift.
fn norm_columns<'s>(
    statistics: &'s Array2<f32>,
    shift: &'s [f32],
    rectified: &Range<usize>,
) -> NormColumns<'s> {
    let statistics_of_all = statistics.as_slice().expect("the workspace's matrices have no gaps");
    let (mean, rest) = statistics_of_all.split_at(statistics.ncols());
    let (inverse, scale) = rest.split_at(statistics.ncols());
    NormColumns { mean, inverse, scale, shift, rectified: [rectified.start, rectified.end] }
}

impl BatchNorm {
    pub(crate) fn release(self, buffers: Option<&mut Buffers>, workspace: &mut Workspace) {
        workspace.recycle(self.statistics);
        if let Some([mean, variance]) = self.new_statistics {
            match buffers {
                Some(buffers) => {
                    buffers.push((self.params.running_mean, mean));
                    buffers.push((self.params.running_variance, variance));
                }
                None => [mean, variance].into_iter().for_each(|matrix| workspace.recycle(matrix)),
            }
        }
    }
}

impl Operation for BatchNorm {
    fn inputs(&self) -> Box<dyn Iterator<Item = Var> + '_> {
        Box::new(std::iter::once(self.x))
    }

    fn matrices(&self) -> Vec<MatrixId> {
        let BatchNormParams { gamma, beta, running_mean, running_variance, .. } = self.params;
        vec![gamma, beta, running_mean, running_variance]
    }

    fn in_place(&self) -> Option<Var> {
        Some(self.x)
    }

    fn reach(&self, reached: &[bool], reach: &mut Reach) {
        reach.columns_of(self.x, reached.iter().copied());
        for id in self.matrices() {
            reach.columns_of_matrix(id, reached.iter().copied());
        }
    }

    /// With `x̂ = (x - mean) / deviation` and sums over the batch of n rows:
    /// `dbeta = Σ dy`, `dgamma = Σ dy x̂`, `dx = gamma / deviation * (dy - dbeta / n - x̂ dgamma / n)`.
    fn backward(&self, _: &Array2<f32>, gradient: &mut Array2<f32>, pass: &mut BackwardPass<'_, '_>) {
        let input = pass.value(self.x);
        let (rows, width) = gradient.dim();
        let shift = pass.store.matrix(self.params.beta).to_slice().expect("matrices are contiguous");
        let columns = norm_columns(&self.statistics, shift, &self.rectified);
        let dy = gradient.view();
        let sums = sum_rows(rows, 2 * width, |rows, sums| {
            vectors::add_normalised_products(sums, rows, dy, input, columns);
        });
        let (dbeta, dgamma) = sums.split_at(width);
        for (id, sums) in [(self.params.beta, dbeta), (self.params.gamma, dgamma)] {
            pass.accumulate_matrix(id, |mut target| {
                target.iter_mut().zip(sums).for_each(|(t, &sum)| *t += sum as f32)
            });
        }
        let n = rows as f64;
        let mean_dy: Vec<f32> = dbeta.iter().map(|sum| (sum / n) as f32).collect();
        let mean_dy_x: Vec<f32> = dgamma.iter().map(|sum| (sum / n) as f32).collect();
        for_each_block(gradient.view_mut(), rows * width, |first, dx| {
            vectors::normalise_gradient(dx, first, input, columns, &mean_dy, &mean_dy_x);
        });
    }

    fn define(&self, replay: &Replay<'_>) -> Array2<f64> {
        let x = replay.value(self.x);
        let n = x.nrows() as f64;
        let mut y = x.to_owned();
        for (column, mut values) in y.columns_mut().into_iter().enumerate() {
            let at = |id| replay.matrix(id)[[0, column]];
            let (mean, variance) = match replay.mode() {
                Mode::Evaluate => (at(self.params.running_mean), at(self.params.running_variance)),
                Mode::Train { .. } => {
                    let mean = values.sum() / n;
                    (mean, values.fold(0.0, |sum, x| sum + (x - mean) * (x - mean)) / n)
                }
            };
            let deviation = (variance + f64::from(self.params.epsilon)).sqrt();
            values.mapv_inplace(|x| (x - mean) / deviation * at(self.params.gamma) + at(self.params.beta));
            if self.rectified.contains(&column) {
                values.mapv_inplace(|y| y.max(0.0));
            }
        }
        y
    }
}
