//! What the file of a schedule gives.

/// A schedule: what the learning rate is multiplied by at a step.
pub(super) trait Definition {
    /// The name in configurations.
    fn name(&self) -> &'static str;

    /// The factor after `taken` steps of a run of `n_steps`, those of the warm-up left out.
    fn factor(&self, taken: u64, n_steps: u64) -> f64;

    /// Whether a run of another length has other factors at the same steps.
    fn depends_on_length(&self) -> bool;

    /// What stands after the name and an `@`; nothing where the settings are the defaults.
    fn settings(&self) -> Option<String> {
        None
    }
}

/// A schedule with settings.
pub(super) trait Settings: Definition + Default {
    /// Reads what stands after the `@`.
    ///
    /// # Errors
    ///
    /// What is expected there.
    fn read(text: &str) -> Result<Self, &'static str>;
}
