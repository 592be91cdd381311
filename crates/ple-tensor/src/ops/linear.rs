//! Linear maps: one product for all linears that read one input, or one product for each group of columns.

use ndarray::{Array2, s};

use super::{Op, Operation};
use crate::kernel::columns::add_column_sums;
use crate::kernel::gemm::{Start, gemm};
use crate::replay::Replay;
use crate::store::MatrixId;
use crate::tape::{BackwardPass, Tape, Var};

/// `y = x W + b`, group by group: see [`Tape::linear`].
#[derive(Clone, Copy, Debug)]
#[expect(missing_docs, reason = "the fields are the letters of the formula")]
pub struct Linear {
    pub x: Var,
    pub weight: MatrixId,
    pub bias: Option<MatrixId>,
    /// The number of column groups of `x` and `W` that are multiplied apart.
    pub groups: usize,
}

impl<'a> Tape<'a> {
    /// A linear map, `y = x W + b`.
    ///
    /// With `groups` = g > 1 the columns of `x` and of `W` are cut into g equal groups, and group i of the result is
    /// `xᵢ Wᵢ + bᵢ`: the second layers of g experts whose inputs lie side by side.
    ///
    /// # Shapes
    /// `x` is `[batch, g x in]`, `weight` `[in, g x out]`, `bias` `[1, g x out]`, the result `[batch, g x out]`.
    ///
    /// # Panics
    /// If the shapes do not fit.
    ///
    /// ```
    /// use ndarray::array;
    /// use ple_tensor::{Mode, ParamStore, Role, Tape, Workspace};
    ///
    /// let mut store = ParamStore::new();
    /// let weight = store.add("weight", array![[2.0, 10.0]], Role::Decayed);
    /// let mut tape = Tape::new(&store, Workspace::new(), Mode::Evaluate);
    /// let x = tape.input(array![[1.0, 3.0]].view());
    /// let y = tape.linear(x, weight, None, 2);
    /// assert_eq!(tape.value(y), array![[2.0, 30.0]]);
    /// ```
    pub fn linear(&mut self, x: Var, weight: MatrixId, bias: Option<MatrixId>, groups: usize) -> Var {
        let w = self.store.matrix(weight);
        let (fan_in, width) = w.dim();
        assert!(
            x.width() == fan_in * groups && width % groups == 0,
            "linear of x [batch, {}] and weight {:?} in {groups} groups ({})",
            x.width(),
            w.dim(),
            self.store.matrix_name(weight)
        );
        let rows = self.value(x).nrows();
        let mut value = self.workspace.matrix(rows, width);
        let bias_values = bias.map(|bias| {
            let bias = self.store.matrix(bias);
            assert_eq!(bias.dim(), (1, width), "linear's bias for a weight {:?}", w.dim());
            bias.to_slice().expect("matrices are contiguous")
        });
        let out = width / groups;
        for group in 0..groups {
            let inputs = self.value(x.columns(group * fan_in..(group + 1) * fan_in));
            let columns = group * out..(group + 1) * out;
            let start = bias_values.map_or(Start::Zero, |bias| Start::Bias(&bias[columns.clone()]));
            let result = value.slice_mut(s![.., columns.clone()]);
            gemm(inputs, w.slice(s![.., columns]), start, result);
        }
        self.push(value, Op::Linear(Linear { x, weight, bias, groups }))
    }
}

impl Operation for Linear {
    fn inputs(&self) -> Box<dyn Iterator<Item = Var> + '_> {
        Box::new(std::iter::once(self.x))
    }

    fn matrices(&self) -> Vec<MatrixId> {
        std::iter::once(self.weight).chain(self.bias).collect()
    }

    fn backward(&self, _: &Array2<f32>, gradient: &Array2<f32>, pass: &mut BackwardPass<'_, '_>) {
        let weight = pass.store.matrix(self.weight);
        let (fan_in, out) = (weight.nrows(), weight.ncols() / self.groups);
        if let Some(bias) = self.bias {
            pass.accumulate_matrix(bias, |sums| add_column_sums(gradient.view(), sums));
        }
        for group in 0..self.groups {
            let columns = group * out..(group + 1) * out;
            let x = self.x.columns(group * fan_in..(group + 1) * fan_in);
            let dy = gradient.slice(s![.., columns.clone()]);
            let value = pass.value(x);
            pass.accumulate_matrix(self.weight, |mut dw| {
                gemm(value.reversed_axes(), dy, Start::Result, dw.slice_mut(s![.., columns.clone()]))
            });
            let transposed = weight.slice(s![.., columns]).reversed_axes();
            pass.accumulate_product(x, |start, dx| gemm(dy, transposed, start, dx));
        }
    }

    fn define(&self, replay: &Replay<'_>) -> Array2<f64> {
        let (x, weight) = (replay.value(self.x), replay.matrix(self.weight));
        let (fan_in, out) = (weight.nrows(), weight.ncols() / self.groups);
        Array2::from_shape_fn((x.nrows(), weight.ncols()), |(row, column)| {
            let first = column / out * fan_in;
            let bias = self.bias.map_or(0.0, |bias| replay.matrix(bias)[[0, column]]);
            bias + (0..fan_in).map(|i| x[[row, first + i]] * weight[[i, column]]).sum::<f64>()
        })
    }
}
