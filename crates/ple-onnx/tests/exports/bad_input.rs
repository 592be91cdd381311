//! What is refused, each with its message, and that nothing is left behind.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use ple_nn::{FeatureSpec, Model, ModelConfig, TaskKind};
use ple_onnx::{ExportInput, ExportOptions, ExternalData, OnnxError, export};
use ple_tensor::ParamStore;
use rand_chacha::{ChaCha8Rng, rand_core::SeedableRng};

use crate::models::{Sampled, features, sampled, task};

fn model() -> Sampled {
    let tasks = vec![task("click", TaskKind::Classification)];
    sampled(ModelConfig::default(), features(), tasks, 5, 1)
}

/// Exports into a folder with an older model, which has to be all that is there afterwards.
fn refusal(export: impl FnOnce(&Path) -> Result<ple_onnx::ExportReport, OnnxError>) -> OnnxError {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("model.onnx");
    fs::write(&path, "an older model").unwrap();
    let error = export(&path).unwrap_err();
    let files: Vec<_> =
        fs::read_dir(folder.path()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert_eq!(files, ["model.onnx"], "{error}");
    assert_eq!(fs::read_to_string(&path).unwrap(), "an older model");
    error
}

#[test]
fn an_untrained_model_is_refused() {
    let mut sampled = model();
    sampled.store = ParamStore::new();
    let checked = ModelConfig::default().check(features(), vec![task("click", TaskKind::Classification)]);
    let mut random = ChaCha8Rng::seed_from_u64(1);
    sampled.model = Model::new(&mut sampled.store, checked.unwrap(), &mut random);
    let error = refusal(|path| sampled.export(&ExportOptions::default(), path));
    assert_eq!(
        error.to_string(),
        "39 of 41 parameters have the values that the model was built with, `embedding.user.weight` among them\n\
         expected: a model that was trained, or loaded as a whole\n\
         next: train it, or load a complete checkpoint"
    );
    assert_eq!(error.exit_code(), 65);
}

#[test]
fn a_half_loaded_model_is_refused() {
    let whole = model();
    let mut half = ParamStore::new();
    let checked = ModelConfig::default().check(features(), vec![task("click", TaskKind::Classification)]);
    let model = Model::new(&mut half, checked.unwrap(), &mut ChaCha8Rng::seed_from_u64(1));
    let names: Vec<String> = half.blocks().iter().map(|block| block.name.clone()).collect();
    for name in names.iter().filter(|name| !name.starts_with("tower.0.layer")) {
        half.get_mut(name).unwrap().assign(&whole.store.get(name).unwrap());
    }
    for table in half.table_ids() {
        (0..half.table(table).rows).for_each(|row| _ = half.table_row_mut(table, row));
    }
    let half = Sampled { model, store: half, rows: whole.rows };
    let error = refusal(|path| half.export(&ExportOptions::default(), path)).to_string();
    assert!(
        error.starts_with(
            "4 of 41 parameters have the values that the model was built with, `tower.0.layer.0.weight` among them\n"
        ),
        "{error}"
    );
}

#[test]
fn a_table_of_which_a_row_was_not_loaded_is_refused() {
    let mut half = model();
    half.store.mark_first_values();
    for name in half.store.blocks().iter().map(|block| block.name.clone()).collect::<Vec<_>>() {
        half.store.get_mut(&name);
    }
    let tables: Vec<_> = half.store.table_ids().collect();
    let last = tables.len() - 1;
    for (number, &table) in tables.iter().enumerate() {
        let left_out = usize::from(number == last);
        (left_out..half.store.table(table).rows).for_each(|row| _ = half.store.table_row_mut(table, row));
    }
    let error = refusal(|path| half.export(&ExportOptions::default(), path)).to_string();
    let name = &half.store.table(tables[last]).name;
    let text =
        format!("1 of 41 parameters have the values that the model was built with, `{name}` among them\n");
    assert!(error.starts_with(&text), "{error}");
}

#[test]
fn a_schema_that_is_not_the_models_is_refused() {
    let sampled = model();
    let export_with = |features: &[FeatureSpec], path: &Path| {
        let input = ExportInput {
            model: &sampled.model,
            store: &sampled.store,
            features,
            sample: sampled.rows.input(),
            metadata: BTreeMap::new(),
        };
        export(&input, &ExportOptions::default(), path)
    };
    let mut other = features();
    other.swap(0, 2);
    let error = refusal(|path| export_with(&other, path));
    assert_eq!(
        error.to_string(),
        "the sample rows are of another schema than the model: feature 1 is `item`, sparse, 7 ids of dimension 4\n\
         expected: `user`, sparse, 9 ids of dimension 4\n\
         next: read the rows with the schema that the model was trained with"
    );
    let error = refusal(|path| export_with(&features()[..3], path)).to_string();
    assert!(
        error.starts_with(
            "the sample rows are of another schema than the model: feature 4 is missing\n\
             expected: `history`, a sequence, 7 ids of dimension 4, Mean, padded with 0, shared with `item`\n"
        ),
        "{error}"
    );
}

#[test]
fn sample_rows_that_do_not_fit_are_refused() {
    let mut sampled = model();
    sampled.rows.sparse[1][3] = 7;
    let error = refusal(|path| sampled.export(&ExportOptions::default(), path));
    assert_eq!(
        error.to_string(),
        "the sample rows do not fit the model: id 7 of the feature `item`\n\
         expected: ids below 7\n\
         next: take rows of the schema that the model was trained with"
    );
}

#[test]
fn a_value_that_is_not_finite_is_refused() {
    let mut sampled = model();
    sampled.store.get_mut("tower.0.layer.0.weight").unwrap()[[3, 0]] = f32::NAN;
    let error = refusal(|path| sampled.export(&ExportOptions::default(), path));
    assert_eq!(
        error.to_string(),
        "the parameter `tower.0.layer.0.weight` is not finite in row 3\n\
         expected: a trained model\n\
         next: take a checkpoint from before the training diverged"
    );
}

#[test]
fn a_path_that_cannot_be_written_is_refused() {
    let sampled = model();
    let folder = tempfile::tempdir().unwrap();
    let at = |path: &Path| sampled.export(&ExportOptions::default(), path).unwrap_err();
    let error = at(&folder.path().join("none/model.onnx"));
    assert_eq!(
        error.to_string(),
        format!(
            "{}/none/model.onnx: could not write: its folder does not exist\n\
             next: check the permissions, the free space and the disk",
            folder.path().display()
        )
    );
    assert_eq!(error.exit_code(), 74);
    let error = at(folder.path());
    assert_eq!(
        error.to_string(),
        format!(
            "{}: found a folder where a file is to be written\n\
             expected: a file, or nothing yet\n\
             next: choose another output",
            folder.path().display()
        )
    );
    assert_eq!(error.exit_code(), 2);
}

#[test]
fn external_data_stays_in_the_models_folder() {
    let sampled = model();
    for name in [
        "../a.data",
        "/a.data",
        "a/b.data",
        "..",
        ".data",
        "",
        "a\\b.data",
        "c:a.data",
        "model.onnx",
        "a\n.data",
    ] {
        let external_data = ExternalData { name: Some(name.to_owned()), ..ExternalData::always() };
        let options = ExportOptions { external_data, ..ExportOptions::default() };
        let error = refusal(|path| sampled.export(&options, path));
        assert_eq!(
            error.to_string(),
            format!(
                "`{name}` cannot be the name of the external data\n\
                 expected: a plain file name that ends in .data, since the data lies beside the model\n\
                 next: choose another name, or leave it out"
            )
        );
    }
    let folder = tempfile::tempdir().unwrap();
    let external_data = ExternalData { name: Some("values.data".to_owned()), ..ExternalData::always() };
    let options = ExportOptions { external_data, ..ExportOptions::default() };
    sampled.export(&options, &folder.path().join("model.onnx")).unwrap();
    assert!(folder.path().join("values.data").is_file());
}

#[test]
fn values_beyond_the_limit_go_to_external_data() {
    let sampled = model();
    let folder = tempfile::tempdir().unwrap();
    let files = |beyond: u64| {
        let external_data = ExternalData { beyond, name: Some("values.data".to_owned()) };
        let options = ExportOptions { external_data, ..ExportOptions::default() };
        let folder = folder.path().join(beyond.to_string());
        fs::create_dir(&folder).unwrap();
        sampled.export(&options, &folder.join("model.onnx")).unwrap();
        fs::read_dir(&folder).unwrap().count()
    };
    assert_eq!((files(u64::MAX), files(100_000), files(1_000)), (1, 1, 2));
}
