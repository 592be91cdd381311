//! The innermost loop of a product: a tile of the result in registers, one instruction set to a function.
//!
//! Each element of the result is one chain of multiply-adds over k, in ascending order, from the value that it starts
//! with. The chain does not depend on the tile's size, so a result has the same bits however it is cut; AVX2, AVX-512
//! and processors whose baseline has fused multiply-add share them, too.

#![allow(unsafe_code, reason = "vector instructions on raw rows")]

/// Where the multiplied matrices and the result of a tile lie. The pointers are those of the tile's first elements.
#[derive(Clone, Copy, Debug)]
pub(super) struct Tile {
    /// The number of products to an element.
    pub(super) k: usize,
    /// Element (i, p) of the left matrix is at `a + i * a_row + p * a_column`.
    pub(super) a: *const f32,
    pub(super) a_row: usize,
    pub(super) a_column: usize,
    /// The packed panel: for each p, the tile's columns, padded with zeros to whole vectors. Of a direct kernel the right
    /// matrix itself: row p is at `b + p * b_row`.
    pub(super) b: *const f32,
    pub(super) b_row: usize,
    /// What the elements start with: row i at `start + i * start_row`; null for zeros.
    pub(super) start: *const f32,
    pub(super) start_row: usize,
    /// Row i of the result is at `c + i * c_row`.
    pub(super) c: *mut f32,
    pub(super) c_row: usize,
    /// The columns of the result, at most the panel's.
    pub(super) columns: usize,
}

/// A kernel: the tile's rows and vectors are its name, and what is said of [`Tile`] has to be true.
pub(super) type Kernel = unsafe fn(Tile);

/// The tiles of one instruction set.
#[derive(Clone, Copy)]
pub(super) struct Kernels {
    /// Values to a vector.
    pub(super) lanes: usize,
    /// Vectors to a full panel.
    pub(super) vectors: usize,
    /// Rows to a full tile, and the kernel of a tile of so many rows and vectors, counted from 1.
    pub(super) rows: usize,
    pub(super) kernel: fn(rows: usize, vectors: usize) -> Kernel,
    /// The same for a right matrix that is not packed.
    pub(super) direct: fn(rows: usize, vectors: usize) -> Kernel,
    /// Rows to a full tile of one vector, and the kernel of so many for a right matrix that is not packed.
    pub(super) tall_rows: usize,
    pub(super) tall: fn(rows: usize, vectors: usize) -> Kernel,
}

/// The most rows of a product whose right matrix is read as it lies.
pub(super) const DIRECT_ROWS: usize = 4;

/// One product added to a sum, rounded once where the target's baseline can do so, else twice.
#[inline(always)]
fn multiply_add(a: f32, b: f32, sum: f32) -> f32 {
    if cfg!(any(target_arch = "aarch64", target_feature = "fma")) { a.mul_add(b, sum) } else { a * b + sum }
}

const PORTABLE_LANES: usize = 4;

unsafe fn portable<const ROWS: usize, const VECTORS: usize>(tile: Tile) {
    // SAFETY: as the caller says.
    unsafe { portable_tile::<ROWS, VECTORS, true>(tile) }
}

unsafe fn portable_direct<const ROWS: usize, const VECTORS: usize>(tile: Tile) {
    // SAFETY: as the caller says.
    unsafe { portable_tile::<ROWS, VECTORS, false>(tile) }
}

#[inline(always)]
unsafe fn portable_tile<const ROWS: usize, const VECTORS: usize, const PACKED: bool>(tile: Tile) {
    let mut sums = [[[0.0_f32; PORTABLE_LANES]; VECTORS]; ROWS];
    // SAFETY: the caller vouches for every address of the tile; columns past `tile.columns` are not touched.
    unsafe {
        let column = |vector: usize, lane: usize| vector * PORTABLE_LANES + lane;
        if !tile.start.is_null() {
            for (i, row) in sums.iter_mut().enumerate() {
                for (v, lanes) in row.iter_mut().enumerate() {
                    for (lane, sum) in
                        lanes.iter_mut().enumerate().filter(|(l, _)| column(v, *l) < tile.columns)
                    {
                        *sum = *tile.start.add(i * tile.start_row + column(v, lane));
                    }
                }
            }
        }
        for p in 0..tile.k {
            let b = if PACKED {
                tile.b.add(p * VECTORS * PORTABLE_LANES).cast::<[[f32; PORTABLE_LANES]; VECTORS]>().read()
            } else {
                let mut b = [[0.0; PORTABLE_LANES]; VECTORS];
                for (c, b) in b.as_flattened_mut().iter_mut().enumerate().take(tile.columns) {
                    *b = *tile.b.add(p * tile.b_row + c);
                }
                b
            };
            for (i, row) in sums.iter_mut().enumerate() {
                let a = *tile.a.add(i * tile.a_row + p * tile.a_column);
                for (lanes, b) in row.iter_mut().zip(&b) {
                    for (sum, &b) in lanes.iter_mut().zip(b) {
                        *sum = multiply_add(a, b, *sum);
                    }
                }
            }
        }
        for (i, row) in sums.iter().enumerate() {
            for (v, lanes) in row.iter().enumerate() {
                for (lane, &sum) in lanes.iter().enumerate().filter(|(l, _)| column(v, *l) < tile.columns) {
                    *tile.c.add(i * tile.c_row + column(v, lane)) = sum;
                }
            }
        }
    }
}

