//! A trained model as an ONNX file, proved on rows of a table.

use std::collections::BTreeMap;
use std::path::Path;

use ple_data::{Batch, Table};
use ple_onnx::{ExportInput, ExportOptions, ExportReport, OnnxError, export};
use ple_train::{RankingModel, bank_input, feature_specs};

/// The most rows that an export is proved on.
const SAMPLE_ROWS: usize = 512;

/// Writes a model, proved on the first rows of a table of its schema.
pub(crate) fn write_onnx(
    model: &RankingModel,
    rows: &Table,
    metadata: BTreeMap<String, String>,
    options: &ExportOptions,
    path: &Path,
) -> Result<ExportReport, OnnxError> {
    let mut batch = Batch::new();
    rows.gather(&(0..rows.rows().min(SAMPLE_ROWS) as u32).collect::<Vec<_>>(), &mut batch);
    let features = feature_specs(rows.schema());
    let sample = bank_input(rows.schema(), &batch);
    let (model, store) = (model.model(), model.store());
    export(&ExportInput { model, store, features: &features, sample, metadata }, options, path)
}
