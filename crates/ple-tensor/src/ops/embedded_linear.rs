//! A linear map of an embedding matrix. What is done to a row of a table once, however often the batch reads it, costs less
//! by as much as ids repeat.
//!
//! Forward, a table `T` of few rows is multiplied whole, and a row of the batch adds the row of `T W` that its id names.
//! Backward, the gradients of all rows of the batch that read one row `e` of a table are summed first, `s = Σ dy`; then `e`
//! and `s` give the gradient of the weights, `Σ eᵀ s`, and that of `e` itself, `s Wᵀ`. A feature of 3 ids costs next to
//! nothing then, and the gradient of the embedding matrix need not exist.

use std::ops::Range;

use ndarray::{ArrayView2, ArrayViewMut2, Axis, s};

use super::Op;
use super::embedding::{Embedding, Factors, Segment, accumulate_segments};
use crate::backward::BackwardPass;
use crate::gradients::RowGradients;
use crate::kernel::column_blocks::{BLOCK, ColumnBlocks};
use crate::kernel::distinct_rows::{DistinctRows, PIECE, sum_readings};
use crate::kernel::gemm::{Product, Start, gemm, multiply_alone};
use crate::kernel::named_rows::{Addends, WIDE_BLOCK, add_named_rows};
use crate::kernel::prefetch::prefetch_scattered;
use crate::kernel::rows::for_each_block;
use crate::kernel::scratch::Pool;
use crate::kernel::team::for_each_in_parallel;
use crate::store::{MatrixId, ParamStore, TableId};
use crate::var::Var;

static WEIGHTS: Pool = Pool::new();
static PRODUCTS: Pool = Pool::new();
static SUMS: Pool = Pool::new();
static TURNED: Pool = Pool::new();

/// Blocks of columns that are in work at a time, so that each of two threads has one in its cache.
const BLOCKS_AT_ONCE: usize = 2;

/// Columns of a result from which on a map goes by factors: fewer would leave most of a block empty.
const FEWEST_COLUMNS: usize = 24;

/// The columns of an embedding matrix that are rows of one table.
struct LookUp<'l> {
    columns: Range<usize>,
    table: TableId,
    ids: &'l [u32],
}

/// The embedding that a value is the whole of, and its factors, if a map of it to so many columns best goes by them.
pub(crate) fn in_factors<'t, 'a>(
    op: &'t Op<'a>,
    x: Var,
    columns: usize,
) -> Option<(&'t Embedding<'a>, &'t Factors)> {
    match op {
        Op::Embedding(embedding) if columns >= FEWEST_COLUMNS && x.range() == (0..embedding.width()) => {
            Some((embedding, embedding.factors.as_ref()?))
        }
        _ => None,
    }
}

