//! Matrix products of any strides, on one kernel: forward products, and the gradients of their inputs and weights.
//!
//! The result is cut by rows, and a long sum of a weight's gradient in two, by the shapes alone: each element is summed in
//! one order, whatever the number of threads.

#![allow(unsafe_code, reason = "tiles are addressed by pointers")]

mod halves;
mod panels;
mod strips;
#[cfg(test)]
mod tests;
mod tile;
mod turned;

use std::cell::Cell;

use ndarray::{ArrayView2, ArrayViewMut2, s};

use self::halves::Part;
use self::panels::Panels;
use self::strips::Left;
use self::tile::{DIRECT_ROWS, Kernels, PORTABLE, Tile};
use super::instruction_set::InstructionSet;
use super::prefetch::prefetch_scattered;
use super::team::for_each_task;

/// Rows of the result to a task: a multiple of every kernel's rows, few enough for two threads to share 376 rows evenly.
const TASK_ROWS: usize = 48;

/// Multiply-adds to a row from which on a task has twice as many rows: each panel of the right matrix then serves more of
/// them while it is in the first cache.
const WIDE_WORK: usize = 1 << 15;

/// Multiply-adds to a task, at least: finding out where its rows lie takes as long as some thousands.
const TASK_WORK: usize = 1 << 15;

/// Below so many multiply-adds a fork and join costs more than it saves.
const PARALLEL_WORK: usize = 1 << 12;

/// Products to an element that are done before the next columns: a panel of so many rows stays in the first cache.
const K_BLOCK: usize = 192;

thread_local! {
    /// The memory of a list of tasks, each a product's number and that of its rows.
    static TASKS: Cell<Vec<(usize, usize)>> = const { Cell::new(Vec::new()) };
}

/// What the elements of a result start with.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Start<'a> {
    /// Zero.
    Zero,
    /// A bias: one value for each column.
    Bias(&'a [f32]),
    /// What is there: the products are added to it.
    Result,
}

/// One product, `c = start + a b`: `[m, k]`, `[k, n]`, `[m, n]`. Transposed views are as good as plain ones.
#[derive(Debug)]
pub(crate) struct Product<'a> {
    pub(crate) a: ArrayView2<'a, f32>,
    pub(crate) b: ArrayView2<'a, f32>,
    pub(crate) start: Start<'a>,
    pub(crate) c: ArrayViewMut2<'a, f32>,
}

/// Computes products that do not depend on each other, with all threads sharing out the rows of all of them. What is
/// left in the list is of no meaning.
///
/// # Panics
/// If the shapes of a product do not fit, or the columns of a result are not adjacent.
pub(crate) fn gemm(products: &mut Vec<Product<'_>>) {
    gemm_with(kernels(InstructionSet::in_use()), products);
}

fn kernels(set: InstructionSet) -> Kernels {
    match set {
        #[cfg(target_arch = "x86_64")]
        InstructionSet::Avx512 => tile::AVX512,
        #[cfg(target_arch = "x86_64")]
        InstructionSet::Avx2 => tile::AVX2,
        _ => PORTABLE,
    }
}

/// `kernels` have to be of a set that the processor has.
fn gemm_with(kernels: Kernels, products: &mut Vec<Product<'_>>) {
    products.retain_mut(|product| !product.is_trivial() && !multiply_directly(&kernels, product));
    let work = |product: &Product<'_>| product.c.len() * product.a.ncols();
    let parallel = products.iter().map(work).sum::<usize>() >= PARALLEL_WORK;
    let mut rooms = halves::rooms(products);
    let mut parts = halves::cut(products, &mut rooms);
    // Those that need no packing come last.
    parts.sort_by_key(|part| turned::is_turned(&part.product));
    let n_packed = parts.partition_point(|part| !turned::is_turned(&part.product));
    let packed = Panels::pack(parts[..n_packed].iter().map(|part| part.product.b), &kernels);
    let task = |p: usize, product: &Product<'_>, number: usize| {
        let first = number * product.task_rows();
        let rows = product.task_rows().min(product.c.nrows() - first);
        // SAFETY: the result is borrowed exclusively, and each task has rows of its own.
        unsafe {
            match packed.get(p) {
                Some(panels) => multiply_rows(&kernels, product, panels, first, rows),
                None => turned::multiply_rows(&kernels, product, first, rows),
            }
        }
    };
    let n_tasks = |p: usize| parts[p].product.n_tasks();
    let mut tasks = TASKS.take();
    tasks.clear();
    tasks.extend((0..parts.len()).flat_map(|p| (0..n_tasks(p)).map(move |number| (p, number))));
    if parallel {
        // Each thread gets its share of every product: the rows that it had in the operations before this one.
        tasks.sort_unstable_by_key(|&(p, number)| (parts[p].place(number, n_tasks(p)), p));
        let results = Results(&parts);
        for_each_task(tasks.len(), &|index| {
            let (p, number) = tasks[index];
            task(p, results.product(p), number);
        });
    } else {
        tasks.iter().for_each(|&(p, number)| task(p, &parts[p].product, number));
    }
    TASKS.set(tasks);
    halves::join(products, &rooms);
}

