//! What the buffers of a training step come to: the same takes and returns as those of `ple_tensor::Workspace`, by their
//! lengths, for the first steps. From the third on nothing is allocated.

use std::collections::BTreeMap;

use super::step::{Handover, Step};

/// The steps that are walked through.
const STEPS: usize = 3;

/// The memory of a training step that is kept from step to step.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StepMemory {
    /// The values of all buffers of the workspace.
    pub values: u64,
}

impl StepMemory {
    /// Walks through some training steps over batches of `rows` rows.
    pub(super) fn of(steps: &[Step], rows: u64, n_tasks: u64) -> Self {
        let mut buffers = Buffers::default();
        for _ in 0..STEPS {
            let logits = buffers.take(rows.saturating_mul(n_tasks));
            let mut kept = Vec::new();
            let mut leaving = vec![logits];
            for step in steps {
                let vectors: Vec<u64> = step.vectors.iter().map(|&length| buffers.take(length)).collect();
                let (staying, new) = vectors.split_at(vectors.len() - step.n_leaving);
                kept.extend_from_slice(staying);
                leaving.extend_from_slice(new);
                if step.kept > 0 {
                    kept.push(buffers.take(rows.saturating_mul(step.kept)));
                }
                kept.push(buffers.take(rows.saturating_mul(step.width)));
            }
            // The loss of each task, and the total.
            kept.extend((0..=n_tasks).map(|_| buffers.take(1)));
            backward(steps, rows, &mut buffers, &mut leaving);
            kept.into_iter().for_each(|length| buffers.give(length));
            leaving.into_iter().for_each(|length| buffers.give(length));
        }
        Self { values: buffers.total }
    }
}

/// The backward pass: the gradient of a result is there from its first reader, in reverse, to its own operation.
fn backward(steps: &[Step], rows: u64, buffers: &mut Buffers, leaving: &mut Vec<u64>) {
    let mut gradients = gradients_of_logits(steps, rows, buffers);
    for (number, step) in steps.iter().enumerate().rev() {
        let gradient = match gradients[number].take() {
            Some(gradient) => gradient,
            // The embedding matrix has no gradient where the map that reads it goes by the rows of the tables.
            None if step.inputs.is_empty() && number == 0 => continue,
            None => buffers.take(rows.saturating_mul(step.width)),
        };
        let (first, others) = step.matrices.split_at(step.matrices.len().min(1));
        leaving.extend(first.iter().map(|&length| buffers.take(length)));
        let passing = (step.passing > 0).then(|| buffers.take(rows.saturating_mul(step.passing)));
        leaving.extend(others.iter().map(|&length| buffers.take(length)));
        passing.into_iter().for_each(|length| buffers.give(length));
        if let (Handover::InPlace, Some(&input)) = (step.end, step.inputs.first())
            && gradients[input].is_none()
        {
            gradients[input] = Some(gradient);
            continue;
        }
        for &input in &step.inputs {
            if gradients[input].is_none() {
                gradients[input] = Some(buffers.take(rows.saturating_mul(steps[input].width)));
            }
        }
        leaving.extend(step.later_matrices.iter().map(|&length| buffers.take(length)));
        buffers.give(gradient);
    }
}

/// The gradients of the results that no operation reads, which are the logits: from the total to each loss, and from there.
fn gradients_of_logits(steps: &[Step], rows: u64, buffers: &mut Buffers) -> Vec<Option<u64>> {
    let mut gradients: Vec<Option<u64>> = vec![None; steps.len()];
    let mut is_read = vec![false; steps.len()];
    steps.iter().flat_map(|step| &step.inputs).for_each(|&input| is_read[input] = true);
    // The map of the embedding matrix has no gradient to give to it.
    is_read[0] = steps.len() > 1;
    let of_total = buffers.take(1);
    let logits: Vec<usize> = (0..steps.len()).filter(|&number| !is_read[number]).rev().collect();
    let n_tasks: u64 = logits.iter().map(|&number| steps[number].width).sum();
    let mut of_losses: Vec<u64> = (0..n_tasks).map(|_| buffers.take(1)).collect();
    buffers.give(of_total);
    for number in logits {
        gradients[number] = Some(buffers.take(rows.saturating_mul(steps[number].width)));
        (0..steps[number].width).filter_map(|_| of_losses.pop()).for_each(|length| buffers.give(length));
    }
    gradients
}

/// Free buffers by their lengths, and what all buffers come to.
#[derive(Debug, Default)]
struct Buffers {
    free: BTreeMap<u64, u64>,
    total: u64,
}

impl Buffers {
    /// The shortest free buffer that is long enough, or a new one; gives its length.
    fn take(&mut self, length: u64) -> u64 {
        let Some(found) = self.free.range(length..).next().map(|(&length, _)| length) else {
            self.total = self.total.saturating_add(length);
            return length;
        };
        if let Some(number) = self.free.get_mut(&found) {
            *number -= 1;
            if *number == 0 {
                self.free.remove(&found);
            }
        }
        found
    }

    fn give(&mut self, length: u64) {
        // The workspace keeps no empty buffers.
        if length > 0 {
            *self.free.entry(length).or_insert(0) += 1;
        }
    }
}
