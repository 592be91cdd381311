//! Slots by the names of their tensors in a checkpoint.

use super::rule::Slot;
use super::rule_config::ALL_SLOTS;

/// The slot that a tensor of a checkpoint has values of, if it belongs to an optimiser, with the parameter's name.
pub(crate) fn slot_of(tensor: &str) -> Option<(&'static Slot, &str)> {
    let mut slots = ALL_SLOTS.iter().flat_map(|(_, slots)| slots.iter());
    slots.find_map(|slot| Some((slot, slot.parameter_of(tensor)?)))
}

/// Whether a tensor of a checkpoint belongs to an optimiser.
pub(crate) fn is_slot(tensor: &str) -> bool {
    slot_of(tensor).is_some()
}

/// The parameter that a tensor belongs to: itself, unless it is a slot's.
pub(crate) fn parameter_of(tensor: &str) -> &str {
    slot_of(tensor).map_or(tensor, |(_, parameter)| parameter)
}

/// The tensors that a parameter's slots have under any optimiser.
pub(crate) fn tensors_of(parameter: &str) -> impl Iterator<Item = String> {
    ALL_SLOTS.iter().flat_map(|(_, slots)| slots.iter()).map(move |slot| slot.tensor_of(parameter))
}

/// The optimiser that a slot is of.
pub(super) fn rule_of(slot: &Slot) -> &'static str {
    let of = |(_, slots): &&(_, &'static [Slot])| slots.contains(slot);
    ALL_SLOTS.iter().find(of).map_or("", |(name, _)| *name)
}