/// Products whose results several threads write, each other rows of them.
struct Results<'r, 'a>(&'r [Part<'a>]);

// SAFETY: the exclusive borrow of a result is not used but for its address and shape, and its values may go to any thread.
unsafe impl Sync for Results<'_, '_> {}

impl<'r, 'a> Results<'r, 'a> {
    fn product(&self, index: usize) -> &'r Product<'a> {
        &self.0[index].product
    }
}

impl Product<'_> {
    /// Rows of the result to a task.
    fn task_rows(&self) -> usize {
        if turned::is_turned(self) {
            return TASK_ROWS;
        }
        let work = self.a.ncols() * self.b.ncols();
        match work {
            WIDE_WORK.. => 2 * TASK_ROWS,
            _ => TASK_ROWS * (TASK_WORK / (TASK_ROWS * work).max(1)).max(1),
        }
    }

    fn n_tasks(&self) -> usize {
        self.c.nrows().div_ceil(self.task_rows())
    }

    /// Checks the shapes, and does what there is to do where no element is a sum of products.
    fn is_trivial(&mut self) -> bool {
        let ((m, k), n) = (self.a.dim(), self.b.ncols());
        assert!(
            self.b.nrows() == k && self.c.dim() == (m, n),
            "product of {:?} and {:?} into {:?}",
            self.a.dim(),
            self.b.dim(),
            self.c.dim()
        );
        if let Start::Bias(bias) = self.start {
            assert_eq!(bias.len(), n, "a bias for {n} columns");
        }
        assert!(m == 0 || n <= 1 || self.c.strides()[1] == 1, "the columns of a result are adjacent");
        if k == 0 {
            match self.start {
                Start::Zero => self.c.fill(0.0),
                Start::Bias(bias) => {
                    self.c.outer_iter_mut().for_each(|mut row| row.assign(&ndarray::aview1(bias)))
                }
                Start::Result => {}
            }
        }
        m == 0 || n == 0 || k == 0
    }
}

/// A product of few rows, if it is one: packing the right matrix would take longer than the product itself.
fn multiply_directly(kernels: &Kernels, product: &mut Product<'_>) -> bool {
    // A single column has no stride.
    let is_plain = product.b.ncols() <= 1 || product.b.strides()[1] == 1;
    let is_direct = product.a.nrows() <= DIRECT_ROWS && is_plain;
    if is_direct {
        multiply_unpacked(kernels, product);
    }
    is_direct
}

/// Computes a product on this thread and with nothing packed: for those who share out many small ones.
///
/// # Panics
/// If the shapes do not fit, or the columns of the right matrix or of the result are not adjacent.
pub(crate) fn multiply_alone(product: Product<'_>) {
    multiply_alone_with(&kernels(InstructionSet::in_use()), product);
}

/// `kernels` have to be of a set that the processor has.
fn multiply_alone_with(kernels: &Kernels, mut product: Product<'_>) {
    if !product.is_trivial() {
        assert!(product.b.ncols() == 1 || product.b.strides()[1] == 1, "the right matrix is not packed");
        multiply_unpacked(kernels, &mut product);
    }
}

