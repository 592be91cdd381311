//! A step by the gradients of each task: the parameters that tasks share get a weighted sum of them, and all others the
//! gradient of the task that they belong to.

use ple_tensor::{Gradients, SharedParameters, Tape, Workspace};

use super::strategy::StepLosses;
use crate::aggregators::Gramian;

/// The gradients of a step, whose weights on shared parameters `weigh` makes of the Gramian of the tasks that have rows in the
/// batch. Where fewer than two have, there is nothing to weigh. Auxiliary losses are added as they are.
pub(super) fn weighted_on_shared(
    mut tape: Tape<'_>,
    step: &StepLosses<'_>,
    weigh: impl FnOnce(&Gramian) -> Vec<f64>,
) -> (Gradients, Workspace) {
    let mut losses: Vec<_> = step.present().map(|(_, loss)| loss).collect();
    let n_tasks = losses.len();
    if n_tasks < 2 {
        let total = step.weighted(&mut tape, |_| 1.0);
        let total = step.with_auxiliary(&mut tape, total);
        return tape.backward(total);
    }
    if let [first, rest @ ..] = step.auxiliary {
        losses.push(rest.iter().fold(*first, |sum, &loss| tape.weighted_sum(&[(sum, 1.0), (loss, 1.0)])));
    }
    let (mut each, buffers, mut workspace) = tape.backward_each(&losses);
    let auxiliary = each.split_off(n_tasks);
    let shared = SharedParameters::of(&each);
    let weights = weigh(&Gramian::new(n_tasks, |i, j| each[i].dot_over(&each[j], &shared)));
    let mut sum: Option<Gradients> = None;
    for (gradients, weight) in each.into_iter().zip(weights) {
        match &mut sum {
            None => sum.insert(gradients).scale_over(weight as f32, &shared),
            Some(sum) => {
                sum.add_scaled_over(weight as f32, &gradients, &shared, &mut workspace);
                workspace.recycle_gradients(gradients);
            }
        }
    }
    let mut sum = sum.unwrap_or_default();
    for gradients in auxiliary {
        sum.add_scaled(1.0, &gradients, &mut workspace);
        workspace.recycle_gradients(gradients);
    }
    (sum.with_buffers(buffers), workspace)
}
