//! Tables of one dimension become one initialiser, so that one Gather reads all of them.

use std::collections::BTreeMap;

use ple_tensor::{ParamStore, TableId};
use serde_json::json;

use crate::graph::{Graph, Values};
use crate::plan::{Plan, Step};
use crate::rounding::{Rounding, TableForm};

/// Where each table is: the initialiser, the first of its rows there, their number and dimension.
#[derive(Debug, Default)]
pub(super) struct Tables {
    places: BTreeMap<TableId, Place>,
}

/// The place of a table.
#[derive(Clone, Debug)]
pub(super) struct Place {
    pub(super) initializer: String,
    pub(super) first_row: usize,
    pub(super) rows: usize,
    /// Whether the initialiser holds other tables too.
    pub(super) shared: Shared,
    pub(super) form: TableForm,
}

/// Whether an initialiser is one table or several.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Shared {
    Alone,
    WithOthers,
}

impl Tables {
    /// Adds the initialisers of all tables that the plan reads.
    pub(super) fn new(graph: &mut Graph, plan: &Plan, store: &ParamStore, rounding: &Rounding) -> Self {
        let mut by_dim: BTreeMap<usize, Vec<TableId>> = BTreeMap::new();
        for segment in plan.steps.iter().flat_map(|step| match step {
            Step::Embedding(segments) => &segments[..],
            _ => &[],
        }) {
            let Some(table) = segment.table() else { continue };
            let tables = by_dim.entry(store.table(table).dim).or_default();
            if !tables.contains(&table) {
                tables.push(table);
            }
        }
        let mut places = BTreeMap::new();
        for (dim, tables) in by_dim {
            let rows = tables.iter().map(|&table| store.table(table).rows).sum();
            let (wanted, shared) = match &tables[..] {
                [only] => (store.table(*only).name.clone(), Shared::Alone),
                _ => (format!("embedding.fused.dim_{dim}.weight"), Shared::WithOthers),
            };
            let values = tables.iter().map(|&table| (table, rounding.table(table).clone())).collect();
            let initializer = graph.initializer(&wanted, vec![rows, dim], Values::Tables(values));
            let mut note = Vec::new();
            let mut first_row = 0;
            let coded = matches!(tables.first(), Some(&table) if matches!(rounding.table(table), TableForm::Codes(_)));
            for table in tables {
                let rows = store.table(table).rows;
                let form = rounding.table(table).clone();
                note.push(match &form {
                    TableForm::Codes(scales) => {
                        json!([store.table(table).name, first_row, first_row + rows, scales])
                    }
                    _ => json!([store.table(table).name, first_row, first_row + rows]),
                });
                let initializer = initializer.clone();
                places.insert(table, Place { initializer, first_row, rows, shared, form });
                first_row += rows;
            }
            if shared == Shared::WithOthers || coded {
                graph.notes.push((initializer, json!({"rows_of": note})));
            }
        }
        Self { places }
    }

    /// Where a table is.
    pub(super) fn place(&self, table: TableId) -> Place {
        self.places[&table].clone()
    }
}
