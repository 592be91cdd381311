//! The options that choose optimisers and their rates.

use clap::Args;
use clap::builder::{PossibleValue, TypedValueParser};
use ple_train::{LearningRate, OptimizerConfig, RuleConfig, TrainConfig};

use crate::program::failure::Failure;

/// Which optimisers step the network and the embedding tables, and how far.
#[derive(Args, Clone, Debug)]
pub(crate) struct OptimizerOptions {
    /// The optimiser, with its own defaults; adam without it. Its other settings are in a settings file.
    #[arg(long, value_parser = OptimizerNames)]
    pub optimizer: Option<String>,
    /// The step size.
    #[arg(long, value_name = "RATE", allow_negative_numbers = true)]
    pub learning_rate: Option<f64>,
    /// The strength of weight decay.
    #[arg(long, value_name = "DECAY", allow_negative_numbers = true)]
    pub weight_decay: Option<f64>,
    /// The optimiser of the embedding tables, with its own defaults; that of the network without it.
    #[arg(long, value_name = "OPTIMIZER", value_parser = OptimizerNames)]
    pub table_optimizer: Option<String>,
    /// The step size of the embedding tables; that of the network without it, unless they have an optimiser of their own.
    #[arg(long, value_name = "RATE", allow_negative_numbers = true)]
    pub table_learning_rate: Option<f64>,
    /// The strength of weight decay of the embedding tables; as with their step size.
    #[arg(long, value_name = "DECAY", allow_negative_numbers = true)]
    pub table_weight_decay: Option<f64>,
    /// How the step sizes change over the run; constant without it.
    #[arg(long, value_name = "SCHEDULE", value_parser = Schedules)]
    pub schedule: Option<LearningRate>,
    /// The steps in which the step sizes rise in a line, before the schedule begins; 0 without it.
    #[arg(long, value_name = "STEPS")]
    pub warm_up: Option<u64>,
    /// The length to which gradients are cut, over all parameters; they are left as they are without it.
    #[arg(long, value_name = "LENGTH", allow_negative_numbers = true)]
    pub clip_norm: Option<f64>,
}

impl OptimizerOptions {
    /// The defaults of a program with the optimisers that are named, before a settings file changes what they have.
    pub(crate) fn choose(&self, mut training: TrainConfig) -> TrainConfig {
        let named = |name: &Option<String>| name.as_deref().and_then(|name| name.parse::<RuleConfig>().ok());
        if let Some(rule) = named(&self.optimizer) {
            training.optimizer.rule = rule;
        }
        if let Some(rule) = named(&self.table_optimizer) {
            training.optimizer.for_tables = Some(rule);
        }
        training
    }

    /// Changes the settings after a settings file has.
    pub(crate) fn apply(&self, config: &mut OptimizerConfig) -> Result<(), Failure> {
        let pairs = [
            ("--optimizer", &self.optimizer, config.rule.name()),
            ("--table-optimizer", &self.table_optimizer, config.rule_of_tables().name()),
        ];
        for (option, named, found) in pairs {
            if let Some(named) = named.as_ref().filter(|named| *named != found) {
                return Err(Failure::Error {
                    text: format!(
                        "the settings are of the optimiser {found}, {option} says {named}\nexpected: one optimiser\nnext: run \
                         it with {option} {found}, or write the settings of {named}"
                    ),
                    exit_code: 2,
                });
            }
        }
        set(&mut config.rule, [self.learning_rate, self.weight_decay]);
        let of_tables = [self.table_learning_rate, self.table_weight_decay];
        if of_tables.iter().any(Option::is_some) {
            set(config.for_tables.get_or_insert_with(|| config.rule.clone()), of_tables);
        }
        config.clip_norm = self.clip_norm.or(config.clip_norm);
        config.warm_up = self.warm_up.unwrap_or(config.warm_up);
        config.schedule = self.schedule.unwrap_or(config.schedule);
        Ok(())
    }
}

fn set(rule: &mut RuleConfig, values: [Option<f64>; 2]) {
    for (setting, value) in rule.rate_and_decay_mut().into_iter().zip(values) {
        *setting = value.unwrap_or(*setting);
    }
}

