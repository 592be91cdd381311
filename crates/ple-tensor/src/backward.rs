//! The backward pass: one reverse loop over the tape for each loss, and what an operation sees in it.

use ndarray::{Array2, ArrayView2, ArrayViewMut2, s};

use crate::gradients::{Buffers, Gradients};
use crate::kernel::gemm::Start;
use crate::kernel::rows::{for_each_block, for_each_run};
use crate::node_gradient::NodeGradient;
use crate::op_times::Direction;
use crate::ops::Op;
use crate::reach::Reach;
use crate::store::{MatrixId, ParamStore, TableId};
use crate::tape::{Mode, Node, Tape};
use crate::var::Var;
use crate::workspace::{Workspace, emptied};

/// Values that are written twice in a row while they are in the first cache.
const FIRST_CACHE: usize = 4096;

impl<'a> Tape<'a> {
    /// The gradients of a scalar with respect to every parameter that it depends on, and the new values of buffers.
    ///
    /// # Panics
    /// If `loss` is not `[1, 1]`, or the tape was recorded in evaluation mode.
    pub fn backward(mut self, loss: Var) -> (Gradients, Workspace) {
        let mut gradients = self.gradients_of(loss);
        let (buffers, workspace) = self.end();
        gradients.buffers = buffers;
        (gradients, workspace)
    }

    /// The gradients of several scalars, and the new values of buffers. The recorded operations are walked back once for each
    /// scalar.
    ///
    /// ```
    /// use ndarray::array;
    /// use ple_tensor::{Mode, ParamStore, Role, Tape, Workspace};
    ///
    /// let mut store = ParamStore::new();
    /// let weight = store.add("weight", array![[2.0, 5.0]], Role::Decayed);
    /// let mut tape = Tape::new(&store, Workspace::new(), Mode::Train { dropout_seed: 0 });
    /// let x = tape.input(array![[3.0]].view());
    /// let y = tape.linear(x, weight, None, 1);
    /// let losses = [y.columns(0..1), y.columns(1..2)];
    /// let (each, _buffers, _workspace) = tape.backward_each(&losses);
    /// assert_eq!(each[0].matrix(weight), Some(array![[3.0, 0.0]].view()));
    /// assert_eq!(each[1].matrix(weight), Some(array![[0.0, 3.0]].view()));
    /// ```
    ///
    /// # Panics
    /// As [`Tape::backward`].
    pub fn backward_each(mut self, losses: &[Var]) -> (Vec<Gradients>, Buffers, Workspace) {
        let each = losses.iter().map(|&loss| self.gradients_of(loss)).collect();
        let (buffers, workspace) = self.end();
        (each, buffers, workspace)
    }

    /// The gradients of a scalar, by a reverse pass that leaves the tape as it is.
    fn gradients_of(&mut self, loss: Var) -> Gradients {
        let walked = std::iter::repeat_n(true, loss.node() + 1);
        let (mut gradients, _) = self.reverse(loss, walked, |_| false);
        gradients.reach = gradients.reach.take().map(|_| Reach::of(&self.nodes, self.store, loss));
        gradients
    }

    /// The gradient of a scalar at some values, `[batch, width]` each, in their order; none where it does not depend on
    /// one. Only the operations between them and the scalar are walked through. No value may depend on another one. Memory
    /// that is given back to [`Tape::recycle`] costs no allocation the next time.
    ///
    /// ```
    /// use ndarray::array;
    /// use ple_tensor::{Mode, ParamStore, Tape, Workspace};
    ///
    /// let store = ParamStore::new();
    /// let mut tape = Tape::new(&store, Workspace::new(), Mode::Train { dropout_seed: 0 });
    /// let x = tape.variable(array![[-1.0, 2.0]].view());
    /// let y = tape.relu(x);
    /// let loss = tape.squared_error(y.columns(1..2), &[0.0], &[1.0]);
    /// assert_eq!(tape.gradient_at(loss, &[y]), [Some(array![[0.0, 4.0]])]);
    /// ```
    ///
    /// # Panics
    /// As [`Tape::backward`].
    pub fn gradient_at(&mut self, loss: Var, values: &[Var]) -> Vec<Option<Array2<f32>>> {
        let mut walked = vec![false; loss.node() + 1];
        let is_asked = |index: usize| values.iter().any(|value| value.node() == index);
        for index in 0..walked.len() {
            let inputs = self.nodes[index].op.operation().inputs();
            let depends = inputs.into_iter().any(|input| walked[input.node()] || is_asked(input.node()));
            walked[index] = depends;
        }
        let (gradients, mut of_nodes) = self.reverse(loss, walked.iter().copied(), is_asked);
        let at = |value: &Var| {
            let gradient = of_nodes[value.node()].as_mut()?.filled().slice_move(s![.., value.range()]);
            let mut copy = self.workspace.matrix(gradient.nrows(), gradient.ncols());
            copy.assign(&gradient);
            Some(copy)
        };
        let found = values.iter().map(at).collect();
        of_nodes.into_iter().flatten().for_each(|gradient| self.workspace.recycle(gradient.finish().0));
        self.workspace.recycle_gradients(gradients);
        found
    }

