//! Products of random shapes, strides and starts on every instruction set, against a plain sum in f64.

use ndarray::{Array2, ArrayView2, ArrayViewMut2, s};
use proptest::prelude::*;

use super::{InstructionSet, Product, Start, gemm_with, kernels, multiply_alone_with};

fn multiply(
    set: InstructionSet,
    a: ArrayView2<'_, f32>,
    b: ArrayView2<'_, f32>,
    start: Start<'_>,
    c: ArrayViewMut2<'_, f32>,
) {
    gemm_with(kernels(set), &mut vec![Product { a, b, start, c }]);
}

fn available() -> impl Iterator<Item = InstructionSet> {
    InstructionSet::ALL.into_iter().filter(|set| *set <= InstructionSet::detected())
}

/// Values of a sequence that looks random, between -1 and 1.
fn values(rows: usize, columns: usize, seed: u64) -> Array2<f32> {
    let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    Array2::from_shape_simple_fn((rows, columns), || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 40) as f32 / (1 << 23) as f32 - 1.0
    })
}

fn start_value(start: Start<'_>, before: ArrayView2<'_, f32>, row: usize, column: usize) -> f64 {
    match start {
        Start::Zero => 0.0,
        Start::Bias(bias) => f64::from(bias[column]),
        Start::Result => f64::from(before[[row, column]]),
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, ..ProptestConfig::default() })]

    #[test]
    fn every_set_gives_the_plain_product(
        m in prop_oneof![0_usize..8, 0_usize..130], k in 0_usize..600, n in 0_usize..110,
        transposed_a in any::<bool>(), transposed_b in any::<bool>(), start in 0_usize..3, seed in any::<u64>(),
    ) {
        // The operands are blocks of larger matrices, as a tape's values are.
        let wide_a = if transposed_a { values(k, m + 5, seed) } else { values(m, k + 5, seed) };
        let a = if transposed_a { wide_a.slice(s![.., 2..m + 2]).reversed_axes() } else { wide_a.slice(s![.., 2..k + 2]) };
        let wide_b = if transposed_b { values(n, k + 3, seed ^ 1) } else { values(k, n + 3, seed ^ 1) };
        let b = if transposed_b { wide_b.slice(s![.., 1..k + 1]).reversed_axes() } else { wide_b.slice(s![.., 1..n + 1]) };
        let bias = values(1, n, seed ^ 2).into_raw_vec_and_offset().0;
        let start = [Start::Zero, Start::Bias(&bias), Start::Result][start];
        let before = values(m, n + 4, seed ^ 3);

        for set in available() {
            let mut after = before.clone();
            multiply(set, a, b, start, after.slice_mut(s![.., 3..n + 3]));
            for row in 0..m {
                for column in 0..n + 4 {
                    let found = f64::from(after[[row, column]]);
                    if !(3..n + 3).contains(&column) {
                        prop_assert_eq!(found, f64::from(before[[row, column]]), "{} wrote beside the result", set);
                        continue;
                    }
                    let first = start_value(start, before.slice(s![.., 3..n + 3]), row, column - 3);
                    let terms = |p: usize| f64::from(a[[row, p]]) * f64::from(b[[p, column - 3]]);
                    let expected: f64 = first + (0..k).map(terms).sum::<f64>();
                    // A chain of k roundings of half a unit each, on partial sums of at most this size.
                    let size = first.abs() + (0..k).map(|p| terms(p).abs()).sum::<f64>();
                    let bound = (k + 2) as f64 * f64::from(f32::EPSILON) * size;
                    prop_assert!((found - expected).abs() <= bound, "{set} [{row}, {column}]: {found}, not {expected}");
                }
            }
        }
    }
}

proptest! {
    /// Of up to 500 products to an element, which are summed in one go.
    #[test]
    fn a_product_alone_has_the_bits_of_a_packed_one(
        m in 0_usize..200, k in 0_usize..500, n in 0_usize..110, transposed in any::<bool>(), seed in any::<u64>(),
    ) {
        let a = if transposed { values(k, m, seed).reversed_axes() } else { values(m, k, seed) };
        let wide_b = values(k, n + 3, seed ^ 1);
        let b = wide_b.slice(s![.., 1..n + 1]);
        let before = values(m, n + 4, seed ^ 2);
        for set in available() {
            let (mut packed, mut alone) = (before.clone(), before.clone());
            multiply(set, a.view(), b, Start::Result, packed.slice_mut(s![.., 3..n + 3]));
            let c = alone.slice_mut(s![.., 3..n + 3]);
            multiply_alone_with(&kernels(set), Product { a: a.view(), b, start: Start::Result, c });
            prop_assert_eq!(&packed, &alone, "{}", set);
        }
    }
}

#[test]
fn the_wide_sets_give_the_same_bits() {
    let (a, b) = (values(61, 300, 1), values(300, 86, 2));
    let product = |set| {
        let mut c = Array2::zeros((61, 86));
        multiply(set, a.view(), b.view(), Start::Zero, c.view_mut());
        c
    };
    let wide: Vec<_> = available().filter(|set| *set > InstructionSet::Portable).map(product).collect();
    assert!(wide.windows(2).all(|pair| pair[0] == pair[1]));
}