/// `y = x W + b`.
pub(crate) fn multiply(
    (embedding, factors): (&Embedding<'_>, &Factors),
    store: &ParamStore,
    weight: ArrayView2<'_, f32>,
    bias: Option<&[f32]>,
    mut y: ArrayViewMut2<'_, f32>,
) {
    let (n, width) = (factors.values().ncols(), weight.ncols());
    let all = weight.to_slice().expect("matrices are contiguous");
    let mut weights = WEIGHTS.take(n * width);
    let (mut copies, mut small, mut rest) = (Vec::new(), Vec::new(), &mut weights[..]);
    for ((columns, segment), place) in embedding.segments.iter().zip(&factors.places) {
        match (place, segment) {
            // The places of factors follow each other.
            (Some(_), _) => {
                let (own, others) = rest.split_at_mut(columns.len() * width);
                rest = others;
                copies.push((own, &all[columns.start * width..columns.end * width]));
            }
            (None, &Segment::Lookup { table, ids }) => {
                small.push(LookUp { columns: columns.clone(), table, ids });
            }
            (None, _) => unreachable!("only look-ups are left out"),
        }
    }
    for_each_in_parallel(&mut copies, |_, (own, weights)| own.copy_from_slice(weights));
    let b = ArrayView2::from_shape((n, width), &weights).expect("rows of weights");
    let start = bias.map_or(Start::Zero, Start::Bias);
    gemm(&mut vec![Product { a: factors.values(), b, start, c: y.view_mut() }]);
    if !small.is_empty() {
        let weights = weight.axis_chunks_iter(Axis(1), WIDE_BLOCK);
        for (w, y) in weights.zip(y.axis_chunks_iter_mut(Axis(1), WIDE_BLOCK)) {
            add_products(&small, store, w, y);
        }
    }
}

/// Adds to a block of columns what look-ups in small tables bring.
fn add_products(
    look_ups: &[LookUp<'_>],
    store: &ParamStore,
    weight: ArrayView2<'_, f32>,
    y: ArrayViewMut2<'_, f32>,
) {
    let rows = |look_up: &LookUp<'_>| store.table(look_up.table).rows;
    let mut products = PRODUCTS.take(look_ups.iter().map(rows).sum::<usize>() * WIDE_BLOCK);
    let (mut jobs, mut others) = (Vec::with_capacity(look_ups.len()), &mut products[..]);
    for look_up in look_ups {
        let (own, rest) = others.split_at_mut(rows(look_up) * WIDE_BLOCK);
        others = rest;
        jobs.push((look_up, own));
    }
    for_each_in_parallel(&mut jobs, |_, (look_up, products)| {
        let (table, b) = (store.table_rows(look_up.table), weight.slice(s![look_up.columns.clone(), ..]));
        let a = table.slice(s![.., ..b.nrows()]);
        let c = ArrayViewMut2::from_shape((a.nrows(), WIDE_BLOCK), products).expect("a block for each row");
        multiply_alone(Product { a, b, start: Start::Zero, c: c.slice_move(s![.., ..b.ncols()]) });
    });
    let addends: Vec<_> =
        jobs.into_iter().map(|(look_up, values)| Addends { ids: look_up.ids, values }).collect();
    // By rows, which are in the cache of the thread that has multiplied them.
    for_each_block(y, usize::MAX, |first, rows| add_named_rows(rows, first, &addends));
}

/// Adds the gradients of the weights and of the tables, for that of `y`.
pub(crate) fn backward(
    (embedding, factors): (&Embedding<'_>, &Factors),
    weight: MatrixId,
    gradient: ArrayView2<'_, f32>,
    pass: &mut BackwardPass<'_, '_>,
) {
    let (store, w) = (pass.store, pass.store.matrix(weight));
    let batch = gradient.nrows();
    // Bags and bins, side by side.
    let mut pooled: Vec<(Range<usize>, Segment<'_>)> = Vec::new();
    for (columns, segment) in &embedding.segments {
        if matches!(segment, Segment::Bag { .. } | Segment::Bins { .. }) {
            let first = pooled.last().map_or(0, |(before, _)| before.end);
            pooled.push((first..first + columns.len(), segment.clone()));
        }
    }
    let mut of_pooled = pass.workspace.matrix(batch, pooled.last().map_or(0, |(columns, _)| columns.end));
    let mut of_others = of_pooled.view_mut();
    let segments = embedding.segments.iter().zip(&factors.places);
    let tables = embedding.segments.iter().filter(|(_, segment)| matches!(segment, Segment::Lookup { .. }));
    let tables = tables.filter_map(|(_, segment)| segment.table()).map(|table| store.table(table));
    let n_rows = tables.clone().map(|table| table.rows).max().unwrap_or(0);
    let n_values = tables.map(|table| table.rows.min(batch) * table.dim).max().unwrap_or(0);
    DistinctRows::make_room(rayon::current_num_threads(), batch, n_rows, n_values);
    let mut learners = Vec::with_capacity(embedding.segments.len());
    for (columns, segment) in &embedding.segments {
        learners.push(match segment {
            Segment::Lookup { table, .. } => {
                let rows = batch.min(store.table(*table).rows);
                Learner::Rows(None, pass.workspace.left_over_row_gradients(rows, columns.len()))
            }
            Segment::Dense { .. } => Learner::Nobody,
            Segment::Bag { .. } | Segment::Bins { .. } => {
                let (own, rest) = of_others.split_at(Axis(1), columns.len());
                of_others = rest;
                Learner::Columns(own)
            }
        });
    }
    let (start, mut dw) = pass.matrix(weight);
    let mut parts = Vec::with_capacity(learners.len());
    for (((columns, segment), place), learner) in segments.zip(learners) {
        let (own, rest) = dw.split_at(Axis(0), columns.len());
        dw = rest;
        parts.push(Part { segment, columns: columns.clone(), place: place.as_ref(), learner, dw: own });
    }
    let blocks = ColumnBlocks::of(gradient);
    for first in (0..w.ncols()).step_by(BLOCKS_AT_ONCE * BLOCK) {
        for_each_in_parallel(&mut parts, |_, part| {
            if first == 0 {
                part.find_rows(store, factors);
            }
            for first in (first..w.ncols().min(first + BLOCKS_AT_ONCE * BLOCK)).step_by(BLOCK) {
                let columns = first..w.ncols().min(first + BLOCK);
                let w = w.slice(s![part.columns.clone(), columns.clone()]);
                part.add_block(factors, w, blocks.block(first / BLOCK), start, columns);
            }
            if first + BLOCKS_AT_ONCE * BLOCK >= w.ncols() {
                part.recycle_rows();
            }
        });
    }
    let of_rows: Vec<_> = parts
        .into_iter()
        .filter_map(|part| match (part.learner, part.segment.table()) {
            (Learner::Rows(_, gradients), Some(table)) => Some((table, gradients)),
            _ => None,
        })
        .collect();
    of_rows.into_iter().for_each(|(table, gradients)| pass.accumulate_rows(table, gradients));
    if !pooled.is_empty() {
        accumulate_segments(&pooled, &of_pooled, pass);
    }
    pass.workspace.recycle(of_pooled);
}

/// A segment and the rows of `W` that belong to it.
struct Part<'p, 'a> {
    segment: &'p Segment<'a>,
    columns: Range<usize>,
    /// Its columns of the factors' values; none of a look-up in a small table.
    place: Option<&'p Range<usize>>,
    learner: Learner<'p>,
    dw: ArrayViewMut2<'p, f32>,
}

/// Who learns from the gradient of a segment.
enum Learner<'p> {
    Nobody,
    /// The distinct rows of a look-up, while they are needed, and their gradients.
    Rows(Option<DistinctRows>, RowGradients),
    /// Several rows of a table by way of each row of the batch: the gradient of the segment's columns.
    Columns(ArrayViewMut2<'p, f32>),
}

impl Part<'_, '_> {
    fn find_rows(&mut self, store: &ParamStore, factors: &Factors) {
        if let (Learner::Rows(found, gradients), &Segment::Lookup { table, ids }) =
            (&mut self.learner, self.segment)
        {
            let rows = found.insert(DistinctRows::find(ids, store.table(table).rows));
            match self.place {
                Some(place) => rows.copy_from_readings(factors.rows(place)),
                None => rows.copy_from_table(store.rows_of(table)),
            }
            gradients.rows.clone_from(&rows.ids);
            gradients.values.resize(rows.values.len(), 0.0);
        }
    }

    fn recycle_rows(&mut self) {
        if let Learner::Rows(found, _) = &mut self.learner {
            found.take().into_iter().for_each(DistinctRows::recycle);
        }
    }

    /// Asks for what comes after some columns of `W` and of its gradient: a wide matrix does not stay in cache, and in each of
    /// its rows a block is a small piece.
    fn prefetch(&self, w: ArrayView2<'_, f32>, columns: Range<usize>) {
        let width = BLOCK.min(self.dw.ncols().saturating_sub(columns.end));
        for (first, strides) in [
            (w.as_ptr().wrapping_add(columns.len()), w.strides()),
            (self.dw.as_ptr().wrapping_add(columns.end), self.dw.strides()),
        ] {
            prefetch_scattered(first, self.columns.len(), strides[0] as usize, width);
        }
    }

    /// What a block of columns of `W` and of the gradient adds.
    fn add_block(
        &mut self,
        factors: &Factors,
        w: ArrayView2<'_, f32>,
        gradient: &[f32],
        start: Start<'_>,
        columns: Range<usize>,
    ) {
        let (width, dim) = (columns.len(), self.columns.len());
        self.prefetch(w, columns.start..columns.start + BLOCKS_AT_ONCE * BLOCK);
        let mut turned = TURNED.take(width * dim);
        for (row, w) in w.outer_iter().enumerate() {
            w.iter().enumerate().for_each(|(column, &w)| turned[column * dim + row] = w);
        }
        let turned = ArrayView2::from_shape((width, dim), &turned).expect("as many values");
        let batch = ArrayView2::from_shape((gradient.len() / BLOCK, BLOCK), gradient).expect("whole rows");
        let mut memory = SUMS.take(PIECE * BLOCK);
        let values = self.place.map(|place| factors.values().slice_move(s![.., place.clone()]));
        let (e, mut de, distinct) = match &mut self.learner {
            Learner::Rows(Some(rows), RowGradients { values, .. }) => {
                let shape = (rows.ids.len(), dim);
                let e = ArrayView2::from_shape(shape, &rows.values).expect("values of each row");
                let de = ArrayViewMut2::from_shape(shape, values).expect("a gradient for each row");
                (Some(e), Some(de), Some(&*rows))
            }
            Learner::Columns(gradient) => (values, Some(gradient.view_mut()), None),
            Learner::Nobody | Learner::Rows(None, _) => (values, None, None),
        };
        let e = e.expect("a segment that is no look-up has columns");
        let mut dw = self.dw.slice_mut(s![.., columns.clone()]);
        let de_start = if columns.start == 0 { Start::Zero } else { Start::Result };
        for (piece, e) in e.axis_chunks_iter(Axis(0), PIECE).enumerate() {
            let rows = piece * PIECE..piece * PIECE + e.nrows();
            let sums = match distinct {
                Some(distinct) => {
                    sum_readings(distinct, piece, gradient, &mut memory);
                    ArrayView2::from_shape((PIECE, BLOCK), &memory).expect("whole rows")
                }
                None => batch.slice(s![rows.clone(), ..]),
            };
            let sums = sums.slice(s![..e.nrows(), ..width]);
            let dw_start = if piece == 0 { start } else { Start::Result };
            multiply_alone(Product { a: e.reversed_axes(), b: sums, start: dw_start, c: dw.view_mut() });
            if let Some(de) = &mut de {
                multiply_alone(Product {
                    a: sums,
                    b: turned,
                    start: de_start,
                    c: de.slice_mut(s![rows, ..]),
                });
            }
        }
    }
}
