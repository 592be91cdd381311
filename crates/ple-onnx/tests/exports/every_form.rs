//! Every architecture, activation, norm, kind of feature, and form of inputs and outputs.

use ple_nn::{Activation, Architecture, HeadConfig, Link, MlpConfig, ModelConfig, TaskKind};
use ple_onnx::{ExportOptions, ExternalData, Inputs, Outputs, Precision};

use crate::models::{NORMS, architectures, features, sampled, task};

#[test]
fn every_architecture_and_activation_agrees() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("model.onnx");
    let activations = [
        Activation::Relu,
        Activation::Sigmoid,
        Activation::Softmax,
        Activation::LeakyRelu,
        Activation::Prelu,
        Activation::Dice,
    ];
    for (index, activation) in activations.into_iter().enumerate() {
        for architecture in architectures(activation) {
            for [norm, gate_norm] in NORMS {
                let config = ModelConfig {
                    architecture: architecture.clone(),
                    norm,
                    gate_norm,
                    ..ModelConfig::default()
                };
                let tasks = vec![
                    task("click", TaskKind::Classification),
                    task("buy", TaskKind::Classification),
                    task("spend", TaskKind::Regression),
                ];
                let model = sampled(config.clone(), features(), tasks, 17, index as u64);
                let report = model.export(&ExportOptions::default(), &path);
                let report = report.unwrap_or_else(|error| panic!("{error}\n{config:?}"));
                assert_eq!(report.proved_rows, 17);
            }
        }
    }
}

/// All models that can be asked for by name; two events in order are tasks that each of them takes.
#[test]
fn every_named_model_agrees_in_every_precision() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("model.onnx");
    for (index, model) in Architecture::known().iter().enumerate() {
        let [expert, tower] = [[6], [4]].map(MlpConfig::new);
        let architecture = Architecture::named(model.name, expert, tower).unwrap();
        let tasks = ["click", "buy"].map(|name| task(name, TaskKind::Classification)).to_vec();
        let config = ModelConfig { architecture, ..ModelConfig::default() };
        let sampled = sampled(config, features(), tasks, 17, index as u64);
        for outputs in [Outputs::PerTask, Outputs::Matrix] {
            for precision in [Precision::F32, Precision::F16, Precision::Int8] {
                let options = ExportOptions { outputs, precision, ..ExportOptions::default() };
                let report = sampled.export(&options, &path);
                let report = report.unwrap_or_else(|error| panic!("{error}\n{} {precision}", model.name));
                assert_eq!(report.proved_rows, 17);
            }
        }
    }
}

#[test]
fn every_link_agrees_in_every_precision() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("model.onnx");
    let tasks = Link::ALL.map(|link| task(link.name(), TaskKind::Regression)).to_vec();
    let heads = Link::ALL
        .map(|link| (link.name().to_owned(), HeadConfig { link: Some(link), ..HeadConfig::default() }));
    let config = ModelConfig { heads: heads.into(), ..ModelConfig::default() };
    let sampled = sampled(config, features(), tasks, 17, 3);
    for precision in [Precision::F32, Precision::F16, Precision::Int8] {
        let options = ExportOptions { precision, ..ExportOptions::default() };
        let report = sampled.export(&options, &path);
        assert_eq!(report.unwrap_or_else(|error| panic!("{error}\n{precision}")).proved_rows, 17);
    }
}

#[test]
fn every_form_of_inputs_and_outputs_agrees() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("model.onnx");
    for inputs in [Inputs::PerFeature, Inputs::Packed] {
        for outputs in [Outputs::PerTask, Outputs::Matrix] {
            for external_data in [ExternalData::where_needed(), ExternalData::always()] {
                for n in 1..=features().len() {
                    let tasks =
                        vec![task("click", TaskKind::Classification), task("spend", TaskKind::Regression)];
                    let some = features().split_off(features().len() - n);
                    // What shares a table needs the one who owns it.
                    if n == 6 {
                        continue;
                    }
                    let model = sampled(ModelConfig::default(), some, tasks, 9, n as u64);
                    let external_data = external_data.clone();
                    let options =
                        ExportOptions { inputs, outputs, external_data, ..ExportOptions::default() };
                    let report = model.export(&options, &path);
                    report.unwrap_or_else(|error| panic!("{error}\n{options:?} {n}"));
                }
            }
        }
    }
}
