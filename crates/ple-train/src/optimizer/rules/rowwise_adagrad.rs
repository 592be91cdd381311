//! Row-wise Adagrad: a step size for each row of a table, by the gradients that the row has had.

use ple_tensor::{LEAST_GRADIENT, RuleStep, SlotWidth, or_zero};
use serde::{Deserialize, Serialize};

use crate::error::TrainError;
use crate::optimizer::rule::{MadeOf, Missed, Part, Rule, Slot, StepAt, check_rate_and_decay, setting};

/// Row-wise Adagrad, for embedding tables: it keeps one value for a row, where Adagrad keeps one for each weight and Adam two.
///
/// With a row's gradient g and weights w of `dim` values, and its sum s, which begins at 0:
///
/// ```text
/// g = g + weight_decay w
/// s = s + sum_j g_j² / dim
/// w = w - learning_rate g / (sqrt(s) + epsilon)
/// ```
///
/// A value of `g` below 1e-17 is zero, so that no sum becomes subnormal. It steps no network: a matrix has no rows that belong to
/// something by themselves.
///
/// Source: `EXACT_ROWWISE_ADAGRAD` of FBGEMM, with which the authors of M. Naumov et al., "Deep Learning Recommendation Model for
/// Personalization and Recommendation Systems", 2019, train tables.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct RowwiseAdagradConfig {
    /// The step size, which a schedule multiplies.
    pub learning_rate: f64,
    /// The strength of weight decay, which is added to the gradient.
    pub weight_decay: f64,
    /// Added to the root of the sum.
    pub epsilon: f64,
}

impl Default for RowwiseAdagradConfig {
    fn default() -> Self {
        Self { learning_rate: 0.01, weight_decay: 0.0, epsilon: 1e-8 }
    }
}

impl Rule for RowwiseAdagradConfig {
    type Step = RowwiseAdagradStep;

    const NAME: &'static str = "rowwise_adagrad";
    const SLOTS: &'static [Slot] = &[Slot {
        name: "rowwise_adagrad.sum",
        what: "a sum of squares of row-wise Adagrad",
        width: SlotWidth::One,
        made_of: MadeOf::Squares,
    }];

    fn keeps(&self) -> &'static str {
        "the sums of row-wise Adagrad"
    }

    fn rate_and_decay(&mut self) -> [&mut f64; 2] {
        [&mut self.learning_rate, &mut self.weight_decay]
    }

    fn check(&self) -> Result<(), TrainError> {
        check_rate_and_decay(self.learning_rate, self.weight_decay)?;
        // In 32 bits, where a smaller one would be 0.
        let epsilon = self.epsilon;
        setting("epsilon", epsilon, epsilon.is_finite() && epsilon as f32 > 0.0, "a finite number above 0")
    }

    fn refuses(&self) -> Option<Part> {
        Some(Part::Network)
    }

    fn missed(&self) -> Missed {
        if self.weight_decay == 0.0 { Missed::Nothing } else { Missed::Moves }
    }

    fn step(&self, at: StepAt) -> RowwiseAdagradStep {
        RowwiseAdagradStep {
            rate: (self.learning_rate * at.factor) as f32,
            decay: at.decay(self.weight_decay) as f32,
            epsilon: self.epsilon as f32,
        }
    }
}

/// The numbers of a step.
#[derive(Clone, Copy, Debug)]
pub(crate) struct RowwiseAdagradStep {
    rate: f32,
    decay: f32,
    epsilon: f32,
}

/// Values whose squares are summed side by side: the order of the sum is the same in vectors of any width.
const LANES: usize = 8;

impl RowwiseAdagradStep {
    #[inline(always)]
    fn gradient(&self, weight: f32, gradient: f32) -> f32 {
        or_zero(gradient + self.decay * weight, LEAST_GRADIENT)
    }
}

impl RuleStep for RowwiseAdagradStep {
    #[inline(always)]
    fn run(&self, weights: &mut [f32], slots: &mut [&mut [f32]], gradient: &[f32]) {
        let [sum] = slots else { unreachable!("one slot") };
        let mut squares = [0.0; LANES];
        let (whole, last) = weights.as_chunks::<LANES>();
        let (whole_gradient, last_gradient) = gradient.as_chunks::<LANES>();
        for (weights, gradient) in whole.iter().zip(whole_gradient) {
            for lane in 0..LANES {
                let g = self.gradient(weights[lane], gradient[lane]);
                squares[lane] += g * g;
            }
        }
        for ((square, &weight), &gradient) in squares.iter_mut().zip(last).zip(last_gradient) {
            let g = self.gradient(weight, gradient);
            *square += g * g;
        }
        sum[0] += squares.iter().sum::<f32>() / weights.len() as f32;
        let rate = self.rate / (sum[0].sqrt() + self.epsilon);
        for (weight, &gradient) in weights.iter_mut().zip(gradient) {
            *weight -= rate * self.gradient(*weight, gradient);
        }
    }
}

