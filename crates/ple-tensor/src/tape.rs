//! The tape is an arena: nodes in insertion order, a `Copy` handle, and a backward pass that is one reverse loop.

use std::sync::{Mutex, OnceLock, PoisonError};

use ndarray::{Array2, ArrayView2, s};

use crate::op_times::Direction;
use crate::ops::{Input, Op};
use crate::store::ParamStore;
use crate::var::Var;
use crate::workspace::{Workspace, emptied};

/// Whether a forward pass is one of training or of evaluation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// Batch norm uses the batch's statistics and dropout drops; derivatives can be taken.
    Train {
        /// The seed of this step's dropout masks: a function of the run's seed and the step.
        dropout_seed: u64,
    },
    /// Batch norm uses its running statistics, dropout does nothing, and nothing is saved for a backward pass.
    Evaluate,
}

/// One recorded operation and its value.
#[derive(Debug)]
pub struct Node<'a> {
    /// What was computed.
    pub op: Op<'a>,
    /// Its result, `[batch, width]`, unless nobody has asked for it yet.
    value: OnceLock<Array2<f32>>,
    /// Where that will be written.
    room: Mutex<Option<Array2<f32>>>,
    dim: (usize, usize),
    needs_gradient: bool,
}

impl<'a> Node<'a> {
    fn new(op: Op<'a>, value: Array2<f32>, needs_gradient: bool) -> Self {
        Self { op, dim: value.dim(), value: OnceLock::from(value), room: Mutex::new(None), needs_gradient }
    }

    /// The shape of the result: batch and width.
    pub fn dim(&self) -> (usize, usize) {
        self.dim
    }

    /// The result, `[batch, width]`, over the store that the tape has borrowed. An embedding matrix that only linear maps
    /// read is written when it is first asked for.
    pub fn value(&self, store: &ParamStore) -> &Array2<f32> {
        self.value.get_or_init(|| {
            let mut value =
                self.room.lock().unwrap_or_else(PoisonError::into_inner).take().unwrap_or_default();
            if let Op::Embedding(embedding) = &self.op {
                embedding.write(store, &mut value);
            }
            value
        })
    }

    pub(crate) fn into_matrices(self) -> (Op<'a>, impl Iterator<Item = Array2<f32>>) {
        let room = self.room.into_inner().unwrap_or_else(PoisonError::into_inner);
        (self.op, self.value.into_inner().into_iter().chain(room))
    }
    /// Whether the loss's derivative flows through this node.
    pub fn needs_gradient(&self) -> bool {
        self.needs_gradient
    }
}

/// A forward pass as it is recorded, node by node.
///
/// The tape borrows the [`ParamStore`] and writes nothing into it; [`Tape::backward`] consumes the tape and gives back
/// the gradients, the new batch-norm statistics and the workspace. Only then can the store be borrowed mutably, so the
/// compiler proves the order forward, backward, update.
///
/// ```
/// use ndarray::array;
/// use ple_tensor::{Mode, ParamStore, Role, Tape, Workspace};
///
/// let mut store = ParamStore::new();
/// let weight = store.add("weight", array![[2.0], [3.0]], Role::Decayed);
/// let x = array![[1.0, 10.0]];
///
/// let mut tape = Tape::new(&store, Workspace::new(), Mode::Train { dropout_seed: 0 });
/// let input = tape.input(x.view());
/// let product = tape.linear(input, weight, None, 1);
/// assert_eq!(tape.value(product), array![[32.0]]);
///
/// let (gradients, _workspace) = tape.backward(product);
/// assert_eq!(gradients.matrix(weight), Some(array![[1.0], [10.0]].view()));
/// ```
#[derive(Debug)]
pub struct Tape<'a> {
    pub(crate) store: &'a ParamStore,
    pub(crate) nodes: Vec<Node<'a>>,
    pub(crate) workspace: Workspace,
    pub(crate) mode: Mode,
    pub(crate) dropout_sites: u64,
}

