//! From a golden file to this project's words: a model with the file's parameters, and the rows of its steps.

use ple_data::{Batch, Feature, FeatureKind, FeatureSchema, Label, SequenceColumn, Table, TableColumns};
use ple_nn::rechub::import_rechub;

use super::golden::{GoldenFile, ParityError, task_name};
use crate::ranking_model::RankingModel;
use crate::seed::RunSeed;

impl GoldenFile {
    /// The model as it is before training, and the rows of its first step.
    ///
    /// # Errors
    /// A file that lacks a tensor, or whose configuration cannot be built.
    pub fn model(&self) -> Result<(RankingModel, Table), ParityError> {
        let model = rebuild(self)?;
        let rows = table(self, &model.schema, 0)?;
        Ok((model, rows))
    }
}

/// The model with the parameters of the file.
pub(super) fn rebuild(golden: &GoldenFile) -> Result<RankingModel, ParityError> {
    let model = RankingModel::new(schema(golden)?, golden.model_config(), RunSeed(0));
    let mut model = model.map_err(|error| golden.model_error(error))?;
    import_rechub(&model.model, &mut model.store, |name| golden.find(&format!("param.{name}")))
        .map_err(|error| golden.model_error(error))?;
    Ok(model)
}

fn schema(golden: &GoldenFile) -> Result<FeatureSchema, ParityError> {
    let config = &golden.config;
    let embedding_dim = config.embed_dim;
    let (first, others): (Vec<_>, Vec<_>) =
        config.sparse.0.iter().partition(|(name, _)| config.user.contains(name));
    let mut features: Vec<Feature> = first
        .into_iter()
        .chain(others)
        .map(|(name, vocab_size)| Feature::sparse(name, *vocab_size, embedding_dim))
        .collect();
    features.extend(config.sequence.iter().map(|sequence| Feature {
        name: sequence.name.clone(),
        kind: FeatureKind::Sequence {
            vocab_size: sequence.vocab_size,
            embedding_dim,
            pooling: sequence.pooling,
            padding_id: sequence.padding_idx,
            weights: None,
            shared_with: sequence.shared_with.clone(),
        },
    }));
    features.extend(config.dense.iter().map(Feature::dense));
    let columns = golden.columns().labels;
    let labels = columns
        .iter()
        .enumerate()
        .map(|(task, &column)| Label::new(task_name(task), config.task_types[column]));
    FeatureSchema::new(features, labels.collect(), vec![]).map_err(|error| golden.model_error(error))
}

/// The batch of a step, through the same table and gathering as any data.
pub(super) fn batch(golden: &GoldenFile, schema: &FeatureSchema, step: usize) -> Result<Batch, ParityError> {
    let table = table(golden, schema, step)?;
    let mut batch = Batch::new();
    table.gather(&(0..table.rows() as u32).collect::<Vec<_>>(), &mut batch);
    Ok(batch)
}

/// The rows of a step.
fn table(golden: &GoldenFile, schema: &FeatureSchema, step: usize) -> Result<Table, ParityError> {
    let (shape, _) = golden
        .find(&format!("batch{step}.y"))
        .ok_or_else(|| golden.tensor_error(&format!("batch{step}.y"), "missing".to_owned()))?;
    let rows = shape[0];
    let GoldenFile { config, .. } = golden;
    let n_columns = config.task_types.len();
    let labels = golden.floats(&format!("batch{step}.y"), rows * n_columns)?;
    let of_tasks = golden.columns().labels;
    let labels = labels.chunks(n_columns.max(1)).flat_map(|row| of_tasks.iter().map(|&column| row[column]));
    let mut columns = TableColumns {
        sparse: vec![0; rows * schema.n_sparse()],
        dense: vec![0.0; rows * schema.n_dense()],
        labels: labels.collect(),
        ..TableColumns::default()
    };
    for (index, feature) in schema.sparse().enumerate() {
        let name = format!("batch{step}.x.{}", feature.name);
        let (_, ids) = golden.ids(&name)?;
        if ids.len() != rows {
            return Err(golden.tensor_error(&name, format!("{} ids, expected {rows}", ids.len())));
        }
        ids.iter().enumerate().for_each(|(row, &id)| columns.sparse[row * schema.n_sparse() + index] = id);
    }
    for feature in schema.sequences() {
        let name = format!("batch{step}.x.{}", feature.name);
        let (shape, ids) = golden.ids(&name)?;
        if shape.len() != 2 || shape[0] != rows {
            return Err(golden.tensor_error(&name, format!("shape {shape:?}, expected [{rows}, length]")));
        }
        let offsets = (0..=rows).map(|row| row * shape[1]).collect();
        columns.sequences.push(SequenceColumn { offsets, ids, weights: None });
    }
    for (index, feature) in schema.dense().enumerate() {
        let values = golden.floats(&format!("batch{step}.x.{}", feature.name), rows)?;
        values
            .iter()
            .enumerate()
            .for_each(|(row, &value)| columns.dense[row * schema.n_dense() + index] = value);
    }
    Table::new(schema.clone(), columns).map_err(|error| golden.model_error(error))
}
