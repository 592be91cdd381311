//! Embedding tables, stored by row: one arena for each dimension, a row's weights and optimiser slots side by side.

use std::ops::Range;

use ndarray::ArrayView2;

use crate::arena_memory::ArenaMemory;
use crate::kernel::gather::Rows;

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

/// Whether the rows of tables are stamped with the number of the last step that reached them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum RowStamps {
    /// No stamps.
    #[default]
    None,
    /// One number a row, for an optimiser that brings a row up to date only when somebody reads it.
    Kept,
}

/// How many values an optimiser keeps in a slot of a row.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SlotWidth {
    /// One for each weight.
    Row,
    /// One for the whole row.
    One,
}

impl SlotWidth {
    /// The number of values beside `dim` weights.
    pub fn values(self, dim: usize) -> usize {
        match self {
            Self::Row => dim,
            Self::One => 1,
        }
    }
}

/// The rows of one table, to be changed.
#[derive(Debug)]
pub struct TableRows<'s> {
    /// `[rows, stride]`: in each row `dim` weights, then the optimiser's slots.
    pub data: &'s mut [f32],
    /// The dimension.
    pub dim: usize,
    /// The length of a row: `dim` and the values of all slots.
    pub stride: usize,
    /// The optimiser's slots, in the order in which they lie in a row.
    pub slots: &'s [SlotWidth],
    /// The rows' stamps; empty without.
    pub stamps: &'s mut [u32],
}

/// Rows of `dim` weights followed by the optimiser's slots, for all tables of one dimension.
#[derive(Clone, Debug)]
pub(crate) struct Arena {
    dim: usize,
    stride: usize,
    slots: Vec<SlotWidth>,
    data: ArenaMemory,
    row_stamps: RowStamps,
    stamps: Vec<u32>,
}

impl Arena {
    pub(crate) fn new(dim: usize, slots: &[SlotWidth], row_stamps: RowStamps) -> Self {
        let stride = dim + slots.iter().map(|slot| slot.values(dim)).sum::<usize>();
        let (slots, data) = (slots.to_vec(), ArenaMemory::zeros(0));
        Self { dim, stride, slots, data, row_stamps, stamps: Vec::new() }
    }

    pub(crate) fn dim(&self) -> usize {
        self.dim
    }

    fn n_rows(&self) -> usize {
        self.data.len() / self.stride
    }

    /// Adds zeroed rows and returns the first one's number.
    pub(crate) fn grow(&mut self, rows: usize) -> usize {
        let first = self.n_rows();
        self.data.grow((first + rows) * self.stride);
        self.stamp_all();
        first
    }

    fn stamp_all(&mut self) {
        self.stamps.resize(if self.row_stamps == RowStamps::Kept { self.n_rows() } else { 0 }, 0);
    }

    pub(crate) fn set_slots(&mut self, slots: &[SlotWidth], row_stamps: RowStamps) {
        let mut new = Self::new(self.dim, slots, row_stamps);
        new.data = ArenaMemory::zeros(self.n_rows() * new.stride);
        for (new, old) in new.data.chunks_exact_mut(new.stride).zip(self.data.chunks_exact(self.stride)) {
            new[..self.dim].copy_from_slice(&old[..self.dim]);
        }
        *self = new;
        self.stamp_all();
    }

    pub(crate) fn copy_weights(&self) -> Vec<f32> {
        let mut weights = Vec::with_capacity(self.n_rows() * self.dim);
        self.data.chunks_exact(self.stride).for_each(|row| weights.extend_from_slice(&row[..self.dim]));
        weights
    }

    pub(crate) fn set_weights(&mut self, weights: &[f32]) {
        assert_eq!(weights.len(), self.n_rows() * self.dim, "a snapshot of another store");
        for (row, weights) in self.data.chunks_exact_mut(self.stride).zip(weights.chunks_exact(self.dim)) {
            row[..self.dim].copy_from_slice(weights);
        }
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

    pub(crate) fn kernel_rows(&self, rows: Range<usize>) -> Rows<'_> {
        let values = &self.data[rows.start * self.stride..rows.end * self.stride];
        Rows { values, stride: self.stride, dim: self.dim }
    }

    /// The arena cut into the tables that were added to it, by their numbers of rows.
    pub(crate) fn split(&mut self, tables: &[usize]) -> Vec<TableRows<'_>> {
        let (mut data, mut stamps) = (&mut self.data[..], &mut self.stamps[..]);
        let cut = tables.iter().map(|&rows| {
            let (first, rest) = std::mem::take(&mut data).split_at_mut(rows * self.stride);
            let n_stamps = rows.min(stamps.len());
            let (first_stamps, rest_stamps) = std::mem::take(&mut stamps).split_at_mut(n_stamps);
            (data, stamps) = (rest, rest_stamps);
            let (dim, stride, slots) = (self.dim, self.stride, &self.slots[..]);
            TableRows { data: first, dim, stride, slots, stamps: first_stamps }
        });
        cut.collect()
    }
}
