//! What becomes of a dense value before a model reads it.

use serde::{Deserialize, Serialize};

/// How a dense column is scaled; its numbers come from training rows alone. All arithmetic is that of 32-bit floats.
///
/// # Examples
///
/// ```
/// use ple_data::prepare::Scaler;
///
/// let scaler = Scaler::MinMax { minimum: 10.0, maximum: 20.0 };
/// assert_eq!(scaler.scale(15.0), 0.5);
/// assert_eq!(scaler.scale(30.0), 2.0, "what training rows did not show is not cut off");
/// assert_eq!(Scaler::Log.scale(0.0), 0.0);
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Scaler {
    /// The value as it is.
    Identity,
    /// `(x - minimum) / (maximum - minimum)`; 0 where both are equal.
    MinMax {
        /// The smallest value.
        minimum: f32,
        /// The largest value.
        maximum: f32,
    },
    /// `(x - mean) / deviation`; 0 where the deviation is 0.
    Standard {
        /// The mean.
        mean: f32,
        /// The square root of the mean squared distance to the mean.
        deviation: f32,
    },
    /// `sign(x) * ln(1 + |x|)`.
    Log,
}

impl Scaler {
    /// The scaled form of a value.
    #[inline]
    pub fn scale(&self, value: f32) -> f32 {
        let divided = |distance: f32, width: f32| if width > 0.0 { distance / width } else { 0.0 };
        match *self {
            Scaler::Identity => value,
            Scaler::MinMax { minimum, maximum } => divided(value - minimum, maximum - minimum),
            Scaler::Standard { mean, deviation } => divided(value - mean, deviation),
            Scaler::Log => value.abs().ln_1p().copysign(value),
        }
    }
}
