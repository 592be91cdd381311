//! What each task learns by: the loss of a configuration, or that of the link of its head.

use std::collections::BTreeMap;

use ple_data::{LabelRange, RowSource};
use ple_nn::{Link, Model};

use crate::error::TrainError;
use crate::losses::Loss;

/// A task and its loss.
#[derive(Clone, Debug, PartialEq)]
pub struct Objective {
    /// The task.
    pub task: String,
    /// Its loss.
    pub loss: Loss,
}

impl Objective {
    /// One for each task of a model: the loss that is named for it, or else the [default of its link](Loss::of).
    ///
    /// ```
    /// use std::collections::BTreeMap;
    ///
    /// use ple_data::{GeneratorConfig, Vocabulary, generate};
    /// use ple_nn::ModelConfig;
    /// use ple_train::{Loss, Objective, RankingModel, RunSeed};
    ///
    /// let table = generate(&GeneratorConfig { rows: 10, vocabulary: Vocabulary::Small, seed: 1 }).table;
    /// let model = RankingModel::new(table.schema().clone(), ModelConfig::default(), RunSeed(1))?;
    /// let objectives = Objective::of_tasks(model.model(), &BTreeMap::new())?;
    /// assert_eq!(objectives[0].loss, Loss::BinaryCrossEntropy);
    /// # Ok::<(), ple_train::TrainError>(())
    /// ```
    ///
    /// # Errors
    /// [`TrainError::UnknownTask`], and [`TrainError::LossOfOtherLink`] for a loss that is not for the task's link.
    pub fn of_tasks(model: &Model, losses: &BTreeMap<String, Loss>) -> Result<Vec<Self>, TrainError> {
        let tasks = model.tasks();
        if let Some(found) = losses.keys().find(|name| tasks.iter().all(|task| task.name != **name)) {
            let known = tasks.iter().map(|task| task.name.clone()).collect();
            return Err(TrainError::UnknownTask { found: found.clone(), known });
        }
        let objective = |(number, task): (usize, &ple_nn::TaskSpec)| {
            let head = model.heads().iter().find(|head| head.learns.task() == Some(number));
            let link = head.map_or(Link::of(task.kind), |head| head.link);
            let loss = losses.get(&task.name).cloned().unwrap_or_else(|| Loss::of(link));
            match loss.link() == link {
                true => Ok(Objective { task: task.name.clone(), loss }),
                false => Err(TrainError::LossOfOtherLink { task: task.name.clone(), loss, link }),
            }
        };
        tasks.iter().enumerate().map(objective).collect()
    }

    /// Fails unless the loss has a meaning for all labels of the task in some rows.
    pub(crate) fn check_labels(&self, number: usize, rows: &RowSource) -> Result<(), TrainError> {
        let Some(LabelRange { least, most, .. }) = rows.label_range(number) else { return Ok(()) };
        self.loss.labels().check(least, most).map_err(|expected| TrainError::LabelOfLoss {
            task: self.task.clone(),
            loss: self.loss.clone(),
            least,
            most,
            expected,
        })
    }
}
