//! What a head's logit stands for: the one place where a logit becomes a prediction.

use ple_tensor::{Tape, Var};
use serde::{Deserialize, Serialize};

use crate::model::TaskKind;

/// The function from a head's logit z to its prediction.
///
/// Predictions, evaluation, parity and ONNX read it. It is the inverse of what statistics calls the link function.
///
/// ```
/// use ple_nn::{Link, TaskKind};
///
/// assert_eq!(Link::of(TaskKind::Classification), Link::Sigmoid);
/// assert_eq!(Link::Exp.value(0.0), 1.0);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Link {
    /// z, a value.
    Identity,
    /// `1 / (1 + exp(-z))`, a probability or a share.
    Sigmoid,
    /// `exp(z)`, a count or a rate.
    Exp,
}

impl Link {
    /// Every link.
    pub const ALL: [Link; 3] = [Link::Identity, Link::Sigmoid, Link::Exp];

    /// The link of a kind of task unless another is named.
    pub fn of(kind: TaskKind) -> Self {
        match kind {
            TaskKind::Classification => Link::Sigmoid,
            TaskKind::Regression => Link::Identity,
        }
    }

    /// Whether it predicts what a kind of task has for labels.
    pub fn fits(self, kind: TaskKind) -> bool {
        self == Link::Sigmoid || kind == TaskKind::Regression
    }

    /// Its name in configurations.
    pub fn name(self) -> &'static str {
        match self {
            Link::Identity => "identity",
            Link::Sigmoid => "sigmoid",
            Link::Exp => "exp",
        }
    }

    /// What it predicts, in a word.
    pub fn predicts(self) -> &'static str {
        match self {
            Link::Identity => "value",
            Link::Sigmoid => "probability",
            Link::Exp => "rate",
        }
    }

    /// The prediction of a logit.
    pub fn value(self, logit: f32) -> f32 {
        match self {
            Link::Identity => logit,
            Link::Sigmoid => ple_tensor::sigmoid(logit),
            Link::Exp => ple_tensor::exp(logit),
        }
    }

    /// Records the predictions of logits, of the same shape.
    pub fn record(self, tape: &mut Tape<'_>, logits: Var) -> Var {
        match self {
            Link::Identity => logits,
            Link::Sigmoid => tape.sigmoid(logits),
            Link::Exp => tape.exp(logits),
        }
    }
}
