//! A model with its schema and its values: what is trained, evaluated, asked for predictions, saved and loaded.

use std::collections::BTreeMap;
use std::ops::Range;
use std::path::{Path, PathBuf};

use ple_data::{
    Batch, DataError, FeatureSchema, MemoryCause, MemoryRoom, RowSource, Table, TaskType, TransformationHash,
};
use ple_nn::{CheckedModel, Model, ModelConfig, TaskKind};
use ple_tensor::{Entry, InstructionSet, Mode, ParamStore, Tape, Var, Workspace};
use rayon::prelude::*;

use crate::balance::{is_of_balance, may_learn};
use crate::bridge::{bank_input, feature_specs, task_specs};
use crate::checkpoint::{self, Manifest, RunFacts, Stored, TensorEntry, TensorSource, to_json};
use crate::error::TrainError;
use crate::finite::{NotFinite, Number, first_in_state};
use crate::loading::check_tensors;
use crate::memory::check_model;
use crate::metrics::{Measured, Metric, Rows, TaskMetrics, Undefined};
use crate::observer::Control;
use crate::optimizer::{Adam, moments_of};
use crate::seed::RunSeed;

/// Rows to a forward pass of evaluation: fixed, so that results do not depend on the number of threads.
pub(crate) const EVALUATION_ROWS: usize = 512;

