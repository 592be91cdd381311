//! The loss of each head over the rows that its label is known for.

use ple_data::Batch;
use ple_nn::{Head, TaskKind};
use ple_tensor::{Tape, Var};

use crate::targets::Targets;

/// Records the loss of each task, which is that of the head that learns from its label: binary cross-entropy for
/// classification, squared error for regression, both means over the rows whose weight is not 0. A task without such a row
/// in the batch has none.
pub fn task_losses<'a>(
    tape: &mut Tape<'a>,
    heads: &[Head],
    n_tasks: usize,
    logits: &[Var],
    (batch, targets): (&'a Batch, &'a Targets),
) -> Vec<Option<Var>> {
    let mut losses = vec![None; n_tasks];
    for (number, (head, &logit)) in heads.iter().zip(logits).enumerate() {
        let (Some(task), Some((labels, weights))) =
            (head.learns.task(), targets.of(number, head.learns, batch))
        else {
            continue;
        };
        losses[task] = weights.iter().any(|&weight| weight != 0.0).then(|| match head.kind {
            TaskKind::Classification => tape.bce_with_logits(logit, labels, weights),
            TaskKind::Regression => tape.squared_error(logit, labels, weights),
        });
    }
    losses
}
