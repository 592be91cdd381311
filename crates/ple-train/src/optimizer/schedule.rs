//! How the learning rate changes over a run.

use serde::{Deserialize, Serialize};

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

impl LearningRate {
    /// What the learning rate is multiplied by at step `t`, counted from 1, of a run of `n_steps`.
    pub fn factor(self, t: u64, n_steps: u64) -> f64 {
        match self {
            Self::Constant => 1.0,
            Self::Cosine => {
                let done = (t - 1).min(n_steps) as f64 / n_steps.max(1) as f64;
                (1.0 + (std::f64::consts::PI * done).cos()) / 2.0
            }
        }
    }

    /// Whether a run of another length would have other rates at the same steps.
    pub(crate) fn depends_on_length(self) -> bool {
        match self {
            Self::Constant => false,
            Self::Cosine => true,
        }
    }
}
