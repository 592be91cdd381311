//! The list of strategies, and the ways through it.

use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};
use serde_json::Value;

use super::aggregated::Aggregated;
use super::strategy::Strategy;
use super::{decaying_weights, dynamic_weight_average, fixed, grad_norm, pcgrad, uncertainty};
use crate::aggregators::Aggregator;
use crate::error::TrainError;

/// Makes the enum and the ways through it. A strategy is one line.
macro_rules! balances {
    (
        plain { $($(#[$page:meta])* $plain:ident = $plain_name:literal => $strategy:expr,)* }
        with settings { $($(#[$settings_page:meta])* $with:ident($settings:ty) = $name:literal,)* }
    ) => {
        /// The strategy that balances the tasks, as it is written in a configuration.
        ///
        /// A task without rows in a batch is left out of that step.
        ///
        /// # Examples
        ///
        /// ```
        /// use ple_train::Balance;
        ///
        /// let weights: Balance = serde_json::from_str("{\"weights\": [1, 10]}")?;
        /// assert_eq!(weights, Balance::Weights(vec![1.0, 10.0]));
        /// let error = serde_json::from_str::<Balance>("\"pcgrd\"").unwrap_err().to_string();
        /// assert!(error.starts_with("unknown variant `pcgrd`, expected one of `mean`, "));
        /// # Ok::<(), serde_json::Error>(())
        /// ```
        #[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
        #[serde(remote = "Self")]
        pub enum Balance {
            $($(#[$page])* #[serde(rename = $plain_name)] $plain,)*
            $($(#[$settings_page])* #[serde(rename = $name)] $with($settings),)*
        }

        impl Balance {
            /// The names of all strategies.
            pub const NAMES: &'static [&'static str] = &[$($plain_name,)* $($name,)*];

            /// Its name in configurations.
            pub fn name(&self) -> &'static str {
                match self {
                    $(Self::$plain => $plain_name,)*
                    $(Self::$with(_) => $name,)*
                }
            }

            /// The gradients of a step that there are at a time.
            pub(crate) fn gradients_at_once(&self, n_tasks: usize) -> usize {
                self.strategy().gradients_at_once(n_tasks)
            }

            pub(super) fn strategy(&self) -> &dyn Strategy {
                match self {
                    $(Self::$plain => &$strategy,)*
                    $(Self::$with(settings) => settings,)*
                }
            }
        }
    };
}

balances! {
    plain {
        /// The mean of the losses, as in torch-rechub.
        Mean = "mean" => fixed::Mean,
        /// Uncertainty weighting: `exp(-s) * loss + s / 2` for a negative log likelihood, `exp(-s) * loss / 2 + s / 2` for a
        /// squared distance (squared error, Huber), with one learned s a task that starts at 0 and has no weight decay. The
        /// total may be negative.
        ///
        /// Source: A. Kendall, Y. Gal and R. Cipolla, "Multi-Task Learning Using Uncertainty to Weigh Losses", CVPR 2018.
        Uwl = "uwl" => uncertainty::Uwl,
        /// The sum of the tasks' gradients of shared parameters, each without its part against any other: where
        /// `gᵢ · gⱼ < 0`, `gᵢ -= (gᵢ · gⱼ / |gⱼ|²) gⱼ`, over the other tasks in random order. A backward pass for each task: two tasks train at .62 of the rows a second of the
        /// mean, in the main job.
        ///
        /// Source: T. Yu et al., "Gradient Surgery for Multi-Task Learning", NeurIPS 2020, algorithm 1.
        Pcgrad = "pcgrad" => pcgrad::Pcgrad,
        /// The shortest mean of the tasks' gradients of shared parameters. A backward pass for each task, at the speed of PCGrad.
        ///
        /// Source: O. Sener and V. Koltun, "Multi-Task Learning as Multi-Objective Optimization", NeurIPS 2018.
        Mgda = "mgda" => Aggregated(Aggregator::Mgda),
    }
    with settings {
        /// The sum of the losses, each with a fixed weight, in the order of the tasks.
        Weights(Vec<f32>) = "weights",
        /// Weights that change by epoch, see [`DecayingWeights`](decaying_weights::DecayingWeights).
        DecayingWeights(decaying_weights::DecayingWeights) = "decaying_weights",
        /// More weight for tasks that learn slowly, see
        /// [`DynamicWeightAverage`](dynamic_weight_average::DynamicWeightAverage).
        DynamicWeightAverage(dynamic_weight_average::DynamicWeightAverage) = "dynamic_weight_average",
        /// Learned weights with which all tasks pull alike, see [`GradNorm`](grad_norm::GradNorm).
        GradNorm(grad_norm::GradNorm) = "grad_norm",
    }
}

impl FromStr for Balance {
    type Err = TrainError;

    /// Reads the name of a strategy that needs no settings, or whose settings have defaults.
    ///
    /// # Errors
    ///
    /// [`TrainError::UnknownBalance`] with the nearest name and all known ones; [`TrainError::Setting`] for one that has to have
    /// settings.
    fn from_str(name: &str) -> Result<Self, TrainError> {
        if !Self::NAMES.contains(&name) {
            return Err(TrainError::UnknownBalance { found: name.to_owned() });
        }
        serde_json::from_value(Value::String(name.to_owned())).map_err(|_| TrainError::Setting {
            setting: "balance".to_owned(),
            found: format!("`{name}` alone"),
            expected: format!(
                "its settings, in a settings file: {{\"training\": {{\"balance\": {{\"{name}\": ...}}}}}}"
            ),
        })
    }
}

impl Default for Balance {
    /// Uncertainty weighting.
    fn default() -> Self {
        Balance::Uwl
    }
}

impl Serialize for Balance {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        Self::serialize(self, serializer)
    }
}

impl<'de> Deserialize<'de> for Balance {
    /// A strategy whose settings all have defaults may be written by its name alone.
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let written = Value::deserialize(deserializer)?;
        let with_defaults = written.as_str().map(|name| serde_json::json!({ name: {} }));
        let read = match Self::deserialize(&written) {
            Err(error) => with_defaults.and_then(|written| Self::deserialize(&written).ok()).ok_or(error),
            read => read,
        };
        read.map_err(de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::Balance;

    #[test]
    fn every_strategy_is_read_as_it_is_written() {
        let read = |text: &str| serde_json::from_str::<Balance>(text).unwrap();
        for text in [
            r#""mean""#,
            r#""uwl""#,
            r#""pcgrad""#,
            r#""mgda""#,
            r#"{"weights":[1.0,2.5]}"#,
            r#"{"decaying_weights":{"weights":[1.0,2.0],"decay":[0.5,1.0]}}"#,
            r#"{"dynamic_weight_average":{"temperature":2.0}}"#,
            r#"{"grad_norm":{"alpha":1.5,"learning_rate":0.025}}"#,
        ] {
            assert_eq!(serde_json::to_string(&read(text)).unwrap(), text);
            assert!(text.contains(read(text).name()));
        }
        assert_eq!(read(r#""grad_norm""#), read(r#"{"grad_norm": {}}"#));
        assert_eq!(Balance::NAMES.len(), 8);
    }
}
