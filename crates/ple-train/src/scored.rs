//! What an evaluation keeps of rows: what the model says of them, what is true, and the groups that metrics ask for.

use std::collections::BTreeMap;

use ple_data::{GroupNumbers, Label, Table};
use ple_nn::Model;
use rayon::prelude::*;

use crate::error::TrainError;
use crate::metrics::{Metric, Rows, TaskMetrics};

/// The rows that have been scored so far, task by task.
#[derive(Debug)]
pub(crate) struct Scored {
    tasks: Vec<ScoredTask>,
    columns: Vec<GroupColumn>,
}

/// The rows of one task: 12 bytes each, and 4 more for each column of groups.
#[derive(Debug, Default)]
struct ScoredTask {
    outputs: Vec<f32>,
    labels: Vec<f32>,
    weights: Vec<f32>,
    /// The groups by those of the columns that the task's metrics declare.
    groups: Vec<(usize, Vec<u32>)>,
}

/// A column that a metric declares, and the groups of the rows of a window.
#[derive(Debug)]
struct GroupColumn {
    name: String,
    numbers: GroupNumbers,
    of_window: Vec<u32>,
}

impl Scored {
    /// No rows, of tasks that have these metrics.
    pub(crate) fn new(metrics: &[Vec<Metric>]) -> Self {
        let columns = columns(metrics);
        let of_task = |metrics: &Vec<Metric>| {
            let declares = |column: &&str| metrics.iter().any(|metric| metric.column() == Some(column));
            let places = columns.iter().enumerate().filter(|(_, column)| declares(column));
            let groups = places.map(|(place, _)| (place, Vec::new())).collect();
            ScoredTask { groups, ..ScoredTask::default() }
        };
        let column = |name: &&str| GroupColumn {
            name: (*name).to_owned(),
            numbers: GroupNumbers::default(),
            of_window: Vec::new(),
        };
        Self { tasks: metrics.iter().map(of_task).collect(), columns: columns.iter().map(column).collect() }
    }

    /// Appends the rows of a table, of which `outputs` has a list for each head.
    pub(crate) fn append(
        &mut self,
        model: &Model,
        table: &Table,
        outputs: &[Vec<f32>],
    ) -> Result<(), TrainError> {
        for GroupColumn { name, numbers, of_window } in &mut self.columns {
            of_window.clear();
            numbers.append(table, name, of_window)?;
        }
        let columns = &self.columns;
        self.tasks.par_iter_mut().enumerate().for_each(|(task, scored)| {
            let head = model.head_of_task(task);
            let mut given = model.heads()[head].given.map(|task| table.labels(task));
            let rows = table.labels(task).zip(table.weights(task)).zip(&outputs[head]);
            for (row, ((label, weight), &output)) in rows.enumerate() {
                let happened =
                    given.as_mut().is_none_or(|labels| labels.next().is_some_and(|label| label > 0.0));
                if weight != 0.0 && happened {
                    scored.outputs.push(output);
                    scored.labels.push(label);
                    scored.weights.push(weight);
                    for (column, groups) in &mut scored.groups {
                        groups.push(columns[*column].of_window[row]);
                    }
                }
            }
        });
        Ok(())
    }

    /// The metrics of each task.
    pub(crate) fn metrics(self, labels: &[Label], metrics: &[Vec<Metric>]) -> Vec<TaskMetrics> {
        let Self { tasks, columns } = self;
        let tasks = tasks.into_par_iter().zip(labels).zip(metrics);
        let metrics = tasks.map(|((scored, label), metrics)| {
            let ScoredTask { outputs, labels, weights, groups } = scored;
            let groups = groups.into_iter().map(|(column, groups)| (columns[column].name.clone(), groups));
            let groups: BTreeMap<String, Vec<u32>> = groups.collect();
            let rows = Rows { outputs: &outputs, labels: &labels, weights: Some(&weights), groups: None };
            TaskMetrics::of(&label.name, label.task, &rows, metrics, &groups)
        });
        metrics.collect()
    }
}

/// The columns that metrics declare, each once.
pub(crate) fn columns(metrics: &[Vec<Metric>]) -> Vec<&str> {
    let mut columns: Vec<&str> = metrics.iter().flatten().filter_map(Metric::column).collect();
    columns.sort_unstable();
    columns.dedup();
    columns
}
