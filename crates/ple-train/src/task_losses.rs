//! The loss of each head over the rows that its label is known for.

use ple_data::Batch;
use ple_nn::Head;
use ple_tensor::{Tape, Var};

use crate::objective::Objective;
use crate::targets::Targets;

/// Records the loss of each task, which is that of the head that learns from its label: the mean of its objective's loss
/// over the rows whose weight is not 0. A task without such a row in the batch has none.
pub fn task_losses<'a>(
    tape: &mut Tape<'a>,
    heads: &[Head],
    objectives: &'a [Objective],
    logits: &[Var],
    (batch, targets): (&'a Batch, &'a Targets),
) -> Vec<Option<Var>> {
    let mut losses = vec![None; objectives.len()];
    for (number, (head, &logit)) in heads.iter().zip(logits).enumerate() {
        let (Some(task), Some((labels, weights))) =
            (head.learns.task(), targets.of(number, head.learns, batch))
        else {
            continue;
        };
        losses[task] = weights
            .iter()
            .any(|&weight| weight != 0.0)
            .then(|| tape.pointwise(objectives[task].loss.pointwise(), logit, labels, weights));
    }
    losses
}
