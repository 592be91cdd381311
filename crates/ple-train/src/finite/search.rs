//! Where a step's first number is that is NaN or infinite: a search through everything, made once a kernel has raised
//! suspicion, and before anything is saved.

use ndarray::ArrayView2;
use ple_tensor::{Gradients, MatrixId, ParamStore, RowGradients, TableId};
use rayon::prelude::*;

use super::not_finite::{NotFinite, Number};
use crate::optimizer::{Optimizer, Slot};

/// The first one among what a backward pass gave: running statistics, which the forward pass made, before gradients.
pub(crate) fn first_in_gradients(store: &ParamStore, gradients: &Gradients) -> Option<NotFinite> {
    let mut statistics = gradients.buffers().iter();
    let statistic =
        statistics.find_map(|(id, values)| in_matrix(store, *id, values.view(), Number::Statistic));
    let matrix =
        || store.matrix_ids().find_map(|id| in_matrix(store, id, gradients.matrix(id)?, Number::Gradient));
    let table = || store.table_ids().find_map(|id| in_rows(store, id, gradients.table(id)?));
    statistic.or_else(matrix).or_else(table)
}

/// The first one among weights, running statistics and, with an optimiser, its slots. A cause comes before its effect: the
/// last slots, the first ones, weights.
pub(crate) fn first_in_state(store: &ParamStore, optimizer: Option<&Optimizer>) -> Option<NotFinite> {
    let in_slots = optimizer.and_then(|optimizer| {
        store.matrix_ids().find_map(|id| {
            let mut slots = optimizer.slots(id)?.rev();
            slots.find_map(|(slot, values)| in_matrix(store, id, values, Number::Slot(slot)))
        })
    });
    let matrix = || {
        store.matrix_ids().find_map(|id| {
            let number = match store.role(id) {
                ple_tensor::Role::Buffer => Number::Statistic,
                _ => Number::Weight,
            };
            in_matrix(store, id, store.matrix(id), number)
        })
    };
    let slots = optimizer.map_or(&[][..], Optimizer::slots_of_tables);
    in_slots.or_else(matrix).or_else(|| store.table_ids().find_map(|id| in_table(store, id, slots)))
}

fn in_matrix(
    store: &ParamStore,
    id: MatrixId,
    values: ArrayView2<'_, f32>,
    number: Number,
) -> Option<NotFinite> {
    let ((row, column), _) = values.indexed_iter().find(|(_, value)| !value.is_finite())?;
    Some(NotFinite::of(number, store.name_of_column(id, column), row))
}

fn in_rows(store: &ParamStore, id: TableId, gradients: &RowGradients) -> Option<NotFinite> {
    let table = store.table(id);
    let place = gradients.values.iter().position(|value| !value.is_finite())?;
    let row = gradients.rows.get(place / table.dim).copied().unwrap_or(0) as usize;
    Some(NotFinite::of(Number::Gradient, table.name.as_str(), row))
}

/// Rows hold the weights, and then the slots.
fn in_table(store: &ParamStore, id: TableId, slots: &'static [Slot]) -> Option<NotFinite> {
    let (table, rows) = (store.table(id), store.table_rows(id));
    let (stride, values) = (rows.ncols(), rows.to_slice()?);
    let known = table.dim + slots.iter().map(|slot| slot.width.values(table.dim)).sum::<usize>();
    let bad = |row: &[f32]| row.iter().any(|value| !value.is_finite());
    let row = values.par_chunks_exact(stride).position_first(|row| bad(&row[..known]))?;
    let (mut number, mut rest) = (Number::Weight, &values[row * stride..][..known]);
    let parts = [(Number::Weight, table.dim)].into_iter();
    for (part, width) in parts.chain(slots.iter().map(|s| (Number::Slot(s), s.width.values(table.dim)))) {
        let (values, after) = rest.split_at(width);
        if bad(values) {
            number = part;
        }
        rest = after;
    }
    Some(NotFinite::of(number, table.name.as_str(), row))
}
