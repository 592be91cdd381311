//! Adam and AdamW.

use ple_tensor::{AdamStep, SlotWidth};
use serde::{Deserialize, Serialize};

use crate::error::TrainError;
use crate::optimizer::power::power;
use crate::optimizer::rule::{MadeOf, Rule, Slot, StepAt, check_rate_and_decay, setting};

/// Adam with PyTorch's arithmetic, or AdamW. The defaults are PyTorch's, with the tutorial's weight decay.
///
/// The formula is that of [`AdamStep`]. Source: D. P. Kingma and J. Ba, "Adam: A Method for Stochastic Optimization", ICLR
/// 2015, algorithm 1; the order of operations is that of `torch.optim.Adam`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct AdamConfig {
    /// The step size, which a schedule multiplies.
    pub learning_rate: f64,
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
}

impl Default for AdamConfig {
    fn default() -> Self {
        Self {
            learning_rate: 1e-3,
            weight_decay: 1e-5,
            decay: DecayKind::Coupled,
            beta1: 0.9,
            beta2: 0.999,
            epsilon: 1e-8,
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

impl Rule for AdamConfig {
    type Step = AdamStep;

    const NAME: &'static str = "adam";
    const SLOTS: &'static [Slot] = &[
        Slot {
            name: "adam.first",
            what: "a first moment of Adam",
            width: SlotWidth::Row,
            made_of: MadeOf::Gradients,
        },
        Slot {
            name: "adam.second",
            what: "a second moment of Adam",
            width: SlotWidth::Row,
            made_of: MadeOf::Squares,
        },
    ];

    fn keeps(&self) -> &'static str {
        "Adam's moments"
    }

    fn rate_and_decay(&mut self) -> [&mut f64; 2] {
        [&mut self.learning_rate, &mut self.weight_decay]
    }

    fn check(&self) -> Result<(), TrainError> {
        check_rate_and_decay(self.learning_rate, self.weight_decay)?;
        setting("beta1", self.beta1, (0.0..1.0).contains(&self.beta1), "at least 0 and less than 1")?;
        setting("beta2", self.beta2, (0.0..1.0).contains(&self.beta2), "at least 0 and less than 1")?;
        let epsilon = self.epsilon;
        setting("epsilon", epsilon, epsilon.is_finite() && epsilon > 0.0, "a finite number above 0")
    }

    fn step(&self, at: StepAt) -> AdamStep {
        let (rate, decay) = (self.learning_rate * at.factor, at.decay(self.weight_decay));
        let (coupled, decoupled) = match self.decay {
            DecayKind::Coupled => (decay, 0.0),
            DecayKind::Decoupled => (0.0, decay),
        };
        let t = at.carried + at.step;
        AdamStep {
            beta1: self.beta1 as f32,
            one_minus_beta1: (1.0 - self.beta1) as f32,
            beta2: self.beta2 as f32,
            one_minus_beta2: (1.0 - self.beta2) as f32,
            epsilon: self.epsilon as f32,
            coupled_decay: coupled as f32,
            kept: (1.0 - rate * decoupled) as f32,
            step_size: (rate / (1.0 - power(self.beta1, t))) as f32,
            root_correction: (1.0 / (1.0 - power(self.beta2, t)).sqrt()) as f32,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{AdamConfig, DecayKind};
    use crate::optimizer::rules::stepped::{assert_near, stepped};

    #[test]
    fn steps_are_those_of_torch() {
        let config = AdamConfig { learning_rate: 0.1, weight_decay: 0.5, ..AdamConfig::default() };
        // run(torch.optim.Adam, lr=.1, weight_decay=.5)
        let adam = [
            [0.400000002, -1.15, 1.9, -0.099999992],
            [0.300503424, -1.09135142, 1.9076998, -0.134560576],
            [0.231467785, -1.04424728, 1.85993336, -0.0812160223],
            [0.16771078, -0.974793339, 1.79935914, -0.0912021911],
        ];
        assert_near(stepped(&config), adam);
        let config =
            AdamConfig { decay: DecayKind::Decoupled, beta1: 0.5, beta2: 0.75, epsilon: 0.25, ..config };
        // run(torch.optim.AdamW, lr=.1, betas=(.5, .75), eps=.25, weight_decay=.5)
        let adam_w = [
            [0.425, -1.1075, 1.9, -0.0333333333],
            [0.340797742, -1.06705895, 1.88067769, -0.0442232324],
            [0.317816924, -1.05012666, 1.7866438, -0.00305267232],
            [0.298779453, -0.949918646, 1.68712028, -0.0314071074],
        ];
        assert_near(stepped(&config), adam_w);
    }
}
