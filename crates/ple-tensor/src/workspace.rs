//! Buffers that outlive a step: the tape takes its matrices from here and gives them back, so that from the third
//! step on nothing that grows with the batch is allocated; and in evaluation, where a call may be about one row, its
//! lists as well, so that nothing at all is.

use std::ops::Range;

use ndarray::{Array1, Array2, ArrayView2, s};

use crate::gradients::{Gradients, RowGradients};
use crate::kernel::gemm::Product;
use crate::op_times::OpTimes;
use crate::ops::Segment;
use crate::tape::Node;
use crate::var::Var;

/// The handles that a list has room for from the start.
const SHORT_LIST: usize = 64;

/// A pool of f32 buffers.
///
/// ```
/// use ple_tensor::Workspace;
///
/// let mut workspace = Workspace::new();
/// let matrix = workspace.zeros(2, 3);
/// assert_eq!(matrix.sum(), 0.0);
/// workspace.recycle(matrix);
/// ```
#[derive(Debug, Default)]
pub struct Workspace {
    free: Vec<Vec<f32>>,
    row_values: Vec<Vec<f32>>,
    ids: Vec<Vec<u32>>,
    cells: Vec<Vec<u64>>,
    vars: Vec<Vec<Var>>,
    /// The length of the longest list that came back: any list may be asked for what it was.
    longest_list: usize,
    // The memory of lists that borrow from the store and the batch. Between two uses they are empty.
    pub(crate) nodes: Vec<Node<'static>>,
    pub(crate) segments: Vec<(Range<usize>, Segment<'static>)>,
    pub(crate) products: Vec<Product<'static>>,
    pub(crate) views: Vec<ArrayView2<'static, f32>>,
    pub(crate) times: Option<OpTimes>,
}

impl Workspace {
    /// An empty pool.
    pub fn new() -> Self {
        Self::default()
    }

    /// Measures, from the next tape on, the time of each operation. The tapes have to record the same operations.
    ///
    /// ```
    /// use ndarray::array;
    /// use ple_tensor::{Mode, ParamStore, Tape, Workspace};
    ///
    /// let store = ParamStore::new();
    /// let mut workspace = Workspace::new();
    /// workspace.measure_times();
    /// let mut tape = Tape::new(&store, workspace, Mode::Evaluate);
    /// let x = tape.input(array![[1.0]].view());
    /// tape.relu(x);
    /// let workspace = tape.finish();
    /// let names: Vec<_> = workspace.times().into_iter().flat_map(|times| times.ops()).map(|op| &op.name).collect();
    /// assert_eq!(names, ["relu"]);
    /// ```
    pub fn measure_times(&mut self) {
        self.times = Some(OpTimes::new());
    }

    /// What has been measured.
    pub fn times(&self) -> Option<&OpTimes> {
        self.times.as_ref()
    }

    /// The values for which its free buffers of matrices have room.
    pub fn n_values(&self) -> usize {
        self.free.iter().map(Vec::capacity).sum()
    }

    /// A matrix of zeros.
    pub fn zeros(&mut self, rows: usize, columns: usize) -> Array2<f32> {
        let mut matrix = self.matrix(rows, columns);
        matrix.fill(0.0);
        matrix
    }

    /// A matrix with left-over contents, for those who write every element.
    pub(crate) fn matrix(&mut self, rows: usize, columns: usize) -> Array2<f32> {
        let length = rows * columns;
        let mut buffer = take(&mut self.free, length);
        // A buffer is never made shorter: what is cut off would have to be filled when it is needed again.
        if buffer.len() < length {
            buffer.resize(length, 0.0);
        }
        let values = Array1::from_vec(buffer).slice_move(s![..length]);
        values.into_shape_with_order((rows, columns)).expect("the length is rows x columns")
    }

    /// Empty gradients of a table with room for `rows` rows of `dim` values.
    pub(crate) fn row_gradients(&mut self, rows: usize, dim: usize) -> RowGradients {
        let RowGradients { rows, values } = self.left_over_row_gradients(rows, dim);
        RowGradients { rows: cleared(rows), values: cleared(values) }
    }

    /// The same with left-over contents.
    pub(crate) fn left_over_row_gradients(&mut self, rows: usize, dim: usize) -> RowGradients {
        RowGradients { rows: take(&mut self.ids, rows), values: take(&mut self.row_values, rows * dim) }
    }

    /// A buffer of whatever capacity for a hash table.
    pub(crate) fn cells(&mut self) -> Vec<u64> {
        self.cells.pop().unwrap_or_default()
    }

    /// Takes a matrix back.
    pub fn recycle(&mut self, matrix: Array2<f32>) {
        let (buffer, _) = matrix.into_raw_vec_and_offset();
        if buffer.capacity() > 0 {
            self.free.push(buffer);
        }
    }

    /// An empty list of handles.
    pub(crate) fn vars(&mut self) -> Vec<Var> {
        let mut list = self.vars.pop().unwrap_or_default();
        list.reserve_exact(self.longest_list.max(SHORT_LIST));
        list
    }

    /// Takes the memory of a list of handles back: see [`Tape::list`](crate::Tape::list).
    pub fn recycle_list(&mut self, vars: Vec<Var>) {
        self.longest_list = self.longest_list.max(vars.len());
        self.vars.push(cleared(vars));
    }

    pub(crate) fn recycle_cells(&mut self, cells: Vec<u64>) {
        self.cells.push(cells);
    }

    /// Takes a step's gradients back, once the optimiser has read them.
    pub fn recycle_gradients(&mut self, gradients: Gradients) {
        gradients.matrices.into_iter().flatten().for_each(|matrix| self.recycle(matrix));
        gradients.inputs.into_iter().for_each(|(_, matrix)| self.recycle(matrix));
        gradients.buffers.into_matrices().for_each(|matrix| self.recycle(matrix));
        for rows in gradients.tables.into_iter().flatten() {
            self.row_values.push(rows.values);
            self.ids.push(rows.rows);
        }
    }
}

/// A buffer of a pool that has room for `length` values, or a new one: the smallest, and of those the one that came back
/// last, which may still be in cache.
fn take<T>(pool: &mut Vec<Vec<T>>, length: usize) -> Vec<T> {
    let fits = pool.iter().enumerate().rev().filter(|(_, buffer)| buffer.capacity() >= length);
    match fits.min_by_key(|(_, buffer)| buffer.capacity()).map(|(index, _)| index) {
        Some(index) => pool.swap_remove(index),
        None => Vec::with_capacity(length),
    }
}

/// An empty list in the memory of another one, whose elements may have had another lifetime: collecting a list from
/// itself keeps its memory.
pub(crate) fn emptied<A, B>(mut list: Vec<A>) -> Vec<B> {
    list.clear();
    list.into_iter().map(|_| unreachable!("the list has been cleared")).collect()
}

fn cleared<T>(mut buffer: Vec<T>) -> Vec<T> {
    buffer.clear();
    buffer
}
