//! Stochastic gradient descent, with momentum.

use ple_tensor::{LEAST_GRADIENT, LEAST_SLOT, RuleStep, SlotWidth, or_zero};
use serde::{Deserialize, Serialize};

use crate::error::TrainError;
use crate::optimizer::rule::{MadeOf, Missed, Rule, Slot, StepAt, check_rate_and_decay, setting};

/// Stochastic gradient descent with momentum, with PyTorch's arithmetic.
///
/// With gradient g, weight w and velocity v, which begins at 0:
///
/// ```text
/// g = g + weight_decay w
/// v = momentum v + g
/// w = w - learning_rate v                      classical
/// w = w - learning_rate (g + momentum v)       nesterov
/// ```
///
/// A `g` below 1e-17 and a velocity below 1e-37 are zero, so that no number becomes subnormal. With a momentum of 0 there is no
/// velocity, and nothing is kept.
///
/// Source: I. Sutskever, J. Martens, G. Dahl and G. Hinton, "On the importance of initialization and momentum in deep learning",
/// ICML 2013, in the form of `torch.optim.SGD` (whose dampening is 0 here), where the rate multiplies the velocity.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct SgdConfig {
    /// The step size, which a schedule multiplies.
    pub learning_rate: f64,
    /// The strength of weight decay, which is added to the gradient.
    pub weight_decay: f64,
    /// The share of the velocity that a step keeps.
    pub momentum: f64,
    /// Where the gradient is thought to be taken.
    pub kind: MomentumKind,
}

/// Which momentum it is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum MomentumKind {
    /// A step follows the velocity.
    #[default]
    Classical,
    /// A step looks one step of the velocity ahead.
    Nesterov,
}

impl Default for SgdConfig {
    fn default() -> Self {
        Self { learning_rate: 0.01, weight_decay: 0.0, momentum: 0.9, kind: MomentumKind::Classical }
    }
}

impl Rule for SgdConfig {
    type Step = SgdStep;

    const NAME: &'static str = "sgd";
    const SLOTS: &'static [Slot] = &[Slot {
        name: "sgd.velocity",
        what: "a velocity of SGD",
        width: SlotWidth::Row,
        made_of: MadeOf::Gradients,
    }];

    fn slots(&self) -> &'static [Slot] {
        if self.momentum == 0.0 { &[] } else { Self::SLOTS }
    }

    fn keeps(&self) -> &'static str {
        if self.momentum == 0.0 { "plain SGD" } else { "SGD's momentum" }
    }

    fn rate_and_decay(&mut self) -> [&mut f64; 2] {
        [&mut self.learning_rate, &mut self.weight_decay]
    }

    fn check(&self) -> Result<(), TrainError> {
        check_rate_and_decay(self.learning_rate, self.weight_decay)?;
        setting(
            "momentum",
            self.momentum,
            (0.0..1.0).contains(&self.momentum),
            "at least 0 and less than 1",
        )?;
        let moves = self.kind == MomentumKind::Classical || self.momentum > 0.0;
        setting("momentum", self.momentum, moves, "above 0 and less than 1, since its kind is nesterov")
    }

    fn missed(&self) -> Missed {
        if self.momentum == 0.0 && self.weight_decay == 0.0 { Missed::Nothing } else { Missed::Moves }
    }

    fn step(&self, at: StepAt) -> SgdStep {
        SgdStep {
            rate: (self.learning_rate * at.factor) as f32,
            decay: at.decay(self.weight_decay) as f32,
            momentum: self.momentum as f32,
            kind: self.kind,
        }
    }
}

/// The numbers of a step.
#[derive(Clone, Copy, Debug)]
pub(crate) struct SgdStep {
    rate: f32,
    decay: f32,
    momentum: f32,
    kind: MomentumKind,
}

impl RuleStep for SgdStep {
    #[inline(always)]
    fn run(&self, weights: &mut [f32], slots: &mut [&mut [f32]], gradient: &[f32]) {
        let g = |weight: f32, gradient: f32| or_zero(gradient + self.decay * weight, LEAST_GRADIENT);
        let Some(velocity) = slots.first_mut() else {
            for (weight, &gradient) in weights.iter_mut().zip(gradient) {
                *weight -= self.rate * g(*weight, gradient);
            }
            return;
        };
        // How much of the gradient and of the velocity a step takes.
        let (of_gradient, of_velocity) = match self.kind {
            MomentumKind::Classical => (0.0, 1.0),
            MomentumKind::Nesterov => (1.0, self.momentum),
        };
        for ((weight, v), &gradient) in weights.iter_mut().zip(velocity.iter_mut()).zip(gradient) {
            let g = g(*weight, gradient);
            *v = or_zero(self.momentum * *v + g, LEAST_SLOT);
            *weight -= self.rate * (of_gradient * g + of_velocity * *v);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{MomentumKind, SgdConfig};
    use crate::optimizer::rule::Rule;
    use crate::optimizer::rules::stepped::{assert_near, stepped};

    #[test]
    fn steps_are_those_of_torch() {
        let plain = SgdConfig { learning_rate: 0.1, momentum: 0.0, ..SgdConfig::default() };
        // run(torch.optim.SGD, lr=.1)
        let expected = [
            [0.475, -1.15, 2.0, -0.0125],
            [0.425, -1.225, 2.2, -0.0125],
            [0.45, -1.275, 2.1, 0.025],
            [0.45, -1.125, 2.075, -0.025],
        ];
        assert_near(stepped(&plain), expected);
        let classical = SgdConfig { momentum: 0.9, weight_decay: 0.5, ..plain.clone() };
        // run(torch.optim.SGD, lr=.1, momentum=.9, weight_decay=.5)
        let expected = [
            [0.45, -1.0875, 1.9, -0.0125],
            [0.3325, -0.961875, 1.915, -0.023125],
            [0.235125, -0.85071875, 1.73275, 0.00596875],
            [0.13573125, -0.558142187, 1.4570875, -0.0181453125],
        ];
        assert_near(stepped(&classical), expected);
        let nesterov = SgdConfig { momentum: 0.5, weight_decay: 0.25, kind: MomentumKind::Nesterov, ..plain };
        // run(torch.optim.SGD, lr=.1, momentum=.5, weight_decay=.25, nesterov=True)
        let expected = [
            [0.44375, -1.053125, 1.925, -0.01875],
            [0.342734375, -1.09332031, 2.1403125, -0.021171875],
            [0.347420898, -1.12308252, 1.94176953, 0.0344267578],
            [0.328520056, -0.859514532, 1.8089356, -0.0330795776],
        ];
        assert_near(stepped(&nesterov), expected);
    }

    #[test]
    fn momentum_is_a_share_and_nesterov_has_some() {
        let says = |momentum, kind| {
            let config = SgdConfig { momentum, kind, ..SgdConfig::default() };
            config.check().map_err(|error| error.to_string()).unwrap_err()
        };
        for momentum in [-0.5, 1.0] {
            assert_eq!(
                says(momentum, MomentumKind::Classical),
                format!(
                    "momentum is {momentum}\nexpected: at least 0 and less than 1\nnext: correct momentum"
                )
            );
        }
        assert!(says(f64::NAN, MomentumKind::Classical).starts_with("momentum is NaN\n"));
        assert_eq!(
            says(0.0, MomentumKind::Nesterov),
            "momentum is 0\nexpected: above 0 and less than 1, since its kind is nesterov\nnext: correct momentum"
        );
    }
}
