//! The mean and the sum of the gradients, which look at none of them.

use super::definition::Definition;
use super::gramian::Gramian;

/// `1 / n` for each of `n` tasks.
pub(super) struct Mean;

/// 1 for each task.
pub(super) struct Total;

impl Definition for Mean {
    fn name(&self) -> &'static str {
        "mean"
    }

    fn weights(&self, gramian: &Gramian) -> Vec<f64> {
        mean(gramian.tasks())
    }
}

impl Definition for Total {
    fn name(&self) -> &'static str {
        "sum"
    }

    fn weights(&self, gramian: &Gramian) -> Vec<f64> {
        vec![1.0; gramian.tasks()]
    }
}

/// Equal weights that add up to 1.
pub(super) fn mean(tasks: usize) -> Vec<f64> {
    vec![1.0 / tasks as f64; tasks]
}
