//! The optimiser as it is written in a configuration.

use ple_tensor::ParamStore;
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};
use serde_json::{Map, Value};

use super::rule::{Missed, Part, Slot, setting};
use super::rule_config::RuleConfig;
use super::schedule::LearningRate;
use super::table_updates::TableUpdates;
use crate::checkpoint::to_json;
use crate::error::TrainError;

/// The settings of an optimiser: in a configuration, those of its rule and the others side by side.
///
/// ```
/// use ple_train::{AdamConfig, OptimizerConfig, TableUpdates};
///
/// let config: OptimizerConfig = serde_json::from_str(r#"{"learning_rate": 0.01, "tables": "exact"}"#).unwrap();
/// let adam = AdamConfig { learning_rate: 0.01, ..AdamConfig::default() };
/// assert_eq!(config, OptimizerConfig { tables: TableUpdates::Exact, ..adam.into() });
/// ```
#[derive(Clone, Debug, Default, PartialEq)]
pub struct OptimizerConfig {
    /// The rule that steps the network, and the embedding tables unless they have one of their own.
    pub rule: RuleConfig,
    /// The rule that steps the embedding tables, where it is another one or has other settings.
    pub for_tables: Option<RuleConfig>,
    /// How the learning rates change over the run.
    pub schedule: LearningRate,
    /// The steps in which they rise in a line to their full size, before the schedule begins; none if 0.
    pub warm_up: u64,
    /// The length to which gradients are cut, over all parameters: see [`clip_to_norm`](crate::clip_to_norm). `None` leaves them.
    pub clip_norm: Option<f64>,
    /// Which rows of an embedding table a step changes.
    pub tables: TableUpdates,
}

/// The keys beside those of the rule. Their values are read and written in one place.
#[derive(Default, Serialize, Deserialize)]
#[serde(default)]
struct Others {
    #[serde(skip_serializing_if = "Option::is_none")]
    clip_norm: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    for_tables: Option<RuleConfig>,
    schedule: LearningRate,
    tables: TableUpdates,
    #[serde(skip_serializing_if = "is_zero")]
    warm_up: u64,
}

fn is_zero(steps: &u64) -> bool {
    *steps == 0
}

impl Others {
    const KEYS: &[&str] = &["clip_norm", "for_tables", "schedule", "tables", "warm_up"];
}

impl OptimizerConfig {
    /// The rule that steps the embedding tables.
    pub fn rule_of_tables(&self) -> &RuleConfig {
        self.for_tables.as_ref().unwrap_or(&self.rule)
    }

    /// Which rows of tables a step changes, where the rule leaves a choice.
    pub(crate) fn updates(&self) -> TableUpdates {
        match self.rule_of_tables().settings().missed() {
            Missed::Moves => self.tables,
            Missed::Nothing => TableUpdates::Lazy,
        }
    }

    /// The slots of matrices, and those of tables.
    pub(crate) fn slots(&self) -> [&'static [Slot]; 2] {
        [&self.rule, self.rule_of_tables()].map(|rule| rule.settings().slots())
    }

    /// What a value of a slot of tables is before the first step.
    pub(crate) fn first_of_tables(&self, slot: &Slot) -> f32 {
        self.rule_of_tables().settings().first(slot)
    }

    /// What is kept, in words for people that stand after "with".
    pub fn keeps(&self) -> String {
        let [network, tables] = [&self.rule, self.rule_of_tables()].map(|rule| rule.settings().keeps());
        if network == tables { network.to_owned() } else { format!("{network} and {tables}") }
    }

    /// The number of values that are kept beside those of a store.
    pub fn n_kept(&self, store: &ParamStore) -> usize {
        let tables = || store.table_ids().map(|id| store.table(id));
        let of_tables: usize = tables().map(|table| table.rows * self.kept_of_row(table.dim)).sum();
        let in_tables: usize = tables().map(|table| table.rows * table.dim).sum();
        (store.n_parameters() - in_tables) * self.slots()[0].len() + of_tables
    }

    /// The values that are kept beside a table's weights, of `dim` to a row.
    pub(crate) fn kept_of_row(&self, dim: usize) -> usize {
        self.slots()[1].iter().map(|slot| slot.width.values(dim)).sum()
    }

    /// The bytes of the numbers of one step of tables.
    pub(crate) fn step_bytes(&self) -> usize {
        self.rule_of_tables().settings().step_bytes()
    }

    /// Checks every number.
    ///
    /// # Errors
    /// [`TrainError::Setting`] with the first that a rule cannot use, or a rule for a part that it cannot step.
    pub fn check(&self) -> Result<(), TrainError> {
        self.rule.check()?;
        self.rule.check_part(Part::Network)?;
        self.rule_of_tables().check()?;
        self.rule_of_tables().check_part(Part::Tables)?;
        self.clip_norm.map_or(Ok(()), |most| {
            setting("clip_norm", most, most.is_finite() && most > 0.0, "a finite number above 0")
        })
    }
}

impl<R: Into<RuleConfig>> From<R> for OptimizerConfig {
    fn from(rule: R) -> Self {
        Self { rule: rule.into(), ..Self::default() }
    }
}

impl Serialize for OptimizerConfig {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let Self { rule, for_tables, schedule, warm_up, clip_norm, tables } = self.clone();
        let mut map = rule.to_map_of_network();
        if let Value::Object(others) = to_json(&Others { clip_norm, for_tables, schedule, tables, warm_up }) {
            map.extend(others);
        }
        map.serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for OptimizerConfig {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let (others, rule): (Map<_, _>, Map<_, _>) = Map::<String, Value>::deserialize(deserializer)?
            .into_iter()
            .partition(|(key, _)| Others::KEYS.contains(&key.as_str()));
        let rule = RuleConfig::from_map(rule, Others::KEYS)?;
        let others: Others = serde_json::from_value(Value::Object(others)).map_err(de::Error::custom)?;
        let Others { clip_norm, for_tables, schedule, tables, warm_up } = others;
        Ok(Self { rule, for_tables, schedule, warm_up, clip_norm, tables })
    }
}