/// A table of kernels by rows and vectors, both counted from 1.
macro_rules! table {
    ($kernel:ident, $rows:expr, $vectors:expr, [$($row:literal),*], $columns:tt) => {{
        const TABLE: [[Kernel; $vectors]; $rows] = [$(table!(@row $kernel, $row, $columns)),*];
        |rows, vectors| TABLE[rows - 1][vectors - 1]
    }};
    (@row $kernel:ident, $row:literal, [$($vector:literal),*]) => { [$($kernel::<$row, $vector>),*] };
}

/// The tiles that every processor can run: 4 rows of 2 vectors of 4 (NEON's size).
pub(super) const PORTABLE: Kernels = Kernels {
    lanes: PORTABLE_LANES,
    vectors: 2,
    rows: 4,
    kernel: table!(portable, 4, 2, [1, 2, 3, 4], [1, 2]),
    direct: table!(portable_direct, 4, 2, [1, 2, 3, 4], [1, 2]),
    tall_rows: 4,
    tall: table!(portable_direct, 4, 1, [1, 2, 3, 4], [1]),
};

#[cfg(target_arch = "x86_64")]
pub(super) use x86_64::{AVX2, AVX512};

#[cfg(target_arch = "x86_64")]
mod x86_64 {
    use std::arch::x86_64::*;

    use super::{Kernel, Kernels, Tile};

    /// 6 rows of 2 vectors of 8: 12 sums, 2 vectors of B and one of A in 16 registers.
    pub(in super::super) const AVX2: Kernels = Kernels {
        lanes: 8,
        vectors: 2,
        rows: 6,
        kernel: table!(avx2, 6, 2, [1, 2, 3, 4, 5, 6], [1, 2]),
        direct: table!(avx2_direct, 6, 2, [1, 2, 3, 4, 5, 6], [1, 2]),
        tall_rows: 8,
        tall: table!(avx2_direct, 8, 1, [1, 2, 3, 4, 5, 6, 7, 8], [1]),
    };

    /// 8 rows of 3 vectors of 16: 24 sums, 3 vectors of B and one of A in 32 registers.
    pub(in super::super) const AVX512: Kernels = Kernels {
        lanes: 16,
        vectors: 3,
        rows: 8,
        kernel: table!(avx512, 8, 3, [1, 2, 3, 4, 5, 6, 7, 8], [1, 2, 3]),
        direct: table!(avx512_direct, 8, 3, [1, 2, 3, 4, 5, 6, 7, 8], [1, 2, 3]),
        tall_rows: 16,
        tall: table!(avx512_direct, 16, 1, [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16], [1]),
    };

