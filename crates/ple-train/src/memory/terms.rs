//! The terms of the memory of a run: each is what some lines of code allocate, and says which.

use ple_data::{FeatureSchema, MemoryCause, MemoryNeed, MemoryPart, SourceSize};
use ple_nn::{CheckedModel, ModelSize};

use super::{AtTheEnd, MemoryPhase, RunSizes, part};
use crate::evaluation::EVALUATION_ROWS;
use crate::optimizer::TableUpdates;
use crate::run::MOST_BATCHES_TOGETHER;
use crate::train_config::TrainConfig;

/// Who decides on the sizes of the vocabularies.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum VocabularyFrom {
    /// The settings: they are generated, or nothing has been read.
    Setting,
    /// The ids in the files. A table with more rows than columns is the fault of the data then.
    Data,
}

/// The program itself, its libraries, its stacks and what the allocator keeps.
const PROGRAM_BYTES: u64 = 12_000_000;
/// What each thread keeps besides: its stack, and what the allocator holds for it.
const THREAD_BYTES: u64 = 1_000_000;
/// A named parameter: its name in two places, its entry in three lists, and that in a manifest.
const NAMED_BYTES: u64 = 600;
/// An operation on the tape, and its lists.
const STEP_BYTES: u64 = 600;
/// The bytes of an `f32`.
const VALUE: u64 = 4;
/// The epochs whose steps are counted: early stopping ends a longer run.
const MOST_EPOCHS: u64 = 100;
/// The columns of a block of a gradient in `ple-tensor/src/kernel/column_blocks.rs`.
const BLOCK: u64 = 48;
/// The most rows that an ONNX file is proved on.
const PROVED_ROWS: u64 = 512;

/// The sizes of a model and of its rows.
pub(super) struct Terms<'s> {
    schema: &'s FeatureSchema,
    model: &'s CheckedModel,
    size: ModelSize,
    vocabulary: VocabularyFrom,
}

impl<'s> Terms<'s> {
    pub(super) fn new(
        schema: &'s FeatureSchema,
        model: &'s CheckedModel,
        vocabulary: VocabularyFrom,
    ) -> Self {
        Self { schema, model, size: model.size(), vocabulary }
    }

    /// The model alone: tables, matrices, names.
    pub(super) fn weights(&self) -> MemoryNeed {
        MemoryNeed {
            parts: [vec![program(1)], self.tables("", |table| table.values()), self.network(1)].concat(),
        }
    }

    /// Each phase of a run.
    pub(super) fn phases(&self, config: &TrainConfig, sizes: &RunSizes) -> Vec<MemoryPhase> {
        let threads = rayon::current_num_threads() as u64;
        let RunSizes { train, validation, test, at_the_end, .. } = sizes;
        let rows = rows_in_memory(sizes);
        let base = [vec![program(threads)], rows].concat();
        let phase = |name, parts: Vec<Vec<MemoryPart>>| {
            let parts = [base.clone(), parts.concat()].concat();
            MemoryPhase { name, need: MemoryNeed { parts } }
        };
        let reading = [Some(*train), *validation, *test].into_iter().flatten();
        let reading = reading.map(|source| source.reading).max().unwrap_or(0);
        let batch_rows = (config.batch_size as u64).min(train.rows).saturating_add(1).min(train.rows.max(2));
        let step = self.step(config, train, batch_rows, threads);
        let snapshot = match validation {
            Some(_) => self.copy_of_weights("the best weights so far"),
            None => Vec::new(),
        };
        let scores =
            |source: &SourceSize| vec![self.scores(config, source), self.evaluation(source, threads)];
        let (optimizer, keeps) = (&config.optimizer, config.optimizer.keeps());
        let kept = |table: &ple_nn::TableSize| {
            let of_row = table.dim.saturating_add(optimizer.kept_of_row(table.dim as usize) as u64);
            table.rows.saturating_mul(of_row)
        };
        let of_matrices = optimizer.slots()[0].len() as u64;
        let mut phases = vec![
            phase("reading the rows", vec![vec![buffers("buffers that files are read into", reading)]]),
            // The slots are made beside the weights: `Arena::set_slots`.
            phase(
                "building the model",
                vec![
                    self.tables(&format!("with {keeps}, and once more"), |table| {
                        kept(table).saturating_add(table.values())
                    }),
                    self.network(2),
                ],
            ),
        ];
        let trained = || {
            [
                self.tables(&format!("with {keeps}"), kept),
                self.stamps(config, train),
                self.network(1 + of_matrices),
            ]
            .concat()
        };
        let mut training = vec![trained(), step, snapshot];
        phases.push(phase("training", training.clone()));
        if let Some(validation) = validation {
            training.push(scores(validation));
            phases.push(phase("evaluating the validation rows", training));
        }
        if let Some(test) = test {
            phases.push(phase("evaluating the test rows", vec![trained(), scores(test)]));
        }
        // The blocks of matrices are gathered before they are written, tables are not.
        phases.push(phase("saving the model", vec![trained(), self.network(1)]));
        if let AtTheEnd::Onnx { weight_bytes } = *at_the_end {
            let source = test.as_ref().unwrap_or(train);
            phases.push(phase("proving model.onnx", vec![trained(), self.proof(source, weight_bytes)]));
        }
        phases
    }

