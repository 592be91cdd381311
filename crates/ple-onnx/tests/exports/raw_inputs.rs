//! Encoders in the graph: what stands before the proved graph, and which encoders are refused.

use std::fs;

use ple_nn::{FeatureSpec, ModelConfig, TaskKind};
use ple_onnx::{Arithmetic, Encoder, ExportOptions, Inputs, Keys, OnnxError, Precision, RawInput, Scaler};

use crate::models::{Sampled, binned, features, sampled, sequence, task};
use ple_nn::Pooling;

fn raw(feature: &str, encoder: Encoder) -> RawInput {
    RawInput { feature: feature.to_owned(), encoder }
}

fn strings(feature: &str, keys: &[(&str, u32)], unknown: u32) -> RawInput {
    let keys = Keys::Strings(keys.iter().map(|(key, id)| ((*key).to_owned(), *id)).collect());
    raw(feature, Encoder::Vocabulary { keys, unknown })
}

fn ints(feature: &str, keys: &[(i64, u32)], unknown: u32) -> RawInput {
    raw(feature, Encoder::Vocabulary { keys: Keys::Ints(keys.to_vec()), unknown })
}

fn dense(feature: &str, scaler: Scaler) -> RawInput {
    raw(feature, Encoder::Dense { missing: Some(0.0), scaler, arithmetic: Arithmetic::Double })
}

fn model() -> Sampled {
    sampled(ModelConfig::default(), features(), vec![task("click", TaskKind::Classification)], 9, 3)
}

fn options(raw_inputs: Vec<RawInput>) -> ExportOptions {
    ExportOptions { raw_inputs, ..ExportOptions::default() }
}

#[test]
fn encoders_of_every_kind_stand_before_the_proved_graph() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("model.onnx");
    let raw_inputs = vec![
        strings("user", &[("ann", 1), ("bob", 2), ("", 3)], 0),
        ints("item", &[(-1, 1), (i64::MIN, 2), (i64::MAX, 6)], 0),
        strings("history", &[("x", 1), ("y", 2)], 3),
        ints("tags", &[(7, 11), (8, 0)], 10),
        raw("place", Encoder::Bins { edges: vec![0.5, 1.5], first: 1, missing: 0 }),
        dense("age", Scaler::MinMax { minimum: 18.0, maximum: 99.0 }),
        dense("price", Scaler::Log),
        dense("hour", Scaler::Standard { mean: 12.0, deviation: 0.0 }),
    ];
    for precision in Precision::ALL {
        let options = ExportOptions { precision, ..options(raw_inputs.clone()) };
        let report = model().export(&options, &path).unwrap();
        // Sequences have a key for what fills up their lists.
        assert_eq!((report.proved_rows, report.compared_keys), (9, 3 + 3 + 3 + 3));
        let bytes = fs::read(&path).unwrap();
        let count = |text: &str| bytes.windows(text.len()).filter(|at| *at == text.as_bytes()).count();
        // Four nodes and one import.
        assert_eq!(count("ai.onnx.ml"), 5);
        let again = folder.path().join("again.onnx");
        model().export(&options, &again).unwrap();
        assert!(bytes == fs::read(again).unwrap(), "{precision}");
    }
}

#[test]
fn an_encoder_that_does_not_fit_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("model.onnx");
    let model = model();
    let refused = |raw_inputs: Vec<RawInput>, found: &str, expected: &str| {
        let error = model.export(&options(raw_inputs), &path).unwrap_err();
        let text = format!(
            "the raw input {found}\nexpected: {expected}\n\
             next: correct its encoder, or leave it out and send what the model reads"
        );
        assert_eq!((error.to_string(), error.exit_code()), (text, 65));
    };
    let one = |raw: RawInput, found: &str, expected: &str| refused(vec![raw], found, expected);
    one(
        raw("user", Encoder::Buckets { buckets: 100 }),
        "`user` is hashed into 100 buckets, and ONNX has no hash",
        "a vocabulary, or a feature that is sent as an id",
    );
    one(ints("usr", &[], 0), "`usr` is no feature of the model", "the name of one");
    refused(vec![ints("user", &[], 0), ints("user", &[], 0)], "`user` has two encoders", "one at most");
    one(ints("user", &[(5, 9)], 0), "`user` has an encoder that gives the id 9", "ids below 9");
    one(ints("item", &[(5, 1)], 7), "`item` has an encoder that gives the id 7", "ids below 7");
    one(ints("user", &[(5, 1), (6, 2), (5, 1)], 0), "`user` has the key 5 twice", "each key once");
    one(strings("user", &[("a", 1), ("a", 2)], 0), "`user` has the key \"a\" twice", "each key once");
    one(
        strings("tags", &[("", 1)], 0),
        "`tags` is a sequence and has the key \"\", which fills up its lists",
        "other keys",
    );
    one(
        ints("tags", &[(i64::MIN, 1)], 0),
        "`tags` is a sequence and has the key -9223372036854775808, which fills up its lists",
        "other keys",
    );
    one(dense("user", Scaler::Log), "`user` has ids and a scaler", "a vocabulary or bins");
    one(ints("price", &[], 0), "`price` is dense and has an encoder that gives ids", "a scaler");
    let bins = |edges: &[f32], first| Encoder::Bins { edges: edges.to_vec(), first, missing: 0 };
    one(raw("tags", bins(&[], 0)), "`tags` is a sequence and has bins", "a vocabulary");
    one(raw("place", bins(&[1.0, 2.0], 3)), "`place` has an encoder that gives the id 5", "ids below 5");
    one(
        raw("place", bins(&[1.0, 1.0], 0)),
        "`place` has edges of bins that do not ascend",
        "finite edges, each above the one before",
    );
    for scaler in [
        Scaler::MinMax { minimum: 2.0, maximum: 1.0 },
        Scaler::MinMax { minimum: f64::MIN, maximum: f64::MAX },
        Scaler::Standard { mean: f64::NAN, deviation: 1.0 },
        Scaler::Standard { mean: 0.0, deviation: -1.0 },
    ] {
        one(
            dense("price", scaler),
            "`price` has a scaler that is no scale",
            "finite numbers, a maximum that is not below the minimum, and a deviation that is not below 0",
        );
    }
    let packed = ExportOptions { inputs: Inputs::Packed, ..options(vec![ints("user", &[], 0)]) };
    let error = model.export(&packed, &path).unwrap_err();
    assert!(
        matches!(&error, OnnxError::RawInput { found, .. } if found == "has an encoder, and inputs are packed")
    );
    assert!(!path.exists());
}

