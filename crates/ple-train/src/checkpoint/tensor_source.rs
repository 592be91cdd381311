//! Where the values of a tensor lie in memory, so that they can be streamed into a file without a copy of the whole.

/// A tensor to be saved.
#[derive(Clone, Debug)]
pub struct TensorEntry<'a> {
    /// The name, which no other tensor of the checkpoint has.
    pub name: String,
    /// The shape; its product is the number of values.
    pub shape: Vec<usize>,
    /// The values, row by row.
    pub source: TensorSource<'a>,
}

/// The values of a tensor.
#[derive(Clone, Copy, Debug)]
pub enum TensorSource<'a> {
    /// One after the other.
    Contiguous(&'a [f32]),
    /// Rows with something else between them, such as the moments of an optimiser: row r is
    /// `data[r * stride..r * stride + dim]`. To save a slot beside the weights, start `data` at its first value.
    Rows {
        /// Where the first row starts, and everything up to the end of the last.
        data: &'a [f32],
        /// The values of one row.
        dim: usize,
        /// The distance from the start of one row to the start of the next; at least `dim`.
        stride: usize,
        /// The number of rows.
        rows: usize,
    },
}

impl<'a> TensorSource<'a> {
    /// The number of values.
    pub fn len(&self) -> usize {
        match self {
            Self::Contiguous(values) => values.len(),
            Self::Rows { dim, rows, .. } => dim * rows,
        }
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The values in order, in pieces that each lie together.
    pub(super) fn pieces(self) -> impl Iterator<Item = &'a [f32]> {
        let (data, dim, stride, rows) = match self {
            Self::Contiguous(values) => (values, values.len(), values.len(), 1),
            Self::Rows { data, dim, stride, rows } => (data, dim, stride, rows),
        };
        (0..rows).map(move |row| &data[row * stride..row * stride + dim])
    }
}

impl TensorEntry<'_> {
    /// Stops the program where the shape and the values do not fit: a bug of the caller.
    pub(super) fn check(&self) {
        let (name, shape) = (&self.name, &self.shape);
        let expected: usize = shape.iter().product();
        assert_eq!(expected, self.source.len(), "checkpoint: `{name}` has the shape {shape:?}");
        if let TensorSource::Rows { data, dim, stride, rows } = self.source {
            assert!(stride >= dim, "checkpoint: `{name}` has rows of {dim} values every {stride}");
            let needed = rows.saturating_sub(1) * stride + if rows == 0 { 0 } else { dim };
            let found = data.len();
            assert!(found >= needed, "checkpoint: `{name}` needs {needed} values and got {found}");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{TensorEntry, TensorSource};

    #[test]
    fn the_last_row_needs_no_room_behind_it() {
        let source = TensorSource::Rows { data: &[1.0, 9.0, 9.0, 2.0], dim: 1, stride: 3, rows: 2 };
        TensorEntry { name: "t".into(), shape: vec![2, 1], source }.check();
        assert_eq!(source.pieces().flatten().copied().collect::<Vec<_>>(), [1.0, 2.0]);
    }

    #[test]
    fn empty_sources_have_no_values() {
        assert!(TensorSource::Contiguous(&[]).is_empty());
        let none = TensorSource::Rows { data: &[], dim: 4, stride: 4, rows: 0 };
        assert_eq!(none.pieces().count(), 0);
    }

    #[test]
    #[should_panic(expected = "checkpoint: `t` has the shape [3]")]
    fn a_shape_that_does_not_fit_is_a_bug() {
        TensorEntry { name: "t".into(), shape: vec![3], source: TensorSource::Contiguous(&[1.0]) }.check();
    }
}
