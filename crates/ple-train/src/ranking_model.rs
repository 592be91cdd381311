//! A model with its schema and its values: what is trained, evaluated, asked for predictions, saved and loaded.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use ple_data::{DataError, FeatureSchema, MemoryCause, MemoryRoom, RowSource, TaskType, TransformationHash};
use ple_nn::{CheckedModel, Model, ModelConfig};
use ple_tensor::{Entry, InstructionSet, ParamStore};

use crate::balance::{is_of_balance, may_learn};
use crate::bridge::{feature_specs, task_specs};
use crate::checkpoint::{self, Manifest, RunFacts, Stored, TensorEntry, TensorSource, to_json};
use crate::error::TrainError;
use crate::finite::first_in_state;
use crate::loading::check_tensors;
use crate::memory::check_model;
use crate::metrics::Metric;
use crate::optimizer::{Optimizer, parameter_of};
use crate::seed::RunSeed;

/// A model, the schema of its data, and the values of its parameters.
///
/// ```
/// use ple_data::{GeneratorConfig, Vocabulary, generate};
/// use ple_nn::ModelConfig;
/// use ple_train::{RankingModel, RunSeed};
///
/// let table = generate(&GeneratorConfig { rows: 200, vocabulary: Vocabulary::Small, seed: 1 }).table;
/// let model = RankingModel::new(table.schema().clone(), ModelConfig::default(), RunSeed(1))?;
/// let predictions = model.predict(&table)?;
/// assert_eq!((predictions.len(), predictions[0].len()), (2, 200));
/// # Ok::<(), ple_train::TrainError>(())
/// ```
#[derive(Clone, Debug)]
pub struct RankingModel {
    pub(crate) schema: FeatureSchema,
    pub(crate) model: Model,
    pub(crate) store: ParamStore,
    /// What evaluations give of each task.
    pub(crate) metrics: Vec<Vec<Metric>>,
    /// What the model and its run may take, if the caller has said so; else what the machine has.
    pub(crate) allowed: Option<MemoryRoom>,
    /// What made the rows that it was trained on.
    pub(crate) transformation: Option<TransformationHash>,
    /// The folder that it was loaded from, for messages.
    pub(crate) place: Option<PathBuf>,
}

impl RankingModel {
    /// A new model for data of a schema; its first values are a function of the seed.
    ///
    /// # Errors
    /// A configuration that cannot be built for these features and tasks, or for which this machine has too little
    /// memory; an instruction set that cannot be used.
    pub fn new(schema: FeatureSchema, config: ModelConfig, seed: RunSeed) -> Result<Self, TrainError> {
        Self::checked(schema, config, seed, None)
    }

    /// The same where the model and its run may take so much memory, whatever the machine says that it has.
    ///
    /// # Errors
    /// As [`RankingModel::new`].
    pub fn new_within(
        schema: FeatureSchema,
        config: ModelConfig,
        seed: RunSeed,
        room: MemoryRoom,
    ) -> Result<Self, TrainError> {
        Self::checked(schema, config, seed, Some(room))
    }

    /// Lets a run of the model take so much memory, whatever the machine says that it has.
    pub fn allow(&mut self, room: MemoryRoom) {
        self.allowed = Some(room);
    }

    fn checked(
        schema: FeatureSchema,
        config: ModelConfig,
        seed: RunSeed,
        allowed: Option<MemoryRoom>,
    ) -> Result<Self, TrainError> {
        InstructionSet::requested()?;
        let checked = config.check(feature_specs(&schema), task_specs(&schema))?;
        let room = allowed.unwrap_or_else(MemoryRoom::of_machine);
        check_model("the model", &schema, &checked, room, MemoryCause::Setting).map_err(DataError::from)?;
        Ok(Self::build(schema, checked, seed, allowed))
    }

    /// Builds a model for which there is memory.
    pub(crate) fn build(
        schema: FeatureSchema,
        checked: CheckedModel,
        seed: RunSeed,
        allowed: Option<MemoryRoom>,
    ) -> Self {
        let mut store = ParamStore::new();
        let model = Model::new(&mut store, checked, &mut seed.generator("initialization", 0));
        let metrics = schema.labels.iter().map(|label| Metric::of(label.task).to_vec()).collect();
        Self { schema, model, store, metrics, allowed, transformation: None, place: None }
    }

    /// What the columns of its data mean.
    pub fn schema(&self) -> &FeatureSchema {
        &self.schema
    }

    /// The model.
    pub fn model(&self) -> &Model {
        &self.model
    }

    /// The values of its parameters.
    pub fn store(&self) -> &ParamStore {
        &self.store
    }

    /// The tasks' names and types.
    pub fn tasks(&self) -> Vec<(String, TaskType)> {
        self.schema.labels.iter().map(|label| (label.name.clone(), label.task)).collect()
    }