#[test]
fn an_element_does_not_depend_on_how_its_matrix_is_cut() {
    let (a, b) = (values(100, 300, 3), values(300, 50, 4));
    for set in available() {
        let mut whole = Array2::zeros((100, 50));
        multiply(set, a.view(), b.view(), Start::Zero, whole.view_mut());
        let mut part = Array2::zeros((37, 13));
        let (rows, columns) = (a.slice(s![41..78, ..]), b.slice(s![.., 29..42]));
        multiply(set, rows, columns, Start::Zero, part.view_mut());
        assert_eq!(part, whole.slice(s![41..78, 29..42]), "{set}");
    }
}

#[test]
fn several_products_are_each_what_they_are_alone() {
    for set in available() {
        let shapes = [(130, 40, 86), (3, 1, 1), (0, 5, 4), (4, 0, 3), (48, 300, 50)];
        let operands: Vec<_> =
            (5..).zip(shapes).map(|(i, (m, k, n))| (values(m, k, i), values(k, n, i + 9))).collect();
        let mut together: Vec<_> = shapes.iter().map(|&(m, _, n)| Array2::from_elem((m, n), 2.0)).collect();
        let mut apart = together.clone();
        let starts = [Start::Zero, Start::Result].into_iter().cycle();
        let products = operands.iter().zip(&mut together).zip(starts.clone());
        let products =
            products.map(|(((a, b), c), start)| Product { a: a.view(), b: b.view(), start, c: c.view_mut() });
        gemm_with(kernels(set), &mut products.collect());
        for (((a, b), c), start) in operands.iter().zip(&mut apart).zip(starts) {
            multiply(set, a.view(), b.view(), start, c.view_mut());
        }
        assert_eq!(together, apart, "{set}");
    }
}

/// Memory that ends where a page that nobody may touch begins.
#[cfg(unix)]
struct Guarded {
    base: *mut libc::c_void,
    length: usize,
    values: usize,
}

#[cfg(unix)]
impl Guarded {
    fn new(values: usize) -> Self {
        // SAFETY: an anonymous mapping of our own; its last page is then closed.
        unsafe {
            let page = libc::sysconf(libc::_SC_PAGESIZE) as usize;
            let length = (values * 4).next_multiple_of(page) + page;
            let protection = libc::PROT_READ | libc::PROT_WRITE;
            let flags = libc::MAP_PRIVATE | libc::MAP_ANONYMOUS;
            let base = libc::mmap(std::ptr::null_mut(), length, protection, flags, -1, 0);
            assert_ne!(base, libc::MAP_FAILED);
            assert_eq!(libc::mprotect(base.add(length - page), page, libc::PROT_NONE), 0);
            Self { base, length: length - page, values }
        }
    }

    fn slice(&mut self) -> &mut [f32] {
        // SAFETY: the values lie in the readable part, at its end.
        unsafe {
            let first = self.base.cast::<u8>().add(self.length - self.values * 4).cast::<f32>();
            std::slice::from_raw_parts_mut(first, self.values)
        }
    }
}

#[cfg(unix)]
impl Drop for Guarded {
    fn drop(&mut self) {
        // SAFETY: the mapping of `new`, which nothing reads any more.
        unsafe { libc::munmap(self.base, self.length) };
    }
}

#[cfg(unix)]
#[test]
fn nothing_behind_the_operands_is_touched() {
    for (m, k, n) in [
        (1, 1, 1),
        (1, 20, 86),
        (4, 5, 37),
        (5, 3, 7),
        (7, 9, 17),
        (49, 33, 86),
        (13, 300, 50),
        (8, 2, 48),
        (29, 48, 16),
    ] {
        for transposed in [false, true] {
            let (mut a, mut b, mut c) = (Guarded::new(m * k), Guarded::new(k * n), Guarded::new(m * n));
            let mut bias = Guarded::new(n);
            a.slice().fill(1.0);
            b.slice().fill(2.0);
            bias.slice().fill(0.5);
            let view = |values, rows, columns| -> ArrayView2<'_, f32> {
                match transposed {
                    false => ArrayView2::from_shape((rows, columns), values).unwrap(),
                    true => ArrayView2::from_shape((columns, rows), values).unwrap().reversed_axes(),
                }
            };
            let (a, b) = (view(a.slice(), m, k), view(b.slice(), k, n));
            for set in available() {
                let target = ArrayViewMut2::from_shape((m, n), c.slice()).unwrap();
                multiply(set, a, b, Start::Bias(bias.slice()), target);
                assert!(c.slice().iter().all(|&value| value == 2.0 * k as f32 + 0.5), "{set}");
                if !transposed {
                    let c = ArrayViewMut2::from_shape((m, n), c.slice()).unwrap();
                    multiply_alone_with(&kernels(set), Product { a, b, start: Start::Zero, c });
                }
                let alone = 2.0 * k as f32 + if transposed { 0.5 } else { 0.0 };
                assert!(c.slice().iter().all(|&value| value == alone), "{set}");
            }
        }
    }
}
