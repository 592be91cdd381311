//! Names that nobody expects, and models at the edge of what a model can be.

use ple_nn::{Activation, FeatureSpec, MlpConfig, ModelConfig, Pooling, TaskKind, TaskSpec};
use ple_onnx::{ExportOptions, Inputs, OnnxError, Outputs, Precision};

use crate::models::{Rows, architectures, binned, features, ple, sampled, sequence, task};

fn click() -> Vec<TaskSpec> {
    vec![task("click", TaskKind::Classification)]
}

/// Exports in every form and precision.
fn exports(features: &[FeatureSpec], tasks: &[TaskSpec], config: &ModelConfig) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("model.onnx");
    for batch in [1, 9] {
        let model = sampled(config.clone(), features.to_vec(), tasks.to_vec(), batch, 5);
        for (inputs, outputs) in [(Inputs::PerFeature, Outputs::PerTask), (Inputs::Packed, Outputs::Matrix)] {
            for precision in Precision::ALL {
                let options = ExportOptions { inputs, outputs, precision, ..ExportOptions::default() };
                let report = model.export(&options, &path);
                let report = report.unwrap_or_else(|error| panic!("{error}\n{options:?} {features:?}"));
                assert_eq!(report.proved_rows, batch);
            }
        }
    }
}

#[test]
fn names_are_passed_on_as_they_are() {
    let long = "x".repeat(3_000);
    let names = [
        "a/b",
        "a b",
        "a  b",
        "a_b",
        "a.b",
        "a-b",
        "Größe",
        "价格",
        "👍",
        "1",
        "\"",
        "\\",
        "a\nb",
        &long,
        // Those that the writer gives to values of its own.
        "constant.floats_1",
        "constant.ints_0",
        "Gather_0",
        "Gather_0.y",
        "Gemm_3.y",
        "embedding.1.weight",
        "embedding.fused.dim_4.weight",
        "cgc.0.layer.0.fused.weight",
        "predictions",
    ];
    let mut features: Vec<FeatureSpec> = names.iter().map(|name| FeatureSpec::sparse(*name, 5, 4)).collect();
    features.push(FeatureSpec::dense("dense/1"));
    features.push(binned("Gemm_0", &[0.5]));
    features.push(sequence("Cast_1.y", Pooling::Mean, None));
    let tasks = [task("Sigmoid_1", TaskKind::Classification), task("tower.0", TaskKind::Regression)];
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("model.onnx");
    let model = sampled(ModelConfig::default(), features, tasks.to_vec(), 9, 1);
    for precision in Precision::ALL {
        let options = ExportOptions { precision, ..ExportOptions::default() };
        model.export(&options, &path).unwrap();
    }
}

#[test]
fn two_inputs_or_outputs_of_one_name_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("model.onnx");
    let refused = |features: Vec<FeatureSpec>, tasks: Vec<TaskSpec>, inputs, outputs, name: &str| {
        let model = sampled(ModelConfig::default(), features, tasks, 3, 1);
        let options = ExportOptions { inputs, outputs, ..ExportOptions::default() };
        let error = model.export(&options, &path).unwrap_err();
        assert_eq!(error.exit_code(), 2);
        assert_eq!(
            error.to_string(),
            format!(
                "`{name}` would be the name of two inputs or outputs of the graph\n\
                 expected: different names for features and tasks\n\
                 next: rename one of them in the schema"
            )
        );
        assert!(!path.exists());
    };
    let (per_feature, packed) = (Inputs::PerFeature, Inputs::Packed);
    let (per_task, matrix) = (Outputs::PerTask, Outputs::Matrix);
    let user = || FeatureSpec::sparse("user", 5, 4);
    let as_task = vec![user(), FeatureSpec::sparse("click", 5, 4)];
    refused(as_task, click(), per_feature, per_task, "click");
    // The weights of a sequence have an input of their own.
    let weights = || vec![sequence("tags", Pooling::Sum, None), FeatureSpec::dense("tags.weights")];
    refused(weights(), click(), per_feature, per_task, "tags.weights");
    let packed_name = vec![user(), sequence("ids", Pooling::Sum, Some(0))];
    refused(packed_name, click(), packed, per_task, "ids");
    let matrix_name = vec![user(), sequence("predictions", Pooling::Sum, Some(0))];
    refused(matrix_name, click(), packed, matrix, "predictions");
}

#[test]
fn the_smallest_models_export() {
    let mlp = |dims: &[usize]| MlpConfig::new(dims);
    let smallest = ModelConfig { architecture: ple(1, mlp(&[1]), mlp(&[])), ..ModelConfig::default() };
    for config in [ModelConfig::default(), smallest] {
        exports(&[FeatureSpec::sparse("only", 1, 1)], &click(), &config);
        exports(&[FeatureSpec::dense("only")], &click(), &config);
        exports(&[binned("only", &[])], &click(), &config);
        exports(&[sequence("only", Pooling::Mean, Some(0))], &click(), &config);
    }
}

#[test]
fn five_tasks_and_many_dimensions_export() {
    let tasks: Vec<TaskSpec> = (0..5)
        .map(|i| {
            let kind = if i % 2 == 0 { TaskKind::Classification } else { TaskKind::Regression };
            task(&format!("task {i}"), kind)
        })
        .collect();
    let mut all: Vec<FeatureSpec> = (1..7)
        .map(|i| FeatureSpec::sparse(format!("f{i}"), [1, 2, 9][i % 3], [1, 2, 3, 16][i % 4]))
        .collect();
    all.extend(features());
    for architecture in architectures(Activation::Prelu) {
        exports(&all, &tasks, &ModelConfig { architecture, ..ModelConfig::default() });
    }
}

#[test]
fn rows_that_prove_nothing_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("model.onnx");
    let mut model = sampled(ModelConfig::default(), features(), click(), 4, 1);
    let refused =
        |model: &crate::models::Sampled, found: &str| match model.export(&ExportOptions::default(), &path) {
            Err(error @ OnnxError::Sample { .. }) => {
                let start = format!("the sample rows do not fit the model: {found}\n");
                assert!(error.to_string().starts_with(&start), "{error}");
            }
            other => panic!("{other:?}"),
        };
    model.rows.dense[[2, 1]] = f32::NAN;
    refused(&model, "the feature `price` is NaN in row 2");
    model.rows.dense[[2, 1]] = f32::INFINITY;
    refused(&model, "the feature `price` is inf in row 2");
    model.rows.dense[[2, 1]] = 0.0;
    let (_, ids, weights) = &mut model.rows.sequences[1];
    assert!(!ids.is_empty());
    weights.as_mut().unwrap()[0] = f32::NAN;
    refused(&model, "a weight of the feature `tags` is NaN");
    let empty = sampled(ModelConfig::default(), features(), click(), 0, 1);
    assert_eq!(empty.rows.batch, 0);
    refused(&empty, "there are none");
    model.rows = Rows::default();
    refused(&model, "there are none");
}