#[cfg(test)]
mod tests {
    use ple_tensor::{RuleStep, TableRows, Written};
    use proptest::prelude::*;

    use super::RowwiseAdagradConfig;
    use crate::optimizer::rule::{Rule, StepAt, WeightDecay};
    use crate::optimizer::{OptimizerConfig, RuleConfig};

    proptest! {
        /// Rows of any width against the formula in 64 bits, with steps in which some rows have no gradient.
        #[test]
        fn steps_are_those_of_the_formula(
            dim in 1_usize..40,
            steps in proptest::collection::vec(proptest::collection::vec(any::<bool>(), 5), 1..6),
            values in proptest::collection::vec(-2.0_f32..2.0, 50),
            weight_decay in prop_oneof![Just(0.0), Just(0.125)],
        ) {
            let config = RowwiseAdagradConfig { learning_rate: 0.1, weight_decay, ..Default::default() };
            let value = |place: usize| values[place % values.len()];
            let mut data: Vec<f32> = (0..5 * (dim + 1)).map(|i| if i % (dim + 1) == dim { 0.0 } else { value(i) }).collect();
            let mut expected: Vec<f64> = data.iter().map(|&value| f64::from(value)).collect();
            for (t, picked) in steps.iter().enumerate() {
                let rows: Vec<u32> = (0..5).filter(|&row| picked[row as usize]).collect();
                let gradients: Vec<f32> = (0..rows.len() * dim).map(|i| value(7 * i + 3 * t)).collect();
                let at = StepAt { step: t as u64 + 1, carried: 0, factor: 1.0, decay: WeightDecay::Acts };
                let slots = config.slots().iter().map(|slot| slot.width).collect::<Vec<_>>();
                let mut table =
                    TableRows { data: &mut data, dim, stride: dim + 1, slots: &slots, stamps: &mut [] };
                prop_assert_eq!(config.step(at).update_rows(&mut table, &rows, &gradients), Written::Finite);
                for (&row, gradient) in rows.iter().zip(gradients.chunks(dim)) {
                    let row = &mut expected[row as usize * (dim + 1)..][..dim + 1];
                    let g: Vec<f64> =
                        gradient.iter().zip(&row[..dim]).map(|(&g, w)| f64::from(g) + weight_decay * w).collect();
                    row[dim] += g.iter().map(|g| g * g).sum::<f64>() / dim as f64;
                    let root = row[dim].sqrt() + 1e-8;
                    row[..dim].iter_mut().zip(&g).for_each(|(w, g)| *w -= 0.1 * g / root);
                }
            }
            for (found, expected) in data.iter().zip(&expected) {
                // Up to five steps of values below 20, each rounded a few times.
                prop_assert!((f64::from(*found) - expected).abs() < 2e-5, "{found} instead of {expected}");
            }
        }
    }

    #[test]
    fn the_network_is_refused_by_name() {
        let rule = RuleConfig::from(RowwiseAdagradConfig::default());
        assert_eq!(
            OptimizerConfig::from(rule.clone()).check().unwrap_err().to_string(),
            "the optimiser of the network is `rowwise_adagrad`, which is for the embedding tables alone\n\
             expected: one of adam, sgd, adagrad\nnext: correct the optimiser of the network"
        );
        let config = OptimizerConfig { for_tables: Some(rule), ..OptimizerConfig::default() };
        config.check().unwrap();
        let mut store = ple_tensor::ParamStore::new();
        store.add_table("table", 3, 8);
        crate::Optimizer::new(config, 1, &mut store).unwrap();
        assert_eq!(store.tables_mut()[0].stride, 9, "a row of eight weights and one sum");
    }

    #[test]
    fn an_epsilon_of_zero_is_refused() {
        let config = RowwiseAdagradConfig { epsilon: 0.0, ..RowwiseAdagradConfig::default() };
        assert!(
            config
                .check()
                .unwrap_err()
                .to_string()
                .starts_with("epsilon is 0\nexpected: a finite number above 0")
        );
    }
}
