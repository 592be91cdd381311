//! Adagrad: a step size for each weight, by the gradients that it has had.

use ple_tensor::{LEAST_GRADIENT, RuleStep, SlotWidth, or_zero};
use serde::{Deserialize, Serialize};

use crate::error::TrainError;
use crate::optimizer::rule::{MadeOf, Missed, Rule, Slot, StepAt, check_rate_and_decay, setting};

/// Adagrad with PyTorch's arithmetic.
///
/// With gradient g, weight w and sum s, which begins at `initial_accumulator`, at step t:
///
/// ```text
/// g = g + weight_decay w
/// s = s + g²
/// w = w - learning_rate / (1 + (t - 1) rate_decay) g / (sqrt(s) + epsilon)
/// ```
///
/// A `g` below 1e-17 is zero, so that no sum becomes subnormal. The step t of a run counts the steps of earlier runs whose sums
/// it began with.
///
/// Source: J. Duchi, E. Hazan and Y. Singer, "Adaptive Subgradient Methods for Online Learning and Stochastic Optimization",
/// JMLR 12, 2011; the order of operations is that of `torch.optim.Adagrad`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct AdagradConfig {
    /// The step size, which a schedule multiplies.
    pub learning_rate: f64,
    /// The strength of weight decay, which is added to the gradient.
    pub weight_decay: f64,
    /// How the step size falls with the steps, besides by the sums: PyTorch's `lr_decay`.
    pub rate_decay: f64,
    /// What sums begin at.
    pub initial_accumulator: f64,
    /// Added to the root of the sum.
    pub epsilon: f64,
}

impl Default for AdagradConfig {
    fn default() -> Self {
        Self {
            learning_rate: 0.01,
            weight_decay: 0.0,
            rate_decay: 0.0,
            initial_accumulator: 0.0,
            epsilon: 1e-10,
        }
    }
}

impl Rule for AdagradConfig {
    type Step = AdagradStep;

    const NAME: &'static str = "adagrad";
    const SLOTS: &'static [Slot] = &[Slot {
        name: "adagrad.sum",
        what: "a sum of squares of Adagrad",
        width: SlotWidth::Row,
        made_of: MadeOf::Squares,
    }];

    fn keeps(&self) -> &'static str {
        "Adagrad's sums"
    }

    fn first(&self, _sum: &Slot) -> f32 {
        self.initial_accumulator as f32
    }

    fn rate_and_decay(&mut self) -> [&mut f64; 2] {
        [&mut self.learning_rate, &mut self.weight_decay]
    }

    fn check(&self) -> Result<(), TrainError> {
        check_rate_and_decay(self.learning_rate, self.weight_decay)?;
        let (least, above) = ("a finite number, at least 0", "a finite number above 0");
        let Self { rate_decay, initial_accumulator, epsilon, .. } = *self;
        setting("rate_decay", rate_decay, rate_decay.is_finite() && rate_decay >= 0.0, least)?;
        let is_sum = (initial_accumulator as f32).is_finite() && initial_accumulator >= 0.0;
        setting("initial_accumulator", initial_accumulator, is_sum, least)?;
        // In 32 bits, where a smaller one would be 0.
        setting("epsilon", epsilon, epsilon.is_finite() && epsilon as f32 > 0.0, above)
    }

    fn missed(&self) -> Missed {
        if self.weight_decay == 0.0 { Missed::Nothing } else { Missed::Moves }
    }

    fn step(&self, at: StepAt) -> AdagradStep {
        let taken = (at.carried + at.step - 1) as f64;
        AdagradStep {
            rate: (self.learning_rate * at.factor / (1.0 + taken * self.rate_decay)) as f32,
            decay: at.decay(self.weight_decay) as f32,
            epsilon: self.epsilon as f32,
        }
    }
}

/// The numbers of a step.
#[derive(Clone, Copy, Debug)]
pub(crate) struct AdagradStep {
    rate: f32,
    decay: f32,
    epsilon: f32,
}

impl RuleStep for AdagradStep {
    #[inline(always)]
    fn run(&self, weights: &mut [f32], slots: &mut [&mut [f32]], gradient: &[f32]) {
        let [sums] = slots else { unreachable!("one slot") };
        for ((weight, sum), &gradient) in weights.iter_mut().zip(sums.iter_mut()).zip(gradient) {
            let g = or_zero(gradient + self.decay * *weight, LEAST_GRADIENT);
            *sum += g * g;
            *weight -= self.rate * (g / (sum.sqrt() + self.epsilon));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::AdagradConfig;
    use crate::optimizer::rule::Rule;
    use crate::optimizer::rules::stepped::{assert_near, stepped};

    #[test]
    fn steps_are_those_of_torch() {
        let plain = AdagradConfig { learning_rate: 0.1, ..AdagradConfig::default() };
        // run(torch.optim.Adagrad, lr=.1)
        let expected = [
            [0.4, -1.15, 2.0, -0.0999999999],
            [0.310557281, -1.21, 2.1, -0.0999999999],
            [0.35138211, -1.24713907, 2.05527864, -0.00513167014],
            [0.35138211, -1.17271823, 2.04416753, -0.0835781242],
        ];
        assert_near(stepped(&plain), expected);
        let all =
            AdagradConfig { rate_decay: 0.25, weight_decay: 0.5, initial_accumulator: 0.75, ..plain.clone() };
        // run(torch.optim.Adagrad, lr=.1, lr_decay=.25, weight_decay=.5, initial_accumulator_value=.75)
        let expected = [
            [0.45, -1.16175025, 1.92440711, -0.0142857143],
            [0.403042594, -1.16906726, 1.97378557, -0.0136326748],
            [0.405657172, -1.16602272, 1.92289515, 0.0130294345],
            [0.396404572, -1.12330833, 1.89878274, -0.0137517301],
        ];
        assert_near(stepped(&all), expected);
        // run(torch.optim.Adagrad, lr=.1, eps=.5)
        let expected = [
            [0.466666667, -1.18333333, 2.0, -0.02],
            [0.419453071, -1.22619048, 2.08, -0.02],
            [0.441927558, -1.25327179, 2.0434512, 0.021886117],
            [0.441927558, -1.19364303, 2.03436029, -0.0220746636],
        ];
        assert_near(stepped(&AdagradConfig { epsilon: 0.5, ..plain }), expected);
    }

    #[test]
    fn settings_that_make_no_sense_are_refused() {
        let says = |change: fn(&mut AdagradConfig)| {
            let mut config = AdagradConfig::default();
            change(&mut config);
            config.check().unwrap_err().to_string().lines().take(2).collect::<Vec<_>>().join("; ")
        };
        let cases = [
            (says(|c| c.learning_rate = -0.1), "learning_rate is -0.1; expected: a finite number above 0"),
            (says(|c| c.rate_decay = -1.0), "rate_decay is -1; expected: a finite number, at least 0"),
            (
                says(|c| c.initial_accumulator = f64::INFINITY),
                "initial_accumulator is inf; expected: a finite number, at least 0",
            ),
            (says(|c| c.epsilon = 0.0), "epsilon is 0; expected: a finite number above 0"),
        ];
        cases.iter().for_each(|(found, expected)| assert_eq!(found, expected));
    }
}
