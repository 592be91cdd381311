//! Loops over blocks of rows, in the widest vectors of the processor. Sums of a row go by fixed lanes, so that they are
//! the same in vectors of any width.
//!
//! A function takes as many rows as its caller has, since finding the instruction set costs as much as a narrow row.

use std::ops::Range;

use ndarray::{ArrayView2, ArrayViewMut2};

use super::instruction_set::multiversion;
use super::rows::{row, slice_mut};

/// `sum += x`.
#[inline(always)]
fn add(sum: &mut [f32], x: &[f32]) {
    sum.iter_mut().zip(x).for_each(|(sum, x)| *sum += x);
}

/// `sum += factor x`.
#[inline(always)]
pub(super) fn add_scaled(sum: &mut [f32], factor: f32, x: &[f32]) {
    sum.iter_mut().zip(x).for_each(|(sum, x)| *sum += factor * x);
}

/// `Σ x y`, in 8 lanes that are added in pairs at the end.
#[inline(always)]
pub(super) fn dot(x: &[f32], y: &[f32]) -> f32 {
    let mut lanes = [0.0; 8];
    let ((x, x_rest), (y, y_rest)) = (x.as_chunks::<8>(), y.as_chunks::<8>());
    for (x, y) in x.iter().zip(y) {
        for lane in 0..8 {
            lanes[lane] += x[lane] * y[lane];
        }
    }
    let rest: f32 = x_rest.iter().zip(y_rest).map(|(x, y)| x * y).sum();
    let [a, b, c, d, e, f, g, h] = lanes;
    (((a + e) + (c + g)) + ((b + f) + (d + h))) + rest
}

/// Columns whose sums stay in registers.
const LANES: usize = 16;

multiversion! {
    /// `sum += x` for each of the rows.
    pub(crate) fn add_rows(sum: &mut [f32], rows: Range<usize>, x: ArrayView2<'_, f32>) {
        rows.for_each(|i| add(sum, row(&x, i)));
    }
}