    /// The names of its predictions: of most models those of the tasks.
    pub fn heads(&self) -> Vec<String> {
        self.model.heads().iter().map(|head| head.name.clone()).collect()
    }

    /// Saves the model into a folder, whole or not at all; `facts` says of which run. Schema, model configuration and
    /// transformation are filled in.
    ///
    /// # Errors
    /// [`TrainError::File`], and [`TrainError::NotFinite`] for a value that is NaN or infinite: no such model is saved.
    pub fn save(&self, folder: &Path, facts: &RunFacts) -> Result<Manifest, TrainError> {
        self.write(folder, facts, None)
    }

    /// Saves the model, and with an optimiser its slots, from which a run can go on.
    pub(crate) fn write(
        &self,
        folder: &Path,
        facts: &RunFacts,
        optimizer: Option<&Optimizer>,
    ) -> Result<Manifest, TrainError> {
        let store = &self.store;
        if let Some(first) = first_in_state(store, optimizer) {
            return Err(first.into());
        }
        // A block of columns is gathered; tables, which are most of a model, are streamed row by row.
        let mut blocks: Vec<(String, Vec<usize>, Vec<f32>)> = store
            .blocks()
            .iter()
            .map(|block| {
                let values = store.matrix(block.matrix);
                let values = values.slice(ndarray::s![.., block.columns.clone()]);
                (block.name.clone(), values.shape().to_vec(), values.iter().copied().collect())
            })
            .collect();
        blocks.extend(optimizer.into_iter().flat_map(|optimizer| optimizer.slots_of_matrices(store)));
        // An earlier run of this model may have had a balancing strategy that learns.
        if !may_learn(&facts.config) {
            blocks.retain(|(name, ..)| !is_of_balance(parameter_of(name)));
        }
        let mut entries: Vec<TensorEntry<'_>> = blocks
            .iter()
            .map(|(name, shape, values)| TensorEntry {
                name: name.clone(),
                shape: shape.clone(),
                source: TensorSource::Contiguous(values),
            })
            .collect();
        let views: Vec<_> = store.table_ids().map(|id| (store.table(id), store.table_rows(id))).collect();
        for (table, rows) in &views {
            let data = rows.to_slice().expect("a table's rows are adjacent");
            let (dim, stride, rows) = (table.dim, rows.ncols(), table.rows);
            let source = TensorSource::Rows { data: &data[..(rows - 1) * stride + dim], dim, stride, rows };
            entries.push(TensorEntry { name: table.name.clone(), shape: vec![rows, dim], source });
            if let Some(optimizer) = optimizer {
                entries.extend(optimizer.slots_of_table(&table.name, data, (rows, dim, stride)));
            }
        }
        let facts = RunFacts {
            schema: to_json(&self.schema),
            config: serde_json::json!({
                "model": to_json(self.model.config()),
                "training": facts.config,
            }),
            transformation: self.transformation,
            ..facts.clone()
        };
        let metadata = BTreeMap::from([
            ("schema".to_owned(), facts.schema.to_string()),
            ("config".to_owned(), facts.config.to_string()),
        ]);
        checkpoint::write(folder, &entries, &metadata, &facts)
    }

    /// Puts the values of a checkpoint in place.
    ///
    /// # Errors
    /// [`TrainError::OtherModel`].
    pub(crate) fn set_values(&mut self, folder: &Path, stored: &Stored) -> Result<(), TrainError> {
        check_tensors(folder, &self.store, &stored.manifest)?;
        for entry in self.store.entries().to_vec() {
            let name = self.store.entry_name(entry).to_owned();
            let Some(tensor) = stored.tensors.get(&name) else { continue };
            match entry {
                Entry::Table(table) => {
                    let dim = self.store.table(table).dim;
                    for (row, values) in tensor.values.chunks_exact(dim).enumerate() {
                        self.store.table_row_mut(table, row).copy_from_slice(values);
                    }
                }
                Entry::Block(_) => {
                    let Some(mut values) = self.store.get_mut(&name) else { continue };
                    if name.ends_with(".edges") && !values.iter().eq(&tensor.values) {
                        return Err(TrainError::OtherModel {
                            path: folder.to_owned(),
                            tensor: name,
                            found: "other edges".to_owned(),
                            expected: "those of the feature schema".to_owned(),
                        });
                    }
                    values.iter_mut().zip(&tensor.values).for_each(|(value, stored)| *value = *stored);
                }
            }
        }
        Ok(())
    }

    /// Fails unless the columns of some data are this model's.
    pub(crate) fn check_source(&self, rows: &RowSource, what: &str) -> Result<(), TrainError> {
        match *rows.schema() == self.schema {
            true => Ok(()),
            false => Err(TrainError::OtherState {
                what: "model's schema",
                found: "other features, labels or vocabularies".to_owned(),
                expected: format!("the schema of the {what} data"),
            }),
        }
    }
}
