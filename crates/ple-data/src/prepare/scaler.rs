//! What becomes of a dense value before a model reads it.

use serde::{Deserialize, Serialize};

/// How a dense column is scaled; its numbers come from training rows alone.
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
///
/// let seconds = Scaler::MinMax { minimum: 1.7e9, maximum: 1.7e9 + 4.0 };
/// assert_eq!(seconds.scale(1.7e9 + 1.0), 0.25, "32 bits would take both numbers for the same one");
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Scaler {
    /// The value as it is.
    Identity,
    /// `(x - minimum) / (maximum - minimum)`; 0 where both are equal.
    MinMax {
        /// The smallest value.
        minimum: f64,
        /// The largest value.
        maximum: f64,
    },
    /// `(x - mean) / deviation`; 0 where the deviation is 0.
    Standard {
        /// The mean.
        mean: f64,
        /// The square root of the mean squared distance to the mean.
        deviation: f64,
    },
    /// `sign(x) * ln(1 + |x|)`.
    Log,
}

/// In how many bits a dense column is scaled.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Arithmetic {
    /// Everything is rounded to 32 bits before it is scaled. Earlier versions did so, and wrote nothing about it; what
    /// they have fitted is applied in the same way as then, bit by bit.
    #[default]
    Single,
    /// Values and facts have 64 bits, and the scaled value is rounded to 32 bits once.
    Double,
}

impl Arithmetic {
    /// Whether nothing is written of it.
    pub(crate) fn is_single(&self) -> bool {
        *self == Arithmetic::Single
    }
}

impl Scaler {
    /// The scaled form of a value, computed in 64 bits and rounded to 32 bits once.
    #[inline]
    pub fn scale(&self, value: f64) -> f32 {
        let divided = |distance: f64, width: f64| if width > 0.0 { distance / width } else { 0.0 };
        let scaled = match *self {
            Scaler::Identity => value,
            Scaler::MinMax { minimum, maximum } => divided(value - minimum, maximum - minimum),
            Scaler::Standard { mean, deviation } => divided(value - mean, deviation),
            Scaler::Log => value.abs().ln_1p().copysign(value),
        };
        scaled as f32
    }

    /// The scaled form of a value in the arithmetic of its column.
    #[inline]
    pub fn scale_in(&self, arithmetic: Arithmetic, value: f64) -> f32 {
        match arithmetic {
            Arithmetic::Double => self.scale(value),
            Arithmetic::Single => self.scale_single(value as f32),
        }
    }

    /// The same formulas with every intermediate result in 32 bits.
    fn scale_single(&self, value: f32) -> f32 {
        let divided = |distance: f32, width: f32| if width > 0.0 { distance / width } else { 0.0 };
        match *self {
            Scaler::Identity => value,
            Scaler::MinMax { minimum, maximum } => {
                divided(value - minimum as f32, maximum as f32 - minimum as f32)
            }
            Scaler::Standard { mean, deviation } => divided(value - mean as f32, deviation as f32),
            Scaler::Log => value.abs().ln_1p().copysign(value),
        }
    }
}
