//! What the file of a loss gives besides its formula.

use ple_nn::Link;
use ple_tensor::PointwiseLoss;

/// A loss: its words, the link whose logits it reads, and its value and derivative as a [`PointwiseLoss`].
pub(super) trait Definition: PointwiseLoss {
    /// The name in configurations and reports.
    fn name(&self) -> &'static str;

    /// The link of the heads that it fits.
    fn link(&self) -> Link;

    /// The labels that it has a meaning for.
    fn labels(&self) -> Labels;

    /// Whether it may be negative, so that a share of what it was says nothing.
    fn may_be_negative(&self) -> bool {
        false
    }

    /// What it is multiplied by under uncertainty weighting: 1 for a negative log likelihood, 1/2 for a squared distance.
    fn uncertainty_factor(&self) -> f32 {
        1.0
    }

    /// What stands after the name and an `@`; nothing where the settings are the defaults.
    fn settings(&self) -> Option<String> {
        None
    }
}

/// A loss with settings.
pub(super) trait Settings: Definition + Default {
    /// Reads what stands after the `@`.
    ///
    /// # Errors
    ///
    /// What is expected there.
    fn read(text: &str) -> Result<Self, &'static str>;
}

/// The labels that a loss has a meaning for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Labels {
    /// Any finite number.
    Numbers,
    /// Numbers from 0 on.
    NotNegative,
    /// Numbers from 0 to 1.
    Shares,
}

impl Labels {
    /// What they are, in words, unless all labels from the least to the most are such.
    pub(crate) fn check(self, least: f32, most: f32) -> Result<(), &'static str> {
        match self {
            Labels::Numbers => Ok(()),
            Labels::NotNegative if least >= 0.0 => Ok(()),
            Labels::NotNegative => Err("numbers from 0 on"),
            Labels::Shares if least >= 0.0 && most <= 1.0 => Ok(()),
            Labels::Shares => Err("numbers from 0 to 1"),
        }
    }
}

/// A number in settings.
pub(super) fn number(text: &str, fits: impl Fn(f64) -> bool) -> Option<f64> {
    text.parse().ok().filter(|&value| fits(value))
}
