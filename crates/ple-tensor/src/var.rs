//! Handles of values: a node, and a block of its columns.

use std::ops::Range;

/// Handle of a value on a [`Tape`](crate::Tape): the columns `columns` of one node.
///
/// A column block of a wide product is a value of its own without a copy; see [`Var::columns`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Var {
    node: u32,
    start: u32,
    width: u32,
}

impl Var {
    pub(crate) fn whole(node: usize, width: usize) -> Self {
        Self { node: node as u32, start: 0, width: width as u32 }
    }

    /// The node's position on the tape.
    pub fn node(self) -> usize {
        self.node as usize
    }

    /// The number of columns.
    pub fn width(self) -> usize {
        self.width as usize
    }

    /// The columns of the node that this value is.
    pub fn range(self) -> Range<usize> {
        self.start as usize..(self.start + self.width) as usize
    }

    /// A block of this value's columns.
    ///
    /// # Panics
    /// If the range leaves the value.
    pub fn columns(self, columns: Range<usize>) -> Self {
        assert!(
            columns.start <= columns.end && columns.end <= self.width(),
            "columns {columns:?} of a value of {} columns",
            self.width
        );
        Self { node: self.node, start: self.start + columns.start as u32, width: columns.len() as u32 }
    }

    /// Whether the columns of `next` begin where those of this value end, in one node.
    ///
    /// ```
    /// use ndarray::array;
    /// use ple_tensor::{Mode, ParamStore, Tape, Workspace};
    ///
    /// let store = ParamStore::new();
    /// let mut tape = Tape::new(&store, Workspace::new(), Mode::Evaluate);
    /// let x = tape.input(array![[1.0, 2.0, 3.0]].view());
    /// let (left, right) = (x.columns(0..2), x.columns(2..3));
    /// assert!(left.precedes(right) && !right.precedes(left));
    /// assert_eq!(left.joined(right), x);
    /// ```
    pub fn precedes(self, next: Self) -> bool {
        self.node == next.node && self.start + self.width == next.start
    }

    /// This value's columns and those of the one that it precedes, as one.
    ///
    /// # Panics
    /// If it does not precede it.
    pub fn joined(self, next: Self) -> Self {
        assert!(self.precedes(next), "{self:?} does not precede {next:?}");
        Self { width: self.width + next.width, ..self }
    }
}
