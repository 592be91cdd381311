//! The right matrix of a product, packed into panels of as many columns as a tile is wide, so that the innermost loop
//! reads it in order and whole vectors at a time.

use ndarray::ArrayView2;

use super::tile::Kernels;
use crate::kernel::scratch::{Pool, Scratch};
use crate::kernel::team::for_each_in_parallel;

static PANELS: Pool = Pool::new();

/// Below so many values packing on several threads costs more than it saves.
const PARALLEL_VALUES: usize = 1 << 12;

/// A packed matrix `[k, n]`.
pub(super) struct Panels {
    values: Scratch,
    k: usize,
    /// The columns of each panel but the last, which is cut to the vectors that it needs.
    width: usize,
}

impl Panels {
    /// Packs matrices of any strides, with all threads sharing out the panels.
    pub(super) fn pack<'a>(
        matrices: impl Iterator<Item = ArrayView2<'a, f32>> + Clone,
        kernels: &Kernels,
    ) -> Vec<Self> {
        let width = kernels.lanes * kernels.vectors;
        let room = |b: ArrayView2<'a, f32>| {
            let (k, n) = b.dim();
            Self { values: PANELS.take(n.next_multiple_of(kernels.lanes) * k), k, width }
        };
        let mut packed: Vec<Self> = matrices.clone().map(room).collect();
        let parallel = packed.iter().map(|panels| panels.values.len()).sum::<usize>() >= PARALLEL_VALUES;
        let jobs = packed.iter_mut().zip(matrices).flat_map(|(panels, b)| {
            let (k, n) = b.dim();
            panels.values.chunks_mut(width * k).enumerate().map(move |(panel, values)| {
                let first = panel * width;
                (b.slice_move(ndarray::s![.., first..n.min(first + width)]), values)
            })
        });
        if parallel {
            let mut jobs: Vec<_> = jobs.collect();
            for_each_in_parallel(&mut jobs, |_, (b, values)| pack_panel(*b, values, kernels.lanes));
        } else {
            jobs.for_each(|(b, values)| pack_panel(b, values, kernels.lanes));
        }
        packed
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
            let (values, padding) = out.split_at_mut(columns);
            values.copy_from_slice(row);
            if !padding.is_empty() {
                padding.fill(0.0);
            }
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
