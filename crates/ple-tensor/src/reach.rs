//! Which columns of the parameters a loss depends on. A matrix may hold the weights of several towers or experts side by
//! side, and a step in which one task has no rows must not move what belongs to that task alone: its gradient is zero, but
//! decay and moments would.

use crate::store::{MatrixId, ParamStore};
use crate::tape::Node;
use crate::var::Var;

/// The columns that are reached so far, of every node and of every matrix.
#[derive(Debug, Default)]
pub(crate) struct Reach {
    nodes: Vec<Vec<bool>>,
    matrices: Vec<Vec<bool>>,
}

impl Reach {
    /// Follows a loss back through all that it was computed from.
    pub(crate) fn of(nodes: &[Node<'_>], store: &ParamStore, loss: Var) -> Self {
        let mut reach = Self {
            nodes: nodes.iter().map(|node| vec![false; node.dim().1]).collect(),
            matrices: store.matrix_ids().map(|id| vec![false; store.matrix(id).ncols()]).collect(),
        };
        reach.all_of(loss);
        for (index, node) in nodes.iter().enumerate().rev() {
            let columns = std::mem::take(&mut reach.nodes[index]);
            if columns.contains(&true) {
                node.op.operation().reach(&columns, &mut reach);
            }
        }
        reach
    }

    /// That of matrices alone.
    pub(crate) fn of_matrices(matrices: Vec<Vec<bool>>) -> Self {
        Self { nodes: Vec::new(), matrices }
    }

    /// Whether each column of a matrix is reached, by the matrix's number.
    pub(crate) fn matrix(&self, index: usize) -> &[bool] {
        &self.matrices[index]
    }

    /// All columns of a value.
    pub(crate) fn all_of(&mut self, var: Var) {
        self.columns_of(var, std::iter::repeat(true));
    }

    /// Those columns of a value for which `reached` says so.
    pub(crate) fn columns_of(&mut self, var: Var, reached: impl IntoIterator<Item = bool>) {
        add(&mut self.nodes[var.node()][var.range()], reached);
    }

    /// Those columns of a matrix for which `reached` says so.
    pub(crate) fn columns_of_matrix(&mut self, id: MatrixId, reached: impl IntoIterator<Item = bool>) {
        add(&mut self.matrices[id.index()], reached);
    }
}

fn add(columns: &mut [bool], reached: impl IntoIterator<Item = bool>) {
    columns.iter_mut().zip(reached).for_each(|(column, reached)| *column |= reached);
}

/// For each of equal groups of columns, whether one of them is reached.
pub(crate) fn by_group(columns: &[bool], groups: usize) -> Vec<bool> {
    let width = columns.len() / groups.max(1);
    columns.chunks(width.max(1)).map(|group| group.contains(&true)).collect()
}

/// Each value `times` times.
pub(crate) fn repeated(values: &[bool], times: usize) -> impl Iterator<Item = bool> {
    values.iter().flat_map(move |&value| std::iter::repeat_n(value, times))
}
