//! The values of rows that each row has one of, as one record a row: wherever a shuffled batch finds a row, it waits for
//! memory once.

use std::ops::Range;

use crate::schema::{FeatureSchema, Label};

/// Where the values of a row are in its record, in words of 32 bits: ids, the number of the row's user, dense values,
/// labels, weights. Numbers are there as the bits of an `f32`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct RecordLayout {
    n_sparse: usize,
    has_user: bool,
    n_dense: usize,
    n_tasks: usize,
    has_weights: bool,
}

impl RecordLayout {
    /// The layout of the rows of a schema.
    pub(crate) fn of(schema: &FeatureSchema) -> Self {
        Self {
            n_sparse: schema.n_sparse(),
            has_user: false,
            n_dense: schema.n_dense(),
            n_tasks: schema.n_tasks(),
            has_weights: schema.labels.iter().any(Label::has_row_weights),
        }
    }

    /// The same records, whose last id is the number of the row's user.
    pub(crate) fn with_user(self) -> Self {
        debug_assert!(!self.has_user);
        Self { n_sparse: self.n_sparse - 1, has_user: true, ..self }
    }

    /// The ids of the sparse features.
    pub(crate) fn sparse(self) -> Range<usize> {
        0..self.n_sparse
    }

    /// The number of the user, if rows have one.
    pub(crate) fn user(self) -> Range<usize> {
        self.n_sparse..self.n_sparse + usize::from(self.has_user)
    }

    /// The values of the dense features.
    pub(crate) fn dense(self) -> Range<usize> {
        let start = self.user().end;
        start..start + self.n_dense
    }

    /// One label for each task.
    pub(crate) fn labels(self) -> Range<usize> {
        let start = self.dense().end;
        start..start + self.n_tasks
    }

    /// One weight for each task, or none.
    pub(crate) fn weights(self) -> Range<usize> {
        let start = self.labels().end;
        start..start + if self.has_weights { self.n_tasks } else { 0 }
    }

    /// Whether rows have weights.
    pub(crate) fn has_weights(self) -> bool {
        self.has_weights
    }

    /// The words of a record.
    pub(crate) fn width(self) -> usize {
        self.weights().end
    }
}

/// The records of some rows, one after the other.
#[derive(Debug, Clone, Default)]
pub(crate) struct Records {
    layout: RecordLayout,
    rows: usize,
    /// Those of the rows come first; behind them is memory that rows have used before.
    words: Vec<u32>,
}

impl Records {
    /// No rows.
    pub(crate) fn empty(layout: RecordLayout) -> Self {
        Self { layout, rows: 0, words: Vec::new() }
    }

    pub(crate) fn layout(&self) -> RecordLayout {
        self.layout
    }

    /// Lets the last id of each row be the number of its user from now on.
    pub(crate) fn take_last_id_as_user(&mut self) {
        self.layout = self.layout.with_user();
    }

    pub(crate) fn rows(&self) -> usize {
        self.rows
    }

    /// The records of all rows.
    pub(crate) fn words(&self) -> &[u32] {
        &self.words[..self.rows * self.layout.width()]
    }

    /// The bytes of the records, and of what is left behind them.
    pub(crate) fn bytes(&self) -> u64 {
        4 * self.words.len() as u64
    }

    /// The record of one row.
    #[inline]
    pub(crate) fn record(&self, row: usize) -> &[u32] {
        let width = self.layout.width();
        &self.words()[row * width..][..width]
    }

    /// One word of each row, in row order.
    ///
    /// # Panics
    ///
    /// If `column` is not below the length of `of`, for which the panic names `what`.
    pub(crate) fn column(
        &self,
        of: Range<usize>,
        column: usize,
        what: &str,
    ) -> impl ExactSizeIterator<Item = u32> + '_ {
        assert!(column < of.len(), "Table: {what} {column} of {}", of.len());
        let (words, width, first) = (self.words(), self.layout.width(), of.start + column);
        (0..self.rows).map(move |row| words[row * width + first])
    }

    /// Some words of each row, in row order.
    pub(crate) fn columns(&self, of: Range<usize>) -> impl Iterator<Item = u32> + '_ {
        (0..self.rows).flat_map(move |row| self.record(row)[of.clone()].iter().copied())
    }

    /// Removes all rows and makes room for `rows` new ones.
    pub(crate) fn clear_for(&mut self, layout: RecordLayout, rows: usize) {
        (self.layout, self.rows) = (layout, 0);
        let words = rows * self.layout.width();
        self.words.reserve_exact(words.saturating_sub(self.words.len()));
    }

    /// Appends rows, all of whose words are to be written: they may be anything now.
    pub(crate) fn grow(&mut self, more: usize) -> &mut [u32] {
        let width = self.layout.width();
        let (start, end) = (self.rows * width, (self.rows + more) * width);
        if end > self.words.len() {
            self.words.resize(end, 0);
        }
        self.rows += more;
        &mut self.words[start..end]
    }

    /// Appends rows of the same layout.
    pub(crate) fn append(&mut self, other: &Records) {
        debug_assert_eq!(self.layout, other.layout);
        self.words.truncate(self.rows * self.layout.width());
        self.words.extend_from_slice(other.words());
        self.rows += other.rows;
    }

    /// The same rows without the numbers of their users.
    pub(crate) fn without_user(&self) -> Records {
        let layout = RecordLayout { has_user: false, ..self.layout };
        let mut words = Vec::with_capacity(self.rows * layout.width());
        for row in 0..self.rows {
            let record = self.record(row);
            words.extend_from_slice(&record[self.layout.sparse()]);
            words.extend_from_slice(&record[self.layout.dense().start..]);
        }
        Records { layout, rows: self.rows, words }
    }

    /// The chosen rows, in the order asked for.
    ///
    /// # Panics
    ///
    /// If there is no such row.
    pub(crate) fn select(&self, indices: &[u32]) -> Records {
        let mut words = Vec::with_capacity(indices.len() * self.layout.width());
        indices.iter().for_each(|&index| words.extend_from_slice(self.record(index as usize)));
        Records { layout: self.layout, rows: indices.len(), words }
    }
}
