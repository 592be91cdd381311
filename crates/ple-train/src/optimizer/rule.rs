//! What the file of an optimiser gives: its settings, what it keeps, and the numbers of a step.

use std::fmt;

use ple_tensor::{RuleStep, SlotWidth};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

use super::ruled::{Ruled, Steps};
use crate::checkpoint::to_json;
use crate::error::TrainError;

/// An optimiser: the type of its settings. Its arithmetic is a [`RuleStep`]; which rows of tables take a step, and when, is
/// the same for all.
pub(super) trait Rule:
    Clone + fmt::Debug + Default + Serialize + DeserializeOwned + Send + Sync + 'static
{
    /// The numbers of one step.
    type Step: RuleStep;

    /// The name in configurations.
    const NAME: &'static str;

    /// All slots that it may have.
    const SLOTS: &'static [Slot];

    /// The slots under these settings.
    fn slots(&self) -> &'static [Slot] {
        Self::SLOTS
    }

    /// What it keeps, in words for people that stand after "with".
    fn keeps(&self) -> &'static str;

    /// What a value of a slot is before the first step.
    fn first(&self, _slot: &Slot) -> f32 {
        0.0
    }

    /// The step size and the strength of weight decay, to be changed.
    fn rate_and_decay(&mut self) -> [&mut f64; 2];

    /// Checks every number.
    ///
    /// # Errors
    /// [`TrainError::Setting`] with the first that it cannot use.
    fn check(&self) -> Result<(), TrainError>;

    /// What it cannot step, if there is such a part of a model.
    fn refuses(&self) -> Option<Part> {
        None
    }

    /// What a step with a gradient of zero does, which is what a row that is not read misses.
    fn missed(&self) -> Missed {
        Missed::Moves
    }

    /// The numbers of a step.
    fn step(&self, at: StepAt) -> Self::Step;
}

/// A part of a model that may have an optimiser of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Part {
    /// The matrices.
    Network,
    /// The embedding tables.
    Tables,
}

/// What a step with a gradient of zero does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Missed {
    /// It moves weights or slots: exact updates replay it.
    Moves,
    /// Nothing: lazy, exact and dense updates are the same.
    Nothing,
}

/// Where in a run a step is.
#[derive(Clone, Copy, Debug)]
pub(super) struct StepAt {
    /// The step, counted from 1.
    pub step: u64,
    /// The steps of earlier runs that made the slots: bias correction counts them, the schedule does not.
    pub carried: u64,
    /// What the schedule multiplies the learning rate by.
    pub factor: f64,
    /// Whether weight decay acts.
    pub decay: WeightDecay,
}

/// Whether weight decay acts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum WeightDecay {
    /// It does, with the strength of the settings.
    Acts,
    /// It does not: a role that is not decayed.
    Spares,
}

impl StepAt {
    /// The strength of weight decay, or 0.
    pub(super) fn decay(&self, strength: f64) -> f64 {
        match self.decay {
            WeightDecay::Acts => strength,
            WeightDecay::Spares => 0.0,
        }
    }
}

/// Something that an optimiser keeps of weights.
#[derive(Debug, PartialEq, Eq)]
pub struct Slot {
    /// What the names of its tensors in a checkpoint begin with; a dot and the parameter's name follow.
    pub name: &'static str,
    /// One of its values, in words.
    pub what: &'static str,
    /// How many values a row has.
    pub width: SlotWidth,
    /// What it is made of.
    pub made_of: MadeOf,
}

/// What a slot is made of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MadeOf {
    /// Gradients: any number.
    Gradients,
    /// Squares of gradients: never below 0.
    Squares,
}

impl Slot {
    /// The parameter of a tensor, if the tensor is this slot's.
    pub(crate) fn parameter_of<'n>(&self, tensor: &'n str) -> Option<&'n str> {
        tensor.strip_prefix(self.name)?.strip_prefix('.')
    }

    /// The tensor of a parameter's slot.
    pub(crate) fn tensor_of(&self, parameter: &str) -> String {
        format!("{}.{parameter}", self.name)
    }
}

/// The settings of any rule.
pub(super) trait Settings: fmt::Debug {
    fn name(&self) -> &'static str;
    fn keeps(&self) -> &'static str;
    fn slots(&self) -> &'static [Slot];
    fn first(&self, slot: &Slot) -> f32;
    fn rate_and_decay(&mut self) -> [&mut f64; 2];
    fn check(&self) -> Result<(), TrainError>;
    fn refuses(&self) -> Option<Part>;
    fn missed(&self) -> Missed;
    fn json(&self) -> Value;
    /// The bytes of the numbers of one step.
    fn step_bytes(&self) -> usize;
    fn steps(&self) -> Box<dyn Steps>;
}

impl<R: Rule> Settings for R {
    fn name(&self) -> &'static str {
        R::NAME
    }

    fn keeps(&self) -> &'static str {
        Rule::keeps(self)
    }

    fn slots(&self) -> &'static [Slot] {
        Rule::slots(self)
    }

    fn first(&self, slot: &Slot) -> f32 {
        Rule::first(self, slot)
    }

    fn rate_and_decay(&mut self) -> [&mut f64; 2] {
        Rule::rate_and_decay(self)
    }

    fn check(&self) -> Result<(), TrainError> {
        Rule::check(self)
    }

    fn refuses(&self) -> Option<Part> {
        Rule::refuses(self)
    }

    fn missed(&self) -> Missed {
        Rule::missed(self)
    }

    fn json(&self) -> Value {
        to_json(self)
    }

    fn step_bytes(&self) -> usize {
        size_of::<R::Step>()
    }

    fn steps(&self) -> Box<dyn Steps> {
        Box::new(Ruled::new(self.clone()))
    }
}

/// A number in settings that is checked.
pub(super) fn setting(name: &str, value: f64, valid: bool, expected: &str) -> Result<(), TrainError> {
    match valid {
        true => Ok(()),
        false => Err(TrainError::Setting {
            setting: name.to_owned(),
            found: value.to_string(),
            expected: expected.to_owned(),
        }),
    }
}

/// A learning rate and a weight decay, which all rules check alike.
pub(super) fn check_rate_and_decay(rate: f64, decay: f64) -> Result<(), TrainError> {
    setting("learning_rate", rate, rate.is_finite() && rate > 0.0, "a finite number above 0")?;
    setting("weight_decay", decay, decay.is_finite() && decay >= 0.0, "a finite number, at least 0")
}
