//! The operations of a training step by their sizes: counted with factors, or listed one by one.

use super::WidestResults;

/// The number of an operation, which stands for its result.
pub(crate) type Place = usize;

/// An operation by its sizes.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Step {
    /// What it reads and has a gradient of.
    pub(crate) inputs: Vec<Place>,
    /// The columns of its result.
    pub(crate) width: u64,
    /// The columns that it keeps besides for the backward pass.
    pub(crate) kept: u64,
    /// The lengths of what it keeps that does not grow with the batch.
    pub(crate) vectors: Vec<u64>,
    /// Of those the ones that leave the step with the gradients, counted from the end.
    pub(crate) n_leaving: usize,
    /// The lengths of the gradients of its matrices.
    pub(crate) matrices: Vec<u64>,
    /// The same of those matrices whose gradients come after that of the input.
    pub(crate) later_matrices: Vec<u64>,
    /// The columns that it needs while its backward pass runs.
    pub(crate) passing: u64,
    /// What becomes of the gradient of its result.
    pub(crate) end: Handover,
}

/// What becomes of the gradient of a result after the backward pass of its operation.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Handover {
    /// Its memory is free for others.
    #[default]
    Free,
    /// It is the gradient of the input.
    InPlace,
    /// It is added to the gradient of the input, of which it is some of the columns.
    Added,
}

/// Sums over the operations of a model.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Counts {
    pub(crate) matrix_values: u64,
    pub(crate) n_named: u64,
    pub(crate) n_steps: u64,
    pub(crate) columns: u64,
}

/// Takes the operations of a model in their order.
#[derive(Debug)]
pub(crate) struct Recorder {
    pub(crate) counts: Counts,
    /// The widest results.
    pub(crate) widest: WidestResults,
    /// The operations, where they are listed.
    pub(crate) steps: Vec<Step>,
    mode: Mode,
    /// How often what comes next is there.
    times: u64,
    /// The columns of the embedding matrix that are of lists and of bins.
    pub(crate) pooled_columns: u64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Mode {
    Count,
    List,
}

impl Recorder {
    /// One that counts, however often a part is repeated.
    pub(crate) fn counting() -> Self {
        Self {
            counts: Counts::default(),
            widest: WidestResults::default(),
            steps: Vec::new(),
            mode: Mode::Count,
            times: 1,
            pooled_columns: 0,
        }
    }

    /// One that lists each operation.
    pub(crate) fn listing() -> Self {
        Self { mode: Mode::List, ..Self::counting() }
    }

    /// The next operation.
    pub(crate) fn step(&mut self, step: Step) -> Place {
        let number = self.counts.n_steps as usize;
        let columns = step.width.saturating_add(step.kept);
        match (number, step.inputs.is_empty()) {
            (0, _) => {}
            (_, true) => self.widest.of_embeddings = self.widest.of_embeddings.max(step.width),
            (_, false) => self.widest.of_layers = self.widest.of_layers.max(step.width),
        }
        self.counts.columns = self.counts.columns.saturating_add(columns.saturating_mul(self.times));
        self.counts.n_steps = self.counts.n_steps.saturating_add(self.times);
        if self.mode == Mode::List {
            self.steps.push(step);
        }
        number
    }

    /// Parameters: so many values under so many names.
    pub(crate) fn parameters(&mut self, values: u64, names: u64) {
        let add = |sum: &mut u64, more: u64| *sum = sum.saturating_add(more.saturating_mul(self.times));
        add(&mut self.counts.matrix_values, values);
        add(&mut self.counts.n_named, names);
    }

    /// What `part` records, `n` times.
    pub(crate) fn repeat(&mut self, n: u64, mut part: impl FnMut(&mut Self)) {
        match self.mode {
            Mode::List => (0..n).for_each(|_| part(self)),
            Mode::Count if n == 0 => {}
            Mode::Count => {
                let times = self.times;
                self.times = times.saturating_mul(n);
                part(self);
                self.times = times;
            }
        }
    }
}
