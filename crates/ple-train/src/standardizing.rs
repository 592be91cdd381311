//! The standards of labels: from the training rows of a new model, and kept by one that is trained on.

use std::collections::BTreeSet;

use ple_data::RowSource;
use ple_nn::{LabelScale, Link, ModelConfig, TaskKind, TaskSpec};

use crate::checkpoint::TensorRecord;
use crate::ranking_model::RankingModel;

impl RankingModel {
    /// Sets the mean and the deviation of the labels that are learned in standard deviations, to those of the training rows;
    /// [`fit`](crate::fit) calls it. A model that has them already keeps them. Labels that are all alike keep the deviation 1.
    pub fn standardize_labels(&mut self, train: &RowSource) {
        for (head, spec) in self.model.heads().iter().enumerate() {
            let (Some(standard), Some(task)) = (self.model.label_standard(head), spec.learns.task()) else {
                continue;
            };
            if standard.get(&self.store) != (0.0, 1.0) {
                continue;
            }
            if let Some(labels) = train.label_range(task) {
                let deviation = labels.deviation() as f32;
                let deviation = if deviation.is_normal() { deviation } else { 1.0 };
                standard.set(&mut self.store, labels.mean() as f32, deviation);
            }
        }
    }
}

/// Lets the regressions of a saved model whose checkpoint has no standard of their labels learn these as they are: so did the
/// versions before.
pub(crate) fn without_standard(config: &mut ModelConfig, tasks: &[TaskSpec], tensors: &[TensorRecord]) {
    let saved: BTreeSet<&str> = tensors.iter().map(|record| record.name.as_str()).collect();
    for task in tasks.iter().filter(|task| task.kind == TaskKind::Regression) {
        let link = config.heads.get(&task.name).and_then(|head| head.link);
        let has_standard = saved.contains(format!("standard.{}.mean", task.name).as_str());
        if matches!(link, None | Some(Link::Identity)) && !has_standard {
            config.heads.entry(task.name.clone()).or_default().labels = LabelScale::Raw;
        }
    }
}
