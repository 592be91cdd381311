//! A number that is NaN or infinite: what it is, where it is, and the advice that fits its cause.

use std::fmt;

use ple_tensor::{NonFinite, Origin};

use super::extreme::Extreme;
use crate::optimizer::{MadeOf, Slot};

/// The first number that is NaN or infinite. Its text is up to three lines, as that of every error.
#[derive(Clone, Debug, PartialEq)]
pub struct NotFinite {
    /// What kind of number.
    pub number: Number,
    /// The tensor that has the first one: a parameter by its path, or the output of an operation.
    pub tensor: String,
    /// The row of that tensor.
    pub row: usize,
    /// The epoch and the step in it, both counted from 1; none outside of a run.
    pub step: Option<(u64, u64)>,
    /// The value of the batch that is largest, where the input may be the cause.
    pub extreme: Option<Extreme>,
}

/// The kinds of numbers that are looked at.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Number {
    /// The loss of a task, or of all tasks together where only the total is not finite.
    Loss {
        /// The task.
        task: Option<String>,
        /// Where in the forward pass the first one came up.
        origin: Origin,
    },
    /// A derivative of a finite loss.
    Gradient,
    /// A weight after a step.
    Weight,
    /// What an optimiser keeps, after a step.
    Slot(&'static Slot),
    /// A running mean or variance of batch norm after a step.
    Statistic,
    /// What a model says of a row that it is evaluated on or asked about.
    Prediction {
        /// The task.
        task: String,
        /// The row, counted from 0, of those that were given.
        row: usize,
        /// Where in the forward pass the first one came up.
        origin: Origin,
    },
    /// A metric of an evaluation, of finite predictions.
    Metric {
        /// The task.
        task: String,
    },
}

impl NotFinite {
    /// What a forward pass found.
    pub(crate) fn in_pass(number: impl FnOnce(Origin) -> Number, first: Option<NonFinite>) -> Self {
        let first = first.unwrap_or_else(|| NonFinite {
            tensor: "the total loss".to_owned(),
            row: 0,
            origin: Origin::Total,
        });
        let NonFinite { tensor, row, origin } = first;
        Self::of(number(origin), tensor, row)
    }

    pub(crate) fn of(number: Number, tensor: impl Into<String>, row: usize) -> Self {
        Self { number, tensor: tensor.into(), row, step: None, extreme: None }
    }

    /// The same, in a step of a run.
    pub(crate) fn in_step(self, epoch: u64, step: u64) -> Self {
        Self { step: Some((epoch, step)), ..self }
    }

    /// The same, where so many rows were predicted before.
    pub fn after_rows(mut self, rows: usize) -> Self {
        if let Number::Prediction { row, .. } = &mut self.number {
            *row += rows;
        }
        self
    }

    /// Whether the values of the batch may be the cause.
    pub(crate) fn is_of_input(&self) -> bool {
        match &self.number {
            Number::Loss { origin, .. } => *origin != Origin::Parameter && *origin != Origin::Total,
            Number::Gradient | Number::Statistic => true,
            Number::Slot(slot) => slot.made_of == MadeOf::Squares,
            Number::Weight | Number::Prediction { .. } | Number::Metric { .. } => false,
        }
    }

    fn advice(&self) -> &'static str {
        match &self.number {
            Number::Loss { origin, .. } => match origin {
                Origin::Parameter => "begin from a checkpoint or a model whose values are finite",
                Origin::Embedding => {
                    "look for extreme values among the dense features and the weights of lists, and scale them"
                }
                Origin::Network => {
                    "lower the learning rate, or look for extreme values among the dense features"
                }
                Origin::Loss => "look for extreme labels and row weights, and scale them",
                Origin::Total => "lower the weights that balance the tasks, or the learning rate",
            },
            Number::Gradient => {
                "lower the weights that balance the tasks, or look for extreme labels, row weights and dense values"
            }
            Number::Weight => "lower the learning rate",
            Number::Slot(slot) => match slot.made_of {
                MadeOf::Gradients => "lower the weights that balance the tasks, or the learning rate",
                MadeOf::Squares => {
                    "a gradient of 2e19 has no square in 32 bits: lower the weights that balance the tasks, or look for extreme labels and dense values"
                }
            },
            Number::Statistic => {
                "look for extreme values among the dense features, and scale them; without any, lower the learning rate"
            }
            Number::Prediction { origin: Origin::Parameter, .. } => {
                "take a checkpoint from before the training diverged"
            }
            Number::Prediction { .. } => {
                "lower the learning rate if the model is in training; else look for extreme values among the features of that row"
            }
            Number::Metric { .. } => "look for extreme labels and row weights, and scale them",
        }
    }
}

impl fmt::Display for Number {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Loss { task: Some(task), .. } => write!(f, "the loss of {task}"),
            Self::Loss { task: None, .. } => f.write_str("the loss of all tasks together"),
            Self::Gradient => f.write_str("a gradient"),
            Self::Weight => f.write_str("a weight"),
            Self::Slot(slot) => f.write_str(slot.what),
            Self::Statistic => f.write_str("a running statistic of batch norm"),
            Self::Prediction { task, row, .. } => write!(f, "the prediction of {task} for row {row}"),
            Self::Metric { task } => write!(f, "a metric of {task}"),
        }
    }
}

impl fmt::Display for NotFinite {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { number, tensor, row, step, extreme } = self;
        write!(f, "{number} is not finite")?;
        if let Some((epoch, step)) = step {
            write!(f, " at epoch {epoch}, step {step}")?;
        }
        write!(f, ": first in {tensor}, row {row}")?;
        write!(f, "\nexpected: finite values everywhere\nnext: {}", self.advice())?;
        match extreme {
            Some(extreme) => write!(f, " ({extreme})"),
            None => Ok(()),
        }
    }
}

impl std::error::Error for NotFinite {}