/// Reads the name of an optimiser: `--help` lists them, and a name that is none of theirs is answered with the nearest.
#[derive(Clone)]
struct OptimizerNames;

impl TypedValueParser for OptimizerNames {
    type Value = String;

    fn parse_ref(
        &self,
        command: &clap::Command,
        argument: Option<&clap::Arg>,
        value: &std::ffi::OsStr,
    ) -> Result<String, clap::Error> {
        let name = |name: &str| name.parse::<RuleConfig>().map(|rule| rule.name().to_owned());
        name.parse_ref(command, argument, value)
    }

    fn possible_values(&self) -> Option<Box<dyn Iterator<Item = PossibleValue> + '_>> {
        Some(Box::new(RuleConfig::all().into_iter().map(|rule| PossibleValue::new(rule.name()))))
    }
}

/// Reads a schedule: `--help` lists their names.
#[derive(Clone)]
struct Schedules;

impl TypedValueParser for Schedules {
    type Value = LearningRate;

    fn parse_ref(
        &self,
        command: &clap::Command,
        argument: Option<&clap::Arg>,
        value: &std::ffi::OsStr,
    ) -> Result<LearningRate, clap::Error> {
        let schedule = |text: &str| text.parse::<LearningRate>();
        schedule.parse_ref(command, argument, value)
    }

    fn possible_values(&self) -> Option<Box<dyn Iterator<Item = PossibleValue> + '_>> {
        Some(Box::new(LearningRate::all().into_iter().map(|known| PossibleValue::new(known.name()))))
    }
}

#[cfg(test)]
mod tests {
    use clap::{Args, Command, FromArgMatches};
    use ple_train::{AdagradConfig, AdamConfig, SgdConfig, TrainConfig};

    use super::{Failure, OptimizerOptions};

    fn options(words: &[&str]) -> OptimizerOptions {
        let command = OptimizerOptions::augment_args(Command::new("train").no_binary_name(true));
        OptimizerOptions::from_arg_matches(&command.try_get_matches_from(words).unwrap()).unwrap()
    }

    #[test]
    fn options_choose_rules_and_then_their_rates() {
        let options = options(&[
            "--optimizer",
            "sgd",
            "--weight-decay",
            "0.5",
            "--table-learning-rate",
            "2",
            "--warm-up",
            "7",
        ]);
        let mut config = options.choose(TrainConfig::default()).optimizer;
        options.apply(&mut config).unwrap_or_else(|failure| panic!("{failure:?}"));
        let sgd = SgdConfig { weight_decay: 0.5, ..SgdConfig::default() };
        assert_eq!(config.rule, sgd.clone().into());
        assert_eq!(config.for_tables, Some(SgdConfig { learning_rate: 2.0, ..sgd }.into()));
        assert_eq!(config.warm_up, 7);
    }

    #[test]
    fn tables_have_the_defaults_of_their_own_optimiser() {
        let options =
            options(&["--table-optimizer", "adagrad", "--learning-rate", "0.5", "--schedule", "step@9"]);
        let mut config = options.choose(TrainConfig::default()).optimizer;
        options.apply(&mut config).unwrap_or_else(|failure| panic!("{failure:?}"));
        assert_eq!(config.rule, AdamConfig { learning_rate: 0.5, ..AdamConfig::default() }.into());
        assert_eq!(config.for_tables, Some(AdagradConfig::default().into()));
        assert_eq!(config.schedule, "step@9".parse().unwrap());
    }

    #[test]
    fn settings_of_another_optimiser_than_the_option_names_are_refused() {
        for (option, part) in [("--optimizer", "sgd"), ("--table-optimizer", "adagrad")] {
            let failure = options(&[option, part]).apply(&mut TrainConfig::default().optimizer).unwrap_err();
            let Failure::Error { text, exit_code: 2 } = failure else { panic!("{failure:?}") };
            assert_eq!(
                text,
                format!(
                    "the settings are of the optimiser adam, {option} says {part}\nexpected: one optimiser\nnext: run it with \
                     {option} adam, or write the settings of {part}"
                )
            );
        }
    }
}
