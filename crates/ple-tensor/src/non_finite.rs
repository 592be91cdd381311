//! Where the first value of a forward pass is that is NaN or infinite: asked for once something is known to be wrong.

use ndarray::ArrayView2;

use crate::ops::Op;
use crate::tape::Tape;

/// The first value of a forward pass that is not finite.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NonFinite {
    /// The parameter, or the operation whose output it is.
    pub tensor: String,
    /// The row of that tensor.
    pub row: usize,
    /// In which part of the pass it came up.
    pub origin: Origin,
}

/// The part of a forward pass that a value comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Origin {
    /// A parameter or a buffer, before it was computed with.
    Parameter,
    /// The embedding matrix: pooled lists and dense values. What it is made of is finite unless the input is not.
    Embedding,
    /// An operation between the embedding matrix and the outputs.
    Network,
    /// A loss, of finite outputs.
    Loss,
    /// The sum of several finite losses.
    Total,
}

impl Op<'_> {
    /// The part of a forward pass that its output belongs to.
    fn origin(&self) -> Origin {
        match self {
            Op::Input(_) | Op::Embedding(_) => Origin::Embedding,
            Op::Pointwise(_) => Origin::Loss,
            Op::WeightedSum(_) | Op::Uncertainty(_) => Origin::Total,
            _ => Origin::Network,
        }
    }
}

impl Tape<'_> {
    /// The first value of the pass, in the order in which it was computed, that is NaN or infinite: a parameter before
    /// the operation that reads it.
    pub fn first_non_finite(&self) -> Option<NonFinite> {
        self.nodes.iter().find_map(|node| {
            let operation = node.op.operation();
            let parameter = operation.matrices().into_iter().find_map(|id| {
                let (row, column) = first_bad_place(self.store.matrix(id))?;
                let tensor = self.store.name_of_column(id, column).to_owned();
                Some(NonFinite { tensor, row, origin: Origin::Parameter })
            });
            parameter.or_else(|| {
                let (row, _) = first_bad_place(node.value(self.store).view())?;
                let tensor = format!("output of {}", node.op.label(self.store));
                Some(NonFinite { tensor, row, origin: node.op.origin() })
            })
        })
    }
}

fn first_bad_place(matrix: ArrayView2<'_, f32>) -> Option<(usize, usize)> {
    matrix.indexed_iter().find(|(_, value)| !value.is_finite()).map(|(place, _)| place)
}
