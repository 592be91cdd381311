//! Rows of a table, copied side by side or summed.

use super::prefetch::{ROWS_AHEAD, prefetch};

/// Rows of a table in memory: `dim` values to a row, `stride` values apart.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Rows<'a> {
    pub(crate) values: &'a [f32],
    pub(crate) stride: usize,
    pub(crate) dim: usize,
}

/// Copies row `ids[i]` into the columns from `column` on of row i of `out`, whose rows are `width` values long, and asks
/// for the rows of the ids that follow those.
///
/// # Panics
/// If an id has no row.
pub(crate) fn gather(rows: Rows<'_>, ids: &[u32], out: &mut [f32], width: usize, column: usize) {
    match rows.dim {
        8 => gather_fixed::<8>(rows, ids, out, width, column),
        16 => gather_fixed::<16>(rows, ids, out, width, column),
        32 => gather_fixed::<32>(rows, ids, out, width, column),
        64 => gather_fixed::<64>(rows, ids, out, width, column),
        _ => gather_by(rows, ids, out, width, column, |target, source| target.copy_from_slice(source)),
    }
}

/// A copy whose length the compiler knows is a few moves, not a call.
fn gather_fixed<const DIM: usize>(rows: Rows<'_>, ids: &[u32], out: &mut [f32], width: usize, column: usize) {
    gather_by(rows, ids, out, width, column, |target, source| {
        if let (Some(target), Some(source)) = (target.first_chunk_mut::<DIM>(), source.first_chunk::<DIM>()) {
            *target = *source;
        }
    });
}

#[inline(always)]
fn gather_by(
    rows: Rows<'_>,
    ids: &[u32],
    out: &mut [f32],
    width: usize,
    column: usize,
    copy: impl Fn(&mut [f32], &[f32]),
) {
    for (index, (&id, target)) in ids.iter().zip(out.chunks_exact_mut(width)).enumerate() {
        if let Some(&ahead) = ids.get(index + ROWS_AHEAD) {
            prefetch(rows.values, ahead as usize * rows.stride, rows.dim);
        }
        let source = &rows.values[id as usize * rows.stride..][..rows.dim];
        copy(&mut target[column..column + rows.dim], source);
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::{Rows, gather};

    proptest! {
        #[test]
        fn copies_each_row_into_its_columns_and_nothing_else(
            dim in prop_oneof![Just(8_usize), Just(16), Just(32), Just(64), 1_usize..40],
            ids in proptest::collection::vec(0_u32..30, 0..60),
            (gap, before, after) in (0_usize..5, 0_usize..4, 0_usize..4),
        ) {
            let (stride, width) = (dim + gap, before + dim + after);
            let values: Vec<f32> = (0..30 * stride).map(|value| value as f32).collect();
            let mut out = vec![-1.0; ids.len() * width];
            gather(Rows { values: &values, stride, dim }, &ids, &mut out, width, before);
            for (&id, row) in ids.iter().zip(out.chunks_exact(width)) {
                for (column, &value) in row.iter().enumerate() {
                    let inside = (before..before + dim).contains(&column);
                    let expected = if inside { (id as usize * stride + column - before) as f32 } else { -1.0 };
                    prop_assert_eq!(value, expected);
                }
            }
        }
    }
}
