//! A recorded tape run again through the definitions of its operations, in f64: what kernels are tested against, and
//! what the gradient check takes its central differences on.

use ndarray::{Array2, ArrayView2, s};

use crate::ops::Op;
use crate::store::{MatrixId, ParamStore, TableId};
use crate::tape::{Mode, Tape};
use crate::var::Var;

/// A store's values in f64, to be perturbed.
#[derive(Clone, Debug)]
pub struct ReferenceParams {
    pub(crate) matrices: Vec<Array2<f64>>,
    pub(crate) tables: Vec<Array2<f64>>,
}

impl From<&ParamStore> for ReferenceParams {
    fn from(store: &ParamStore) -> Self {
        let matrices = store.matrix_ids().map(|id| store.matrix(id).mapv(f64::from)).collect();
        let tables = store.table_ids().map(|id| {
            let dim = store.table(id).dim;
            store.table_rows(id).slice(s![.., ..dim]).mapv(f64::from)
        });
        Self { matrices, tables: tables.collect() }
    }
}

/// A replay under way: what a definition reads.
pub(crate) struct Replay<'r> {
    mode: Mode,
    params: &'r ReferenceParams,
    values: Vec<Array2<f64>>,
}

impl Replay<'_> {
    pub(crate) fn value(&self, var: Var) -> ArrayView2<'_, f64> {
        self.values[var.node()].slice(s![.., var.range()])
    }

    pub(crate) fn matrix(&self, id: MatrixId) -> ArrayView2<'_, f64> {
        self.params.matrices[id.index()].view()
    }

    pub(crate) fn table(&self, id: TableId) -> ArrayView2<'_, f64> {
        self.params.tables[id.index()].view()
    }

    pub(crate) fn mode(&self) -> Mode {
        self.mode
    }
}

impl Tape<'_> {
    /// Every node's value in f64, from the definitions, for the given parameters and the recorded inputs.
    ///
    /// `inputs` replaces the value of recorded inputs, by node.
    pub fn replay(&self, params: &ReferenceParams, inputs: &[(Var, Array2<f64>)]) -> Vec<Array2<f64>> {
        let mut replay = Replay { mode: self.mode, params, values: Vec::with_capacity(self.nodes.len()) };
        for (index, node) in self.nodes.iter().enumerate() {
            let value = match &node.op {
                Op::Input(_) => {
                    let given = inputs.iter().find(|(input, _)| input.node() == index);
                    given.map_or_else(|| node.value(self.store).mapv(f64::from), |(_, value)| value.clone())
                }
                op => op.operation().define(&replay),
            };
            replay.values.push(value);
        }
        replay.values
    }
}
