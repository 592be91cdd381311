//! What a backward pass gives back: dense gradients for matrices, rows for tables, and new values for buffers.

use ndarray::{Array2, ArrayView2};

use crate::reach::Reach;
use crate::store::{MatrixId, TableId};
use crate::var::Var;

/// The gradient of a table: only the rows that the batch read, each once, in the order in which it first read them.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct RowGradients {
    /// The distinct rows.
    pub rows: Vec<u32>,
    /// Their gradients, `[rows, dim]` row-major.
    pub values: Vec<f32>,
}

/// The new values of buffers that a forward pass in training gives, in its order: the running statistics of batch norm.
#[derive(Debug, Default)]
pub struct Buffers {
    values: Vec<(MatrixId, Array2<f32>)>,
}

impl Buffers {
    pub(crate) fn push(&mut self, buffer: (MatrixId, Array2<f32>)) {
        self.values.push(buffer);
    }

    pub(crate) fn into_matrices(self) -> impl Iterator<Item = Array2<f32>> {
        self.values.into_iter().map(|(_, matrix)| matrix)
    }
}

/// The result of a backward pass.
///
/// A matrix or table that the loss does not depend on has no gradient, rather than one of zeros. What gradients are to each
/// other is in [`SharedParameters`](crate::SharedParameters), [`Gradients::dot`], [`Gradients::norm`] and
/// [`Gradients::add_scaled`].
#[derive(Debug, Default)]
pub struct Gradients {
    pub(crate) matrices: Vec<Option<Array2<f32>>>,
    /// None where every matrix with a gradient is reached in all columns.
    pub(crate) reach: Option<Reach>,
    pub(crate) tables: Vec<Option<RowGradients>>,
    pub(crate) buffers: Buffers,
    pub(crate) inputs: Vec<(Var, Array2<f32>)>,
}

impl Gradients {
    /// The gradient of a matrix, in its shape.
    pub fn matrix(&self, id: MatrixId) -> Option<ArrayView2<'_, f32>> {
        self.matrices[id.index()].as_ref().map(|gradient| gradient.view())
    }

    /// Which columns of a matrix the loss depends on; none where it depends on all of them. The gradient of the others is
    /// zero.
    pub fn reached_columns(&self, id: MatrixId) -> Option<&[bool]> {
        let columns = self.reach.as_ref()?.matrix(id.index());
        columns.contains(&false).then_some(columns)
    }

    /// The gradient of a table.
    pub fn table(&self, id: TableId) -> Option<&RowGradients> {
        self.tables[id.index()].as_ref()
    }

    /// The new values of buffers: the running statistics of batch norm, in the order of the forward pass.
    pub fn buffers(&self) -> &[(MatrixId, Array2<f32>)] {
        &self.buffers.values
    }

    /// The same gradients with the new values of buffers that [`Tape::backward_each`](crate::Tape::backward_each) gives beside
    /// them.
    pub fn with_buffers(self, buffers: Buffers) -> Self {
        Self { buffers, ..self }
    }

    /// The gradient of an input recorded by [`Tape::variable`](crate::Tape::variable).
    pub fn input(&self, var: Var) -> Option<ArrayView2<'_, f32>> {
        self.inputs.iter().find(|(input, _)| *input == var).map(|(_, gradient)| gradient.view())
    }
}
