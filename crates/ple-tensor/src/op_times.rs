//! Where a step's time goes, operation by operation: measured on the tape itself, since a profiler of the whole process
//! sees kernels, and not for whom they work.

use std::time::{Duration, Instant};

/// Which way values flow.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Direction {
    /// Values are computed.
    Forward,
    /// Derivatives are.
    Backward,
}

/// The time that one node of the tapes has taken in one direction.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OpTime {
    /// The operation, and the first parameter that it reads, if any.
    pub name: String,
    /// Which way.
    pub direction: Direction,
    /// The total of all passes.
    pub total: Duration,
    /// The number of passes.
    pub passes: u32,
}

/// The times of every node of tapes that record the same operations; see
/// [`Workspace::measure_times`](crate::Workspace::measure_times).
#[derive(Clone, Debug)]
pub struct OpTimes {
    forward: Vec<OpTime>,
    backward: Vec<OpTime>,
    last: Instant,
}

impl OpTimes {
    pub(crate) fn new() -> Self {
        Self { forward: Vec::new(), backward: Vec::new(), last: Instant::now() }
    }

    /// The nodes in the order of the forward pass, and then in that of the backward pass.
    pub fn ops(&self) -> impl Iterator<Item = &OpTime> {
        self.forward.iter().chain(self.backward.iter().rev()).filter(|op| op.passes > 0)
    }

    /// A pass, or its way back, begins.
    pub(crate) fn begin(&mut self) {
        self.last = Instant::now();
    }

    /// Node `node` is done: what has passed since the last one is its time.
    pub(crate) fn end(&mut self, node: usize, direction: Direction, name: impl Fn() -> String) {
        let now = Instant::now();
        let ops = match direction {
            Direction::Forward => &mut self.forward,
            Direction::Backward => &mut self.backward,
        };
        while ops.len() <= node {
            ops.push(OpTime { name: String::new(), direction, total: Duration::ZERO, passes: 0 });
        }
        let op = &mut ops[node];
        if op.passes == 0 {
            op.name = name();
        }
        op.total += now - self.last;
        op.passes += 1;
        self.last = Instant::now();
    }
}
