//! A learning rate that stays.

use super::definition::Definition;

/// A factor of 1 at every step.
pub(super) struct Constant;

impl Definition for Constant {
    fn name(&self) -> &'static str {
        "constant"
    }

    fn factor(&self, _taken: u64, _n_steps: u64) -> f64 {
        1.0
    }

    fn depends_on_length(&self) -> bool {
        false
    }
}
