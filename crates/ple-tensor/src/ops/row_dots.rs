//! Dot products row by row: the scores of an attention over a few vectors.

use ndarray::{Array2, s};

use super::{Op, Operation};
use crate::backward::BackwardPass;
use crate::kernel::rows::for_each_block;
use crate::replay::Replay;
use crate::tape::Tape;
use crate::var::Var;
use crate::workspace::Workspace;

/// `yᵢ = scale Σ leftᵢ rightᵢ` in each row: see [`Tape::row_dots`].
#[derive(Clone, Debug)]
pub struct RowDots {
    /// The left factors, `[batch, width]` each.
    pub left: Vec<Var>,
    /// The right factors, of the same shapes.
    pub right: Vec<Var>,
    /// What each sum is multiplied with.
    pub scale: f32,
}

impl<'a> Tape<'a> {
    /// `yᵢ = scale Σ leftᵢ rightᵢ` in each row, a column for each pair.
    ///
    /// With queries on the left, keys on the right and `scale = 1 / sqrt(width)` these are the scores of AITM's attention:
    /// D. Xi et al., "Modeling the Sequential Dependence among Audience Multi-step Conversions with Multi-task Learning in
    /// Targeted Display Advertising", KDD 2021, equation 4.
    ///
    /// # Shapes
    /// Factor i of both sides is `[batch, width]`, the result `[batch, pairs]`.
    ///
    /// # Panics
    /// If there is no pair, or the shapes of one differ.
    ///
    /// ```
    /// use ndarray::array;
    /// use ple_tensor::{Mode, ParamStore, Tape, Workspace};
    ///
    /// let store = ParamStore::new();
    /// let mut tape = Tape::new(&store, Workspace::new(), Mode::Evaluate);
    /// let [a, b] = [array![[1.0, 2.0]], array![[3.0, 4.0]]].map(|x| tape.input(x.view()));
    /// let y = tape.row_dots(&[a, a], &[a, b], 0.5);
    /// assert_eq!(tape.value(y), array![[2.5, 5.5]]);
    /// ```
    pub fn row_dots(&mut self, left: &[Var], right: &[Var], scale: f32) -> Var {
        let shapes = |side: &[Var]| side.iter().map(|&x| self.value(x).dim()).collect::<Vec<_>>();
        let (of_left, of_right) = (shapes(left), shapes(right));
        assert!(!left.is_empty() && of_left == of_right, "dot products of {of_left:?} and {of_right:?}");
        let (rows, width) = of_left[0];
        let mut value = self.workspace.matrix(rows, left.len());
        for_each_block(value.view_mut(), rows * width * left.len(), |first, mut block| {
            for (pair, (&left, &right)) in left.iter().zip(right).enumerate() {
                let (left, right) = (self.value(left), self.value(right));
                for (row, y) in block.column_mut(pair).iter_mut().enumerate() {
                    let factors = left.row(first + row).into_iter().zip(right.row(first + row));
                    *y = scale * factors.map(|(a, b)| a * b).sum::<f32>();
                }
            }
        });
        let [mut own_left, mut own_right] = [(); 2].map(|()| self.list());
        own_left.extend_from_slice(left);
        own_right.extend_from_slice(right);
        self.push(value, Op::RowDots(RowDots { left: own_left, right: own_right, scale }))
    }
}

impl RowDots {
    pub(crate) fn release(self, workspace: &mut Workspace) {
        workspace.recycle_list(self.left);
        workspace.recycle_list(self.right);
    }
}

impl Operation for RowDots {
    fn inputs(&self) -> Box<dyn Iterator<Item = Var> + '_> {
        Box::new(self.left.iter().chain(&self.right).copied())
    }

    /// `dleftᵢ = scale dyᵢ rightᵢ`, and likewise `drightᵢ`.
    fn backward(&self, _: &Array2<f32>, gradient: &mut Array2<f32>, pass: &mut BackwardPass<'_, '_>) {
        for (pair, (&left, &right)) in self.left.iter().zip(&self.right).enumerate() {
            let dy = gradient.slice(s![.., pair]);
            for (x, other) in [(left, right), (right, left)] {
                let other = pass.value(other);
                pass.accumulate_blocks(x, other.len(), |first, fresh, mut block| {
                    for (row, mut dx) in block.outer_iter_mut().enumerate() {
                        let factor = self.scale * dy[first + row];
                        for (dx, other) in dx.iter_mut().zip(other.row(first + row)) {
                            *dx = factor * other + if fresh { 0.0 } else { *dx };
                        }
                    }
                });
            }
        }
    }

    fn define(&self, replay: &Replay<'_>) -> Array2<f64> {
        let rows = replay.value(self.left[0]).nrows();
        Array2::from_shape_fn((rows, self.left.len()), |(row, pair)| {
            let (left, right) = (replay.value(self.left[pair]), replay.value(self.right[pair]));
            f64::from(self.scale) * left.row(row).iter().zip(right.row(row)).map(|(a, b)| a * b).sum::<f64>()
        })
    }
}
