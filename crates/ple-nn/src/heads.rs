//! What a model predicts, and what it learns from: heads, which need not be the tasks one by one.

use ple_tensor::{Tape, Var, Workspace};

use crate::link::Link;
use crate::model::TaskSpec;

/// One prediction of a model.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Head {
    /// Its name: of the column of predictions, and of the output in ONNX.
    pub name: String,
    /// What its logit stands for.
    pub link: Link,
    /// The task whose rows and labels it is judged by; none where no label says what it predicts.
    pub task: Option<usize>,
    /// The task whose label has to be positive in the rows that it is judged by; none where all rows of the task count.
    pub given: Option<usize>,
    /// The label that its loss compares it with.
    pub learns: Learns,
}

/// The label that the loss of a head compares it with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Learns {
    /// None: it learns by what other heads make of it.
    Nothing,
    /// That of a task, over the task's rows.
    Task(usize),
    /// Whether both of two tasks have a positive label, over the rows where that is known: all rows of `first`, but
    /// those that are positive there and do not belong to `second`. The loss is called that of `second`.
    Both {
        /// The task that comes first.
        first: usize,
        /// The task that may follow.
        second: usize,
    },
}

impl Learns {
    /// The task that the loss is called after.
    pub fn task(self) -> Option<usize> {
        match self {
            Learns::Nothing => None,
            Learns::Task(task) | Learns::Both { second: task, .. } => Some(task),
        }
    }
}

/// What a forward pass has recorded.
#[derive(Debug)]
pub struct Outputs {
    /// The logit of each head, `[batch, 1]`, in the order of [`Model::heads`](crate::Model::heads).
    pub logits: Vec<Var>,
    /// Losses besides those of the heads, `[1, 1]`, each times its weight; there are none in evaluation.
    pub auxiliary: Vec<Var>,
    /// The last values that several tasks read: the outputs of shared experts, or of the shared bottom. Gradients of the
    /// tasks are compared there.
    pub shared: Vec<Var>,
}

impl Outputs {
    /// Outputs whose lists are empty, in memory that earlier ones have left.
    pub fn new(tape: &mut Tape<'_>) -> Self {
        let [logits, auxiliary, shared] = [(); 3].map(|()| tape.list());
        Self { logits, auxiliary, shared }
    }

    /// Gives the memory of the lists back, once the tape is gone.
    pub fn recycle_into(self, workspace: &mut Workspace) {
        [self.logits, self.auxiliary, self.shared].into_iter().for_each(|list| workspace.recycle_list(list));
    }

    /// Gives the memory of the lists back.
    pub fn recycle(self, tape: &mut Tape<'_>) {
        [self.logits, self.auxiliary, self.shared].into_iter().for_each(|list| tape.recycle_list(list));
    }
}

/// A head for each task, which learns and is judged by the task's label.
pub(crate) fn one_for_each(tasks: &[TaskSpec]) -> Vec<Head> {
    let head = |(task, spec): (usize, &TaskSpec)| Head {
        name: spec.name.clone(),
        link: Link::of(spec.kind),
        task: Some(task),
        given: None,
        learns: Learns::Task(task),
    };
    tasks.iter().enumerate().map(head).collect()
}
