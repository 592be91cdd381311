//! The list of schedules, and the ways through it.

use super::definition::{Definition, Settings};
use super::{constant, cosine, step};
use crate::error::TrainError;
use crate::named::{Named, text_of_named};

/// Makes the enum and the ways through it. A schedule is one line; the first is the default.
macro_rules! schedules {
    (
        plain { $($(#[$page:meta])* $plain:ident => $definition:path,)* }
        with settings { $($(#[$settings_page:meta])* $with:ident($settings:ty),)* }
    ) => {
        /// How the learning rate changes over a run, by the name that configurations use. One with settings has them after an
        /// `@`; without them it has the defaults.
        ///
        /// # Examples
        ///
        /// ```
        /// use ple_train::LearningRate;
        ///
        /// let schedule: LearningRate = "cosine".parse()?;
        /// assert_eq!([1, 51, 101].map(|step| schedule.factor(step, 0, 100)), [1.0, 0.5, 0.0]);
        /// // With a warm-up of four steps.
        /// assert_eq!([1, 4, 5, 55].map(|step| schedule.factor(step, 4, 104)), [0.25, 1.0, 1.0, 0.5]);
        /// assert!("cosin".parse::<LearningRate>().unwrap_err().to_string().ends_with("did you mean `cosine`?"));
        /// # Ok::<(), ple_train::TrainError>(())
        /// ```
        #[derive(Clone, Copy, Debug, Default, PartialEq)]
        pub enum LearningRate {
            $($(#[$page])* $plain,)*
            $($(#[$settings_page])* $with($settings),)*
        }

        impl LearningRate {
            /// Every schedule, with the defaults of its settings.
            pub fn all() -> Vec<Self> {
                vec![$(Self::$plain,)* $(Self::$with(<$settings>::default()),)*]
            }

            fn definition(&self) -> &dyn Definition {
                match self {
                    $(Self::$plain => &$definition,)*
                    $(Self::$with(settings) => settings,)*
                }
            }

            /// The same schedule with other settings, or what was expected of them.
            fn with(self, settings: &str) -> Result<Self, &'static str> {
                match self {
                    $(Self::$with(_) => <$settings as Settings>::read(settings).map(Self::$with),)*
                    _ => Err("a name alone, since it has no settings"),
                }
            }
        }
    };
}

schedules! {
    plain {
        /// It does not change.
        #[default]
        Constant => constant::Constant,
        /// It falls to 0 along half a cosine: `rate * (1 + cos(pi * (t - 1) / steps)) / 2` at step t of `steps`.
        Cosine => cosine::Cosine,
    }
    with settings {
        /// It falls by a factor every so many steps, see [`StepDecay`](step::StepDecay).
        Step(step::StepDecay),
    }
}

impl LearningRate {
    /// The name in configurations, without settings.
    pub fn name(&self) -> &'static str {
        self.definition().name()
    }

    /// What the learning rate is multiplied by at step `t`, counted from 1, of a run of `n_steps`: `t / warm_up` in the first
    /// `warm_up` steps, and after them what the schedule says of step `t - warm_up` of `n_steps - warm_up`.
    pub fn factor(&self, t: u64, warm_up: u64, n_steps: u64) -> f64 {
        match t <= warm_up {
            true => t as f64 / warm_up as f64,
            false => self.definition().factor(t - 1 - warm_up, n_steps.saturating_sub(warm_up)),
        }
    }

    /// Whether a run of another length would have other rates at the same steps.
    pub(crate) fn depends_on_length(&self) -> bool {
        self.definition().depends_on_length()
    }
}

impl Named for LearningRate {
    const KIND: &'static str = "schedule";

    fn known() -> Vec<Self> {
        Self::all()
    }

    fn word(&self) -> &'static str {
        self.name()
    }

    fn written_settings(&self) -> Option<String> {
        self.definition().settings()
    }

    fn configured(self, settings: Option<&str>) -> Result<Self, &'static str> {
        match settings {
            Some(settings) => self.with(settings),
            None => Ok(self),
        }
    }

    fn unknown(found: String) -> TrainError {
        TrainError::UnknownSchedule { found }
    }
}

text_of_named!(LearningRate);

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;

    use super::LearningRate;

    #[test]
    fn names_differ_and_go_both_ways() {
        let names: BTreeSet<_> = LearningRate::all().iter().map(LearningRate::name).collect();
        assert_eq!(names.len(), LearningRate::all().len());
        for schedule in LearningRate::all() {
            assert_eq!(schedule.to_string().parse::<LearningRate>().unwrap(), schedule);
            assert_eq!(serde_json::to_value(schedule).unwrap(), schedule.to_string());
        }
        assert_eq!(
            "constant@3".parse::<LearningRate>().unwrap_err().to_string(),
            "the schedule `constant` is `constant@3`\nexpected: a name alone, since it has no settings\nnext: correct the \
             schedule `constant`"
        );
    }

    proptest! {
        #[test]
        fn every_schedule_is_warmed_up_in_a_line_and_then_begins(warm_up in 0_u64..50, n_steps in 1_u64..500, t in 1_u64..600) {
            for schedule in LearningRate::all() {
                let factor = schedule.factor(t, warm_up, n_steps);
                prop_assert!((0.0..=1.0).contains(&factor), "{schedule} {factor}");
                if t <= warm_up {
                    prop_assert_eq!(factor, t as f64 / warm_up as f64);
                } else {
                    prop_assert_eq!(factor, schedule.factor(t - warm_up, 0, n_steps.saturating_sub(warm_up)));
                }
                prop_assert_eq!(schedule.factor(warm_up + 1, warm_up, n_steps), 1.0);
                if !schedule.depends_on_length() {
                    prop_assert_eq!(factor, schedule.factor(t, warm_up, n_steps + 7));
                }
            }
            let plain = (1.0 + (std::f64::consts::PI * (t - 1) as f64 / n_steps as f64).cos()) / 2.0;
            prop_assert!(t > n_steps || (LearningRate::Cosine.factor(t, 0, n_steps) - plain).abs() < 1e-15);
        }
    }
}
