//! The optimiser as it is written in a configuration.

use serde::{Deserialize, Serialize};

use crate::error::TrainError;

/// The settings of Adam. The defaults are PyTorch's, with the tutorial's weight decay.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct AdamConfig {
    /// The step size, and its course.
    pub learning_rate: f64,
    /// How the step size changes over the run.
    pub schedule: LearningRate,
    /// The strength of weight decay.
    pub weight_decay: f64,
    /// How weight decay acts.
    pub decay: DecayKind,
    /// The decay rate of the first moment.
    pub beta1: f64,
    /// The decay rate of the second moment.
    pub beta2: f64,
    /// Added to the root of the second moment.
    pub epsilon: f64,
    /// Which rows of an embedding table a step changes.
    pub tables: TableUpdates,
}

impl Default for AdamConfig {
    fn default() -> Self {
        Self {
            learning_rate: 1e-3,
            schedule: LearningRate::Constant,
            weight_decay: 1e-5,
            decay: DecayKind::Coupled,
            beta1: 0.9,
            beta2: 0.999,
            epsilon: 1e-8,
            tables: TableUpdates::Lazy,
        }
    }
}

/// How weight decay acts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DecayKind {
    /// `g += decay * w`, before the moments: PyTorch's `Adam`.
    #[default]
    Coupled,
    /// `w *= 1 - learning_rate * decay`, beside the moments: AdamW. I. Loshchilov and F. Hutter, "Decoupled Weight Decay
    /// Regularization", ICLR 2019.
    Decoupled,
}

/// How the learning rate changes over a run.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LearningRate {
    /// It does not.
    #[default]
    Constant,
    /// It falls to 0 along half a cosine: `rate * (1 + cos(pi * (t - 1) / steps)) / 2` at step t of `steps`.
    Cosine,
}

/// Which rows of an embedding table a step changes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TableUpdates {
    /// The rows that the batch read: each takes one Adam step, with decay and with the bias correction of the *global*
    /// step, as PyTorch's `SparseAdam`. Steps that a row missed change nothing in it: no decay, no momentum. The
    /// reference moves every row at every step instead, and thereby draws rare rows to zero.
    #[default]
    Lazy,
    /// The same numbers as `Dense`: a row replays the steps that it missed when it is next read.
    Exact,
    /// Every row at every step, as the reference does.
    Dense,
}

impl AdamConfig {
    /// Checks every number.
    ///
    /// # Errors
    /// [`TrainError::Setting`] with the first that Adam cannot use.
    pub fn check(&self) -> Result<(), TrainError> {
        let check = |setting: &str, value: f64, valid: bool, expected: &str| match valid {
            true => Ok(()),
            false => Err(TrainError::Setting {
                setting: setting.to_owned(),
                found: value.to_string(),
                expected: expected.to_owned(),
            }),
        };
        let rate = self.learning_rate;
        check("learning_rate", rate, rate.is_finite() && rate > 0.0, "a finite number above 0")?;
        let decay = self.weight_decay;
        check("weight_decay", decay, decay.is_finite() && decay >= 0.0, "a finite number, at least 0")?;
        check("beta1", self.beta1, (0.0..1.0).contains(&self.beta1), "at least 0 and less than 1")?;
        check("beta2", self.beta2, (0.0..1.0).contains(&self.beta2), "at least 0 and less than 1")?;
        let epsilon = self.epsilon;
        check("epsilon", epsilon, epsilon.is_finite() && epsilon > 0.0, "a finite number above 0")
    }
}