    /// The memory of the embedding tables; `values` says how many values a table has.
    fn tables(&self, how: &str, values: impl Fn(&ple_nn::TableSize) -> u64) -> Vec<MemoryPart> {
        let table = |table: &ple_nn::TableSize| {
            let bytes = values(table).saturating_mul(VALUE);
            let by_rows = table.rows >= table.dim && self.vocabulary == VocabularyFrom::Data;
            let (cause, remedy) = match by_rows {
                true => (MemoryCause::Data, "map the ids (cargo xtask data prepare)"),
                false => (MemoryCause::Setting, "lower the vocabulary or the embedding dimension"),
            };
            let (name, rows, dim) = (&table.feature, table.rows, table.dim);
            let largest = rows.saturating_sub(1);
            let what = match how {
                "" => format!("the table of `{name}` ({rows} rows of {dim}, up to the id {largest})"),
                _ => format!("the table of `{name}` ({rows} rows of {dim}, up to the id {largest}) {how}"),
            };
            part(what, bytes, cause, remedy)
        };
        self.size.tables.iter().map(table).collect()
    }

    /// The matrices, `copies` times, and the names of parameters.
    fn network(&self, copies: u64) -> Vec<MemoryPart> {
        const REMEDY: &str = "lower the numbers of levels, experts and layers, or their widths";
        let ModelSize { matrix_values, n_named, n_steps, .. } = self.size;
        let values = matrix_values.saturating_mul(VALUE).saturating_mul(copies);
        let names = n_named.saturating_mul(NAMED_BYTES).saturating_add(n_steps.saturating_mul(STEP_BYTES));
        vec![
            part("the matrices of the network", values, MemoryCause::Setting, REMEDY),
            part(format!("the names of {n_named} parameters"), names, MemoryCause::Setting, REMEDY),
        ]
    }

    /// The step of each row of a table, and the numbers of each step, where updates are exact or dense.
    fn stamps(&self, config: &TrainConfig, train: &SourceSize) -> Vec<MemoryPart> {
        if config.optimizer.updates() == TableUpdates::Lazy {
            return Vec::new();
        }
        let rows = self.size.tables.iter().fold(0_u64, |sum, table| sum.saturating_add(table.rows));
        let steps = train.rows / (config.batch_size.max(1) as u64) + 1;
        let steps = steps.saturating_mul(config.epochs.min(MOST_EPOCHS));
        let bytes = rows
            .saturating_mul(VALUE)
            .saturating_add(steps.saturating_mul(config.optimizer.step_bytes() as u64));
        vec![setting("the steps of table rows", bytes, "use lazy updates of tables")]
    }