#[test]
fn key_tables_of_a_large_vocabulary_are_compared_to_the_last_entry() {
    let folder = tempfile::tempdir().unwrap();
    let n = 100_000;
    let features = vec![FeatureSpec::sparse("user", n + 1, 4), sequence("tags", Pooling::Mean, Some(0))];
    let model =
        sampled(ModelConfig::default(), features, vec![task("click", TaskKind::Classification)], 5, 1);
    let keys: Vec<(i64, u32)> = (1..=n as u32).map(|id| (-(1 << 40) * i64::from(id), id)).collect();
    let raw_inputs = vec![ints("user", &keys, 0)];
    let report = model.export(&options(raw_inputs), &folder.path().join("model.onnx")).unwrap();
    assert_eq!(report.compared_keys, n);
}

/// rten has no LabelEncoder, but runs everything else.
#[test]
fn raw_numbers_are_scaled_and_put_into_the_bins_of_the_training() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("model.onnx");
    let scalers = [
        Scaler::Log,
        Scaler::MinMax { minimum: -3.0, maximum: 96.9 },
        Scaler::Standard { mean: 11.1, deviation: 7.3 },
        Scaler::Identity,
    ];
    for scaler in scalers {
        // The numbers of the formula, as they were in training; some of them are the edges.
        let scale = |x: f32| {
            let x = f64::from(x);
            let scaled = match scaler {
                Scaler::MinMax { minimum, maximum } => (x - minimum) / (maximum - minimum),
                Scaler::Standard { mean, deviation } => (x - mean) / deviation,
                Scaler::Log => x.abs().ln_1p().copysign(x),
                _ => x,
            };
            scaled as f32
        };
        let raw_rows: Vec<f32> = (0..300).map(|row| row as f32 * 0.37 - 11.0).collect();
        let edges: Vec<f32> = raw_rows.iter().skip(3).step_by(7).map(|&x| scale(x)).collect();
        let features = vec![binned("price", &edges), FeatureSpec::dense("age"), binned("size", &edges)];
        let tasks = vec![task("click", TaskKind::Classification)];
        let mut model = sampled(ModelConfig::default(), features, tasks, raw_rows.len(), 4);
        for (mut row, &x) in model.rows.dense.outer_iter_mut().zip(&raw_rows) {
            row.assign(&ndarray::array![scale(x), scale(x), scale(x)]);
        }
        let expected = model.predictions();
        let raw_inputs = ["price", "age", "size"].map(|name| {
            // The mean of the raw rows does not matter, but what stands in for NaN does.
            let (missing, arithmetic) = (Some(raw_rows[10].into()), Arithmetic::Double);
            raw(name, Encoder::Dense { missing, scaler, arithmetic })
        });
        model.export(&options(raw_inputs.to_vec()), &path).unwrap();

        let graph = rten::Model::load_file(&path).unwrap();
        let mut sent = raw_rows.clone();
        sent[10] = f32::NAN;
        let inputs = ["price", "age", "size"].map(|name| {
            let value = rten::Value::from_shape(&[sent.len()], sent.clone()).unwrap();
            (graph.node_id(name).unwrap(), value.into())
        });
        let outputs = graph.run(inputs.to_vec(), &[graph.node_id("click").unwrap()], None).unwrap();
        let Some(rten::Value::FloatTensor(found)) = outputs.into_iter().next() else { panic!("no floats") };
        for (row, (found, expected)) in found.into_data().into_iter().zip(expected).enumerate() {
            assert!((found - expected).abs() < 1e-5, "{scaler:?} {row} {found} {expected}");
        }
    }
}
