//! The way of one batch through a training step, stage by stage: the page to read first.

use ndarray::Array2;
use ple_data::{Batch, FeatureSchema};
use ple_nn::{Model, Outputs};
use ple_tensor::{Gradients, Mode, ParamStore, Tape, Workspace, Written, in_team};

use crate::balance::{Balancer, Progress, StepLosses};
use crate::bridge::bank_input;
use crate::finite::{NotFinite, Number, first_in_gradients, first_in_state};
use crate::objective::Objective;
use crate::optimizer::Optimizer;
use crate::targets::Targets;
use crate::task_losses::task_losses;

/// What a training step reads and changes.
#[derive(Debug)]
pub struct TrainState<'m> {
    /// What the columns of a batch mean.
    pub schema: &'m FeatureSchema,
    /// The model.
    pub model: &'m Model,
    /// Its parameters.
    pub store: &'m mut ParamStore,
    /// What each task learns by.
    pub objectives: &'m [Objective],
    /// The strategy that balances the tasks.
    pub balancer: &'m mut Balancer,
    /// The optimiser.
    pub optimizer: &'m mut Optimizer,
    /// The labels that two tasks make together.
    pub targets: Targets,
    /// The buffers that go from step to step.
    pub workspace: Workspace,
}

/// What a forward and backward pass over one batch gives.
#[derive(Debug)]
pub struct Pass {
    /// The logits in training mode, `[batch, heads]`.
    pub logits: Array2<f32>,
    /// The loss of each task that has rows in the batch.
    pub task_losses: Vec<Option<f32>>,
    /// The total loss of the tasks, and the auxiliary losses of the model.
    pub total: f32,
    /// The gradients of the total loss.
    pub gradients: Gradients,
}

impl TrainState<'_> {
    /// From a batch to gradients: catch up, embeddings, CGC levels, towers, task losses, total loss, backward. What the step
    /// draws (dropout, the order of tasks) is a function of `progress`.
    ///
    /// # Errors
    /// A loss, of a task or of all, that is not finite; nothing has been changed then. In exact mode a row of a table that
    /// is not finite when it has caught up.
    pub fn forward_backward(&mut self, batch: &Batch, progress: Progress) -> Result<Pass, NotFinite> {
        in_team(|| self.pass(batch, progress))
    }

    fn pass(&mut self, batch: &Batch, progress: Progress) -> Result<Pass, NotFinite> {
        let input = bank_input(self.schema, batch);
        let caught_up = self.optimizer.catch_up(self.store, self.model.bank(), &input);
        self.check_written(caught_up)?;

        let heads = self.model.heads();
        self.targets.fill(self.model, self.store, batch);
        let mut values = self.workspace.zeros(batch.rows(), heads.len());
        let mode = Mode::Train { dropout_seed: progress.seed.stream("dropout", progress.step) };
        let mut tape = Tape::new(self.store, std::mem::take(&mut self.workspace), mode);
        let outputs = self.model.forward(&mut tape, &input);
        let losses = task_losses(&mut tape, heads, self.objectives, &outputs.logits, (batch, &self.targets));
        let Outputs { logits, auxiliary, shared } = &outputs;
        let step = StepLosses { tasks: &losses, auxiliary, shared, progress };
        let total = self.balancer.total(&mut tape, &step);

        let task_losses: Vec<_> = losses.iter().map(|loss| loss.map(|loss| tape.scalar(loss))).collect();
        let loss = auxiliary.iter().fold(tape.scalar(total), |sum, &auxiliary| sum + tape.scalar(auxiliary));
        let task = task_losses.iter().position(|loss| loss.is_some_and(|loss| !loss.is_finite()));
        if task.is_some() || !loss.is_finite() {
            let task = task.map(|task| self.model.tasks()[task].name.clone());
            let number = |origin| Number::Loss { task, origin };
            return Err(NotFinite::in_pass(number, tape.first_non_finite()));
        }
        for (mut column, &logit) in values.columns_mut().into_iter().zip(logits) {
            column.assign(&tape.value(logit).column(0));
        }
        let (gradients, mut workspace) = self.balancer.gradients(tape, total, &step);
        outputs.recycle_into(&mut workspace);
        self.workspace = workspace;
        Ok(Pass { logits: values, task_losses, total: loss, gradients })
    }

    /// From gradients to new parameters: clipping, and the optimiser's step, dense for the network, rows for the tables.
    ///
    /// # Errors
    /// A gradient, a weight, a slot or a running statistic that is not finite. The step has been taken then, and what it
    /// left is of no use.
    pub fn update(&mut self, mut pass: Pass) -> Result<(), NotFinite> {
        let written = in_team(|| {
            self.optimizer.clip(&mut pass.gradients);
            self.optimizer.update(self.store, &pass.gradients)
        });
        if let Written::Suspect = written
            && let Some(first) = first_in_gradients(self.store, &pass.gradients)
        {
            return Err(first);
        }
        self.check_written(written)?;
        self.workspace.recycle(pass.logits);
        self.workspace.recycle_gradients(pass.gradients);
        Ok(())
    }

    fn check_written(&self, written: Written) -> Result<(), NotFinite> {
        match written {
            Written::Finite => Ok(()),
            Written::Suspect => first_in_state(self.store, Some(self.optimizer)).map_or(Ok(()), Err),
        }
    }
}
