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

#[cfg(test)]
mod tests {
    use ndarray::array;
    use ple_tensor::{Mode, ParamStore, Role, Segment, Tape, Workspace, Written};

    use super::first_in_state;
    use crate::optimizer::{Optimizer, OptimizerConfig, RuleConfig};

    /// A slot of a matrix or of a row that is not finite is found by its name, whatever optimiser has it.
    #[test]
    fn slots_of_every_optimiser_are_looked_at() {
        for rule in RuleConfig::all() {
            let alone = OptimizerConfig::from(rule.clone());
            let config = match alone.check() {
                Ok(()) => alone,
                Err(_) => OptimizerConfig { for_tables: Some(rule), ..OptimizerConfig::default() },
            };
            let mut store = ParamStore::new();
            let table = store.add_table("table", 3, 2);
            let matrix = store.add("matrix", array![[12.0], [1.0]], Role::Decayed);
            let mut optimizer = Optimizer::new(config, 5, &mut store).unwrap();
            let mut tape = Tape::new(&store, Workspace::new(), Mode::Train { dropout_seed: 0 });
            let e = tape.embedding(1, vec![Segment::Lookup { table, ids: &[1] }]);
            let y = tape.linear(e, matrix, None, 1);
            let (gradients, _) = tape.backward(y);
            assert_eq!(optimizer.update(&mut store, &gradients), Written::Finite);
            assert_eq!(first_in_state(&store, Some(&optimizer)), None);

            let (mut start, slots) = (2, optimizer.slots_of_tables());
            for slot in slots {
                let of_row = 2 * store.tables_mut()[0].stride;
                store.tables_mut()[0].data[of_row + start] = f32::NAN;
                let text = first_in_state(&store, Some(&optimizer)).unwrap().to_string();
                assert!(
                    text.starts_with(&format!("{} is not finite: first in table, row 2\n", slot.what)),
                    "{text}"
                );
                assert_eq!(first_in_state(&store, None), None, "what is not saved");
                store.tables_mut()[0].data[of_row + start] = 0.0;
                start += slot.width.values(2);
            }
            let of_matrix: Vec<_> = optimizer.slots(matrix).unwrap().map(|(slot, _)| slot.what).collect();
            for (index, what) in of_matrix.into_iter().enumerate() {
                optimizer.slots_mut(matrix).unwrap()[index][[1, 0]] = f32::INFINITY;
                let text = first_in_state(&store, Some(&optimizer)).unwrap().to_string();
                assert!(
                    text.starts_with(&format!("{what} is not finite: first in matrix, row 1\n")),
                    "{text}"
                );
                optimizer.slots_mut(matrix).unwrap()[index][[1, 0]] = 0.0;
            }
        }
    }
}
