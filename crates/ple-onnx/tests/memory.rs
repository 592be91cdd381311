//! What an export takes: tables are streamed, so that 25 million parameters add little more to a process than the file that the
//! proof loads. A process of its own, since memory is measured for the whole of it.

#![allow(clippy::unwrap_used)]

use std::collections::BTreeMap;
use std::fs;
use std::io::Write;

use ndarray::Array2;
use ple_nn::{BankInput, FeatureSpec, Model, ModelConfig, TaskKind, TaskSpec};
use ple_onnx::{ExportInput, ExportOptions, Precision, export};
use ple_tensor::ParamStore;
use rand_chacha::{ChaCha8Rng, rand_core::SeedableRng};

/// An entry of this process's status in bytes, or nothing where the system has no such file.
fn status(key: &str) -> Option<u64> {
    let text = fs::read_to_string("/proc/self/status").ok()?;
    let line = text.lines().find_map(|line| line.strip_prefix(key)?.strip_prefix(':'))?;
    Some(line.trim().strip_suffix("kB")?.trim().parse::<u64>().ok()? * 1024)
}

#[test]
fn an_export_adds_less_than_one_and_a_half_times_its_file() {
    let mut store = ParamStore::new();
    let features = vec![FeatureSpec::sparse("user", 1_200_000, 16), FeatureSpec::sparse("item", 380_000, 16)];
    let tasks = vec![TaskSpec { name: "click".to_owned(), kind: TaskKind::Classification }];
    let checked = ModelConfig::default().check(features, tasks).unwrap();
    let model = Model::new(&mut store, checked, &mut ChaCha8Rng::seed_from_u64(1));
    store.mark_learned();
    assert!(store.n_parameters() > 25_000_000);

    let (users, items) = ([1_199_999, 0, 7], [379_999, 0, 7]);
    let dense = Array2::zeros((3, 0));
    let folder = tempfile::tempdir().unwrap();
    for precision in Precision::ALL {
        let sample =
            BankInput { batch: 3, sparse: vec![&users, &items], sequences: vec![], dense: dense.view() };
        let input = ExportInput {
            model: &model,
            store: &store,
            features: model.features(),
            sample,
            metadata: BTreeMap::new(),
        };
        let options = ExportOptions { precision, ..ExportOptions::default() };
        // From here on the peak is that of the export.
        let reset = fs::write("/proc/self/clear_refs", "5");
        let Some(before) = status("VmHWM").filter(|_| reset.is_ok()) else {
            if cfg!(target_os = "linux") {
                panic!("the peak of this process cannot be measured: {reset:?}");
            }
            // Past the capture of the test's output, so that it is read.
            writeln!(std::io::stderr(), "not run: the memory of an export, which only Linux shows").unwrap();
            return;
        };
        let report = export(&input, &options, &folder.path().join("model.onnx")).unwrap();
        let added = status("VmHWM").unwrap().saturating_sub(before);
        // The runtime of the proof widens 16-bit floats as it loads them.
        let halves = if precision == Precision::F16 { 7 } else { 3 };
        assert!(added < report.bytes * halves / 2, "{precision}: {added} bytes for {}", report.bytes);
    }
}