/// Rows between two questions whether an evaluation goes on: about a tenth of a second of it.
const ROWS_TO_A_QUESTION: usize = 128 * EVALUATION_ROWS;

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

    /// The prediction for each row, a list for each head, in the order of the table: the probability of a
    /// classification, the value of a regression.
    ///
    /// # Errors
    /// [`TrainError::NotFinite`] for a prediction that is NaN or infinite.
    pub fn predict(&self, table: &Table) -> Result<Vec<Vec<f32>>, TrainError> {
        let mut outputs = self.logits(table);
        for (values, head) in outputs.iter_mut().zip(self.model.heads()) {
            if head.kind == TaskKind::Classification {
                values.iter_mut().for_each(|value| *value = ple_tensor::sigmoid(*value));
            }
        }
        self.check_outputs(table, &outputs)?;
        Ok(outputs)
    }

    /// The same for rows that need not be in memory: window by window, in order, as the windows are decoded.
    ///
    /// # Errors
    /// What is wrong with the data, and as [`RankingModel::predict`].
    pub fn predict_source(&self, rows: &RowSource) -> Result<Vec<Vec<f32>>, TrainError> {
        self.check_origin(rows.origin())?;
        let mut all = vec![Vec::with_capacity(rows.rows()); self.model.heads().len()];
        for window in rows.windows() {
            let before = all.first().map_or(0, Vec::len);
            let window = self.predict(&*window?).map_err(|error| error.after_rows(before))?;
            all.iter_mut().zip(window).for_each(|(all, values)| all.extend(values));
        }
        rows.check_lists()?;
        Ok(all)
    }

    /// The metrics of each task on a table, over the task's own rows.
    ///
    /// # Errors
    /// [`TrainError::NotFinite`] for a logit, or a metric of finite logits, that is NaN or infinite.
    pub fn evaluate(&self, table: &Table) -> Result<Vec<TaskMetrics>, TrainError> {
        let mut scored = vec![Scored::default(); self.schema.n_tasks()];
        self.score(table, &self.logits(table), &mut scored)?;
        self.metrics(&scored)
    }

    /// The same for rows that need not be in memory. What is kept of each row are its logits, labels and weights, in
    /// the tasks that it belongs to: an exact AUC needs all of them.
    ///
    /// # Errors
    /// What is wrong with the data, and as [`RankingModel::evaluate`].
    pub fn evaluate_source(&self, rows: &RowSource) -> Result<Vec<TaskMetrics>, TrainError> {
        self.check_origin(rows.origin())?;
        let mut scored = vec![Scored::default(); self.schema.n_tasks()];
        let mut before = 0;
        for window in rows.windows() {
            let window = window?;
            self.score(&window, &self.logits(&window), &mut scored)
                .map_err(|error| error.after_rows(before))?;
            before += window.rows();
        }
        rows.check_lists()?;
        self.metrics(&scored)
    }

    /// The same while `goes_on` says so, which is asked after each block of rows with their number; nothing if it does not.
    ///
    /// # Errors
    /// As [`RankingModel::evaluate_source`].
    pub fn evaluate_source_while(
        &self,
        rows: &RowSource,
        goes_on: &mut dyn FnMut(usize) -> Control,
    ) -> Result<Option<Vec<TaskMetrics>>, TrainError> {
        self.check_origin(rows.origin())?;
        let mut scored = vec![Scored::default(); self.schema.n_tasks()];
        let mut before = 0;
        for window in rows.windows() {
            let window = window?;
            let mut outputs = vec![Vec::with_capacity(window.rows()); self.model.heads().len()];
            for start in (0..window.rows()).step_by(ROWS_TO_A_QUESTION) {
                let end = window.rows().min(start + ROWS_TO_A_QUESTION);
                self.append_logits(&window, start..end, &mut outputs);
                if goes_on(end - start) == Control::Interrupt {
                    return Ok(None);
                }
            }
            self.score(&window, &outputs, &mut scored).map_err(|error| error.after_rows(before))?;
            before += window.rows();
        }
        rows.check_lists()?;
        self.metrics(&scored).map(Some)
    }

    /// Appends the rows of a table to what is known of each task.
    fn score(&self, table: &Table, outputs: &[Vec<f32>], scored: &mut [Scored]) -> Result<(), TrainError> {
        self.check_outputs(table, outputs)?;
        scored.par_iter_mut().enumerate().for_each(|(task, scored)| {
            let head = self.model.head_of_task(task);
            let mut given = self.model.heads()[head].given.map(|task| table.labels(task));
            let rows = table.labels(task).zip(table.weights(task)).zip(&outputs[head]);
            for ((label, weight), &output) in rows {
                let happened =
                    given.as_mut().is_none_or(|labels| labels.next().is_some_and(|label| label > 0.0));
                if weight != 0.0 && happened {
                    scored.outputs.push(output);
                    scored.labels.push(label);
                    scored.weights.push(weight);
                }
            }
        });
        Ok(())
    }

    fn metrics(&self, scored: &[Scored]) -> Result<Vec<TaskMetrics>, TrainError> {
        let tasks = scored.par_iter().zip(&self.schema.labels).zip(&self.metrics);
        let metrics = tasks.map(|((scored, label), metrics)| {
            let Scored { outputs, labels, weights } = scored;
            let rows = Rows { outputs, labels, weights: Some(weights) };
            TaskMetrics::of(&label.name, label.task, &rows, metrics)
        });
        let metrics: Vec<TaskMetrics> = metrics.collect();
        let not_finite = Measured::Undefined(Undefined::NotFinite);
        let first = metrics.iter().find_map(|task| {
            let (metric, _) = task.values.iter().find(|(_, value)| **value == not_finite)?;
            let number = Number::Metric { task: task.task.clone() };
            Some(NotFinite::of(number, metric.to_string(), 0))
        });
        first.map_or(Ok(metrics), |first| Err(first.into()))
    }

    /// The logit (of a regression: the value) of each row, a list for each head, in the order of the table.
    fn logits(&self, table: &Table) -> Vec<Vec<f32>> {
        let mut heads = vec![Vec::with_capacity(table.rows()); self.model.heads().len()];
        self.append_logits(table, 0..table.rows(), &mut heads);
        heads
    }

    fn append_logits(&self, table: &Table, rows: Range<usize>, heads: &mut [Vec<f32>]) {
        let starts: Vec<usize> = rows.clone().step_by(EVALUATION_ROWS).collect();
        let blocks: Vec<Vec<Vec<f32>>> = starts
            .into_par_iter()
            .map_init(
                || (Workspace::new(), Batch::new()),
                |(workspace, batch), start| {
                    let end = rows.end.min(start + EVALUATION_ROWS);
                    self.with_block(table, start..end, (workspace, batch), |tape, logits| {
                        logits.iter().map(|&logit| tape.value(logit).iter().copied().collect()).collect()
                    })
                },
            )
            .collect();
        for block in blocks {
            heads.iter_mut().zip(block).for_each(|(all, values)| all.extend(values));
        }
    }

    /// Records the forward pass of a block of rows, and reads something from it.
    fn with_block<T>(
        &self,
        table: &Table,
        rows: Range<usize>,
        (workspace, batch): (&mut Workspace, &mut Batch),
        read: impl FnOnce(&Tape<'_>, &[Var]) -> T,
    ) -> T {
        table.gather(&(rows.start as u32..rows.end as u32).collect::<Vec<_>>(), batch);
        let input = bank_input(&self.schema, batch);
        let mut tape = Tape::new(&self.store, std::mem::take(workspace), Mode::Evaluate);
        let outputs = self.model.forward(&mut tape, &input);
        let found = read(&tape, &outputs.logits);
        outputs.recycle(&mut tape);
        *workspace = tape.finish();
        found
    }

    /// Fails at the first row of a table whose output is not finite, and says where in the forward pass that began.
    fn check_outputs(&self, table: &Table, outputs: &[Vec<f32>]) -> Result<(), TrainError> {
        let bad = |values: &Vec<f32>| values.iter().position(|value| !value.is_finite());
        let first = outputs.iter().enumerate().filter_map(|(head, values)| Some((bad(values)?, head))).min();
        let Some((row, head)) = first else { return Ok(()) };
        let start = row - row % EVALUATION_ROWS;
        let rows = start..table.rows().min(start + EVALUATION_ROWS);
        let first = self.with_block(table, rows, (&mut Workspace::new(), &mut Batch::new()), |tape, _| {
            tape.first_non_finite()
        });
        let task = self.model.heads()[head].name.clone();
        Err(NotFinite::in_pass(|origin| Number::Prediction { task, row, origin }, first).into())
    }

    /// Saves the model into a folder, whole or not at all; `facts` says of which run. Schema, model configuration and
    /// transformation are filled in.
    ///
    /// # Errors
    /// [`TrainError::File`], and [`TrainError::NotFinite`] for a value that is NaN or infinite: no such model is saved.
    pub fn save(&self, folder: &Path, facts: &RunFacts) -> Result<Manifest, TrainError> {
        self.write(folder, facts, None)
    }

    /// Saves the model, and with an optimiser its moments, from which a run can go on.
    pub(crate) fn write(
        &self,
        folder: &Path,
        facts: &RunFacts,
        optimizer: Option<&Adam>,
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
        blocks.extend(optimizer.into_iter().flat_map(|adam| adam.matrix_moments(store)));
        // An earlier run of this model may have had a balancing strategy that learns.
        if !may_learn(&facts.config) {
            blocks.retain(|(name, ..)| !is_of_balance(moments_of(name)));
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
            if optimizer.is_some() {
                entries.extend(Adam::table_moments(&table.name, data, (rows, dim, stride)));
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

/// The rows of one task: what the model says of them, and what is true.
#[derive(Clone, Debug, Default)]
struct Scored {
    outputs: Vec<f32>,
    labels: Vec<f32>,
    weights: Vec<f32>,
}
