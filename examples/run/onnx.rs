//! A trained model as an ONNX file, proved on rows of a table.

use std::collections::BTreeMap;
use std::path::Path;

use ple_data::{Batch, Table};
use ple_onnx::{ExportInput, ExportOptions, ExportReport, OnnxError, export};
use ple_train::{RankingModel, bank_input, feature_specs};

/// The most rows that an export is proved on.
const SAMPLE_ROWS: usize = 512;

/// The most ids in the lists of these rows: of rows with longer lists there are fewer, one at least.
const SAMPLE_IDS: usize = 1 << 22;

/// Writes a model, proved on the first rows of a table of its schema.
pub(crate) fn write_onnx(
    model: &RankingModel,
    rows: &Table,
    metadata: BTreeMap<String, String>,
    options: &ExportOptions,
    path: &Path,
) -> Result<ExportReport, OnnxError> {
    let batch = sample_rows(rows);
    let features = feature_specs(rows.schema());
    let sample = bank_input(rows.schema(), &batch);
    let (model, store) = (model.model(), model.store());
    export(&ExportInput { model, store, features: &features, sample, metadata }, options, path)
}

/// The first rows of a table, as many as stay within both limits.
fn sample_rows(rows: &Table) -> Batch {
    let most = rows.rows().min(SAMPLE_ROWS);
    let mut batch = Batch::new();
    let mut n = 1;
    loop {
        rows.gather(&(0..n as u32).collect::<Vec<_>>(), &mut batch);
        let ids: usize = (0..rows.schema().n_sequences()).map(|list| batch.sequence(list).ids.len()).sum();
        // As many again are expected of as many rows more.
        if n == most || 2 * ids > SAMPLE_IDS {
            return batch;
        }
        n = (2 * n).min(most);
    }
}