multiversion! {
    /// `y = Σ gate expert` for each row of `y`, which is a block of the batch from row `first` on.
    pub(crate) fn mix(
        y: ArrayViewMut2<'_, f32>,
        first: usize,
        gate: ArrayView2<'_, f32>,
        experts: &[ArrayView2<'_, f32>],
    ) {
        let mut y = y;
        for (i, y) in y.outer_iter_mut().enumerate() {
            let gates = row(&gate, first + i);
            let (pieces, rest) = slice_mut(y).as_chunks_mut::<LANES>();
            let whole = pieces.len() * LANES;
            for (piece, y) in pieces.iter_mut().enumerate() {
                let mut sum = [0.0; LANES];
                for (&gate, expert) in gates.iter().zip(experts) {
                    if let Some(x) = row(expert, first + i)[piece * LANES..].first_chunk::<LANES>() {
                        for lane in 0..LANES {
                            sum[lane] += gate * x[lane];
                        }
                    }
                }
                *y = sum;
            }
            if !rest.is_empty() {
                rest.fill(0.0);
                for (&gate, expert) in gates.iter().zip(experts) {
                    add_scaled(rest, gate, &row(expert, first + i)[whole..]);
                }
            }
        }
    }
}

multiversion! {
    /// `dgate += dy expert`, the product of rows, for each gate of a block from row `first` on; only written if `fresh`.
    pub(crate) fn gate_gradient(
        dgate: ArrayViewMut2<'_, f32>,
        first: usize,
        fresh: bool,
        experts: &[ArrayView2<'_, f32>],
        dy: ArrayView2<'_, f32>,
    ) {
        let mut dgate = dgate;
        for (i, dgate) in dgate.outer_iter_mut().enumerate() {
            let dy = row(&dy, first + i);
            for (dgate, expert) in slice_mut(dgate).iter_mut().zip(experts) {
                let before = if fresh { 0.0 } else { *dgate };
                *dgate = before + dot(row(expert, first + i), dy);
            }
        }
    }
}

multiversion! {
    /// `dx += gate dy` for each row of a block from row `first` on, under the gate of column `expert`; only written if
    /// `fresh`.
    pub(crate) fn expert_gradient(
        dx: ArrayViewMut2<'_, f32>,
        first: usize,
        fresh: bool,
        gate: ArrayView2<'_, f32>,
        expert: usize,
        dy: ArrayView2<'_, f32>,
    ) {
        let mut dx = dx;
        for (i, dx) in dx.outer_iter_mut().enumerate() {
            let (gate, dy) = (row(&gate, first + i)[expert], row(&dy, first + i));
            if fresh {
                slice_mut(dx).iter_mut().zip(dy).for_each(|(dx, dy)| *dx = gate * dy);
            } else {
                add_scaled(slice_mut(dx), gate, dy);
            }
        }
    }
}

multiversion! {
    /// `y = max(x, 0)`; NaN stays NaN.
    pub(crate) fn relu(y: &mut [f32], x: &[f32]) {
        y.iter_mut().zip(x).for_each(|(y, &x)| *y = if x < 0.0 { 0.0 } else { x });
    }
}

multiversion! {
    /// `dx += dy` where `y > 0`.
    pub(crate) fn relu_gradient(dx: &mut [f32], y: &[f32], dy: &[f32]) {
        for ((dx, &y), &dy) in dx.iter_mut().zip(y).zip(dy) {
            *dx += if y > 0.0 { dy } else { 0.0 };
        }
    }
}

multiversion! {
    /// `sum += (x - mean)²` for each of the rows.
    pub(crate) fn add_squares(sum: &mut [f32], rows: Range<usize>, x: ArrayView2<'_, f32>, mean: &[f32]) {
        for i in rows {
            for ((sum, x), mean) in sum.iter_mut().zip(row(&x, i)).zip(mean) {
                *sum += (x - mean) * (x - mean);
            }
        }
    }
}

/// What batch norm knows of each column: `x̂ = (x - mean) inverse`, `y = (x - mean) scale + shift`.
#[derive(Clone, Copy, Debug)]
pub(crate) struct NormColumns<'a> {
    pub(crate) mean: &'a [f32],
    pub(crate) inverse: &'a [f32],
    pub(crate) scale: &'a [f32],
    pub(crate) shift: &'a [f32],
    /// The first of the columns, and the first after the columns, whose `y` is rectified: `max(y, 0)`.
    pub(crate) rectified: [usize; 2],
}

impl<'a> NormColumns<'a> {
    /// The columns in up to three pieces, with the first column of each and whether they are rectified.
    #[inline(always)]
    fn pieces(self) -> impl Iterator<Item = (usize, NormColumns<'a>, bool)> + Clone {
        let [start, end] = self.rectified;
        let pieces = [(0, start, false), (start, end, true), (end, self.mean.len(), false)];
        pieces.into_iter().filter(|(first, end, _)| first < end).map(move |(first, end, rectified)| {
            let piece = |values: &'a [f32]| &values[first..end];
            let Self { mean, inverse, scale, shift, .. } = self;
            let columns = Self {
                mean: piece(mean),
                inverse: piece(inverse),
                scale: piece(scale),
                shift: piece(shift),
                rectified: [0; 2],
            };
            (first, columns, rectified)
        })
    }
}

/// `dy`, or 0 where the rectified `y` is not above 0: by a mask, since the signs are as random as branches can be.
#[inline(always)]
fn through_relu<const RECTIFIED: bool>(dy: f32, y: f32) -> f32 {
    if RECTIFIED { f32::from_bits(dy.to_bits() & u32::from(y > 0.0).wrapping_neg()) } else { dy }
}

multiversion! {
    /// `y = (x - mean) scale + shift`, rectified or not, for each row of a block from row `first` on.
    pub(crate) fn normalise(
        y: ArrayViewMut2<'_, f32>,
        first: usize,
        x: ArrayView2<'_, f32>,
        columns: NormColumns<'_>,
    ) {
        #[inline(always)]
        fn piece<const RECTIFIED: bool>(y: &mut [f32], x: &[f32], columns: NormColumns<'_>) {
            let n = y.len();
            let NormColumns { mean, scale, shift, .. } = columns;
            let (x, mean, scale, shift) = (&x[..n], &mean[..n], &scale[..n], &shift[..n]);
            for c in 0..n {
                let value = (x[c] - mean[c]) * scale[c] + shift[c];
                y[c] = if RECTIFIED && value < 0.0 { 0.0 } else { value };
            }
        }
        let mut y = y;
        for (start, columns, rectified) in columns.pieces() {
            for (i, y) in y.outer_iter_mut().enumerate() {
                let y = &mut slice_mut(y)[start..][..columns.mean.len()];
                let x = &row(&x, first + i)[start..];
                if rectified { piece::<true>(y, x, columns) } else { piece::<false>(y, x, columns) }
            }
        }
    }
}

multiversion! {
    /// The sums of `dy`, as it comes through the rectifier, and after them those of `dy x̂`, over the rows.
    pub(crate) fn add_normalised_products(
        sums: &mut [f32],
        rows: Range<usize>,
        dy: ArrayView2<'_, f32>,
        x: ArrayView2<'_, f32>,
        columns: NormColumns<'_>,
    ) {
        #[inline(always)]
        fn piece<const RECTIFIED: bool>(
            [sums, products]: [&mut [f32]; 2],
            dy: &[f32],
            x: &[f32],
            columns: NormColumns<'_>,
        ) {
            let n = sums.len();
            let NormColumns { mean, inverse, scale, shift, .. } = columns;
            let (mean, inverse, scale, shift) = (&mean[..n], &inverse[..n], &scale[..n], &shift[..n]);
            let (dy, x, products) = (&dy[..n], &x[..n], &mut products[..n]);
            for c in 0..n {
                let centred = x[c] - mean[c];
                let dy = through_relu::<RECTIFIED>(dy[c], centred * scale[c] + shift[c]);
                sums[c] += dy;
                products[c] += dy * (centred * inverse[c]);
            }
        }
        let (sums, products) = sums.split_at_mut(columns.mean.len());
        for (start, columns, rectified) in columns.pieces() {
            let n = columns.mean.len();
            let (sums, products) = (&mut sums[start..][..n], &mut products[start..][..n]);
            for i in rows.clone() {
                let (dy, x) = (&row(&dy, i)[start..], &row(&x, i)[start..]);
                let sums = [&mut *sums, &mut *products];
                if rectified { piece::<true>(sums, dy, x, columns) } else { piece::<false>(sums, dy, x, columns) }
            }
        }
    }
}

multiversion! {
    /// In the place of `dy`, as it comes through the rectifier: `dx = scale (dy - mean_dy - x̂ mean_dy_x)`, for each row
    /// of a block from row `first` on.
    pub(crate) fn normalise_gradient(
        dy: ArrayViewMut2<'_, f32>,
        first: usize,
        x: ArrayView2<'_, f32>,
        columns: NormColumns<'_>,
        mean_dy: &[f32],
        mean_dy_x: &[f32],
    ) {
        #[inline(always)]
        fn piece<const RECTIFIED: bool>(
            dy: &mut [f32],
            x: &[f32],
            columns: NormColumns<'_>,
            [mean_dy, mean_dy_x]: [&[f32]; 2],
        ) {
            let n = dy.len();
            let NormColumns { mean, inverse, scale, shift, .. } = columns;
            let (mean, inverse, scale, shift) = (&mean[..n], &inverse[..n], &scale[..n], &shift[..n]);
            let (x, mean_dy, mean_dy_x) = (&x[..n], &mean_dy[..n], &mean_dy_x[..n]);
            for c in 0..n {
                let centred = x[c] - mean[c];
                let through = through_relu::<RECTIFIED>(dy[c], centred * scale[c] + shift[c]);
                dy[c] = scale[c] * (through - mean_dy[c] - centred * inverse[c] * mean_dy_x[c]);
            }
        }
        let mut dy = dy;
        for (start, columns, rectified) in columns.pieces() {
            let n = columns.mean.len();
            let means = [&mean_dy[start..][..n], &mean_dy_x[start..][..n]];
            for (i, dy) in dy.outer_iter_mut().enumerate() {
                let (dy, x) = (&mut slice_mut(dy)[start..][..n], &row(&x, first + i)[start..]);
                if rectified { piece::<true>(dy, x, columns, means) } else { piece::<false>(dy, x, columns, means) }
            }
        }
    }
}
