//! Each task's loss over its own sample space.

use ple_data::Batch;
use ple_nn::{TaskKind, TaskSpec};
use ple_tensor::{Tape, Var};

/// Records the loss of each task: binary cross-entropy for classification, squared error for regression, both means
/// over the rows whose weight is not 0. A task without such a row in the batch has none.
pub fn task_losses<'a>(
    tape: &mut Tape<'a>,
    tasks: &[TaskSpec],
    logits: &[Var],
    batch: &'a Batch,
) -> Vec<Option<Var>> {
    let losses = tasks.iter().zip(logits).enumerate().map(|(task, (spec, &logit))| {
        let (labels, weights) = (batch.labels(task), batch.weights(task));
        weights.iter().any(|&weight| weight != 0.0).then(|| match spec.kind {
            TaskKind::Classification => tape.bce_with_logits(logit, labels, weights),
            TaskKind::Regression => tape.squared_error(logit, labels, weights),
        })
    });
    losses.collect()
}
