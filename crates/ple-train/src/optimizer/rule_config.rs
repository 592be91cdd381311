//! The list of optimisers, and the ways through it.

use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};
use serde_json::{Map, Value};

use super::rule::{Part, Rule, Settings, Slot};
use super::rules::{AdagradConfig, AdamConfig, RowwiseAdagradConfig, SgdConfig};
use crate::error::TrainError;

/// Makes the enum and the ways through it. An optimiser is one line; the first is the default.
macro_rules! rules {
    ($($(#[$page:meta])* $name:ident($settings:ty),)*) => {
        /// An optimiser with its settings: in a configuration the settings, and beside them the name as `rule`. Without a name
        /// it is Adam.
        ///
        /// # Examples
        ///
        /// ```
        /// use ple_train::{AdamConfig, RuleConfig};
        ///
        /// let rule: RuleConfig = "adam".parse()?;
        /// assert_eq!(rule, AdamConfig::default().into());
        /// assert!("adm".parse::<RuleConfig>().unwrap_err().to_string().ends_with("did you mean `adam`?"));
        /// # Ok::<(), ple_train::TrainError>(())
        /// ```
        #[derive(Clone, Debug, PartialEq)]
        pub enum RuleConfig {
            $($(#[$page])* $name($settings),)*
        }

        impl RuleConfig {
            /// Every optimiser, with its defaults.
            pub fn all() -> Vec<Self> {
                vec![$(Self::$name(<$settings>::default()),)*]
            }

            pub(super) fn settings(&self) -> &dyn Settings {
                match self {
                    $(Self::$name(settings) => settings,)*
                }
            }

            pub(super) fn settings_mut(&mut self) -> &mut dyn Settings {
                match self {
                    $(Self::$name(settings) => settings,)*
                }
            }

            /// The same optimiser with the settings of a configuration.
            fn with(self, settings: Value) -> Result<Self, serde_json::Error> {
                match self {
                    $(Self::$name(_) => serde_json::from_value(settings).map(Self::$name),)*
                }
            }
        }

        $(impl From<$settings> for RuleConfig {
            fn from(settings: $settings) -> Self {
                Self::$name(settings)
            }
        })*

        /// The slots of every optimiser, each with the optimiser's name.
        pub(super) const ALL_SLOTS: &[(&str, &[Slot])] =
            &[$((<$settings as Rule>::NAME, <$settings as Rule>::SLOTS),)*];
    };
}

rules! {
    /// Adam and AdamW, see [`AdamConfig`].
    Adam(AdamConfig),
    /// Stochastic gradient descent with momentum, see [`SgdConfig`].
    Sgd(SgdConfig),
    /// A step size for each weight by the gradients that it has had, see [`AdagradConfig`].
    Adagrad(AdagradConfig),
    /// A step size for each row of a table, see [`RowwiseAdagradConfig`].
    RowwiseAdagrad(RowwiseAdagradConfig),
}

/// The key of the optimiser's name.
const NAME_KEY: &str = "rule";

impl RuleConfig {
    /// The name in configurations.
    pub fn name(&self) -> &'static str {
        self.settings().name()
    }

    /// The step size and the strength of weight decay, which every optimiser has, to be changed.
    pub fn rate_and_decay_mut(&mut self) -> [&mut f64; 2] {
        self.settings_mut().rate_and_decay()
    }

    /// Checks every number.
    ///
    /// # Errors
    /// [`TrainError::Setting`] with the first that the optimiser cannot use.
    pub fn check(&self) -> Result<(), TrainError> {
        self.settings().check()
    }

    /// Fails for a part of a model that the optimiser cannot step.
    pub(super) fn check_part(&self, part: Part) -> Result<(), TrainError> {
        if self.settings().refuses() != Some(part) {
            return Ok(());
        }
        let able: Vec<_> =
            Self::all().into_iter().filter(|rule| rule.settings().refuses() != Some(part)).collect();
        let names: Vec<_> = able.iter().map(Self::name).collect();
        let (what, part) = match part {
            Part::Network => ("the network", "the embedding tables"),
            Part::Tables => ("the embedding tables", "the network"),
        };
        Err(TrainError::Setting {
            setting: format!("the optimiser of {what}"),
            found: format!("`{}`, which is for {part} alone", self.name()),
            expected: format!("one of {}", names.join(", ")),
        })
    }

    /// As a configuration has it.
    pub(super) fn to_map(&self) -> Map<String, Value> {
        let Value::Object(mut map) = self.settings().json() else { unreachable!("settings are an object") };
        map.insert(NAME_KEY.to_owned(), self.name().into());
        map
    }

    /// The same without the name where it is the one that is meant without a name: what configurations had when there was no
    /// other.
    pub(super) fn to_map_of_network(&self) -> Map<String, Value> {
        let mut map = self.to_map();
        if self.name() == AdamConfig::NAME {
            map.remove(NAME_KEY);
        }
        map
    }

    /// Reads what a configuration has, beside which other keys may stand that are read already.
    pub(super) fn from_map<E: de::Error>(mut map: Map<String, Value>, others: &[&str]) -> Result<Self, E> {
        let rule = match map.remove(NAME_KEY) {
            None => Self::Adam(AdamConfig::default()),
            Some(Value::String(name)) => match name.parse() {
                Ok(rule) => rule,
                // As serde says it of an enum, since the messages of settings look for the nearest name in it.
                Err(_) => {
                    let known: Vec<_> = Self::all().iter().map(|rule| format!("`{}`", rule.name())).collect();
                    let known = known.join(", ");
                    return Err(E::custom(format!("unknown variant `{name}`, expected one of {known}")));
                }
            },
            Some(_) => return Err(E::custom("invalid type, expected the name of an optimiser")),
        };
        let known = rule.to_map();
        let mut known: Vec<&str> = known.keys().map(String::as_str).chain(others.iter().copied()).collect();
        known.sort_unstable();
        if let Some(unknown) = map.keys().find(|key| !known.contains(&key.as_str())) {
            let known: Vec<_> = known.iter().map(|key| format!("`{key}`")).collect();
            let known = known.join(", ");
            return Err(E::custom(format!("unknown field `{unknown}`, expected one of {known}")));
        }
        rule.with(Value::Object(map)).map_err(E::custom)
    }
}

impl Default for RuleConfig {
    fn default() -> Self {
        AdamConfig::default().into()
    }
}

impl FromStr for RuleConfig {
    type Err = TrainError;

    /// The optimiser of a name, with its defaults.
    ///
    /// # Errors
    ///
    /// [`TrainError::UnknownOptimizer`] with the nearest name and all known ones.
    fn from_str(name: &str) -> Result<Self, TrainError> {
        let mut all = Self::all().into_iter();
        all.find(|rule| rule.name() == name)
            .ok_or_else(|| TrainError::UnknownOptimizer { found: name.to_owned() })
    }
}

impl Serialize for RuleConfig {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.to_map().serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for RuleConfig {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Self::from_map(Map::deserialize(deserializer)?, &[])
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use ple_tensor::MOST_SLOTS;

    use super::{ALL_SLOTS, RuleConfig};

    #[test]
    fn names_and_slots_differ_and_settings_go_both_ways() {
        let all = RuleConfig::all();
        let names: BTreeSet<_> = all.iter().map(RuleConfig::name).collect();
        assert_eq!(names.len(), all.len());
        let slots: Vec<_> = ALL_SLOTS.iter().flat_map(|(_, slots)| slots.iter()).collect();
        assert_eq!(slots.iter().map(|slot| slot.name).collect::<BTreeSet<_>>().len(), slots.len());
        for (rule, (name, slots)) in all.into_iter().zip(ALL_SLOTS) {
            assert_eq!((rule.name(), rule.name().parse::<RuleConfig>().unwrap()), (*name, rule.clone()));
            assert!(slots.len() <= MOST_SLOTS && slots.iter().all(|slot| slot.name.starts_with(name)));
            let json = serde_json::to_value(&rule).unwrap();
            assert_eq!(serde_json::from_value::<RuleConfig>(json).unwrap(), rule);
        }
    }

    #[test]
    fn what_is_no_setting_of_the_rule_is_refused() {
        let error =
            |json: serde_json::Value| serde_json::from_value::<RuleConfig>(json).unwrap_err().to_string();
        assert_eq!(
            error(serde_json::json!({"beta3": 0.5})),
            "unknown field `beta3`, expected one of `beta1`, `beta2`, `decay`, `epsilon`, `learning_rate`, `rule`, \
             `weight_decay`"
        );
        let unknown = error(serde_json::json!({"rule": "adm"}));
        assert!(unknown.starts_with("unknown variant `adm`, expected one of `adam`"), "{unknown}");
        assert_eq!(error(serde_json::json!({"rule": 1})), "invalid type, expected the name of an optimiser");
    }
}