    /// The lanes of a vector that lie in the first `columns` columns.
    #[target_feature(enable = "avx2,fma")]
    fn avx2_mask(vector: usize, columns: usize) -> __m256i {
        let lanes = columns.saturating_sub(vector * 8).min(8) as i32;
        _mm256_cmpgt_epi32(_mm256_set1_epi32(lanes), _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7))
    }

    #[target_feature(enable = "avx2,fma")]
    unsafe fn avx2<const ROWS: usize, const VECTORS: usize>(tile: Tile) {
        // SAFETY: as the caller says.
        unsafe { avx2_tile::<ROWS, VECTORS, true>(tile) }
    }

    #[target_feature(enable = "avx2,fma")]
    unsafe fn avx2_direct<const ROWS: usize, const VECTORS: usize>(tile: Tile) {
        // SAFETY: as the caller says.
        unsafe { avx2_tile::<ROWS, VECTORS, false>(tile) }
    }

    #[inline]
    #[target_feature(enable = "avx2,fma")]
    unsafe fn avx2_tile<const ROWS: usize, const VECTORS: usize, const PACKED: bool>(tile: Tile) {
        let mut sums = [[_mm256_setzero_ps(); VECTORS]; ROWS];
        let mut masks = [_mm256_setzero_si256(); VECTORS];
        for (vector, mask) in masks.iter_mut().enumerate() {
            *mask = avx2_mask(vector, tile.columns);
        }
        let full = tile.columns == VECTORS * 8;
        // SAFETY: the caller vouches for every address of the tile; masked lanes are neither read nor written.
        unsafe {
            if !tile.start.is_null() {
                for (i, row) in sums.iter_mut().enumerate() {
                    for (v, sum) in row.iter_mut().enumerate() {
                        let start = tile.start.wrapping_add(i * tile.start_row + v * 8);
                        *sum =
                            if full { _mm256_loadu_ps(start) } else { _mm256_maskload_ps(start, masks[v]) };
                    }
                }
            }
            let rows: [*const f32; ROWS] = std::array::from_fn(|i| tile.a.wrapping_add(i * tile.a_row));
            for p in 0..tile.k {
                let mut panel = [_mm256_setzero_ps(); VECTORS];
                for (v, lanes) in panel.iter_mut().enumerate() {
                    *lanes = if PACKED {
                        _mm256_loadu_ps(tile.b.add((p * VECTORS + v) * 8))
                    } else if full {
                        _mm256_loadu_ps(tile.b.add(p * tile.b_row + v * 8))
                    } else {
                        _mm256_maskload_ps(tile.b.wrapping_add(p * tile.b_row + v * 8), masks[v])
                    };
                }
                let column = p * tile.a_column;
                for (row, sums) in rows.iter().zip(&mut sums) {
                    let value = _mm256_broadcast_ss(&*row.add(column));
                    for (sum, &lanes) in sums.iter_mut().zip(&panel) {
                        *sum = _mm256_fmadd_ps(value, lanes, *sum);
                    }
                }
            }
            for (i, row) in sums.iter().enumerate() {
                for (v, &sum) in row.iter().enumerate() {
                    let target = tile.c.wrapping_add(i * tile.c_row + v * 8);
                    // Masked stores are slow on some processors, so only the last panel has them.
                    if full {
                        _mm256_storeu_ps(target, sum)
                    } else {
                        _mm256_maskstore_ps(target, masks[v], sum)
                    }
                }
            }
        }
    }

    #[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl")]
    unsafe fn avx512<const ROWS: usize, const VECTORS: usize>(tile: Tile) {
        // SAFETY: as the caller says.
        unsafe { avx512_tile::<ROWS, VECTORS, true>(tile) }
    }

    #[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl")]
    unsafe fn avx512_direct<const ROWS: usize, const VECTORS: usize>(tile: Tile) {
        // SAFETY: as the caller says.
        unsafe { avx512_tile::<ROWS, VECTORS, false>(tile) }
    }

    #[inline]
    #[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl")]
    unsafe fn avx512_tile<const ROWS: usize, const VECTORS: usize, const PACKED: bool>(tile: Tile) {
        let mut sums = [[_mm512_setzero_ps(); VECTORS]; ROWS];
        let mut masks = [0_u16; VECTORS];
        for (vector, mask) in masks.iter_mut().enumerate() {
            let lanes = tile.columns.saturating_sub(vector * 16).min(16);
            *mask = ((1_u32 << lanes) - 1) as u16;
        }
        // SAFETY: the caller vouches for every address of the tile; masked lanes are neither read nor written.
        unsafe {
            if !tile.start.is_null() {
                for (i, row) in sums.iter_mut().enumerate() {
                    for (v, sum) in row.iter_mut().enumerate() {
                        *sum = _mm512_maskz_loadu_ps(
                            masks[v],
                            tile.start.wrapping_add(i * tile.start_row + v * 16),
                        );
                    }
                }
            }
            let rows: [*const f32; ROWS] = std::array::from_fn(|i| tile.a.wrapping_add(i * tile.a_row));
            for p in 0..tile.k {
                let mut panel = [_mm512_setzero_ps(); VECTORS];
                for (v, lanes) in panel.iter_mut().enumerate() {
                    *lanes = if PACKED {
                        _mm512_loadu_ps(tile.b.add((p * VECTORS + v) * 16))
                    } else {
                        _mm512_maskz_loadu_ps(masks[v], tile.b.wrapping_add(p * tile.b_row + v * 16))
                    };
                }
                let column = p * tile.a_column;
                for (row, sums) in rows.iter().zip(&mut sums) {
                    let value = _mm512_set1_ps(*row.add(column));
                    for (sum, &lanes) in sums.iter_mut().zip(&panel) {
                        *sum = _mm512_fmadd_ps(value, lanes, *sum);
                    }
                }
            }
            for (i, row) in sums.iter().enumerate() {
                for (v, &sum) in row.iter().enumerate() {
                    _mm512_mask_storeu_ps(tile.c.wrapping_add(i * tile.c_row + v * 16), masks[v], sum);
                }
            }
        }
    }
}