    /// Takes the memory of a matrix back, such as one of [`Tape::gradient_at`].
    pub fn recycle(&mut self, matrix: Array2<f32>) {
        self.workspace.recycle(matrix);
    }

    /// The reverse loop, through the nodes that are walked: the gradients of parameters, and of the nodes that were not
    /// walked or are `kept`. A reach, still empty, says that columns may be left that the loss does not depend on.
    fn reverse(
        &mut self,
        loss: Var,
        walked: impl DoubleEndedIterator<Item = bool> + ExactSizeIterator,
        kept: impl Fn(usize) -> bool,
    ) -> (Gradients, Vec<Option<NodeGradient>>) {
        assert!(!matches!(self.mode, Mode::Evaluate), "backward of a tape that was recorded for evaluation");
        assert_eq!(self.value(loss).dim(), (1, 1), "backward needs a loss of one value");
        let gradients = Gradients {
            matrices: self.store.matrix_ids().map(|_| None).collect(),
            tables: self.store.table_ids().map(|_| None).collect(),
            ..Gradients::default()
        };
        let mut pass = BackwardPass {
            store: self.store,
            node_gradients: self.nodes.iter().map(|_| None).collect(),
            workspace: std::mem::take(&mut self.workspace),
            gradients,
            nodes: &self.nodes,
        };
        if let Some(times) = &mut pass.workspace.times {
            times.begin();
        }
        pass.accumulate(loss, |mut gradient| gradient.fill(1.0));
        let mut reaches_all = true;
        for (index, is_walked) in walked.enumerate().rev() {
            let node = &self.nodes[index];
            if !is_walked || kept(index) {
                continue;
            }
            if let Some((mut gradient, filled)) = pass.node_gradients[index].take().map(NodeGradient::finish)
            {
                reaches_all &= !filled;
                if matches!(node.op, Op::Input(_)) {
                    pass.gradients.inputs.push((Var::whole(index, node.dim().1), gradient));
                } else {
                    let operation = node.op.operation();
                    operation.backward(node.value(self.store), &mut gradient, &mut pass);
                    match operation.in_place() {
                        Some(input) => pass.hand_over(input, gradient),
                        None => pass.workspace.recycle(gradient),
                    }
                    if let Some(times) = &mut pass.workspace.times {
                        times.end(index, Direction::Backward, || node.op.label(self.store));
                    }
                }
            }
        }
        let BackwardPass { mut gradients, workspace, node_gradients, .. } = pass;
        self.workspace = workspace;
        gradients.reach = (!reaches_all).then(Reach::default);
        (gradients, node_gradients)
    }

    /// Ends a pass with derivatives: the new values of buffers, and all memory.
    fn end(mut self) -> (Buffers, Workspace) {
        let mut buffers = Buffers::default();
        for node in self.nodes.drain(..) {
            let (op, matrices) = node.into_matrices();
            op.release(Some(&mut buffers), &mut self.workspace);
            matrices.for_each(|matrix| self.workspace.recycle(matrix));
        }
        self.workspace.nodes = emptied(self.nodes);
        (buffers, self.workspace)
    }
}

/// A gradient to be added to, or to be written if it starts with [`Start::Zero`].
type Target<'g> = (Start<'static>, ArrayViewMut2<'g, f32>);

/// The gradient of a value, if something learns from it.
fn value_gradient<'g>(
    nodes: &[Node<'_>],
    gradients: &'g mut [Option<NodeGradient>],
    workspace: &mut Workspace,
    var: Var,
) -> Option<Target<'g>> {
    let node = &nodes[var.node()];
    let (rows, width) = node.dim();
    node.needs_gradient().then(|| {
        let slot = &mut gradients[var.node()];
        slot.get_or_insert_with(|| NodeGradient::new(workspace.matrix(rows, width))).columns(var.range())
    })
}

/// What an operation sees while derivatives flow back through it.
pub(crate) struct BackwardPass<'t, 'a> {
    pub(crate) store: &'a ParamStore,
    nodes: &'t [Node<'a>],
    node_gradients: Vec<Option<NodeGradient>>,
    pub(crate) workspace: Workspace,
    gradients: Gradients,
}

impl<'t, 'a> BackwardPass<'t, 'a> {
    /// The operation that a handle is the result of.
    pub(crate) fn op(&self, var: Var) -> &'t Op<'a> {
        &self.nodes[var.node()].op
    }

