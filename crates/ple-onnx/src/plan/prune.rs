//! Steps that no output depends on are taken out.

use super::{Plan, Step};

impl Plan {
    /// Takes out what nothing reads: what belongs to other tasks, or to gates that a level does not use.
    pub(super) fn prune(&mut self) {
        let mut needed = vec![false; self.steps.len()];
        self.outputs.iter().for_each(|output| needed[output.step] = true);
        for index in (0..self.steps.len()).rev() {
            if needed[index] {
                self.steps[index].inputs().iter().for_each(|input| needed[input.step] = true);
            } else {
                self.steps[index] = Step::Gone;
            }
        }
    }
}
