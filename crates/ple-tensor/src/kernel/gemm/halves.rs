//! Long sums in two halves: the gradient of a weight is a sum over the rows of a batch, of which each thread has its own in
//! cache. The cut depends on the shape alone, so that every number of threads gives the same bits.

use ndarray::{ArrayView2, ArrayViewMut2, s};

use super::{Product, Start};
use crate::kernel::rows::for_each_run;
use crate::kernel::scratch::{Pool, Scratch};

static SUMS: Pool = Pool::new();

/// Products to an element from which on a sum is cut.
const LONG: usize = 512;

/// A product, or one half of the sums of one.
#[derive(Debug)]
pub(super) struct Part<'a> {
    pub(super) product: Product<'a>,
    half: Half,
}

#[derive(Clone, Copy, Debug)]
enum Half {
    Whole,
    First,
    Second,
}

impl Part<'_> {
    /// Where among all threads' shares task `number` of `n` belongs, from 0 to 2^32: the first half of a sum to the first
    /// half of the threads.
    pub(super) fn place(&self, number: usize, n: usize) -> usize {
        match self.half {
            Half::Whole => (number << 32) / n,
            Half::First => (number << 31) / n,
            Half::Second => (1 << 31) + (number << 31) / n,
        }
    }
}

fn is_long(product: &Product<'_>) -> bool {
    let (row, column) = (product.a.strides()[0], product.a.strides()[1]);
    row == 1 && column != 1 && product.a.ncols() >= LONG
}

/// Room for the second half of each long sum.
pub(super) fn rooms(products: &[Product<'_>]) -> Vec<Scratch> {
    products.iter().filter(|product| is_long(product)).map(|product| SUMS.take(product.c.len())).collect()
}

/// The products with their long sums in halves, the second ones in `rooms`.
pub(super) fn cut<'p>(products: &'p mut [Product<'_>], rooms: &'p mut [Scratch]) -> Vec<Part<'p>> {
    let mut parts = Vec::with_capacity(products.len() + rooms.len());
    let mut rooms = rooms.iter_mut();
    for Product { a, b, start, c } in products {
        let whole = Product { a: *a, b: *b, start: *start, c: c.view_mut() };
        let room = if is_long(&whole) { rooms.next() } else { None };
        let Some(room) = room else {
            parts.push(Part { product: whole, half: Half::Whole });
            continue;
        };
        let (middle, shape) = (a.ncols() / 2, whole.c.dim());
        let c = ArrayViewMut2::from_shape(shape, room).expect("a room of the result's size");
        let second = Product {
            a: a.slice_move(s![.., middle..]),
            b: b.slice_move(s![middle.., ..]),
            start: Start::Zero,
            c,
        };
        let first = Product { a: a.slice_move(s![.., ..middle]), b: b.slice_move(s![..middle, ..]), ..whole };
        parts.push(Part { product: first, half: Half::First });
        parts.push(Part { product: second, half: Half::Second });
    }
    parts
}

/// Adds the second halves to the first ones.
pub(super) fn join(products: &mut [Product<'_>], rooms: &[Scratch]) {
    for (product, room) in products.iter_mut().filter(|product| is_long(product)).zip(rooms) {
        let second = ArrayView2::from_shape(product.c.dim(), room).expect("a room of the result's size");
        for_each_run(product.c.view_mut(), [second], |sums, [second]| {
            sums.iter_mut().zip(second).for_each(|(sum, second)| *sum += second);
        });
    }
}
