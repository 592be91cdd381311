//! A learning rate that falls to 0 by the end of the run.

use std::f64::consts::PI;

use super::definition::Definition;

/// Half a cosine: `(1 + cos(pi * taken / steps)) / 2`.
///
/// Source: I. Loshchilov and F. Hutter, "SGDR: Stochastic Gradient Descent with Warm Restarts", ICLR 2017, without restarts.
pub(super) struct Cosine;

impl Definition for Cosine {
    fn name(&self) -> &'static str {
        "cosine"
    }

    fn factor(&self, taken: u64, n_steps: u64) -> f64 {
        let done = taken.min(n_steps) as f64 / n_steps.max(1) as f64;
        (1.0 + (PI * done).cos()) / 2.0
    }

    fn depends_on_length(&self) -> bool {
        true
    }
}