    /// A copy of all weights.
    fn copy_of_weights(&self, what: &str) -> Vec<MemoryPart> {
        let of_tables = self.size.tables.iter().fold(0_u64, |sum, table| sum.saturating_add(table.values()));
        let bytes = of_tables.saturating_add(self.size.matrix_values).saturating_mul(VALUE);
        vec![setting(what, bytes, "lower the vocabularies, the embedding dimension or the widths")]
    }

    /// What steps of `rows` rows keep: batches, results, gradients, and what products pack.
    fn step(&self, config: &TrainConfig, train: &SourceSize, rows: u64, threads: u64) -> Vec<MemoryPart> {
        const SMALLER: &str = "lower batch_size, or the numbers and widths of experts";
        let together = threads.min(MOST_BATCHES_TOGETHER as u64);
        let batches = train.batch_bytes(self.schema, rows).saturating_mul(together);
        let list_ids = train.list_ids_of(rows);
        let mut parts = vec![
            setting("the order of the training rows", train.shuffled.saturating_mul(VALUE), "use --stream"),
            setting("batches", batches, "lower batch_size"),
        ];
        let values = match self.model.step_memory(rows) {
            Some(step) => step.values,
            // Results, and gradients of as many.
            None => self.size.step_columns.saturating_mul(2).saturating_mul(rows),
        };
        parts.push(setting("the results and gradients of a step", values.saturating_mul(VALUE), SMALLER));
        let of_rows = self.row_gradients(config, rows, list_ids, threads);
        parts.push(setting("the gradients of table rows", of_rows, SMALLER));
        // The embeddings once more, padded to cache lines; the gradient of their map in blocks of columns; and the packed
        // gradient of the widest layer after it.
        let widest = self.model.widest();
        let factors = self.size.input_dim.saturating_add(widest.of_embeddings.next_multiple_of(BLOCK));
        let packed = factors.saturating_add(widest.of_layers).saturating_mul(rows).saturating_mul(VALUE);
        parts.push(setting("what products pack", packed, SMALLER));
        parts
    }

    /// The gradients of the rows that a batch reads, and for each thread what finds them.
    fn row_gradients(&self, config: &TrainConfig, rows: u64, list_ids: u64, threads: u64) -> u64 {
        let of_table = |table: &ple_nn::TableSize| {
            let distinct = table.rows.min(rows);
            distinct.saturating_mul(table.dim.saturating_add(1)).saturating_mul(VALUE)
        };
        let tables = &self.size.tables;
        let all = tables.iter().map(of_table).fold(0, u64::saturating_add);
        let largest = tables.iter().map(of_table).max().unwrap_or(0);
        // `DistinctRows`: values of the largest table, ids, first readings, repeats in two orders, and cells.
        let of_thread = largest.saturating_add(rows.saturating_mul(4 + 4 + 8 + 8 + 32));
        // Lists: their distinct rows come with the largest dimension, and each table has cells of its own.
        let dim = tables.iter().map(|table| table.dim).max().unwrap_or(0);
        let all_rows = tables.iter().map(|table| table.rows).fold(0, u64::saturating_add);
        let of_lists = list_ids.min(all_rows).saturating_mul(dim.saturating_mul(VALUE).saturating_add(16));
        // Exact updates find the rows that are behind.
        let readings = rows.saturating_mul(tables.len() as u64).saturating_add(list_ids);
        let behind =
            if config.optimizer.updates() == TableUpdates::Exact { readings.saturating_mul(20) } else { 0 };
        // A strategy that compares the tasks' gradients has all of them at a time, those of matrices too.
        let at_once = config.balance.gradients_at_once(self.schema.n_tasks()) as u64;
        let others = self.size.matrix_values.saturating_mul(VALUE).saturating_mul(at_once - 1);
        let of_rows = all.saturating_add(of_lists).saturating_mul(at_once).saturating_add(others);
        of_rows.saturating_add(of_thread.saturating_mul(threads)).saturating_add(behind)
    }

