//! A learning rate that falls in steps.

use super::definition::{Definition, Settings};
use crate::optimizer::power::power;

/// `factor^floor(taken / every)`: every so many steps the learning rate is multiplied by the factor, as
/// `torch.optim.lr_scheduler.StepLR` does. Settings: `step@EVERY@FACTOR`, as in `step@2000@0.5`, or `step@EVERY`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct StepDecay {
    /// The steps between two falls.
    pub every: u64,
    /// What each fall multiplies the learning rate by.
    pub factor: f64,
}

impl Default for StepDecay {
    fn default() -> Self {
        Self { every: 1000, factor: 0.1 }
    }
}

impl Definition for StepDecay {
    fn name(&self) -> &'static str {
        "step"
    }

    fn factor(&self, taken: u64, _n_steps: u64) -> f64 {
        power(self.factor, taken / self.every.max(1))
    }

    fn depends_on_length(&self) -> bool {
        false
    }

    fn settings(&self) -> Option<String> {
        let Self { every, factor } = self;
        match (*self == Self::default(), *factor == Self::default().factor) {
            (true, _) => None,
            (false, true) => Some(every.to_string()),
            (false, false) => Some(format!("{every}@{factor}")),
        }
    }
}

impl Settings for StepDecay {
    fn read(text: &str) -> Result<Self, &'static str> {
        const EXPECTED: &str = "a number of steps from 1 on, and after another @ a factor above 0 and up to 1, as in step@2000@0.5";
        let (every, factor) = text.split_once('@').map_or((text, None), |(every, rest)| (every, Some(rest)));
        let every = every.parse().ok().filter(|&every| every > 0).ok_or(EXPECTED)?;
        let factor = factor.map_or(Ok(Self::default().factor), str::parse);
        let factor = factor.ok().filter(|factor| *factor > 0.0 && *factor <= 1.0).ok_or(EXPECTED)?;
        Ok(Self { every, factor })
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::StepDecay;
    use crate::optimizer::LearningRate;

    proptest! {
        #[test]
        fn the_rate_falls_by_the_factor(every in 1_u64..50, factor in 0.1_f64..=1.0, t in 1_u64..2000, warm_up in 0_u64..9) {
            let schedule = LearningRate::Step(StepDecay { every, factor });
            let plain = factor.powi(((t - 1) / every) as i32);
            let found = schedule.factor(t + warm_up, warm_up, 77);
            prop_assert!((found - plain).abs() <= 1e-12 * plain, "{found} {plain}");
            prop_assert_eq!(schedule.to_string().parse::<LearningRate>().unwrap(), schedule);
        }
    }

    #[test]
    fn settings_are_read_or_refused() {
        assert_eq!("step".parse::<LearningRate>().unwrap(), LearningRate::Step(StepDecay::default()));
        let half = StepDecay { every: 20, factor: 0.5 };
        assert_eq!("step@20@0.5".parse::<LearningRate>().unwrap(), LearningRate::Step(half));
        for text in ["step@0", "step@x", "step@20@0", "step@20@1.5", "step@20@NaN", "step@", "step@-3"] {
            assert_eq!(
                text.parse::<LearningRate>().unwrap_err().to_string(),
                format!(
                    "the schedule `step` is `{text}`\nexpected: a number of steps from 1 on, and after another @ a factor \
                     above 0 and up to 1, as in step@2000@0.5\nnext: correct the schedule `step`"
                )
            );
        }
    }
}
