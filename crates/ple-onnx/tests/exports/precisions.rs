//! Tables and weights in fewer bits: what the file predicts is proved against a plain computation with the rounded values.

use std::fs;
use std::path::Path;

use ple_nn::{Activation, FeatureSpec, MlpConfig, ModelConfig, TaskKind, TaskSpec};
use ple_onnx::{ExportOptions, ExternalData, Inputs, OnnxError, Outputs, Precision};

use crate::models::{NORMS, Sampled, architectures, features, ple, sampled, task};

const FEWER: [Precision; 2] = [Precision::F16, Precision::Int8];

fn tasks() -> Vec<TaskSpec> {
    vec![task("click", TaskKind::Classification), task("spend", TaskKind::Regression)]
}

fn at(precision: Precision) -> ExportOptions {
    ExportOptions { precision, ..ExportOptions::default() }
}

#[test]
fn every_architecture_and_activation_agrees() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("model.onnx");
    let activations = [Activation::Relu, Activation::LeakyRelu, Activation::Prelu, Activation::Dice];
    for (index, activation) in activations.into_iter().enumerate() {
        for architecture in architectures(activation) {
            for [norm, gate_norm] in NORMS {
                let config = ModelConfig {
                    architecture: architecture.clone(),
                    norm,
                    gate_norm,
                    ..ModelConfig::default()
                };
                let model = sampled(config.clone(), features(), tasks(), 17, index as u64);
                for precision in FEWER {
                    let report = model.export(&at(precision), &path);
                    let report = report.unwrap_or_else(|error| panic!("{error}\n{precision} {config:?}"));
                    assert_eq!((report.proved_rows, report.precision), (17, precision));
                }
            }
        }
    }
}

#[test]
fn every_form_of_inputs_and_outputs_agrees() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("model.onnx");
    for (inputs, outputs) in [(Inputs::PerFeature, Outputs::PerTask), (Inputs::Packed, Outputs::Matrix)] {
        for external_data in [ExternalData::where_needed(), ExternalData::always()] {
            for precision in FEWER {
                for n in (1..=features().len()).filter(|n| *n != 6) {
                    let some = features().split_off(features().len() - n);
                    let model = sampled(ModelConfig::default(), some, tasks(), 9, n as u64);
                    let external_data = external_data.clone();
                    let options =
                        ExportOptions { inputs, outputs, external_data, precision, raw_inputs: Vec::new() };
                    let report = model.export(&options, &path);
                    report.unwrap_or_else(|error| panic!("{error}\n{options:?} {n}"));
                }
            }
        }
    }
}

/// A model with products that are large enough to be quantised at each call, some of them in groups.
fn wide() -> Sampled {
    let mlp = |dims: &[usize]| MlpConfig { activation: Activation::Relu, ..MlpConfig::new(dims) };
    let architecture = ple(2, mlp(&[192, 192]), mlp(&[96]));
    sampled(ModelConfig { architecture, ..ModelConfig::default() }, features(), tasks(), 33, 7)
}

#[test]
fn large_products_are_quantised_at_each_call() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("model.onnx");
    let report = wide().export(&at(Precision::Int8), &path).unwrap();
    assert!(report.proved_difference < 1e-4, "{report:?}");
    let text = fs::read(&path).unwrap();
    let count = |name: &str| text.windows(name.len()).filter(|window| *window == name.as_bytes()).count();
    assert!(count("DynamicQuantizeLinear") > 3);
}

#[test]
fn files_are_smaller_and_their_bytes_are_the_same_each_time() {
    let folder = tempfile::tempdir().unwrap();
    let features = vec![FeatureSpec::sparse("user", 40_000, 16), FeatureSpec::sparse("item", 20_000, 16)];
    let model = sampled(ModelConfig::default(), features, tasks(), 9, 1);
    let [full, half, bytes] = Precision::ALL.map(|precision| {
        let write = |name: &str| {
            let path = folder.path().join(name);
            model.export(&at(precision), &path).unwrap();
            fs::read(path).unwrap()
        };
        let (first, second) = (write("first.onnx"), write("second.onnx"));
        assert!(first == second, "{precision}");
        first.len() as f64
    });
    assert!(full / half > 1.95 && full / bytes > 3.8, "{full} {half} {bytes}");
}

#[test]
fn a_value_that_16_bits_cannot_hold_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("model.onnx");
    let mut model = wide();
    let table = model.store.table_ids().next().unwrap();
    model.store.table_row_mut(table, 3)[2] = -7e4;
    let refusal = |model: &Sampled, path: &Path| match model.export(&at(Precision::F16), path) {
        Err(error @ OnnxError::TooLarge { .. }) => (error.to_string(), error.exit_code()),
        other => panic!("{other:?}"),
    };
    let expected = |parameter: &str, value: &str, row: usize| {
        format!(
            "the parameter `{parameter}` is {value} in row {row}, which f16 cannot hold\n\
             expected: values between -65504 and 65504\n\
             next: export with the precision f32 or int8"
        )
    };
    assert_eq!(refusal(&model, &path), (expected("embedding.user.weight", "-7e4", 3), 65));
    model.store.table_row_mut(table, 3)[2] = 0.0;
    model.store.get_mut("cgc.0.task.0.expert.0.layer.1.weight").unwrap()[[5, 0]] = 1e9;
    let (error, _) = refusal(&model, &path);
    assert!(error.starts_with("the parameter `cgc.0.task.0.expert.0.layer.1.weight` is "), "{error}");
    assert!(error.contains(" in row 5, which f16 cannot hold\n"), "{error}");
    assert!(!path.exists());
}

#[test]
fn an_unknown_precision_is_refused() {
    let refusal = |name: &str| {
        let error = name.parse::<Precision>().unwrap_err();
        assert_eq!(error.exit_code(), 2);
        error.to_string()
    };
    let nearest = |name: &str, known: &str| {
        let expected =
            format!("`{name}` is not a precision\nexpected: one of f32, f16, int8\nnearest: `{known}`");
        assert_eq!(refusal(name), expected);
    };
    nearest("int4", "int8");
    nearest("F16", "f16");
    nearest("fp32", "f32");
    assert_eq!(refusal("bfloat16"), "`bfloat16` is not a precision\nexpected: one of f32, f16, int8");
    for precision in Precision::ALL {
        assert_eq!(precision.name().parse::<Precision>().unwrap(), precision);
    }
}
