//! The right matrix of a product, packed into panels of as many columns as a tile is wide, so that the innermost loop
//! reads it in order and whole vectors at a time.

use ndarray::ArrayView2;
use rayon::prelude::*;

use super::tile::Kernels;
use crate::kernel::scratch::{Pool, Scratch};

static PANELS: Pool = Pool::new();

/// Below so many values packing on several threads costs more than it saves.
const PARALLEL_VALUES: usize = 1 << 14;

/// A packed matrix `[k, n]`.
pub(super) struct Panels {
    values: Scratch,
    k: usize,
    /// The columns of each panel but the last, which is cut to the vectors that it needs.
    width: usize,
}

impl Panels {
    /// Packs a matrix of any strides.
    pub(super) fn pack(b: ArrayView2<'_, f32>, kernels: &Kernels) -> Self {
        let (k, n) = b.dim();
        let width = kernels.lanes * kernels.vectors;
        let mut panels = Self { values: PANELS.take(n.next_multiple_of(kernels.lanes) * k), k, width };
        let pack = |(panel, values): (usize, &mut [f32])| {
            let first = panel * width;
            let columns = first..n.min(first + width);
            pack_panel(b.slice(ndarray::s![.., columns]), values, kernels.lanes);
        };
        let values = &mut panels.values[..];
        if values.len() < PARALLEL_VALUES {
            values.chunks_mut(width * k).enumerate().for_each(pack);
        } else {
            values.par_chunks_mut(width * k).enumerate().for_each(pack);
        }
        panels
    }

    /// Panel `panel` from row `p` on, whose columns are `width` long.
    pub(super) fn panel(&self, panel: usize, p: usize, width: usize) -> &[f32] {
        &self.values[panel * self.width * self.k + p * width..]
    }
}

/// Writes a panel row by row, each padded with zeros to whole vectors.
fn pack_panel(b: ArrayView2<'_, f32>, panel: &mut [f32], lanes: usize) {
    let columns = b.ncols();
    let width = columns.next_multiple_of(lanes);
    if b.strides()[1] == 1 {
        for (out, row) in panel.chunks_exact_mut(width).zip(b.outer_iter()) {
            let row = row.to_slice().expect("a stride of 1");
            // By pieces whose length the compiler knows: a call for each row would take longer than the copy.
            let (pieces, rest) = row.as_chunks::<4>();
            let (whole, padding) = out.split_at_mut(pieces.len() * 4);
            whole.as_chunks_mut::<4>().0.iter_mut().zip(pieces).for_each(|(out, piece)| *out = *piece);
            padding[..rest.len()].copy_from_slice(rest);
            padding[rest.len()..].fill(0.0);
        }
        return;
    }
    // A transposed matrix: its columns lie in order. A block of rows of the panel stays in cache meanwhile.
    const ROWS: usize = 64;
    for (block, out) in panel.chunks_mut(width * ROWS).enumerate() {
        let first = block * ROWS;
        let rows = out.len() / width;
        if columns < width {
            out.fill(0.0);
        }
        for (column, values) in
            b.slice(ndarray::s![first..first + rows, ..]).columns().into_iter().enumerate()
        {
            for (row, &value) in values.iter().enumerate() {
                out[row * width + column] = value;
            }
        }
    }
}
