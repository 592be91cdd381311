//! What the file of an aggregator gives.

use super::gramian::Gramian;

/// An aggregator: its name, and what it makes of a Gramian.
pub(super) trait Definition {
    /// The name in configurations and reports.
    fn name(&self) -> &'static str;

    /// A weight for each task.
    fn weights(&self, gramian: &Gramian) -> Vec<f64>;

    /// What stands after the name and an `@`; nothing where the settings are the defaults.
    fn settings(&self) -> Option<String> {
        None
    }
}

/// An aggregator with settings.
pub(super) trait Settings: Definition + Default {
    /// Reads what stands after the `@`, if it is understood.
    fn read(text: &str) -> Option<Self>;
}
