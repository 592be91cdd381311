//! Whether arrays given in memory are a table of a schema: their lengths, and every value.

use std::path::Path;

use crate::cell::{CellFault, check_dense, check_id, check_label, check_weight};
use crate::error::DataError;
use crate::place::Place;
use crate::schema::{Feature, FeatureKind, FeatureSchema, Label};
use crate::table::{Table, TableColumns};

/// Fails unless every array has as many values as the rows ask for.
pub(crate) fn check_lengths(schema: &FeatureSchema, columns: &TableColumns) -> Result<(), DataError> {
    let check = |what: &str, found: usize, expected: usize| {
        if found == expected {
            Ok(())
        } else {
            Err(DataError::Length { what: what.to_string(), found, expected })
        }
    };
    let rows = columns.labels.len().div_ceil(schema.n_tasks());
    check("labels", columns.labels.len(), rows * schema.n_tasks())?;
    if rows > u32::MAX as usize {
        return Err(DataError::TooLarge {
            path: MEMORY.into(),
            what: "the number of rows".to_string(),
            found: rows as i128,
            limit: u64::from(u32::MAX),
        });
    }
    check("sparse", columns.sparse.len(), rows * schema.n_sparse())?;
    check("dense", columns.dense.len(), rows * schema.n_dense())?;
    check("keys", columns.keys.len(), schema.keys.len())?;
    check("sequences", columns.sequences.len(), schema.n_sequences())?;
    let has_weights = schema.labels.iter().any(Label::has_row_weights);
    let n_weights = if has_weights { rows * schema.n_tasks() } else { 0 };
    check("weights", columns.weights.as_ref().map_or(0, Vec::len), n_weights)?;
    for (name, key) in schema.keys.iter().zip(&columns.keys) {
        check(&format!("the key `{name}`"), key.len(), rows)?;
    }
    for (feature, sequence) in schema.sequences().zip(&columns.sequences) {
        let name = &feature.name;
        check(&format!("the offsets of `{name}`"), sequence.offsets.len(), rows + 1)?;
        let last = sequence.offsets.last().copied().unwrap_or(0);
        let increasing = sequence.offsets.windows(2).all(|pair| pair[0] <= pair[1]);
        if !increasing || sequence.offsets.first() != Some(&0) {
            return Err(DataError::Offsets { feature: name.clone() });
        }
        check(&format!("the ids of `{name}`"), sequence.ids.len(), last)?;
        let has_weights = matches!(feature.kind, FeatureKind::Sequence { weights: Some(_), .. });
        let weights = sequence.weights.as_ref().map_or(0, Vec::len);
        check(&format!("the weights of `{name}`"), weights, if has_weights { last } else { 0 })?;
    }
    Ok(())
}

/// What errors call the "file" of a table that was made in memory.
pub(crate) const MEMORY: &str = "table in memory";

/// Fails at the first value that the schema does not allow.
pub(crate) fn check_values(table: &Table) -> Result<(), DataError> {
    let locate =
        |fault: CellFault, row: usize, column: &str| fault.at(Path::new(MEMORY), Place::Row(row), column);
    let vocab = |feature: &Feature| feature.vocab_size().unwrap_or(0);
    for (f, feature) in table.schema().sparse().enumerate() {
        for (row, id) in table.sparse(f).enumerate() {
            check_id(id, vocab(feature)).map_err(|fault| locate(fault, row, &feature.name))?;
        }
    }
    for (d, feature) in table.schema().dense().enumerate() {
        for (row, value) in table.dense(d).enumerate() {
            check_dense(f64::from(value)).map_err(|fault| locate(fault, row, &feature.name))?;
        }
    }
    for (t, label) in table.schema().labels.iter().enumerate() {
        for (row, value) in table.labels(t).enumerate() {
            check_label(f64::from(value), label.task)
                .map_err(|fault| locate(fault, row, label.column_name()))?;
        }
        for (row, value) in table.weights(t).enumerate() {
            check_weight(f64::from(value))
                .map_err(|fault| locate(fault, row, label.weight.as_deref().unwrap_or(&label.name)))?;
        }
    }
    for (feature, sequence) in table.schema().sequences().zip(table.sequences()) {
        for row in 0..table.rows() {
            for position in sequence.span(row) {
                check_id(sequence.ids[position], vocab(feature))
                    .map_err(|fault| locate(fault, row, &feature.name))?;
                if let Some(weights) = &sequence.weights {
                    check_weight(f64::from(weights[position]))
                        .map_err(|fault| locate(fault, row, &feature.name))?;
                }
            }
        }
    }
    Ok(())
}
