//! Buffers that outlive a step: the tape takes its matrices from here and gives them back, so that from the second
//! step on nothing that grows with the batch is allocated.

use ndarray::Array2;

use crate::gradients::Gradients;

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
    ids: Vec<Vec<u32>>,
    keys: Vec<Vec<u64>>,
}

impl Workspace {
    /// An empty pool.
    pub fn new() -> Self {
        Self::default()
    }

    /// A matrix of zeros.
    pub fn zeros(&mut self, rows: usize, columns: usize) -> Array2<f32> {
        let mut matrix = self.matrix(rows, columns);
        matrix.fill(0.0);
        matrix
    }

    /// A matrix with left-over contents, for those who write every element.
    pub(crate) fn matrix(&mut self, rows: usize, columns: usize) -> Array2<f32> {
        let mut buffer = self.floats(rows * columns);
        buffer.resize(rows * columns, 0.0);
        Array2::from_shape_vec((rows, columns), buffer).expect("the length is rows x columns")
    }

    /// A buffer with room for `length` values and left-over contents.
    pub(crate) fn floats(&mut self, length: usize) -> Vec<f32> {
        take(&mut self.free, length)
    }

    /// An empty buffer with room for `length` ids.
    pub(crate) fn ids(&mut self, length: usize) -> Vec<u32> {
        cleared(take(&mut self.ids, length))
    }

    /// An empty buffer with room for `length` sort keys.
    pub(crate) fn keys(&mut self, length: usize) -> Vec<u64> {
        cleared(take(&mut self.keys, length))
    }

    /// Takes a matrix back.
    pub fn recycle(&mut self, matrix: Array2<f32>) {
        self.recycle_floats(matrix.into_raw_vec_and_offset().0);
    }

    pub(crate) fn recycle_floats(&mut self, buffer: Vec<f32>) {
        if buffer.capacity() > 0 {
            self.free.push(buffer);
        }
    }

    pub(crate) fn recycle_keys(&mut self, keys: Vec<u64>) {
        self.keys.push(keys);
    }

    /// Takes a step's gradients back, once the optimiser has read them.
    pub fn recycle_gradients(&mut self, gradients: Gradients) {
        gradients.matrices.into_iter().flatten().for_each(|matrix| self.recycle(matrix));
        gradients.inputs.into_iter().for_each(|(_, matrix)| self.recycle(matrix));
        gradients.buffers.into_iter().for_each(|(_, matrix)| self.recycle(matrix));
        for rows in gradients.tables.into_iter().flatten() {
            self.recycle_floats(rows.values);
            self.ids.push(rows.rows);
        }
    }
}

/// The smallest buffer of a pool that has room for `length` values, or a new one.
fn take<T>(pool: &mut Vec<Vec<T>>, length: usize) -> Vec<T> {
    let fits = pool.iter().enumerate().filter(|(_, buffer)| buffer.capacity() >= length);
    match fits.min_by_key(|(_, buffer)| buffer.capacity()).map(|(index, _)| index) {
        Some(index) => pool.swap_remove(index),
        None => Vec::with_capacity(length),
    }
}

fn cleared<T>(mut buffer: Vec<T>) -> Vec<T> {
    buffer.clear();
    buffer
}