    /// What an evaluation keeps of each row: output, label and weight of each task; and besides the outputs of all heads twice while they are
    /// joined, or the scores twice while they are sorted. A column of groups is one more number of each task.
    fn scores(&self, config: &TrainConfig, source: &SourceSize) -> MemoryPart {
        let tasks: Vec<_> = self.schema.labels.iter().map(|label| (label.name.clone(), label.task)).collect();
        // Settings that cannot be are refused by the run.
        let n_columns = config.columns(&tasks).map_or(0, |columns| columns.len());
        let of_row = VALUE * ((3 + n_columns) * tasks.len() + 2 * self.model.heads().len()) as u64;
        let bytes = source.rows.saturating_mul(of_row);
        part("the scores of an evaluation", bytes, MemoryCause::Data, "evaluate fewer rows")
    }

    /// The forward passes of an evaluation, one on each thread.
    fn evaluation(&self, source: &SourceSize, threads: u64) -> MemoryPart {
        let rows = (EVALUATION_ROWS as u64).min(source.rows);
        let columns = self.size.step_columns.saturating_add(self.model.widest().of_layers);
        let values = columns.saturating_mul(rows).saturating_mul(VALUE);
        let batch = source.batch_bytes(self.schema, rows);
        setting(
            "forward passes of an evaluation",
            values.saturating_add(batch).saturating_mul(threads),
            "use fewer threads",
        )
    }

    /// The ONNX file in the runtime that proves it, and the rows that it is proved on.
    fn proof(&self, source: &SourceSize, weight_bytes: u64) -> Vec<MemoryPart> {
        let of_tables = self.size.tables.iter().fold(0_u64, |sum, table| sum.saturating_add(table.values()));
        let weights = of_tables.saturating_add(self.size.matrix_values);
        let file = weights.saturating_mul(weight_bytes);
        // The runtime widens halves as it loads them.
        let widened = if weight_bytes == 2 { weights.saturating_mul(VALUE) } else { 0 };
        let rows = PROVED_ROWS.min(source.rows);
        let columns = self.size.step_columns.saturating_add(2 * self.size.input_dim);
        let activations = columns.saturating_mul(rows).saturating_mul(2 * VALUE);
        vec![
            setting("model.onnx in its proof", file.saturating_add(widened), "lower the vocabularies"),
            setting("the rows of the proof", activations, "lower the numbers and widths of experts"),
        ]
    }
}

/// The rows that are in memory for as long as the run lasts.
fn rows_in_memory(sizes: &RunSizes) -> Vec<MemoryPart> {
    let all = [
        ("the training rows", Some(sizes.train)),
        ("the validation rows", sizes.validation),
        ("the test rows", sizes.test),
    ];
    let cause = match sizes.vocabulary {
        VocabularyFrom::Setting => MemoryCause::Setting,
        VocabularyFrom::Data => MemoryCause::Data,
    };
    let remedy = match cause {
        MemoryCause::Setting => "ask for fewer rows",
        MemoryCause::Data => "read Parquet files with --stream",
    };
    let part_of = |(what, source): (&str, Option<SourceSize>)| {
        let source = source?;
        Some(part(format!("{what} ({} of them)", source.rows), source.resident, cause, remedy))
    };
    all.into_iter().filter_map(part_of).collect()
}

fn program(threads: u64) -> MemoryPart {
    let bytes = PROGRAM_BYTES.saturating_add(threads.saturating_mul(THREAD_BYTES));
    setting("the program", bytes, "use fewer threads")
}

fn buffers(what: &str, bytes: u64) -> MemoryPart {
    part(what, bytes, MemoryCause::Data, "read Parquet files with --stream")
}

fn setting(what: &str, bytes: u64, remedy: &'static str) -> MemoryPart {
    part(what, bytes, MemoryCause::Setting, remedy)
}
