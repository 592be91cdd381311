//! The tutorial's model with the weights of torch-rechub's, as the graph that this project writes.

use std::collections::BTreeMap;
use std::path::Path;

use ple_data::{Batch, ali_ccp_schema};
use ple_nn::Model;
use ple_nn::rechub::import_rechub;
use ple_onnx::{ExportInput, ExportOptions, export};
use ple_tensor::ParamStore;
use ple_train::{RunSeed, bank_input, feature_specs, task_specs};
use safetensors::SafeTensors;
use serde_json::{Value, json};

use crate::options::{Graph, Size, Vocabulary};
use crate::workload;

/// Rows that the graph is proved on.
const SAMPLE_ROWS: usize = 512;

/// Writes the graph, and gives back its size and how far it is from the model.
pub(crate) fn write(options: &Graph) -> Result<Value, String> {
    let text = |error: &dyn std::fmt::Display| format!("{}: {error}", options.weights.display());
    let schema = ali_ccp_schema(&workload::sizes(Vocabulary::Full), workload::EMBEDDING_DIM);
    let config = workload::model_config(Size::Tutorial);
    let checked = config.check(feature_specs(&schema), task_specs(&schema)).map_err(|e| text(&e))?;
    let mut store = ParamStore::new();
    let model = Model::new(&mut store, checked, &mut RunSeed(workload::SEED).generator("initialization", 0));

    let tensors = read(&options.weights)?;
    // The peers' programs write a prefix before names that are numbers.
    let theirs = |name: &str| name.replace("embed_dict.", "embed_dict.feature_");
    let get = |name: &str| tensors.get(&theirs(name)).map(|(shape, values)| (&shape[..], &values[..]));
    import_rechub(&model, &mut store, get).map_err(|e| text(&e))?;

    let table = workload::table(Vocabulary::Full, SAMPLE_ROWS)?;
    let mut batch = Batch::new();
    table.gather(&(0..SAMPLE_ROWS as u32).collect::<Vec<_>>(), &mut batch);
    let input = ExportInput {
        model: &model,
        store: &store,
        features: model.features(),
        sample: bank_input(&schema, &batch),
        metadata: BTreeMap::new(),
    };
    let report =
        export(&input, &ExportOptions::default(), &options.out).map_err(|error| error.to_string())?;
    Ok(json!({
        "bytes": report.bytes,
        "nodes": report.nodes,
        "largest_difference": report.largest_difference,
    }))
}

/// Shape and values of each tensor of a file.
type Tensors = BTreeMap<String, (Vec<usize>, Vec<f32>)>;

fn read(path: &Path) -> Result<Tensors, String> {
    let problem = |error: &dyn std::fmt::Display| format!("{}: {error}", path.display());
    let bytes = std::fs::read(path).map_err(|error| problem(&error))?;
    let tensors = SafeTensors::deserialize(&bytes).map_err(|error| problem(&error))?;
    let values = |data: &[u8]| data.as_chunks().0.iter().map(|bytes| f32::from_le_bytes(*bytes)).collect();
    Ok(tensors
        .tensors()
        .into_iter()
        .map(|(name, tensor)| (name, (tensor.shape().to_vec(), values(tensor.data()))))
        .collect())
}