impl<'a> Tape<'a> {
    /// An empty tape over a store.
    pub fn new(store: &'a ParamStore, mut workspace: Workspace, mode: Mode) -> Self {
        if let Some(times) = &mut workspace.times {
            times.begin();
        }
        let nodes = emptied(std::mem::take(&mut workspace.nodes));
        Self { store, nodes, workspace, mode, dropout_sites: 0 }
    }

    /// Whether this pass trains or evaluates.
    pub fn mode(&self) -> Mode {
        self.mode
    }

    /// The parameters that this pass reads.
    pub fn store(&self) -> &'a ParamStore {
        self.store
    }

    /// The recorded operations, in order: what an exporter reads.
    pub fn nodes(&self) -> &[Node<'a>] {
        &self.nodes
    }

    /// The value of a handle, `[batch, width]`.
    pub fn value(&self, var: Var) -> ArrayView2<'_, f32> {
        self.nodes[var.node()].value(self.store).slice(s![.., var.range()])
    }

    /// The value of a `[1, 1]` handle.
    ///
    /// # Panics
    /// If the value is not a scalar.
    pub fn scalar(&self, var: Var) -> f32 {
        let value = self.value(var);
        assert_eq!(value.dim(), (1, 1), "scalar of a value {:?}", value.dim());
        value[[0, 0]]
    }

    /// Records a constant, by copy: nothing flows back into it.
    pub fn input(&mut self, value: ArrayView2<'_, f32>) -> Var {
        let copy = self.copy(value);
        self.push_leaf(copy, false)
    }

    /// Records an input whose gradient is wanted: see [`Gradients::input`](crate::Gradients::input).
    pub fn variable(&mut self, value: ArrayView2<'_, f32>) -> Var {
        let copy = self.copy(value);
        self.push_leaf(copy, true)
    }

    /// An empty list of handles, in memory that an earlier one has left. One that is given back to
    /// [`Tape::recycle_list`] costs no allocation when the next is asked for.
    pub fn list(&mut self) -> Vec<Var> {
        self.workspace.vars()
    }

    /// Takes the memory of a list back.
    pub fn recycle_list(&mut self, list: Vec<Var>) {
        self.workspace.recycle_list(list);
    }

    fn copy(&mut self, value: ArrayView2<'_, f32>) -> Array2<f32> {
        let mut copy = self.workspace.matrix(value.nrows(), value.ncols());
        copy.assign(&value);
        copy
    }

    fn push_leaf(&mut self, value: Array2<f32>, needs_gradient: bool) -> Var {
        let var = Var::whole(self.nodes.len(), value.ncols());
        self.nodes.push(Node::new(Op::Input(Input), value, needs_gradient));
        var
    }

    pub(crate) fn push(&mut self, value: Array2<f32>, op: Op<'a>) -> Var {
        let var = Var::whole(self.nodes.len(), value.ncols());
        let operation = op.operation();
        let needs_gradient = !matches!(self.mode, Mode::Evaluate)
            && (operation.learns()
                || operation.inputs().any(|input| self.nodes[input.node()].needs_gradient));
        if let Some(times) = &mut self.workspace.times {
            times.end(self.nodes.len(), Direction::Forward, || op.label(self.store));
        }
        self.nodes.push(Node::new(op, value, needs_gradient));
        var
    }

    /// As [`Tape::push`], for a value that is written into `room` when somebody asks for it.
    pub(crate) fn push_on_demand(&mut self, room: Array2<f32>, op: Op<'a>) -> Var {
        let var = self.push(room, op);
        if let Some(node) = self.nodes.last_mut() {
            node.room = Mutex::new(node.value.take());
        }
        var
    }

    /// Ends a pass without derivatives and gives the buffers back.
    pub fn finish(mut self) -> Workspace {
        for node in self.nodes.drain(..) {
            let (op, matrices) = node.into_matrices();
            op.release(None, &mut self.workspace);
            matrices.for_each(|matrix| self.workspace.recycle(matrix));
        }
        self.workspace.nodes = emptied(self.nodes);
        self.workspace
    }
}