fn multiply_unpacked(kernels: &Kernels, product: &mut Product<'_>) {
    let Product { a, b, start, c } = product;
    let ((m, k), n) = (a.dim(), b.ncols());
    let panel_width = kernels.lanes * kernels.vectors;
    let c_row = c.strides()[0] as usize;
    for first_column in (0..n).step_by(panel_width) {
        let columns = panel_width.min(n - first_column);
        let vectors = columns.div_ceil(kernels.lanes);
        let (tile_rows, kernel) = match vectors {
            1 => (kernels.tall_rows, kernels.tall),
            _ => (kernels.rows, kernels.direct),
        };
        for first_row in (0..m).step_by(tile_rows) {
            let c = c.as_mut_ptr().wrapping_add(first_row * c_row + first_column);
            let (start, start_row) = match *start {
                Start::Result => (c.cast_const(), c_row),
                Start::Bias(bias) => (bias[first_column..].as_ptr(), 0),
                Start::Zero => (std::ptr::null(), 0),
            };
            let tile = Tile {
                k,
                a: a.as_ptr().wrapping_add(first_row * a.strides()[0] as usize),
                a_row: a.strides()[0] as usize,
                a_column: a.strides()[1] as usize,
                b: b.as_ptr().wrapping_add(first_column),
                b_row: b.strides()[0] as usize,
                start,
                start_row,
                c,
                c_row,
                columns,
            };
            // SAFETY: rows and columns are those of `a`, `b` and `c`, whose shapes have been compared; `c` is borrowed
            // exclusively; and the processor has the kernels' instructions.
            unsafe { kernel(tile_rows.min(m - first_row), vectors)(tile) }
        }
    }
}

/// The rows of one task: block by block of k, panel by panel, tile by tile.
///
/// # Safety
/// Nobody else may read or write the `m` rows of the result from `first` on.
unsafe fn multiply_rows(kernels: &Kernels, product: &Product<'_>, panels: &Panels, first: usize, m: usize) {
    let Product { a, start, c, .. } = product;
    let a = a.slice(s![first..first + m, ..]);
    let (k, n) = (a.ncols(), c.ncols());
    let panel_width = kernels.lanes * kernels.vectors;
    let c_row = c.strides()[0] as usize;
    let c_start = c.as_ptr().cast_mut().wrapping_add(first * c_row);
    // Blocks of even length: a short last one would spend its time on reading and writing the result.
    let length = k.div_ceil(k.div_ceil(K_BLOCK));
    for first_k in (0..k).step_by(length) {
        let block_k = length.min(k - first_k);
        let left = Left::new(a.slice(s![.., first_k..first_k + block_k]), kernels.rows);
        for (panel, first_column) in (0..n).step_by(panel_width).enumerate() {
            let columns = panel_width.min(n - first_column);
            let vectors = columns.div_ceil(kernels.lanes);
            let b = panels.panel(panel, first_k, vectors * kernels.lanes);
            assert!(b.len() >= block_k * vectors * kernels.lanes, "a packed panel holds the block");
            for (strip, first_row) in (0..m).step_by(kernels.rows).enumerate() {
                let rows = kernels.rows.min(m - first_row);
                let c = c_start.wrapping_add(first_row * c_row + first_column);
                let a_start = left.start.wrapping_add(strip * left.strip);
                if panel == 0 && left.scattered {
                    prefetch_scattered(
                        a_start.wrapping_add(left.strip),
                        kernels.rows.min(m - first_row - rows),
                        left.row,
                        block_k,
                    );
                }
                let (start, start_row) = match *start {
                    _ if first_k > 0 => (c.cast_const(), c_row),
                    Start::Result => (c.cast_const(), c_row),
                    Start::Bias(bias) => (bias[first_column..].as_ptr(), 0),
                    Start::Zero => (std::ptr::null(), 0),
                };
                let tile = Tile {
                    k: block_k,
                    a: a_start,
                    a_row: left.row,
                    a_column: left.column,
                    b: b.as_ptr(),
                    b_row: 0,
                    start,
                    start_row,
                    c,
                    c_row,
                    columns,
                };
                // SAFETY: rows and columns are those of `a`, `b` and `c`, whose shapes `gemm_with` has compared; the
                // panel and the strips hold the block; these rows of `c` are the caller's; and the processor has the
                // kernels' instructions.
                unsafe { (kernels.kernel)(rows, vectors)(tile) }
            }
        }
    }
}