    /// The value that was recorded for a handle.
    pub(crate) fn value(&self, var: Var) -> ArrayView2<'t, f32> {
        self.nodes[var.node()].value(self.store).slice(s![.., var.range()])
    }

    /// Lets `add` add to the gradient of a value; not called where nothing learns from it.
    pub(crate) fn accumulate(&mut self, var: Var, add: impl FnOnce(ArrayViewMut2<'_, f32>)) {
        self.accumulate_product(var, |start, mut gradient| {
            if let Start::Zero = start {
                gradient.fill(0.0);
            }
            add(gradient);
        });
    }

    /// Lets `add` add to the gradient of a value block of rows by block of rows, or write it: its second argument says
    /// whether the block holds left-overs, so that what is there does not count. `cost` is the whole pass's work.
    pub(crate) fn accumulate_blocks(
        &mut self,
        var: Var,
        cost: usize,
        add: impl Fn(usize, bool, ArrayViewMut2<'_, f32>) + Sync,
    ) {
        self.accumulate_product(var, |start, gradient| {
            let fresh = matches!(start, Start::Zero);
            for_each_block(gradient, cost, |first, block| add(first, fresh, block));
        });
    }

    /// As [`BackwardPass::accumulate`], for work that does not ask where a row ends, in parallel. A value's first gradient
    /// is filled with zeros piece by piece, so that it is in cache when it is added to.
    pub(crate) fn accumulate_runs<const N: usize>(
        &mut self,
        var: Var,
        inputs: [ArrayView2<'_, f32>; N],
        add: impl Fn(&mut [f32], [&[f32]; N]) + Sync,
    ) {
        self.accumulate_product(var, |start, gradient| match start {
            Start::Zero => for_each_run(gradient, inputs, |out, inputs| {
                for (number, out) in out.chunks_mut(FIRST_CACHE).enumerate() {
                    let piece = number * FIRST_CACHE..number * FIRST_CACHE + out.len();
                    out.fill(0.0);
                    add(out, inputs.map(|input| &input[piece.clone()]));
                }
            }),
            _ => for_each_run(gradient, inputs, add),
        });
    }

    /// Lets `add` add to the gradient of a value, or write all of it where it is the first: what it has to start with.
    pub(crate) fn accumulate_product(
        &mut self,
        var: Var,
        add: impl FnOnce(Start<'_>, ArrayViewMut2<'_, f32>),
    ) {
        if let Some((start, gradient)) =
            value_gradient(self.nodes, &mut self.node_gradients, &mut self.workspace, var)
        {
            add(start, gradient);
        }
    }

    /// Adds a whole gradient to that of a value, or lets it be the value's gradient where it is the first.
    fn hand_over(&mut self, var: Var, gradient: Array2<f32>) {
        let node = &self.nodes[var.node()];
        let slot = &mut self.node_gradients[var.node()];
        if node.needs_gradient() && slot.is_none() && var.range() == (0..node.dim().1) {
            let mut first = NodeGradient::new(gradient);
            first.columns(var.range());
            *slot = Some(first);
            return;
        }
        let added = gradient.view();
        self.accumulate_runs(var, [added], |sum, [added]| {
            sum.iter_mut().zip(added).for_each(|(sum, added)| *sum += added);
        });
        self.workspace.recycle(gradient);
    }

    /// Lets `add` add to the gradient of a matrix.
    pub(crate) fn accumulate_matrix(&mut self, id: MatrixId, add: impl FnOnce(ArrayViewMut2<'_, f32>)) {
        let (rows, columns) = self.store.matrix(id).dim();
        let slot = &mut self.gradients.matrices[id.index()];
        add(slot.get_or_insert_with(|| self.workspace.zeros(rows, columns)).view_mut());
    }

    /// The gradient of a matrix, and that of a value if something learns from it. The caller adds to them; one that starts
    /// with [`Start::Zero`] has to be written as a whole.
    pub(crate) fn matrix_and_value(&mut self, id: MatrixId, var: Var) -> (Target<'_>, Option<Target<'_>>) {
        let (rows, columns) = self.store.matrix(id).dim();
        let slot = &mut self.gradients.matrices[id.index()];
        let start = if slot.is_some() { Start::Result } else { Start::Zero };
        let matrix = slot.get_or_insert_with(|| self.workspace.matrix(rows, columns)).view_mut();
        let value = value_gradient(self.nodes, &mut self.node_gradients, &mut self.workspace, var);
        ((start, matrix), value)
    }

    /// The gradient of a matrix alone, as in [`BackwardPass::matrix_and_value`].
    pub(crate) fn matrix(&mut self, id: MatrixId) -> Target<'_> {
        let (rows, columns) = self.store.matrix(id).dim();
        let slot = &mut self.gradients.matrices[id.index()];
        let start = if slot.is_some() { Start::Result } else { Start::Zero };
        (start, slot.get_or_insert_with(|| self.workspace.matrix(rows, columns)).view_mut())
    }

    /// Adds to the gradient of a table.
    pub(crate) fn accumulate_rows(&mut self, id: TableId, rows: crate::RowGradients) {
        let slot = &mut self.gradients.tables[id.index()];
        *slot = Some(match slot.take() {
            Some(before) => before.merge(&rows, self.store.table(id).dim),
            None => rows,
        });
    }
}
