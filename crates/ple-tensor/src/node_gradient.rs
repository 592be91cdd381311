//! The gradient of a node's value while it is summed: columns that nobody has written yet hold left-overs, and are
//! filled with zeros only if nobody comes to write them.

use std::ops::Range;

use ndarray::{Array2, ArrayView2, ArrayViewMut2, s};

use crate::kernel::gemm::Start;

/// A gradient `[batch, width]` of which the columns `written` are in use.
#[derive(Debug)]
pub(crate) struct NodeGradient {
    values: Array2<f32>,
    written: Range<usize>,
    /// Whether a column was filled with zeros: perhaps nobody came to write it.
    filled: bool,
}

impl NodeGradient {
    /// A gradient without a column in use.
    pub(crate) fn new(values: Array2<f32>) -> Self {
        Self { values, written: 0..0, filled: false }
    }

    /// Columns to add to; those that start with [`Start::Zero`] have to be written as a whole.
    pub(crate) fn columns(&mut self, columns: Range<usize>) -> (Start<'static>, ArrayViewMut2<'_, f32>) {
        let written = self.written.clone();
        let start = if written.is_empty() {
            self.written = columns.clone();
            Start::Zero
        } else if columns.start == written.end {
            self.written.end = columns.end;
            Start::Zero
        } else if columns.end == written.start {
            self.written.start = columns.start;
            Start::Zero
        } else {
            if columns.start < written.start || columns.end > written.end {
                self.fill_unwritten();
            }
            Start::Result
        };
        (start, self.values.slice_mut(s![.., columns]))
    }

    /// The whole gradient so far.
    pub(crate) fn filled(&mut self) -> ArrayView2<'_, f32> {
        self.fill_unwritten();
        self.values.view()
    }

    /// The whole gradient, and whether there may be columns that nobody has written.
    pub(crate) fn finish(mut self) -> (Array2<f32>, bool) {
        self.fill_unwritten();
        (self.values, self.filled)
    }

    fn fill_unwritten(&mut self) {
        let Range { start, end } = self.written;
        self.filled |= start > 0 || end < self.values.ncols();
        self.values.slice_mut(s![.., ..start]).fill(0.0);
        self.values.slice_mut(s![.., end..]).fill(0.0);
        self.written = 0..self.values.ncols();
    }
}

#[cfg(test)]
mod tests {
    use ndarray::Array2;
    use proptest::prelude::*;

    use super::NodeGradient;
    use crate::kernel::gemm::Start;

    proptest! {
        #[test]
        fn is_the_sum_of_what_was_added(
            width in 1_usize..12,
            ranges in proptest::collection::vec((0_usize..12, 0_usize..12), 0..8),
        ) {
            let mut gradient = NodeGradient::new(Array2::from_elem((2, width), f32::NAN));
            let mut expected = Array2::<f32>::zeros((2, width));
            for (number, (a, b)) in ranges.into_iter().enumerate() {
                let columns = a.min(b).min(width)..a.max(b).min(width);
                let (start, mut values) = gradient.columns(columns.clone());
                match start {
                    Start::Zero => values.fill(number as f32),
                    _ => values += number as f32,
                }
                expected.slice_mut(ndarray::s![.., columns]).mapv_inplace(|value| value + number as f32);
            }
            prop_assert_eq!(gradient.finish().0, expected);
        }
    }
}
