//! Embedding tables, stored by row: one arena for each dimension, a row's weights and optimiser slots side by side.

use std::ops::Range;

use ndarray::{ArrayView2, ArrayViewMut2};

/// Where a table lies: a range of rows of the arena of its dimension.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Table {
    /// The parameter's name, such as `embedding.101.weight`.
    pub name: String,
    /// The number of rows: the vocabulary size.
    pub rows: usize,
    /// The embedding dimension.
    pub dim: usize,
    pub(crate) arena: usize,
    pub(crate) first_row: usize,
}

impl Table {
    /// The arena's row of a table's row.
    ///
    /// # Panics
    /// If the row is out of range: an id outside the vocabulary must never read another table's row.
    pub(crate) fn arena_row(&self, row: usize) -> usize {
        assert!(row < self.rows, "row {row} of table {} that has {} rows", self.name, self.rows);
        self.first_row + row
    }
}

/// Rows of `dim` weights followed by `slots x dim` optimiser values, for all tables of one dimension.
#[derive(Clone, Debug)]
pub(crate) struct Arena {
    dim: usize,
    stride: usize,
    data: Vec<f32>,
    stamps: Option<Vec<u32>>,
}

impl Arena {
    pub(crate) fn new(dim: usize, slots: usize) -> Self {
        Self { dim, stride: dim * (1 + slots), data: Vec::new(), stamps: None }
    }

    pub(crate) fn dim(&self) -> usize {
        self.dim
    }

    /// Adds zeroed rows and returns the first one's number.
    pub(crate) fn grow(&mut self, rows: usize) -> usize {
        let first = self.data.len() / self.stride;
        self.data.reserve_exact(rows * self.stride);
        self.data.resize((first + rows) * self.stride, 0.0);
        if let Some(stamps) = &mut self.stamps {
            stamps.resize(first + rows, 0);
        }
        first
    }

    pub(crate) fn add_stamps(&mut self) {
        self.stamps = Some(vec![0; self.data.len() / self.stride]);
    }

    pub(crate) fn weights(&self, row: usize) -> &[f32] {
        let start = row * self.stride;
        &self.data[start..start + self.dim]
    }

    pub(crate) fn weights_mut(&mut self, row: usize) -> &mut [f32] {
        let start = row * self.stride;
        &mut self.data[start..start + self.dim]
    }

    pub(crate) fn rows(&self, rows: Range<usize>) -> ArrayView2<'_, f32> {
        let data = &self.data[rows.start * self.stride..rows.end * self.stride];
        ArrayView2::from_shape((rows.len(), self.stride), data).expect("whole rows")
    }

    pub(crate) fn rows_mut(&mut self, rows: Range<usize>) -> (ArrayViewMut2<'_, f32>, Option<&mut [u32]>) {
        let data = &mut self.data[rows.start * self.stride..rows.end * self.stride];
        let stamps = self.stamps.as_mut().map(|stamps| &mut stamps[rows.clone()]);
        (ArrayViewMut2::from_shape((rows.len(), self.stride), data).expect("whole rows"), stamps)
    }
}
