//! Linear maps: one product for all linears that read one input, or one product for each group of columns.

use ndarray::{Array2, ArrayView2, Axis, s};

use super::{Op, Operation, embedded_linear};
use crate::backward::BackwardPass;
use crate::kernel::columns::{add_column_sums, sum_rows};
use crate::kernel::gemm::{Product, Start, gemm};
use crate::kernel::one_column::{add_weight_gradient, dot_products, input_gradient};
use crate::kernel::rows::for_each_block;
use crate::kernel::scratch::{Pool, Scratch};
use crate::reach::{Reach, by_group, repeated};
use crate::replay::Replay;
use crate::store::MatrixId;
use crate::tape::Tape;
use crate::var::Var;
use crate::workspace::emptied;

static COLUMNS: Pool = Pool::new();

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
        let linear = Linear { x, weight, bias, groups };
        let rows = self.nodes[x.node()].dim().0;
        let mut value = self.workspace.matrix(rows, width);
        let bias_values = bias.map(|bias| {
            let bias = self.store.matrix(bias);
            assert_eq!(bias.dim(), (1, width), "linear's bias for a weight {:?}", w.dim());
            bias.to_slice().expect("matrices are contiguous")
        });
        let out = width / groups;
        if out == 1 {
            let (x, weights) = (self.value(x), one_after_the_other(w));
            for_each_block(value.view_mut(), x.len(), |first, y| {
                dot_products(y, first, x, &weights, bias_values);
            });
            drop(weights);
            return self.push(value, Op::Linear(linear));
        }
        if groups == 1
            && let Some(x) = embedded_linear::in_factors(&self.nodes[x.node()].op, x, out)
        {
            embedded_linear::multiply(x, self.store, w, bias_values, value.view_mut());
            return self.push(value, Op::Linear(linear));
        }
        let mut products = emptied(std::mem::take(&mut self.workspace.products));
        let inputs = self.value(x);
        products.extend(value.axis_chunks_iter_mut(Axis(1), out.max(1)).enumerate().map(|(group, c)| {
            let columns = group * out..(group + 1) * out;
            Product {
                a: inputs.slice(s![.., group * fan_in..(group + 1) * fan_in]),
                b: w.slice(s![.., columns.clone()]),
                start: bias_values.map_or(Start::Zero, |bias| Start::Bias(&bias[columns])),
                c,
            }
        }));
        gemm(&mut products);
        self.workspace.products = emptied(products);
        self.push(value, Op::Linear(linear))
    }
}

impl Linear {
    fn backward_of_one_column(&self, gradient: ArrayView2<'_, f32>, pass: &mut BackwardPass<'_, '_>) {
        let (x, weight) = (pass.value(self.x), pass.store.matrix(self.weight));
        let sums = sum_rows(x.nrows(), x.ncols() + self.groups, |rows, sums| {
            add_weight_gradient(sums, rows, x, gradient);
        });
        let (of_weight, of_bias) = sums.split_at(x.ncols());
        // The matrix has a row for each input and a column for each group.
        pass.accumulate_matrix(self.weight, |mut target| {
            target
                .view_mut()
                .reversed_axes()
                .iter_mut()
                .zip(of_weight)
                .for_each(|(value, &sum)| *value += sum as f32);
        });
        if let Some(bias) = self.bias {
            pass.accumulate_matrix(bias, |mut target| {
                target.iter_mut().zip(of_bias).for_each(|(value, &sum)| *value += sum as f32);
            });
        }
        let weights = one_after_the_other(weight);
        pass.accumulate_blocks(self.x, x.len(), |first, fresh, dx| {
            input_gradient(dx, first, fresh, gradient, &weights);
        });
    }
}

/// The columns of a matrix, each without gaps.
fn one_after_the_other(weight: ArrayView2<'_, f32>) -> Scratch {
    let mut columns = COLUMNS.take(weight.len());
    columns.iter_mut().zip(weight.t()).for_each(|(to, &from)| *to = from);
    columns
}

impl Operation for Linear {
    fn inputs(&self) -> Box<dyn Iterator<Item = Var> + '_> {
        Box::new(std::iter::once(self.x))
    }

    fn matrices(&self) -> Vec<MatrixId> {
        std::iter::once(self.weight).chain(self.bias).collect()
    }

    fn reach(&self, reached: &[bool], reach: &mut Reach) {
        self.matrices().into_iter().for_each(|id| reach.columns_of_matrix(id, reached.iter().copied()));
        let groups = by_group(reached, self.groups);
        reach.columns_of(self.x, repeated(&groups, self.x.width() / self.groups));
    }

    fn backward(&self, _: &Array2<f32>, gradient: &mut Array2<f32>, pass: &mut BackwardPass<'_, '_>) {
        let weight = pass.store.matrix(self.weight);
        let (fan_in, out) = (weight.nrows(), weight.ncols() / self.groups);
        if out == 1 {
            return self.backward_of_one_column(gradient.view(), pass);
        }
        if let Some(bias) = self.bias {
            pass.accumulate_matrix(bias, |sums| add_column_sums(gradient.view(), sums));
        }
        if self.groups == 1
            && let Some(x) = embedded_linear::in_factors(pass.op(self.x), self.x, out)
        {
            return embedded_linear::backward(x, self.weight, gradient.view(), pass);
        }
        let x = pass.value(self.x);
        let inputs = |group: usize| s![.., group * fan_in..(group + 1) * fan_in];
        let outputs = |group: usize| s![.., group * out..(group + 1) * out];
        let ((dw_start, mut dw), mut dx) = pass.matrix_and_value(self.weight, self.x);
        let mut products = Vec::with_capacity(2 * self.groups);
        for (group, c) in dw.axis_chunks_iter_mut(Axis(1), out.max(1)).enumerate() {
            let (a, b) = (x.slice(inputs(group)).reversed_axes(), gradient.slice(outputs(group)));
            products.push(Product { a, b, start: dw_start, c });
        }
        if let Some((start, dx)) = &mut dx {
            for (group, c) in dx.axis_chunks_iter_mut(Axis(1), fan_in.max(1)).enumerate() {
                let (a, b) = (gradient.slice(outputs(group)), weight.slice(outputs(group)).reversed_axes());
                products.push(Product { a, b, start: *start, c });
            }
        }
        gemm(&mut products);
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
