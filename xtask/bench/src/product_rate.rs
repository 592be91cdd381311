//! The rate of single-precision multiplications and additions that a product of 1,024 x 512 x 512 reaches.

use std::hint::black_box;
use std::time::Instant;

use ndarray::linalg::general_mat_mul;
use ndarray::parallel::prelude::*;
use ndarray::{Array2, ArrayView2, ArrayViewMut2, Axis, s};
use ple_tensor::{Mode, ParamStore, Role, Tape, Workspace};

use crate::repeats::median_of_repeats;

/// `[ROWS, INNER] x [INNER, COLUMNS]`.
const ROWS: usize = 1024;
const INNER: usize = 512;
const COLUMNS: usize = 512;

/// A way to compute the product: writes `a b` into `c`, and gives back the seconds that the product took.
type Product = fn(ArrayView2<'_, f32>, ArrayView2<'_, f32>, ArrayViewMut2<'_, f32>) -> f64;

/// Every way that this process knows, by name. The best one counts.
const PRODUCTS: &[(&str, Product)] = &[
    ("ple-tensor", through_tape),
    ("ndarray, blocks of 128 rows", |a, b, c| by_blocks(128, a, b, c)),
    ("ndarray, a block for each thread", |a, b, c| {
        by_blocks(ROWS.div_ceil(rayon::current_num_threads()), a, b, c)
    }),
];

/// The best rate of all ways in operations a second (a multiplication and an addition are two), and its name.
pub(crate) fn best(seconds: f64) -> (f64, &'static str) {
    let each = seconds / PRODUCTS.len() as f64;
    let rates = PRODUCTS.iter().map(|&(name, product)| (rate(product, each), name));
    rates.max_by(|a, b| a.0.total_cmp(&b.0)).unwrap_or((0.0, "none"))
}

/// The rate of the median of many products: a disturbed machine is disturbed in what it is compared with, too.
fn rate(product: Product, seconds: f64) -> f64 {
    let a = Array2::from_shape_fn((ROWS, INNER), |(i, j)| ((i * 7 + j * 3) % 11) as f32 - 5.0);
    let b = Array2::from_shape_fn((INNER, COLUMNS), |(i, j)| ((i * 5 + j) % 13) as f32 - 6.0);
    let mut c = Array2::zeros((ROWS, COLUMNS));
    let median = median_of_repeats(seconds, || {
        let seconds = product(a.view(), b.view(), c.view_mut());
        black_box(&c);
        seconds
    });
    (2 * ROWS * INNER * COLUMNS) as f64 / median
}

/// A linear map on a tape, as models use it. The second of two counts: it finds the buffers of the first.
fn through_tape(a: ArrayView2<'_, f32>, b: ArrayView2<'_, f32>, mut c: ArrayViewMut2<'_, f32>) -> f64 {
    let mut store = ParamStore::new();
    let weight = store.add("weight", b.to_owned(), Role::Decayed);
    let (mut workspace, mut seconds) = (Workspace::new(), f64::INFINITY);
    for _ in 0..2 {
        let mut tape = Tape::new(&store, workspace, Mode::Evaluate);
        let input = tape.input(a);
        let start = Instant::now();
        let product = tape.linear(input, weight, None, 1);
        seconds = start.elapsed().as_secs_f64();
        c.assign(&tape.value(product));
        workspace = tape.finish();
    }
    seconds
}

fn by_blocks(
    rows: usize,
    a: ArrayView2<'_, f32>,
    b: ArrayView2<'_, f32>,
    mut c: ArrayViewMut2<'_, f32>,
) -> f64 {
    let start = Instant::now();
    c.axis_chunks_iter_mut(Axis(0), rows).into_par_iter().enumerate().for_each(|(block, mut c)| {
        let first = block * rows;
        let a = a.slice(s![first..first + c.nrows(), ..]);
        general_mat_mul(1.0, &a, &b, 0.0, &mut c);
    });
    start.elapsed().as_secs_f64()
}

#[cfg(test)]
mod tests {
    use super::{COLUMNS, INNER, PRODUCTS, ROWS};
    use ndarray::Array2;

    #[test]
    fn every_way_computes_the_product() {
        let a = Array2::from_shape_fn((ROWS, INNER), |(i, j)| ((i + 2 * j) % 5) as f32 - 2.0);
        let b = Array2::from_shape_fn((INNER, COLUMNS), |(i, j)| ((3 * i + j) % 7) as f32 - 3.0);
        let expected = a.dot(&b);
        for (name, product) in PRODUCTS {
            let mut c = Array2::from_elem((ROWS, COLUMNS), f32::NAN);
            assert!(product(a.view(), b.view(), c.view_mut()) > 0.0);
            assert_eq!(c, expected, "{name}");
        }
    }
}
