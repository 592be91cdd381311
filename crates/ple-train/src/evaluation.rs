//! What a model says of rows: its predictions, and its metrics on them.

use std::ops::Range;

use ple_data::{Batch, RowSource, Table, TaskType};
use ple_tensor::{Mode, Tape, Var, Workspace};
use rayon::prelude::*;

use crate::bridge::bank_input;
use crate::error::TrainError;
use crate::finite::{NotFinite, Number};
use crate::metrics::{Measured, TaskMetrics, Undefined};
use crate::observer::Control;
use crate::ranking_model::RankingModel;
use crate::scored::{Scored, columns};

/// Rows to a forward pass of evaluation: fixed, so that results do not depend on the number of threads.
pub(crate) const EVALUATION_ROWS: usize = 512;

/// Rows between two questions whether an evaluation goes on: about a tenth of a second of it.
const ROWS_TO_A_QUESTION: usize = 128 * EVALUATION_ROWS;
impl RankingModel {
    /// The prediction for each row, a list for each head, in the order of the table: the probability of a
    /// classification, the value of a regression.
    ///
    /// # Errors
    /// [`TrainError::NotFinite`] for a prediction that is NaN or infinite.
    pub fn predict(&self, table: &Table) -> Result<Vec<Vec<f32>>, TrainError> {
        let mut outputs = self.outputs(table);
        for (head, values) in outputs.iter_mut().enumerate().filter(|(head, _)| self.is_kept_as_logit(*head))
        {
            let link = self.model.heads()[head].link;
            values.iter_mut().for_each(|value| *value = link.value(*value));
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
        let mut scored = Scored::new(&self.metrics);
        self.score(table, &self.outputs(table), &mut scored)?;
        self.metrics(scored)
    }

    /// The same for rows that need not be in memory. What is kept of each row are its logits, labels and weights, in
    /// the tasks that it belongs to: an exact AUC needs all of them. For each column that a metric of a task
    /// [declares](crate::metrics::Metric::column), which is read from shards besides, a row of the task takes 4 bytes more, and
    /// the column's values what [`GroupNumbers`](ple_data::GroupNumbers) says.
    ///
    /// # Errors
    /// What is wrong with the data, a column that is not there, and as [`RankingModel::evaluate`].
    pub fn evaluate_source(&self, rows: &RowSource) -> Result<Vec<TaskMetrics>, TrainError> {
        self.check_origin(rows.origin())?;
        let rows = rows.keeping(&columns(&self.metrics))?;
        let mut scored = Scored::new(&self.metrics);
        let mut before = 0;
        for window in rows.windows() {
            let window = window?;
            self.score(&window, &self.outputs(&window), &mut scored)
                .map_err(|error| error.after_rows(before))?;
            before += window.rows();
        }
        rows.check_lists()?;
        self.metrics(scored)
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
        let rows = rows.keeping(&columns(&self.metrics))?;
        let mut scored = Scored::new(&self.metrics);
        let mut before = 0;
        for window in rows.windows() {
            let window = window?;
            let mut outputs = vec![Vec::with_capacity(window.rows()); self.model.heads().len()];
            for start in (0..window.rows()).step_by(ROWS_TO_A_QUESTION) {
                let end = window.rows().min(start + ROWS_TO_A_QUESTION);
                self.append_outputs(&window, start..end, &mut outputs);
                if goes_on(end - start) == Control::Interrupt {
                    return Ok(None);
                }
            }
            self.score(&window, &outputs, &mut scored).map_err(|error| error.after_rows(before))?;
            before += window.rows();
        }
        rows.check_lists()?;
        self.metrics(scored).map(Some)
    }

    /// Appends the rows of a table to what is known of each task.
    fn score(&self, table: &Table, outputs: &[Vec<f32>], scored: &mut Scored) -> Result<(), TrainError> {
        self.check_outputs(table, outputs)?;
        scored.append(&self.model, table, outputs)
    }

    fn metrics(&self, scored: Scored) -> Result<Vec<TaskMetrics>, TrainError> {
        let metrics = scored.metrics(&self.schema.labels, &self.metrics);
        let not_finite = Measured::Undefined(Undefined::NotFinite);
        let first = metrics.iter().find_map(|task| {
            let (metric, _) = task.values.iter().find(|(_, value)| **value == not_finite)?;
            let number = Number::Metric { task: task.task.clone() };
            Some(NotFinite::of(number, metric.to_string(), 0))
        });
        first.map_or(Ok(metrics), |first| Err(first.into()))
    }

    /// Whether the metrics of a head are taken of its logits rather than of its predictions: where all of its labels are 0
    /// or 1, so that a loss of them is exact.
    fn is_kept_as_logit(&self, head: usize) -> bool {
        let task = self.model.heads()[head].task;
        task.is_none_or(|task| self.schema.labels[task].task == TaskType::Classification)
    }

    /// The output of each row, the logit of a classification or the prediction of a regression: a list for each head, in the
    /// order of the table.
    fn outputs(&self, table: &Table) -> Vec<Vec<f32>> {
        let mut heads = vec![Vec::with_capacity(table.rows()); self.model.heads().len()];
        self.append_outputs(table, 0..table.rows(), &mut heads);
        heads
    }

    fn append_outputs(&self, table: &Table, rows: Range<usize>, heads: &mut [Vec<f32>]) {
        let starts: Vec<usize> = rows.clone().step_by(EVALUATION_ROWS).collect();
        let blocks: Vec<Vec<Vec<f32>>> = starts
            .into_par_iter()
            .map_init(
                || (Workspace::new(), Batch::new()),
                |(workspace, batch), start| {
                    let end = rows.end.min(start + EVALUATION_ROWS);
                    self.with_block(table, start..end, (workspace, batch), |tape, logits| {
                        let mut output = |(head, &logit)| {
                            let kept = match self.is_kept_as_logit(head) {
                                true => logit,
                                false => self.model.prediction(tape, head, logit),
                            };
                            tape.value(kept).iter().copied().collect()
                        };
                        logits.iter().enumerate().map(&mut output).collect()
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
        read: impl FnOnce(&mut Tape<'_>, &[Var]) -> T,
    ) -> T {
        table.gather(&(rows.start as u32..rows.end as u32).collect::<Vec<_>>(), batch);
        let input = bank_input(&self.schema, batch);
        let mut tape = Tape::new(&self.store, std::mem::take(workspace), Mode::Evaluate);
        let outputs = self.model.forward(&mut tape, &input);
        let found = read(&mut tape, &outputs.logits);
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
}
