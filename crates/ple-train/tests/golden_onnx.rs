//! Every golden model as ONNX: a runtime in Rust has to predict what this project does, at batches of 1, 3 and 1,024.

#![allow(clippy::unwrap_used)]

use std::collections::BTreeMap;
use std::path::Path;

use ple_data::Batch;
use ple_onnx::{ExportInput, ExportOptions, Inputs, Outputs, export};
use ple_train::bank_input;
use ple_train::parity::GoldenFile;

#[test]
fn every_golden_model_agrees_in_a_runtime() {
    let golden = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden");
    let folder = tempfile::tempdir().unwrap();
    let mut models = 0;
    for path in std::fs::read_dir(golden).unwrap().map(|entry| entry.unwrap().path()) {
        let Ok(golden) = GoldenFile::read(&path) else { continue };
        let (model, rows) = golden.model().unwrap();
        for batch_size in [1, 3, 1024] {
            let mut batch = Batch::new();
            let places: Vec<u32> = (0..batch_size).map(|row| row % rows.rows() as u32).collect();
            rows.gather(&places, &mut batch);
            let input = ExportInput {
                model: model.model(),
                store: model.store(),
                features: model.model().features(),
                sample: bank_input(model.schema(), &batch),
                metadata: BTreeMap::new(),
            };
            for options in [
                ExportOptions::default(),
                ExportOptions {
                    inputs: Inputs::Packed,
                    outputs: Outputs::Matrix,
                    ..ExportOptions::default()
                },
            ] {
                let report = export(&input, &options, &folder.path().join("model.onnx")).unwrap();
                assert_eq!(report.proved_rows, batch_size as usize);
                assert!(report.largest_difference < 1e-5, "{}: {report:?}", path.display());
            }
        }
        models += 1;
    }
    assert!(models >= 9, "{models}");
}
